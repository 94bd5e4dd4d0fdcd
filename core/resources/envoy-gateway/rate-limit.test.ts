import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';

import { validate } from '../validate.ts';
import { BackendTrafficPolicy } from './backend-traffic-policy.ts';

const AT = 'spec.rateLimit';

function problems(rateLimit: string): string[] {
  const found: string[] = [];
  const targetRef = { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'chat' };
  const spec = { targetRef, rateLimit: load(rateLimit) };
  validate(BackendTrafficPolicy, { spec }, (path, message) => found.push(`${path}: ${message}`));
  return found;
}

const LIMIT = 'limit: {requests: 10, unit: Hour}';
const global = (rule: string) => problems(`{global: {rules: [{${rule}}]}}`);
const local = (rule: string) => problems(`{local: {rules: [{${rule}}]}}`);

describe('rateLimit takes', () => {
  it.each([
    ['requests of every client', `{type: Global, global: {rules: [{${LIMIT}}]}}`],
    ['both, without the old type', `{global: {rules: [{${LIMIT}}]}, local: {rules: [{${LIMIT}}]}}`],
    ['no rule', '{type: Local, local: {}}'],
    [
      'tokens of each tenant and model',
      `
type: Global
global:
  rules:
    - clientSelectors:
        - headers:
            - {name: x-tenant-id, type: Distinct}
            - {name: x-ai-eg-model, value: gpt-4o}
      limit: {requests: 100000, unit: Month}
      cost:
        request: {from: Number, number: 0}
        response: {from: Metadata, metadata: {namespace: io.envoy.ai_gateway, key: total}}
      shadowMode: true
      shared: true
      xRateLimitHeaders: 'Off'
`,
    ],
    [
      'every part of a selector',
      `
local:
  rules:
    - limit: {requests: 4294967295, unit: Year}
      cost: {request: {from: Number, number: 2}}
      clientSelectors:
        - headers: [{name: x-a, type: RegularExpression, value: 'a.*', invert: true}]
          methods: [{value: POST}, {value: GET, invert: true}]
          path: {type: RegularExpression, value: '/v[0-9]/.*'}
          queryParams: [{name: q, type: Distinct}]
          sourceCIDR: {type: Distinct, value: '2001:db8::/64', invert: true}
`,
    ],
    ['a fixed number of units of an answer', `{global: {rules: [{${LIMIT}, cost: {response: {from: Number, number: 3}}}]}}`],
    [
      'a limit of the client’s own token',
      '{global: {rules: [{limit: {requests: 1, unit: Day, fromMetadata: {namespace: envoy.filters.http.jwt_authn, key: corp.plan}}}]}}',
    ],
  ])('%s', (_name, yaml) => {
    expect(problems(yaml)).toEqual([]);
  });
});

