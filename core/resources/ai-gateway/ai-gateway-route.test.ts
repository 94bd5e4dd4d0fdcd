import { expect, test } from 'vitest';

import { AIGatewayRoute } from './ai-gateway-route.ts';
import { problemsOf, problemsOfSpec } from './problems-of.ts';

const of = (yaml: string) => problemsOfSpec(AIGatewayRoute, yaml);
const rule = (yaml: string) => of(`rules: [${yaml}]`);

test('a route with every field is valid', () => {
  expect(
    of(`
hostnames: [api.example.com, '*.example.com']
parentRefs: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: infra, name: gw, sectionName: http, port: 80}]
llmRequestCosts:
  - {metadataKey: in, type: InputToken}
  - {metadataKey: cached, type: CachedInputToken}
  - {metadataKey: created, type: CacheCreationInputToken}
  - {metadataKey: out, type: OutputToken}
  - {metadataKey: reasoning, type: ReasoningToken}
  - {metadataKey: total, type: TotalToken}
  - {metadataKey: weighted, type: CEL, cel: 'input_tokens + output_tokens * uint(3)'}
rules:
  - name: chat
    matches:
      - headers: [{type: Exact, name: x-ai-eg-model, value: gpt-4o-mini}, {type: RegularExpression, name: x-team, value: '^a'}]
      - headers: [{name: X-AI-EG-Model, value: gpt-4o}]
    backendRefs:
      - name: openai
        namespace: providers
        weight: 3
        priority: 0
        modelNameOverride: gpt-4o-mini-2024-07-18
        headerMutation: {set: [{name: x-a, value: '1'}], remove: [x-b]}
        bodyMutation: {set: [{path: service_tier, value: '"flex"'}, {path: tier, value: scale}], remove: [user]}
      - {name: azure, priority: 1, weight: 0}
    timeouts: {request: 1m, backendRequest: 30s}
    streamIdleTimeout: 1m30s
    modelsOwnedBy: us
    modelsCreatedAt: 2025-05-21T10:00:00Z
  - backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: pool}]
  - {}
`),
  ).toEqual([]);
});

test('the defaults are filled in', () => {
  const body = {
    spec: { parentRefs: [{ name: 'gw' }], rules: [{ matches: [{ headers: [{ name: 'a', value: 'b' }] }], backendRefs: [{ name: 'x' }] }] },
  };
  expect(problemsOf(AIGatewayRoute, body)).toEqual([]);
  expect(body.spec).toEqual({
    parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'gw' }],
    rules: [
      {
        matches: [{ headers: [{ type: 'Exact', name: 'a', value: 'b' }] }],
        backendRefs: [{ name: 'x', weight: 1, priority: 0 }],
        modelsOwnedBy: 'Envoy AI Gateway',
      },
    ],
  });
});

test.each([
  [
    'parentRefs: [{name: gw, kind: Service}]\nrules: []',
    'spec.parentRefs[0].kind: must be Gateway, not Service: no other kind can be the parent of this route',
  ],
  ['rules: [{name: a}, {}, {name: a}]', 'spec.rules[2].name: "a" is also in spec.rules[0]; it may occur once'],
  ['rules: [{name: route-not-found}]', 'spec.rules[0].name: route-not-found is reserved; give the rule another name'],
  ['rules: []\nllmRequestCosts: [{metadataKey: k, type: CEL}]', 'spec.llmRequestCosts[0].cel: is required when type is CEL'],
  ['rules: []\nllmRequestCosts: [{metadataKey: k, type: CEL, cel: ""}]', 'spec.llmRequestCosts[0].cel: is required when type is CEL'],
  [
    'rules: []\nllmRequestCosts: [{metadataKey: k, type: CEL, cel: output_token}]',
    'spec.llmRequestCosts[0].cel: "output_token" is no cost: there is no variable "output_token"; did you mean "output_tokens"?',
  ],
  [
    'rules: []\nllmRequestCosts: [{metadataKey: k, type: InputToken}, {metadataKey: k, type: OutputToken}]',
    'spec.llmRequestCosts[1].metadataKey: "k" is also in spec.llmRequestCosts[0]; it may occur once',
  ],
  [
    'rules: []\nllmRequestCosts: [{metadataKey: k, type: InputTokens}]',
    'spec.llmRequestCosts[0].type: must be one of InputToken, CachedInputToken, CacheCreationInputToken, OutputToken, ReasoningToken, TotalToken, CEL, not "InputTokens"; did you mean "InputToken"?',
  ],
  ['hostnames: [a..b]\nrules: []', expect.stringMatching(/^spec\.hostnames\[0\]: /)],
  [`rules: [${'{},'.repeat(16)}]`, expect.stringMatching(/^spec\.rules: .*15 items/)],
  ['parentRefs: []', 'spec.rules: is required'],
  ['rules: []\nrule: []', 'spec.rule: unknown field; did you mean "rules"?'],
])('%s', (yaml, problem) => {
  expect(of(yaml)).toEqual([problem]);
});

