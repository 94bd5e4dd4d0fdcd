import { describe, expect, it } from 'vitest';

import { aiBackendYaml, aiRouteYaml, gatewayYaml, httpRouteYaml, model, routesOf, TO_B } from './route.fixture.ts';

/** A BackendTrafficPolicy that shows where it holds by its number of retries. */
function trafficYaml(name: string, target: string, numRetries: number, metadata = ''): string {
  return `
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: ${name}${metadata}}
spec: {targetRefs: [${target}], retry: {numRetries: ${numRetries}}}
`;
}

function securityYaml(name: string, target: string): string {
  return `
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: ${name}}
spec: {targetRefs: [${target}], cors: {allowOrigins: ["https://${name}.example.com"]}}
`;
}

const target = (kind: string, name: string, section?: string) =>
  `{group: gateway.networking.k8s.io, kind: ${kind}, name: ${name}${section === undefined ? '' : `, sectionName: ${section}`}}`;

const LISTENERS = ['{name: one, port: 80, protocol: HTTP}', '{name: two, port: 81, protocol: HTTP}'];
const RULES = `{name: x, matches: [{path: {value: /x}}], ${TO_B}}, {name: y, matches: [{path: {value: /y}}], ${TO_B}}, {matches: [{path: {value: /z}}], ${TO_B}}`;
const base = gatewayYaml(...LISTENERS) + httpRouteYaml('web', `rules: [${RULES}]`);

const retries = (yaml: string, path: string, port: number) => routesOf(yaml).ordinary(path, { port }).plan.retry.maxAttempts! - 1;

describe('the most specific policy holds', () => {
  const policies = [
    trafficYaml('gateway', target('Gateway', 'gw'), 1),
    trafficYaml('listener', target('Gateway', 'gw', 'two'), 2),
    trafficYaml('route', target('HTTPRoute', 'web'), 3),
    trafficYaml('rule', target('HTTPRoute', 'web', 'y'), 4),
  ];

  it.each<[string, number[], [string, number][]]>([
    ['none', [], [['/x', 0]]],
    [
      'of the Gateway',
      [0],
      [
        ['/x', 1],
        ['/y', 1],
      ],
    ],
    [
      'of a route over that of the Gateway',
      [0, 2],
      [
        ['/x', 3],
        ['/y', 3],
      ],
    ],
    [
      'of a rule over that of the route',
      [2, 3, 0],
      [
        ['/x', 3],
        ['/y', 4],
        ['/z', 3],
      ],
    ],
    [
      'of a rule alone',
      [3],
      [
        ['/x', 0],
        ['/y', 4],
      ],
    ],
  ])('%s', (_name, which, expected) => {
    const yaml = base + which.map((index) => policies[index]).join('');
    for (const [path, count] of expected) expect([path, retries(yaml, path, 80)]).toEqual([path, count]);
  });

  it('of a listener over that of its Gateway, at each listener for itself', () => {
    const yaml = base + policies[0] + policies[1];
    expect([80, 81].map((port) => retries(yaml, '/x', port))).toEqual([1, 2]);
  });

  it('of a route over that of a listener', () => {
    const yaml = base + policies[1] + policies[2];
    expect([80, 81].map((port) => retries(yaml, '/x', port))).toEqual([3, 3]);
  });

  it('asks who calls at the listener whose policy wants to know, whatever the order of the listeners', () => {
    for (const section of ['one', 'two']) {
      const routes = routesOf(base + securityYaml('s', target('Gateway', 'gw', section)));
      const names = [80, 81].map((port) => routes.ordinary('/x', { port }).security?.name);
      expect(names).toEqual(section === 'one' ? ['SecurityPolicy default/s', undefined] : [undefined, 'SecurityPolicy default/s']);
      expect(routes.compiled.notices).toEqual(['HTTPRoute default/web is open: no SecurityPolicy says who may call']);
    }
  });

  it('says that a route is open, and nothing of one that is not', () => {
    expect(routesOf(base + securityYaml('s', target('Gateway', 'gw'))).compiled.notices).toEqual([]);
    expect(routesOf(base + securityYaml('s', target('HTTPRoute', 'web', 'x'))).compiled.notices).toEqual([
      'HTTPRoute default/web is open: no SecurityPolicy says who may call',
    ]);
  });

  it('holds for an AIGatewayRoute where it names the HTTPRoute that this one becomes in a cluster', () => {
    const ai = aiBackendYaml('ai') + aiRouteYaml('models', `{name: r, matches: [${model('m')}], backendRefs: [{name: ai}]}`);
    const routes = routesOf(
      gatewayYaml() + ai + securityYaml('s', target('HTTPRoute', 'models', 'r')) + trafficYaml('t', target('HTTPRoute', 'models'), 7),
    );
    expect(routes.problems).toEqual([]);
    expect(routes.ai('m').security?.name).toBe('SecurityPolicy default/s');
    expect(routes.ai('m').plan.retry.maxAttempts).toBe(8);
  });
});

