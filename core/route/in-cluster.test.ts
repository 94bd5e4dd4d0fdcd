// Where others write resources as well: what is wrong is left out or refused, the rest is served.
import { describe, expect, it } from 'vitest';

import type { Caller } from '../identify/identity.ts';
import { newShared } from './compile.ts';
import { aiBackendYaml, aiRouteYaml, gatewayYaml, httpRouteYaml, model, routesOf, TO_B } from './route.fixture.ts';

const inCluster = (yaml: string) => routesOf(yaml, newShared(), { inCluster: true, listenOn: () => 10_000 });
const CALLER: Caller = { method: 'GET', path: '/', query: '', host: 'a.example.com', headers: {}, address: '127.0.0.1' };
const NOBODY = '{group: gateway.envoyproxy.io, kind: Backend, name: nobody';

function policyYaml(kind: string, target: string, spec: string): string {
  return `
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: ${kind}
metadata: {name: p}
spec: {targetRefs: [${target}], ${spec}}
`;
}
const ROUTE = '{group: gateway.networking.k8s.io, kind: HTTPRoute, name: web}';
const GATEWAY = '{group: gateway.networking.k8s.io, kind: Gateway, name: gw}';

/** A limit of the Gateway. @param cost of an answer */
function limitYaml(cost: string): string {
  const rules = `[{limit: {requests: 1, unit: Hour}, cost: {response: ${cost}}}]`;
  return policyYaml('BackendTrafficPolicy', GATEWAY, `rateLimit: {type: Global, global: {rules: ${rules}}}`);
}

const WEB = httpRouteYaml('web', `rules: [{${TO_B}}]`);
const OTHER = httpRouteYaml('other', `rules: [{matches: [{path: {value: /other}}], ${TO_B}}]`);

describe('a reference that leads nowhere', () => {
  it('takes its share of the requests with it, and no more', () => {
    const refs = `backendRefs: [${NOBODY}, weight: 3}, {group: gateway.envoyproxy.io, kind: Backend, name: b, weight: 1}]`;
    const { ordinary, problems, compiled } = inCluster(gatewayYaml() + httpRouteYaml('web', `rules: [{${refs}}]`));
    expect(ordinary('/').lost).toBe(0.75);
    expect(ordinary('/').plan.targets.map(({ backend }) => backend.name)).toEqual(['default/b']);
    expect(problems).toHaveLength(1);
    expect(compiled.problems[0]).toMatchObject({ reason: 'BackendNotFound' });
  });

  it.each([
    ['to another namespace without a grant', '{group: gateway.envoyproxy.io, kind: Backend, name: b, namespace: other}', 'RefNotPermitted'],
    ['of a kind that cannot be called', '{group: example.com, kind: Thing, name: b}', 'InvalidKind'],
  ])('%s', (_name, ref, reason) => {
    const { ordinary, compiled } = inCluster(gatewayYaml() + httpRouteYaml('web', `rules: [{backendRefs: [${ref}]}]`));
    expect(ordinary('/').lost).toBe(1);
    expect(compiled.problems).toMatchObject([{ reason }]);
  });

  it('leaves the other backends of a model', () => {
    const refs = 'backendRefs: [{name: nobody}, {name: a}]';
    const { ai } = inCluster(gatewayYaml() + aiBackendYaml('a') + aiRouteYaml('m', `{matches: [${model('m')}], ${refs}}`));
    expect(ai('m').plan.targets.map(({ backend }) => backend.name)).toEqual(['default/a']);
  });
});

describe('a route', () => {
  it('with something impossible is not served; the others are', () => {
    const bad = httpRouteYaml('web', `rules: [{matches: [{path: {type: RegularExpression, value: "/("}}], ${TO_B}}]`);
    const { find, problems } = inCluster(gatewayYaml() + bad + OTHER);
    expect([find({ path: '/' }), find({ path: '/other' })]).toEqual([undefined, 'other/0']);
    expect(problems).toHaveLength(1);
  });

  it("of another implementation's Gateway is nobody's business here", () => {
    const { problems, compiled } = inCluster(
      gatewayYaml() + httpRouteYaml('web', `parentRefs: [{name: elsewhere}], rules: [{backendRefs: [${NOBODY}}]}]`),
    );
    expect(problems).toEqual([]);
    expect(compiled.routes.size).toBe(0);
  });

  it.each([
    ['sectionName: nothing', 'NoMatchingParent'],
    ['port: 81', 'NoMatchingParent'],
  ])('that names a listener which is not there (%s) says so of that parent', (field, reason) => {
    const { compiled } = inCluster(gatewayYaml() + httpRouteYaml('web', `parentRefs: [{name: gw, ${field}}], rules: [{${TO_B}}]`));
    const [parents] = compiled.routes.values();
    expect(parents).toMatchObject([{ attachments: [], refused: { reason } }]);
  });

  it('no Gateway is no problem', () => {
    expect(inCluster(WEB).problems).toEqual([]);
  });
});

