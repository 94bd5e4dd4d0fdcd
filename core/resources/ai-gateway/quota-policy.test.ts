import { expect, test } from 'vitest';

import { problemsOf, problemsOfSpec } from './problems-of.ts';
import { QuotaPolicy } from './quota-policy.ts';

const of = (yaml: string) => problemsOfSpec(QuotaPolicy, yaml);

test('a policy with every field is valid', () => {
  expect(
    of(`
targetRefs: [{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: b}]
serviceQuota: {costExpression: input_tokens, quota: {limit: 100, duration: 1d}}
perModelQuotas:
  - modelName: gpt-4o
    quota:
      costExpression: input_tokens + output_tokens
      mode: Shared
      defaultBucket: {limit: 1000, duration: 1h}
      bucketRules:
        - quota: {limit: 10, duration: 1s}
          shadowMode: true
          clientSelectors:
            - headers: [{name: x-team, type: Distinct}, {name: x-a, value: b, invert: true}]
              methods: [{value: POST}]
              path: {type: Exact, value: /v1/chat/completions}
              queryParams: [{name: q, type: RegularExpression, value: .*}]
              sourceCIDR: {type: Distinct, value: 10.0.0.0/8}
`),
  ).toEqual([]);
});

test('the defaults are filled in, also of a required field', () => {
  const selector = {
    headers: [{ name: 'a', value: 'v' }],
    methods: [{ value: 'GET' }],
    path: {},
    queryParams: [{ name: 'q', value: 'v' }],
    sourceCIDR: { value: '::/0' },
  };
  const quota = { bucketRules: [{ quota: { limit: 1, duration: '1m' }, clientSelectors: [selector] }] };
  expect(problemsOf(QuotaPolicy, { spec: { perModelQuotas: [{ modelName: 'm', quota }] } })).toEqual([]);
  expect(quota).toMatchObject({ mode: 'Shared' });
  expect(selector).toEqual({
    headers: [{ name: 'a', value: 'v', type: 'Exact', invert: false }],
    methods: [{ value: 'GET', invert: false }],
    path: { type: 'PathPrefix', value: '/', invert: false },
    queryParams: [{ name: 'q', value: 'v', type: 'Exact', invert: false }],
    sourceCIDR: { value: '::/0', type: 'Exact', invert: false },
  });
});

const model = (quota: string) => `perModelQuotas: [{modelName: m, quota: ${quota}}]`;
const QUOTA = 'spec.perModelQuotas[0].quota';

test.each([
  [
    'targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: g}]',
    'spec.targetRefs[0]: must be an AIServiceBackend of aigateway.envoyproxy.io, not Gateway of "gateway.networking.k8s.io"',
  ],
  ['targetRefs: [{kind: AIServiceBackend, name: g}]', 'spec.targetRefs[0].group: is required'],
  [
    model('{bucketRules: [{quota: {limit: 1, duration: 1s}, clientSelectors: [{}]}]}'),
    `${QUOTA}.bucketRules[0].clientSelectors[0]: must have one of headers, methods, path, queryParams and sourceCIDR`,
  ],
  [
    model('{defaultBucket: {limit: 1, duration: 5m}}'),
    `${QUOTA}.defaultBucket.duration: must be one of 1s, 1m, 1h, 1d, not "5m"; did you mean "1m"?`,
  ],
  [model('{defaultBucket: {limit: -1, duration: 1m}}'), `${QUOTA}.defaultBucket.limit: must be >= 0, not -1`],
  [model('{mode: Exclusive}'), `${QUOTA}.mode: must be one of Shared, not "Exclusive"`],
  [model('{bucketRules: [{clientSelectors: []}]}'), `${QUOTA}.bucketRules[0].quota: is required`],
  ['serviceQuota: {}', 'spec.serviceQuota.quota: is required'],
  [model('{}'), `${QUOTA}: must have a defaultBucket or bucketRules`],
  [model('{bucketRules: []}'), `${QUOTA}: must have a defaultBucket or bucketRules`],
  [
    'perModelQuotas: [{modelName: m, quota: {defaultBucket: {limit: 1, duration: 1s}}}, {modelName: m, quota: {defaultBucket: {limit: 2, duration: 1s}}}]',
    'spec.perModelQuotas[1].modelName: "m" is also in spec.perModelQuotas[0]; it may occur once',
  ],
  [
    model('{costExpression: input_token, defaultBucket: {limit: 1, duration: 1s}}'),
    `${QUOTA}.costExpression: "input_token" is no cost: there is no variable "input_token"; did you mean "input_tokens"?`,
  ],
  [
    'serviceQuota: {costExpression: 1 +, quota: {limit: 1, duration: 1s}}',
    'spec.serviceQuota.costExpression: "1 +" is no cost: unexpected token: EOF',
  ],
  [
    model(
      '{bucketRules: [{quota: {limit: 1, duration: 1s}, clientSelectors: [{headers: [{name: a, type: RegularExpression, value: "("}]}]}]}',
    ),
    expect.stringMatching(/^spec\.perModelQuotas\[0\]\.quota\.bucketRules\[0\]\.clientSelectors\[0\]\.headers\[0\]\.value: "\(" is no RE2/),
  ],
  ['serviceQuotas: {}', 'spec.serviceQuotas: unknown field; did you mean "serviceQuota"?'],
])('%s', (yaml, problem) => {
  expect(of(yaml)).toEqual([problem]);
});
