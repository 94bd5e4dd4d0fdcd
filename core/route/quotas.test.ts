import { describe, expect, it } from 'vitest';

import { limited } from '../limits/limits.fixture.ts';
import type { LimitedRequest } from '../limits/rule.ts';
import { aiBackendYaml, aiRouteYaml, gatewayYaml, model, routesOf } from './route.fixture.ts';

const quotaYaml = (name: string, spec: string, metadata = '') => `
---
apiVersion: aigateway.envoyproxy.io/v1alpha1
kind: QuotaPolicy
metadata: {name: ${name}${metadata}}
spec: {targetRefs: [{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: ai}], ${spec}}
`;
const perModel = (name: string, quota: string) => `{modelName: ${name}, quota: ${quota}}`;
const BUCKET = 'defaultBucket: {limit: 100, duration: 1h}';
const base = gatewayYaml() + aiBackendYaml('ai') + aiBackendYaml('free');
const routeYaml = (refs: string, matches = model('m')) => aiRouteYaml('chat', `{matches: [${matches}], backendRefs: [${refs}]}`);

const USED = {
  inputTokens: 10,
  cachedInputTokens: 4,
  cacheCreationInputTokens: 0,
  outputTokens: 5,
  totalTokens: 15,
  reasoningTokens: 0,
  model: 'real',
  backend: 'ai.default',
  routeName: 'chat.default',
};

/** Quotas of each target of the route, and the names of those that hold for a request. */
function quotas(yaml: string, refs: string, matches?: string) {
  const routes = routesOf(base + yaml + routeYaml(refs, matches));
  const targets = () => routes.ai('m').plan.targets.map((target) => target.quotas);
  return {
    problems: routes.problems,
    notices: routes.compiled.notices.filter((notice) => !notice.includes('is open')),
    targets,
    holding: (request: Partial<LimitedRequest>) => {
      const [first = []] = targets();
      return first.filter((rule) => rule.subject(limited(request)) !== undefined).map(({ id }) => id);
    },
  };
}
const team = (value: string) => `clientSelectors: [{headers: [{name: x-team, value: ${value}}]}]`;
const bothOf = (limit: number) =>
  `perModelQuotas: [${perModel('real', `{defaultBucket: {limit: ${limit}, duration: 1h}}`)}], serviceQuota: {quota: {limit: ${limit}, duration: 1h}}`;
const bucket = (match: string) =>
  `perModelQuotas: [${perModel('real', `{bucketRules: [{clientSelectors: [{headers: [${match}]}], quota: {limit: 1, duration: 1d}}]}`)}]`;
const REAL = '{name: ai, modelNameOverride: real}';