const NOT_A_POOL = 'leave group and kind out for an AIServiceBackend';

test.each([
  ['{backendRefs: [{name: a, kind: InferencePool}]}', 'backendRefs[0].group: is required when kind is set'],
  ['{backendRefs: [{name: a, group: inference.networking.k8s.io}]}', 'backendRefs[0].kind: is required when group is set'],
  [
    '{backendRefs: [{name: a, group: aigateway.envoyproxy.io, kind: AIServiceBackend}]}',
    `backendRefs[0]: must be an InferencePool of inference.networking.k8s.io, not AIServiceBackend of "aigateway.envoyproxy.io"; ${NOT_A_POOL}`,
  ],
  ['{timeouts: {request: 1m, backendRequest: 61s}}', 'timeouts.backendRequest: 61s is longer than request, which is 1m'],
  ['{timeouts: {request: 1 minute}}', 'timeouts.request: "1 minute" is no duration'],
  ['{streamIdleTimeout: 100000s}', 'streamIdleTimeout: "100000s" is no duration'],
  ['{backendRefs: [{name: a, weight: -1}]}', 'backendRefs[0].weight: must be >= 0, not -1'],
  ['{backendRefs: [{name: a, priority: 1.5}]}', 'backendRefs[0].priority: must be integer, not 1.5'],
  ['{backendRefs: [{name: a, wieght: 1}]}', 'backendRefs[0].wieght: unknown field; did you mean "weight"?'],
  ['{backendRefs: [{weight: 1}]}', 'backendRefs[0].name: is required'],
  [
    '{matches: [{headers: [{name: "a b", value: c}]}]}',
    expect.stringMatching(/^spec\.rules\[0\]\.matches\[0\]\.headers\[0\]\.name: "a b" is no /),
  ],
  [
    '{matches: [{headers: [{name: a, value: c}, {name: a, value: d}]}]}',
    'matches[0].headers[1].name: "a" is also in spec.rules[0].matches[0].headers[0]; it may occur once',
  ],
  [
    '{matches: [{headers: [{name: a, value: c, type: Prefix}]}]}',
    'matches[0].headers[0].type: must be one of Exact, RegularExpression, not "Prefix"',
  ],
  ['{modelsCreatedAt: yesterday}', 'modelsCreatedAt: "yesterday" is no RFC 3339 time such as 2026-01-31T12:00:00Z'],
  ['{modelsCreatedAt: "2025-02-30T00:00:00Z"}', 'modelsCreatedAt: "2025-02-30T00:00:00Z" is a day or time that does not exist'],
  ['{modelsCreatedAt: "2025-02-03T25:00:00Z"}', 'modelsCreatedAt: "2025-02-03T25:00:00Z" is a day or time that does not exist'],
])('rule %s', (yaml, problem) => {
  expect(rule(yaml)).toEqual([typeof problem === 'string' ? `spec.rules[0].${problem}` : problem]);
});

test('a request timeout of zero is none, so every backend timeout fits', () => {
  expect(rule('{timeouts: {request: 0s, backendRequest: 10m}}')).toEqual([]);
  expect(rule('{timeouts: {request: 1m, backendRequest: 60000ms}}')).toEqual([]);
  expect(rule('{timeouts: {backendRequest: 10m}}')).toEqual([]);
});