describe('a policy with problems', () => {
  const refused = /SecurityPolicy default\/p has problems, and holds for this route: nothing passes/;

  it.each([
    ['a Secret that is not there', 'apiKeyAuth: {credentialRefs: [{name: nothing}], extractFrom: [{headers: [x-api-key]}]}'],
    ['a field that is not known', 'apiKeyAuth: {credentialRefs: [{name: keys}], extractFrom: [{headers: [x-api-key]}], sanitise: true}'],
  ])('%s: lets nobody pass where it holds', (_name, spec) => {
    const yaml = gatewayYaml() + WEB + OTHER + policyYaml('SecurityPolicy', ROUTE, spec);
    const { ordinary, problems } = inCluster(yaml);
    expect(problems.length).toBeGreaterThan(0);
    expect(() => ordinary('/').security!.identify(CALLER)).toThrow(refused);
    expect(ordinary('/other').security).toBeUndefined();
  });

  it('of a Gateway holds for its routes, but for those that have one of their own', () => {
    const yaml =
      gatewayYaml() +
      WEB +
      OTHER +
      policyYaml('SecurityPolicy', GATEWAY, 'nonsense: 1') +
      policyYaml('SecurityPolicy', ROUTE, 'cors: {allowOrigins: ["https://a.example.com"]}').replace('name: p}', 'name: q}');
    const { ordinary } = inCluster(yaml);
    expect(() => ordinary('/other').security!.identify(CALLER)).toThrow(refused);
    expect(ordinary('/').security!.name).toBe('SecurityPolicy default/q');
  });

  it('of traffic refuses the requests that its limits should have counted', () => {
    const { ordinary } = inCluster(gatewayYaml() + WEB + OTHER + policyYaml('BackendTrafficPolicy', ROUTE, 'rateLimit: {type: Globe}'));
    expect([ordinary('/').broken, ordinary('/other').broken]).toEqual(['BackendTrafficPolicy default/p', undefined]);
  });

  it("of a Gateway's clients lets none of them pass: who they are is not known", () => {
    const wrong = policyYaml('ClientTrafficPolicy', GATEWAY, 'clientIPDetection: {xForwardedFor: {numTrustedHop: 1}}');
    const { ordinary, problems } = inCluster(gatewayYaml() + WEB + wrong);
    expect(problems).toHaveLength(1);
    expect(ordinary('/').broken).toBe('ClientTrafficPolicy default/p');
  });

  it.each([
    ['is not there', ''],
    [
      'has problems',
      '---\napiVersion: aigateway.envoyproxy.io/v1beta1\nkind: GatewayConfig\nmetadata: {name: c}\nspec: {globalLLMRequestCosts: [{metadataKey: t}]}\n',
    ],
  ])(
    'a GatewayConfig that %s refuses the requests of limits whose cost it should have told, and what nobody knows the way out for',
    (_name, config) => {
      const gateway = gatewayYaml().replace('name: gw}', 'name: gw, annotations: {aigateway.envoyproxy.io/gateway-config: c}}');
      const yaml = gateway + WEB + aiBackendYaml('a') + aiRouteYaml('m', `{matches: [${model('m')}], backendRefs: [{name: a}]}`) + config;
      const named = '{from: Metadata, metadata: {namespace: io.envoy.ai_gateway, key: t}}';
      expect(inCluster(yaml + limitYaml(named)).ordinary('/').broken).toBe('GatewayConfig default/c');
      const { ai, ordinary } = inCluster(yaml + limitYaml('{from: Number, number: 1}'));
      expect([ai('m').broken, ordinary('/').broken]).toEqual(['GatewayConfig default/c', undefined]);
    },
  );

  it('of TLS leaves no way to its backend without TLS', () => {
    const tls = `
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: tls}
spec: {targetRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: b}], validation: {hostname: b.example.com, caCertificateRefs: [{group: "", kind: ConfigMap, name: nothing}]}}
`;
    expect(inCluster(gatewayYaml() + WEB + tls).ordinary('/').lost).toBe(1);
    expect(inCluster(gatewayYaml() + WEB + tls.replace('hostname: b.example.com', 'hostnam: x')).ordinary('/').lost).toBe(1);
  });
});

