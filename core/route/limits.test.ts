import { describe, expect, it } from 'vitest';

import { limited } from '../limits/limits.fixture.ts';
import type { LimitedRequest, LimitRule } from '../limits/rule.ts';
import { compile, newShared } from './compile.ts';
import { Loader } from '../resources/load.ts';
import type { Pools } from './scope.ts';
import { aiBackendYaml, aiRouteYaml, gatewayYaml, httpRouteYaml, model, routesOf, TO_B } from './route.fixture.ts';

const limitsYaml = (name: string, target: string, rateLimit: string) => `
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: ${name}}
spec: {targetRefs: [{group: gateway.networking.k8s.io, ${target}}], rateLimit: ${rateLimit}}
`;
const ROUTE = 'kind: HTTPRoute, name: chat';
const GATEWAY = 'kind: Gateway, name: gw';
const LIMIT = 'limit: {requests: 10, unit: Hour}';
const total = (key = 'total') =>
  `cost: {request: {from: Number, number: 0}, response: {from: Metadata, metadata: {namespace: io.envoy.ai_gateway, key: ${key}}}}`;
const COSTS = 'llmRequestCosts: [{metadataKey: total, type: TotalToken}, {metadataKey: in, type: InputToken}]';

const chat = aiBackendYaml('ai') + aiRouteYaml('chat', `{name: r, matches: [${model('m')}], backendRefs: [{name: ai}]}`, COSTS);
const base = gatewayYaml() + chat;
const web = httpRouteYaml('web', `rules: [{matches: [{path: {value: /web}}], ${TO_B}}]`);

/** What stands out of a limit, for one request. */
const seen = (rule: LimitRule, request: Partial<LimitedRequest> = {}) => ({
  id: rule.id,
  subject: rule.subject(limited(request)),
  limit: rule.limit(limited(request)),
});
const USED = {
  inputTokens: 10,
  cachedInputTokens: 1,
  cacheCreationInputTokens: 2,
  outputTokens: 5,
  totalTokens: 15,
  reasoningTokens: 3,
  model: 'm',
  backend: 'ai.default',
  routeName: 'chat.default',
};