describe('QuotaPolicy', () => {
  it('limits a model at its backend, as the backend calls it', () => {
    const { problems, targets, notices } = quotas(
      quotaYaml('q', `perModelQuotas: [${perModel('real', `{${BUCKET}}`)}]`),
      `${REAL}, {name: free, modelNameOverride: real}`,
    );
    expect([problems, notices]).toEqual([[], []]);
    const [[quota] = [], none] = targets();
    expect(targets()[0]).toHaveLength(1);
    expect(none).toHaveLength(0);
    expect(quota).toMatchObject({
      id: 'QuotaPolicy/default/q/ai/model/real/default',
      name: 'default bucket for model "real" at AIServiceBackend ai of QuotaPolicy default/q',
      shared: true,
      shadow: false,
      unit: 'tokens',
      window: { kind: 'sliding', lengthMs: 3_600_000 },
      requestCost: 0,
      anyOf: undefined,
    });
    expect([quota!.subject(limited({ model: 'm' })), quota!.limit(limited()), quota!.responseCost!.of(USED)]).toEqual(['', 100, 15]);
    expect(Object.isFrozen(targets()[0])).toBe(true);
  });

  it.each([
    ['1s', 1000],
    ['1m', 60_000],
    ['1h', 3_600_000],
    ['1d', 86_400_000],
  ])('takes %s', (duration, lengthMs) => {
    const { targets } = quotas(
      quotaYaml('q', `perModelQuotas: [${perModel('real', `{defaultBucket: {limit: 1, duration: ${duration}}}`)}]`),
      REAL,
    );
    expect(targets()[0]![0]!.window).toEqual({ kind: 'sliding', lengthMs });
  });

  it('counts by its costExpression', () => {
    const { targets } = quotas(
      quotaYaml('q', `perModelQuotas: [${perModel('real', `{costExpression: input_tokens - cached_input_tokens, ${BUCKET}}`)}]`),
      REAL,
    );
    expect([targets()[0]![0]!.unit, targets()[0]![0]!.responseCost!.of(USED)]).toEqual(['units', 6]);
    const empty = quotas(quotaYaml('q', `perModelQuotas: [${perModel('real', `{costExpression: "", ${BUCKET}}`)}]`), REAL);
    expect(empty.targets()[0]![0]!.responseCost!.of(USED)).toBe(15);
  });

  it('lets a request through that one of its buckets has room for, and shadows never decide', () => {
    const rules = `bucketRules: [{${team('a')}, quota: {limit: 5, duration: 1m}}, {${team('b')}, quota: {limit: 6, duration: 1m}, shadowMode: true}]`;
    const { targets, holding, problems } = quotas(quotaYaml('q', `perModelQuotas: [${perModel('real', `{${BUCKET}, ${rules}}`)}]`), REAL);
    expect(problems).toEqual([]);
    const id = 'QuotaPolicy/default/q/ai/model/real';
    expect(targets()[0]!.map((rule) => [rule.id, rule.limit(limited()), rule.shadow, rule.anyOf])).toEqual([
      [`${id}/0`, 5, false, id],
      [`${id}/1`, 6, true, undefined],
      [`${id}/default`, 100, false, id],
    ]);
    expect(holding({ headers: { 'x-team': 'a' } })).toEqual([`${id}/0`, `${id}/default`]);
    expect(holding({ headers: { 'x-team': 'b' } })).toEqual([`${id}/1`, `${id}/default`]);
    expect(holding({})).toEqual([`${id}/default`]);
    const alone = quotas(quotaYaml('q', `perModelQuotas: [${perModel('real', `{${rules}}`)}]`), REAL);
    expect(alone.targets()[0]!.map(({ anyOf }) => anyOf)).toEqual([undefined, undefined]);
  });

  it('takes every part of a selector, not headers alone', () => {
    const rule =
      '{clientSelectors: [{sourceCIDR: {type: Distinct, value: 0.0.0.0/0}, methods: [{value: POST}]}], quota: {limit: 1, duration: 1d}}';
    const { targets } = quotas(quotaYaml('q', `perModelQuotas: [${perModel('real', `{bucketRules: [${rule}]}`)}]`), REAL);
    expect(targets()[0]![0]!.subject(limited({ address: '10.0.0.1' }))).toBe('10.0.0.1');
    expect(targets()[0]![0]!.subject(limited({ method: 'GET' }))).toBeUndefined();
  });

  it('without an override holds for the model that the client asks for', () => {
    const policy = quotaYaml(
      'q',
      `serviceQuota: {quota: {limit: 9, duration: 1d}}, perModelQuotas: [${perModel('m', `{${BUCKET}}`)}, ${perModel('n', `{${BUCKET}}`)}]`,
    );
    const any = quotas(policy, '{name: ai}', model('.*', 'RegularExpression'));
    expect(any.targets()[0]).toHaveLength(3);
    expect(any.holding({ model: 'm' })).toEqual(['QuotaPolicy/default/q/ai/model/m/default']);
    expect(any.holding({ model: 'n' })).toEqual(['QuotaPolicy/default/q/ai/model/n/default']);
    expect(any.holding({ model: 'o' })).toEqual(['QuotaPolicy/default/q/ai/service']);
    expect(any.holding({})).toEqual([]);
    // What no request can ask for is not looked at for each.
    const one = quotas(policy, '{name: ai}');
    expect(one.targets()[0]!.map(({ id }) => id)).toEqual(['QuotaPolicy/default/q/ai/model/m/default']);
    const two = quotas(policy, '{name: ai}', `${model('m')}, ${model('o')}`);
    expect(two.targets()[0]!.map(({ id }) => id)).toEqual(['QuotaPolicy/default/q/ai/model/m/default', 'QuotaPolicy/default/q/ai/service']);
  });

  it('serviceQuota is one count for all models that have no quota of their own', () => {
    const policy = quotaYaml(
      'q',
      `serviceQuota: {costExpression: output_tokens, quota: {limit: 9, duration: 1d}}, perModelQuotas: [${perModel('real', `{${BUCKET}}`)}]`,
    );
    const { targets, problems } = quotas(policy, `${REAL}, {name: ai, modelNameOverride: x}, {name: ai, modelNameOverride: y}`);
    expect(problems).toEqual([]);
    const [own, x, y] = targets();
    expect(own!.map(({ id }) => id)).toEqual(['QuotaPolicy/default/q/ai/model/real/default']);
    expect(x!.map(({ id }) => id)).toEqual(['QuotaPolicy/default/q/ai/service']);
    expect(x![0]!.id).toBe(y![0]!.id);
    expect([x![0]!.subject(limited()), x![0]!.limit(limited()), x![0]!.responseCost!.of(USED)]).toEqual(['', 9, 5]);
  });

  it('of the first name holds where two are for one model', () => {
    const { targets, notices } = quotas(quotaYaml('b', bothOf(2)) + quotaYaml('a', bothOf(1)), `${REAL}, {name: ai, modelNameOverride: x}`);
    expect(targets().map((rules) => rules.map((rule) => rule.limit(limited())))).toEqual([[1], [1]]);
    expect(notices).toEqual([
      'QuotaPolicy default/b: the quota for model "real" of AIServiceBackend default/ai has no effect: that of QuotaPolicy default/a comes first',
      'QuotaPolicy default/b: the service quota of AIServiceBackend default/ai has no effect: that of QuotaPolicy default/a comes first',
    ]);
  });

  it('reads headers as the SecurityPolicy of the route has them', () => {
    const security = `
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {app: sk-1}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: s}
spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: chat}], apiKeyAuth: {credentialRefs: [{name: keys}], extractFrom: [{headers: [x-key]}], forwardClientIDHeader: x-client-id}}
`;
    const { targets } = quotas(security + quotaYaml('q', bucket('{name: x-client-id, type: Distinct}')), REAL);
    const identity = { clientId: 'app', headers: ['x-client-id', 'app'] };
    expect(targets()[0]![0]!.subject(limited({ headers: { 'x-client-id': 'forged' }, identity }))).toBe('app');
    expect(quotas(security + quotaYaml('q', bucket('{name: x-key, value: sk-1}')), REAL).problems).toEqual([
      expect.stringMatching(
        /^QuotaPolicy default\/q: spec\.perModelQuotas\[0\]\.quota\.bucketRules\[0\]\.clientSelectors\[0\]\.headers\[0\]: SecurityPolicy/,
      ),
    ]);
  });

  it('for a backend that is not there is reported, with the nearest name', () => {
    const policy = quotaYaml('q', `perModelQuotas: [${perModel('real', `{${BUCKET}}`)}]`).replace('name: ai}', 'name: aii}');
    expect(quotas(policy, REAL).problems).toEqual([
      'QuotaPolicy default/q: spec.targetRefs[0].name: there is no AIServiceBackend default/aii; did you mean "ai"?',
    ]);
    expect(quotas(quotaYaml('q', `perModelQuotas: []`, ', namespace: other'), REAL).problems).toEqual([
      'QuotaPolicy other/q: spec.targetRefs[0].name: there is no AIServiceBackend other/ai',
    ]);
  });

  it('for a model that no route asks its backend for is told', () => {
    const policy = quotaYaml('q', `perModelQuotas: [${perModel('reall', `{${BUCKET}}`)}]`);
    expect(quotas(policy, REAL).notices).toEqual([
      'QuotaPolicy default/q: spec.perModelQuotas[0]: no route asks AIServiceBackend default/ai for model "reall"; did you mean "real"?',
    ]);
    // Without an override a client may ask for it.
    expect(quotas(policy, '{name: ai}').notices).toEqual([]);
    expect(quotas(quotaYaml('q', '').replace(/targetRefs: \[.*?\], /, ''), REAL).notices).toEqual([
      'QuotaPolicy default/q has no targetRefs, and limits nothing',
    ]);
  });

  it('keeps long names of models within the bytes of an id', () => {
    const long = 'ü'.repeat(300);
    const { targets } = quotas(
      quotaYaml('q', `perModelQuotas: [${perModel(long, `{${BUCKET}}`)}]`),
      `{name: ai, modelNameOverride: ${long}}`,
    );
    expect(targets()[0]![0]!.id).toMatch(/^QuotaPolicy\/#[\w-]{43}$/);
  });
});