describe('targets', () => {
  it.each<[string, string, string]>([
    [
      'a route that is not there',
      trafficYaml('t', target('HTTPRoute', 'webb'), 1),
      'spec.targetRefs[0].name: there is no HTTPRoute or AIGatewayRoute default/webb; did you mean "web"?',
    ],
    [
      'a Gateway that is not there',
      trafficYaml('t', target('Gateway', 'gate'), 1),
      'spec.targetRefs[0].name: there is no Gateway default/gate',
    ],
    [
      'a rule that is not there',
      trafficYaml('t', `${target('HTTPRoute', 'web')}, ${target('HTTPRoute', 'web', 'xx')}`, 1),
      'spec.targetRefs[1].sectionName: HTTPRoute web has no rule "xx"; did you mean "x"?',
    ],
    [
      'a listener that is not there',
      trafficYaml('t', target('Gateway', 'gw', 'tow'), 1),
      'spec.targetRefs[0].sectionName: Gateway gw has no listener "tow"; did you mean "two"?',
    ],
    [
      'a target of another namespace',
      trafficYaml('t', target('HTTPRoute', 'web'), 1, ', namespace: other'),
      'spec.targetRefs[0].name: there is no HTTPRoute or AIGatewayRoute other/web',
    ],
  ])('%s is reported', (_name, policy, problem) => {
    const { problems } = routesOf(base + policy);
    expect(problems).toEqual([expect.stringMatching(/^BackendTrafficPolicy (default|other)\/t: /)]);
    expect(problems[0]!.replace(/^.*?: /, '')).toBe(problem);
  });

  it('says of a target with problems of its own not that it is missing', () => {
    const broken = httpRouteYaml('broken', 'rules: [{matchs: []}]');
    const { problems } = routesOf(base + broken + trafficYaml('t', target('HTTPRoute', 'broken'), 1));
    expect(problems).toEqual([
      'HTTPRoute broken: spec.rules[0].matchs: unknown field; did you mean "matches"?',
      'BackendTrafficPolicy default/t: spec.targetRefs[0].name: HTTPRoute default/broken has problems of its own',
    ]);
  });

  it('are claimed once, by two policies of one kind not, by those of two kinds all the same', () => {
    const both =
      trafficYaml('a', target('HTTPRoute', 'web'), 1) + trafficYaml('b', `${target('Gateway', 'gw')}, ${target('HTTPRoute', 'web')}`, 2);
    expect(routesOf(base + both).problems).toEqual([
      'BackendTrafficPolicy default/b: spec.targetRefs[1]: BackendTrafficPolicy default/a (test.yaml) targets it already',
    ]);
    const kinds = trafficYaml('a', target('HTTPRoute', 'web'), 1) + securityYaml('a', target('HTTPRoute', 'web'));
    expect(routesOf(base + kinds).problems).toEqual([]);
  });

  it('are found in either of two routes of one name', () => {
    const ai = aiBackendYaml('ai') + aiRouteYaml('web', `{name: models, matches: [${model('m')}], backendRefs: [{name: ai}]}`);
    const routes = routesOf(base + ai + trafficYaml('t', target('HTTPRoute', 'web', 'models'), 5));
    expect(routes.problems).toEqual([]);
    expect(routes.ai('m').plan.retry.maxAttempts).toBe(6);
  });
});

const clientYaml = (name: string, ref: string, spec: string) => `
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: ClientTrafficPolicy
metadata: {name: ${name}}
spec: {targetRef: ${ref}, ${spec}}
`;

it('ClientTrafficPolicy holds at the listeners that it names', () => {
  const routes = routesOf(
    base +
      clientYaml(
        'all',
        target('Gateway', 'gw'),
        'connection: {bufferLimit: 1Mi, connectionLimit: {value: 7}}, timeout: {http: {idleTimeout: 90s}}',
      ) +
      clientYaml('two', target('Gateway', 'gw', 'two'), 'timeout: {http: {requestReceivedTimeout: 5s}}'),
  );
  expect(routes.problems).toEqual([]);
  const clients = routes.compiled.ports.map(({ listeners }) => listeners[0]!.client);
  expect(clients).toEqual([
    { maxBodyBytes: 1024 * 1024, requestReceivedMs: 60_000, idleMs: 90_000, connectionLimit: 7, address: expect.any(Function) },
    // The more specific one holds in full: nothing is merged.
    {
      maxBodyBytes: 50 * 1024 * 1024,
      requestReceivedMs: 5000,
      idleMs: undefined,
      connectionLimit: undefined,
      address: expect.any(Function),
    },
  ]);
});