describe('rateLimit reports', () => {
  it.each([
    ['nothing', '{}', `${AT}: one of global and local is required`],
    ['a type without its part', '{type: Global}', `${AT}.global: is required when type is Global`],
    ['a type with the other part', `{type: Local, global: {rules: [{${LIMIT}}]}}`, `${AT}.local: is required when type is Local`],
    [
      'a part that does not count',
      `{type: Global, global: {rules: []}, local: {rules: []}}`,
      `${AT}.local: does not count while type is Global; leave type out, and both do`,
    ],
    [
      'an unknown type',
      '{type: Globl, global: {rules: []}}',
      `${AT}.type: must be one of Global, Local, not "Globl"; did you mean "Global"?`,
    ],
    ['global without rules', '{global: {}}', `${AT}.global.rules: is required`],
    [
      'more rules than there may be',
      `{local: {rules: [${`{${LIMIT}}, `.repeat(17)}]}}`,
      expect.stringMatching(/^spec\.rateLimit\.local\.rules: .*16 items/),
    ],
    ['a misspelt field', '{globals: {}, global: {rules: []}}', `${AT}.globals: unknown field; did you mean "global"?`],
  ])('%s', (_name, yaml, problem) => {
    expect(problems(yaml)).toEqual([problem]);
  });

  const RULE = `${AT}.global.rules[0]`;
  it.each([
    ['no limit', 'shared: true', 'limit: is required'],
    ['no requests', 'limit: {requests: 0, unit: Hour}', 'limit.requests: must be >= 1, not 0'],
    ['33 bits', 'limit: {requests: 4294967296, unit: Hour}', 'limit.requests: must be <= 4294967295, not 4294967296'],
    [
      'an unknown unit',
      'limit: {requests: 1, unit: Hours}',
      'limit.unit: must be one of Second, Minute, Hour, Day, Month, Year, not "Hours"; did you mean "Hour"?',
    ],
    [
      'a limit of another filter',
      'limit: {requests: 1, unit: Hour, fromMetadata: {namespace: envoy.filters.http.ext_authz, key: limit}}',
      'limit.fromMetadata.namespace: "envoy.filters.http.ext_authz" is not supported, only envoy.filters.http.jwt_authn: limits are read from the claims of verified tokens; the key is the name of a provider of SecurityPolicy jwt, as in "corp" or "corp.limits.chat"',
    ],
    [
      'no key',
      'limit: {requests: 1, unit: Hour, fromMetadata: {namespace: envoy.filters.http.jwt_authn}}',
      'limit.fromMetadata.key: is required',
    ],
    ['a number that is none', `${LIMIT}, cost: {request: {from: Number}}`, 'cost.request.number: is required when from is Number'],
    ['less than no cost', `${LIMIT}, cost: {request: {from: Number, number: -1}}`, 'cost.request.number: must be >= 0, not -1'],
    [
      'usage of a request that is not made yet',
      `${LIMIT}, cost: {request: {from: Metadata, number: 1}}`,
      'cost.request.from: "Metadata" is not supported: what a request will use is not known when it comes: set cost.response, of which an estimate is set aside at once',
    ],
    [
      'metadata of a request',
      `${LIMIT}, cost: {request: {from: Number, metadata: {namespace: a, key: b}}}`,
      expect.stringMatching(/^spec\.rateLimit\.global\.rules\[0\]\.cost\.request\.metadata: is not supported: what a request will use/),
    ],
    ['a response without number', `${LIMIT}, cost: {response: {from: Number}}`, 'cost.response.number: is required when from is Number'],
    ['a response without key', `${LIMIT}, cost: {response: {from: Metadata}}`, 'cost.response.metadata: is required when from is Metadata'],
    [
      'a response with both',
      `${LIMIT}, cost: {response: {from: Metadata, number: 1, metadata: {namespace: io.envoy.ai_gateway, key: k}}}`,
      'cost.response: only one of number and metadata can be set',
    ],
    [
      'costs of another filter',
      `${LIMIT}, cost: {response: {from: Metadata, metadata: {namespace: io.envoy.ai_gatway, key: k}}}`,
      'cost.response.metadata.namespace: "io.envoy.ai_gatway" is not supported, only io.envoy.ai_gateway: costs are those of llmRequestCosts',
    ],
    [
      'headers that are neither on nor off',
      `${LIMIT}, xRateLimitHeaders: 'On'`,
      expect.stringMatching(/xRateLimitHeaders: must be one of Off, DraftVersion03, not "On"/),
    ],
  ])('of a rule: %s', (_name, rule, problem) => {
    expect(global(rule)).toEqual([typeof problem === 'string' ? `${RULE}.${problem}` : problem]);
  });

  it.each([
    [
      `${LIMIT}, cost: {response: {from: Number, number: 1}}`,
      `${AT}.local.rules[0].cost.response: is for global limits: a local one counts requests`,
    ],
    [
      'limit: {requests: 1, unit: Hour, fromMetadata: {namespace: envoy.filters.http.jwt_authn, key: corp}}',
      `${AT}.local.rules[0].limit.fromMetadata: is for global limits: a local one is the same for all`,
    ],
    [
      `${LIMIT}, cost: {request: {from: Metadata}}`,
      expect.stringMatching(/^spec\.rateLimit\.local\.rules\[0\]\.cost\.request\.from: "Metadata" is not supported/),
    ],
  ])('of a local rule: %s', (rule, problem) => {
    expect(local(rule)).toEqual([problem]);
  });
});