describe('rateLimit', () => {
  it('that there is none costs no list of its own', () => {
    const routes = routesOf(base + web + limitsYaml('p', GATEWAY, '{global: {rules: []}}'));
    expect(routes.problems).toEqual([]);
    expect(routes.ai('m').limits).toBe(routes.ordinary('/web').limits);
    expect(routes.ai('m').limits).toHaveLength(0);
    expect(Object.isFrozen(routes.ai('m').limits)).toBe(true);
  });

  it('counts tokens of each tenant', () => {
    const rule = `clientSelectors: [{headers: [{name: x-tenant-id, type: Distinct}, {name: x-ai-eg-model, value: m}]}], ${LIMIT}, ${total()}`;
    const routes = routesOf(base + limitsYaml('p', ROUTE, `{type: Global, global: {rules: [{${rule}}]}}`));
    expect(routes.problems).toEqual([]);
    const [limit, ...others] = routes.ai('m').limits;
    expect(others).toEqual([]);
    expect(limit).toMatchObject({
      name: 'rule 0 of BackendTrafficPolicy default/p',
      shared: true,
      shadow: false,
      silent: false,
      unit: 'total',
      window: { kind: 'sliding', lengthMs: 3_600_000 },
      requestCost: 0,
    });
    expect(seen(limit!, { model: 'm', headers: { 'x-tenant-id': 'a' } })).toEqual({
      id: 'BackendTrafficPolicy/default/p/global/0/AIGatewayRoute/default/chat',
      subject: 'a',
      limit: 10,
    });
    expect(seen(limit!, { model: 'm' }).subject).toBeUndefined();
    expect(seen(limit!, { model: 'n', headers: { 'x-tenant-id': 'a' } }).subject).toBeUndefined();
    expect(limit!.responseCost!.of(USED)).toBe(15);
    expect(Object.isFrozen(limit)).toBe(true);
    expect(routes.compiled.notices).toContain(
      'rule 0 of BackendTrafficPolicy default/p counts by header x-tenant-id, which clients write themselves: one that writes another each time is not limited; let a SecurityPolicy set it (forwardClientIDHeader, claimToHeaders)',
    );
  });

  it.each<[string, string, object]>([
    ['a request counts one by default', LIMIT, { requestCost: 1, responseCost: undefined, unit: 'requests', shadow: false, silent: false }],
    ['a request can count more', `${LIMIT}, cost: {request: {from: Number, number: 3}}`, { requestCost: 3 }],
    ['or nothing', `${LIMIT}, cost: {request: {from: Number, number: 0}}`, { requestCost: 0, unit: 'requests' }],
    ['shadowMode', `${LIMIT}, shadowMode: true`, { shadow: true }],
    ['xRateLimitHeaders Off', `${LIMIT}, xRateLimitHeaders: 'Off'`, { silent: true }],
    ['xRateLimitHeaders on', `${LIMIT}, xRateLimitHeaders: DraftVersion03`, { silent: false }],
    ['Second', 'limit: {requests: 1, unit: Second}', { window: { kind: 'sliding', lengthMs: 1000 } }],
    ['Minute', 'limit: {requests: 1, unit: Minute}', { window: { kind: 'sliding', lengthMs: 60_000 } }],
    ['Day', 'limit: {requests: 1, unit: Day}', { window: { kind: 'sliding', lengthMs: 86_400_000 } }],
    ['Month', 'limit: {requests: 1, unit: Month}', { window: { kind: 'calendar', at: expect.any(Function) } }],
    ['Year', 'limit: {requests: 1, unit: Year}', { window: { kind: 'calendar', at: expect.any(Function) } }],
  ])('%s', (_name, rule, expected) => {
    const routes = routesOf(base + limitsYaml('p', ROUTE, `{global: {rules: [{${rule}}]}}`));
    expect(routes.problems).toEqual([]);
    expect(routes.ai('m').limits).toMatchObject([expected]);
  });

  it('an answer can count a fixed number', () => {
    expect([fixed(4).requestCost, fixed(4).responseCost!.of(USED), fixed(4).unit]).toEqual([1, 4, 'units']);
    expect(fixed(0).responseCost).toBeUndefined();
  });

  it('of both kinds holds, each for itself', () => {
    const { limits } = routesOf(
      base + limitsYaml('p', ROUTE, `{global: {rules: [{${LIMIT}}, {${LIMIT}}]}, local: {rules: [{${LIMIT}}]}}`),
    ).ai('m');
    expect(limits.map(({ id, name, shared }) => [id.replace(/\/AIGatewayRoute.*/, ''), name, shared])).toEqual([
      ['BackendTrafficPolicy/default/p/global/0', 'rule 0 of BackendTrafficPolicy default/p', true],
      ['BackendTrafficPolicy/default/p/global/1', 'rule 1 of BackendTrafficPolicy default/p', true],
      ['BackendTrafficPolicy/default/p/local/0', 'local rule 0 of BackendTrafficPolicy default/p', false],
    ]);
  });

  it('of a Gateway counts each of its routes apart, or with `shared` all together', () => {
    const routes = routesOf(base + web + limitsYaml('p', GATEWAY, `{global: {rules: [{${LIMIT}}, {${LIMIT}, shared: true}]}}`));
    const ids = [routes.ai('m'), routes.ordinary('/web')].map(({ limits }) => limits.map(({ id }) => id));
    expect(ids).toEqual([
      ['BackendTrafficPolicy/default/p/global/0/AIGatewayRoute/default/chat', 'BackendTrafficPolicy/default/p/global/1'],
      ['BackendTrafficPolicy/default/p/global/0/HTTPRoute/default/web', 'BackendTrafficPolicy/default/p/global/1'],
    ]);
  });

  it('of the closest policy holds alone', () => {
    const policies =
      limitsYaml('far', GATEWAY, `{global: {rules: [{${LIMIT}}]}}`) +
      limitsYaml('near', `${ROUTE}, sectionName: r`, `{global: {rules: [{${LIMIT}}]}}`);
    const routes = routesOf(base + web + policies);
    expect(routes.ai('m').limits.map(({ name }) => name)).toEqual(['rule 0 of BackendTrafficPolicy default/near']);
    expect(routes.ordinary('/web').limits.map(({ name }) => name)).toEqual(['rule 0 of BackendTrafficPolicy default/far']);
  });

  it('keeps its ids within their bytes', () => {
    const long = 'x'.repeat(200);
    const [limit] = routesOf(base + limitsYaml(long, ROUTE, `{global: {rules: [{${LIMIT}}]}}`)).ai('m').limits;
    expect(limit!.id).toMatch(/^BackendTrafficPolicy\/#[\w-]{43}$/);
  });
});

const securityYaml = (spec: string) => `
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: s}
spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: chat}], ${spec}}
`;
const KEYS = `
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {app: sk-1}
${securityYaml('apiKeyAuth: {credentialRefs: [{name: keys}], extractFrom: [{headers: [x-key]}], forwardClientIDHeader: x-client-id}')}`;
const TOKENS = securityYaml('jwt: {providers: [{name: corp, remoteJWKS: {uri: "https://127.0.0.1:9/keys"}}]}');
const otherYaml = (costs: string) => aiRouteYaml('other', `{matches: [${model('n')}], backendRefs: [{name: ai}]}`, costs);
const distinctYaml = (name: string) => `{clientSelectors: [{headers: [{name: ${name}, type: Distinct}]}], ${LIMIT}}`;
const asked = (limit: unknown) => ({ identity: { clientId: 'x', headers: [], token: { provider: 'corp', claims: { limit } } } });
const configYaml = (costs: string) => `
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: GatewayConfig
metadata: {name: config}
spec: {globalLLMRequestCosts: [${costs}]}
`;
const fixed = (number: number) => {
  const rule = `{${LIMIT}, cost: {response: {from: Number, number: ${number}}}}`;
  return routesOf(base + limitsYaml('p', ROUTE, `{global: {rules: [${rule}]}}`)).ai('m').limits[0]!;
};

describe('what a SecurityPolicy of the route sets', () => {
  it('names the count, not what the client writes', () => {
    const routes = routesOf(
      base + KEYS + limitsYaml('p', ROUTE, `{global: {rules: [${distinctYaml('X-Client-Id')}, ${distinctYaml('x-key')}]}}`),
    );
    expect([routes.problems, routes.compiled.notices]).toEqual([[], []]);
    const request = {
      headers: { 'x-client-id': 'forged', 'x-key': 'sk-1' },
      identity: { clientId: 'app', headers: ['x-client-id', 'app'] },
    };
    expect(routes.ai('m').limits.map((limit) => seen(limit, request).subject)).toEqual(['app', 'app']);
  });

  it('and its credentials are not compared with', () => {
    const rule = `{clientSelectors: [{headers: [{name: x-key, value: sk-1}]}], ${LIMIT}}`;
    expect(routesOf(base + KEYS + limitsYaml('p', ROUTE, `{global: {rules: [${rule}]}}`)).problems).toEqual([
      expect.stringMatching(
        /^BackendTrafficPolicy default\/p: spec\.rateLimit\.global\.rules\[0\]\.clientSelectors\[0\]\.headers\[0\]: SecurityPolicy default\/s reads a credential from x-key/,
      ),
    ]);
  });
});

const tokenLimits = (key: string) => {
  const from = `fromMetadata: {namespace: envoy.filters.http.jwt_authn, key: ${key}}`;
  return routesOf(base + TOKENS + limitsYaml('p', ROUTE, `{global: {rules: [{limit: {requests: 10, unit: Hour, ${from}}}]}}`));
};

describe('limit.fromMetadata', () => {
  it('takes the limit of the token, in its own unit, and the policy’s where the token has none', () => {
    const routes = tokenLimits('corp.limit');
    expect(routes.problems).toEqual([]);
    const holding = (limit: unknown) =>
      routes
        .ai('m')
        .limits.map((rule) => ({ rule, ...seen(rule, asked(limit)) }))
        .filter(({ subject }) => subject !== undefined)
        .map(({ rule, id, limit: units }) => [
          id.replace(/.*chat/, ''),
          units,
          rule.window.kind === 'sliding' ? rule.window.lengthMs : 'calendar',
        ]);
    expect(holding({ requests_per_unit: 500, unit: 'HOUR' })).toEqual([['', 500, 3_600_000]]);
    expect(holding({ requests_per_unit: 5, unit: 'SECOND' })).toEqual([['/Second', 5, 1000]]);
    expect(holding({ requests_per_unit: 5, unit: 'month' })).toEqual([['/Month', 5, 'calendar']]);
    expect(holding({ requests_per_unit: 0, unit: 'HOUR' })).toEqual([['', 0, 3_600_000]]);
    for (const none of [undefined, { requests_per_unit: 'many', unit: 'HOUR' }]) expect(holding(none)).toEqual([['', 10, 3_600_000]]);
  });

  it('of an unknown provider is reported, with the nearest one', () => {
    expect(tokenLimits('crop.limit').problems).toEqual([
      'BackendTrafficPolicy default/p: spec.rateLimit.global.rules[0].limit.fromMetadata.key: must begin with the name of a provider of a SecurityPolicy\'s jwt, and none is called so; did you mean "corp"?',
    ]);
  });
});

describe('costs by their key', () => {
  const configured = gatewayYaml().replace(
    'metadata: {name: gw}',
    'metadata: {name: gw, annotations: {aigateway.envoyproxy.io/gateway-config: config}}',
  );

  it('are those of the Gateway, and of the route where both have one', () => {
    const all = 'InputToken, CachedInputToken, CacheCreationInputToken, OutputToken, ReasoningToken, TotalToken';
    const types = all.split(', ').map((type) => `{metadataKey: ${type}, type: ${type}}`);
    const both = configYaml(
      `${types.join(', ')}, {metadataKey: total, type: CEL, cel: "1"}, {metadataKey: double, type: CEL, cel: "total_tokens * 2u"}`,
    );
    const routes = routesOf(configured + chat + web + both);
    expect(routes.problems).toEqual([]);
    const values = (costs: ReturnType<typeof routes.ai>['costs']) =>
      Object.fromEntries([...costs].map(([key, cost]) => [key, cost.of(USED)]));
    const globals = {
      InputToken: 10,
      CachedInputToken: 1,
      CacheCreationInputToken: 2,
      OutputToken: 5,
      ReasoningToken: 3,
      TotalToken: 15,
      double: 30,
    };
    expect(values(routes.ai('m').costs)).toEqual({ ...globals, total: 15, in: 10 });
    expect(values(routes.ordinary('/web').costs)).toEqual({ ...globals, total: 1 });
  });

  it('are one empty map where there are none', () => {
    const routes = routesOf(gatewayYaml() + chat.replace(/llmRequestCosts: \[.*?\]/, 'hostnames: []') + web);
    expect(routes.ai('m').costs).toBe(routes.ordinary('/web').costs);
    expect(routes.ai('m').costs.size).toBe(0);
  });

  it('that no route has are reported, with the nearest key', () => {
    const policy = limitsYaml('p', ROUTE, `{global: {rules: [{${LIMIT}, ${total('totl')}}]}}`);
    expect(routesOf(base + policy).problems).toEqual([
      'BackendTrafficPolicy default/p: spec.rateLimit.global.rules[0].cost.response.metadata.key: no route of the policy has a cost "totl" in llmRequestCosts of the route or globalLLMRequestCosts of its Gateway; did you mean "total"?',
    ]);
    expect(routesOf(gatewayYaml() + web + limitsYaml('p', GATEWAY, `{global: {rules: [{${LIMIT}, ${total()}}]}}`)).problems).toEqual([
      expect.stringContaining('no route of the policy has a cost "total"'),
    ]);
  });

  it('that some routes of a policy lack are told, and ordinary traffic has none', () => {
    const routes = routesOf(base + otherYaml('') + web + limitsYaml('p', GATEWAY, `{global: {rules: [{${LIMIT}, ${total()}}]}}`));
    expect(routes.problems).toEqual([]);
    expect(routes.compiled.notices.filter((notice) => notice.startsWith('rule'))).toEqual([
      'rule 0 of BackendTrafficPolicy default/p counts no answers of AIGatewayRoute default/other: "total" is not in llmRequestCosts of the route or globalLLMRequestCosts of its Gateway',
    ]);
    expect([routes.ai('n').limits[0]!.responseCost, routes.ordinary('/web').limits[0]!.responseCost]).toEqual([undefined, undefined]);
  });

  it('are checked again after a reload that compiles no route again', () => {
    const shared = newShared();
    const loader = new Loader();
    const policy = limitsYaml(
      'p',
      GATEWAY,
      `{global: {rules: [{clientSelectors: [{headers: [{name: x-t, type: Distinct}]}], ${LIMIT}, ${total()}}]}}`,
    );
    const load = (yaml: string) => {
      const compiled = compile(loader.load({ paths: [], texts: [{ file: 'test.yaml', text: yaml }], env: {} }), shared);
      if (compiled.problems.length === 0) shared.memory = compiled.memory;
      return compiled;
    };
    const first = load(base + otherYaml(COSTS) + policy);
    const second = load(base + otherYaml('') + policy);
    expect([first.problems, second.problems]).toEqual([[], []]);
    expect(first.notices.filter((notice) => notice.startsWith('rule'))).toHaveLength(1);
    expect(second.notices.filter((notice) => notice.startsWith('rule'))).toEqual([
      expect.stringContaining('counts by header x-t'),
      expect.stringContaining('counts no answers of AIGatewayRoute default/other'),
    ]);
  });
});

const elsewhere = (routes: ReturnType<typeof routesOf>) => routes.compiled.notices.filter((notice) => notice.includes('tier'));

it('tier two says that it leaves limits to tier one', () => {
  const pools: Pools = {
    alone: false,
    begin() {},
    serve: () => undefined,
    commit() {},
    rollback() {},
    close: () => Promise.resolve(),
  };
  const quota = `
---
apiVersion: aigateway.envoyproxy.io/v1alpha1
kind: QuotaPolicy
metadata: {name: q}
spec: {targetRefs: [{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: ai}]}
`;
  const yaml = base + quota + limitsYaml('p', ROUTE, `{global: {rules: [{${LIMIT}}]}}`);
  const told = ['BackendTrafficPolicy default/p', 'QuotaPolicy default/q'].map(
    (name) => `${name}: its limits hold at tier one; tier two does not enforce them`,
  );
  const routes = routesOf(yaml, newShared(undefined, pools));
  expect(elsewhere(routes)).toEqual(told);
  expect(routes.ai('m').limits).toHaveLength(1);
  expect(elsewhere(routesOf(yaml))).toEqual([]);
});