/** A policy of AIServiceBackend `a`. */
function backendPolicyYaml(kind: string, version: string, spec: string): string {
  return `
---
apiVersion: aigateway.envoyproxy.io/${version}
kind: ${kind}
metadata: {name: p}
spec: {targetRefs: [{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: a}], ${spec}}
`;
}
const quota = (spec: string) => backendPolicyYaml('QuotaPolicy', 'v1alpha1', spec);
const bsp = (spec: string) => backendPolicyYaml('BackendSecurityPolicy', 'v1beta1', spec);

describe('a quota with problems', () => {
  const base = gatewayYaml() + aiBackendYaml('a') + aiBackendYaml('free');
  const route = aiRouteYaml('m', `{matches: [${model('m')}], backendRefs: [{name: a}, {name: free}]}`);
  const backends = (yaml: string) =>
    inCluster(base + route + yaml)
      .ai('m')
      .plan.targets.map(({ backend }) => backend.name);

  it.each([
    ['a duration that is not known', 'serviceQuota: {quota: {limit: 1, duration: 2 weeks}}'],
    [
      'a selector that is no pattern',
      'perModelQuotas: [{modelName: m, quota: {bucketRules: [{clientSelectors: [{headers: [{name: x, type: RegularExpression, value: "("}]}], quota: {limit: 1, duration: 1h}}]}}]',
    ],
  ])('%s: nothing is sent there without it', (_name, spec) => {
    expect(backends(quota(spec))).toEqual(['default/free']);
  });

  it('is mended, and breaks again, without a route that changes', () => {
    const shared = newShared();
    const good = 'serviceQuota: {quota: {limit: 1, duration: 1h}}';
    const served = [good, good.replace('1h', 'never'), good].map((spec) => {
      const routes = routesOf(base + route + quota(spec), shared, { inCluster: true, listenOn: () => 10_000 });
      shared.memory = routes.compiled.memory;
      return routes.ai('m').plan.targets.length;
    });
    expect(served).toEqual([2, 1, 2]);
  });
});

describe('a credential with problems', () => {
  const route = aiRouteYaml('m', `{matches: [${model('m')}], backendRefs: [{name: a}, {name: free}]}`);
  const base = gatewayYaml() + aiBackendYaml('a') + aiBackendYaml('free') + route;

  it.each([
    ['a Secret that is not there', 'type: APIKey, apiKey: {secretRef: {name: nothing}}'],
    ['a type that is not known', 'type: ApiKey, apiKey: {secretRef: {name: nothing}}'],
  ])('%s: nothing is sent there without it', (_name, spec) => {
    expect(
      inCluster(base + bsp(spec))
        .ai('m')
        .plan.targets.map(({ backend }) => backend.name),
    ).toEqual(['default/free']);
  });
});

const target = (kind: string, name: string) => `{group: gateway.networking.k8s.io, kind: ${kind}, name: ${name}}`;

describe('a SecurityPolicy of others', () => {
  const keys = 'apiKeyAuth: {credentialRefs: [{name: nobodys}], extractFrom: [{headers: [x-key]}]}';
  const theirs = httpRouteYaml('theirs', `parentRefs: [{name: theirs}], rules: [{${TO_B}}]`);
  const problemsOf = (...targets: string[]) =>
    inCluster(gatewayYaml() + WEB + theirs + policyYaml('SecurityPolicy', targets.join(', '), keys)).problems;

  it('is not judged: its Secrets need not be ours to read', () => {
    expect(problemsOf(target('Gateway', 'theirs'))).toEqual([]);
    expect(problemsOf(target('HTTPRoute', 'theirs'))).toEqual([]);
  });

  it('is ours where one of its targets is', () => {
    const missing = [expect.stringContaining('there is no Secret default/nobodys')];
    expect(problemsOf(target('Gateway', 'gw'))).toEqual(missing);
    expect(problemsOf(target('HTTPRoute', 'web'))).toEqual(missing);
    expect(problemsOf(target('Gateway', 'theirs'), target('HTTPRoute', 'web'))).toEqual(missing);
    // Nobody knows yet whose it will be.
    expect(problemsOf(target('HTTPRoute', 'later'))).toEqual(expect.arrayContaining(missing));
  });
});
