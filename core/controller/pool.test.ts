import { expect, it } from 'vitest';

import { brief, briefEntries, CLASS, CONTROLLER, gateway, httpRoute, resource, TestCluster } from './cluster.fixture.ts';

const GATEWAY_API = 'gateway.networking.k8s.io';
const TO_POOL = 'backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: p}]';
const route = (name: string, spec: string) => httpRoute(name, `${spec}, rules: [{${TO_POOL}}]`);
const pool = (more = 'endpointPickerRef: {name: picker, port: {number: 9002}}') =>
  resource(
    'inference.networking.k8s.io/v1',
    'InferencePool',
    'p',
    `selector: {matchLabels: {app: m}}, targetPorts: [{number: 8000}], ${more}`,
  );
const TWO = CLASS + gateway('one') + gateway('two', ['{name: http, port: 80, protocol: HTTP, hostname: two.test}']);
const OK = 'Accepted=True Accepted, ResolvedRefs=True ResolvedRefs';

const cluster = (yaml: string, servesPools = true) => new TestCluster(TWO + yaml, { servesPools });
const parentsOf = (made: TestCluster) => briefEntries(made.status('InferencePool', 'p')['parents']);

it('has each Gateway that leads to it as a parent, and loses those that do no more', () => {
  const made = cluster(pool() + route('a', 'parentRefs: [{name: one}]') + route('b', 'parentRefs: [{name: two}, {name: one}]'));
  expect(parentsOf(made)).toEqual([`default/one: ${OK}`, `default/two: ${OK}`]);
  expect(made.status('InferencePool', 'p')['parents']).toMatchObject([
    {
      parentRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace: 'default', name: 'one' },
      controllerName: CONTROLLER,
      conditions: [{ observedGeneration: 3 }, {}],
    },
    {},
  ]);
  made.remove('HTTPRoute', 'b');
  expect(parentsOf(made)).toEqual([`default/one: ${OK}`]);
  made.remove('HTTPRoute', 'a');
  expect(made.status('InferencePool', 'p')['parents']).toEqual([]);
});

it.each([
  [
    'a picker that is not there',
    pool('endpointPickerRef: {name: nobody, port: {number: 1}}'),
    'Accepted=True Accepted, ResolvedRefs=False InvalidExtensionRef',
  ],
  ['no picker', pool('appProtocol: http'), OK],
  ['a field that is not known', pool('selektor: {}'), 'Accepted=False NotSupportedByParent, ResolvedRefs=Unknown Pending'],
])('says what becomes of it with %s', (_name, yaml, expected) => {
  expect(parentsOf(cluster(yaml + route('a', 'parentRefs: [{name: one}]')))).toEqual([`default/one: ${expected}`]);
});

it.each([
  ['that the Gateway does not take', route('a', 'parentRefs: [{name: two}], hostnames: [other.test]')],
  ['that is wrong by itself', route('a', 'parentRefs: [{name: two}], hostnamez: []')],
])('is not accepted by a route %s, unless another one leads there', (_name, refused) => {
  expect(parentsOf(cluster(pool() + refused))).toEqual([
    'default/two: Accepted=False HTTPRouteNotAccepted, ResolvedRefs=True ResolvedRefs',
  ]);
  expect(parentsOf(cluster(pool() + refused + route('b', 'parentRefs: [{name: two}]')))).toEqual([`default/two: ${OK}`]);
});

it('is told by each Gateway what it makes of a route that another one takes', () => {
  const both = route('a', 'parentRefs: [{name: one}, {name: two}], hostnames: [one.test]');
  expect(parentsOf(cluster(pool() + both))).toEqual([
    `default/one: ${OK}`,
    'default/two: Accepted=False HTTPRouteNotAccepted, ResolvedRefs=True ResolvedRefs',
  ]);
});

it('hears nothing of a route of another namespace that may not name it', () => {
  const far = route('a', 'parentRefs: [{name: one, namespace: default}]')
    .replace('{name: a}', '{name: a, namespace: far}')
    .replace('name: p}', 'name: p, namespace: default}');
  const open = gateway('one', ['{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}']);
  const yaml = CLASS + open + pool() + far;
  const grant = resource(
    'gateway.networking.k8s.io/v1beta1',
    'ReferenceGrant',
    'g',
    `from: [{group: ${GATEWAY_API}, kind: HTTPRoute, namespace: far}], to: [{group: inference.networking.k8s.io, kind: InferencePool}]`,
  );
  const without = new TestCluster(yaml, { servesPools: true });
  expect(without.status('InferencePool', 'p')['parents']).toBeUndefined();
  expect(briefEntries(without.status('HTTPRoute', 'a')['parents'])).toEqual([
    'default/one: Accepted=True Accepted, ResolvedRefs=False RefNotPermitted',
  ]);
  expect(parentsOf(new TestCluster(yaml + grant, { servesPools: true }))).toEqual([`default/one: ${OK}`]);
});

it('may be what an AIGatewayRoute leads to', () => {
  const ai = resource(
    'aigateway.envoyproxy.io/v1beta1',
    'AIGatewayRoute',
    'a',
    `parentRefs: [{name: one, kind: Gateway, group: gateway.networking.k8s.io}], rules: [{${TO_POOL}}]`,
  );
  const made = cluster(pool() + ai);
  expect(parentsOf(made)).toEqual([`default/one: ${OK}`]);
  expect(brief(made.status('AIGatewayRoute', 'a')['conditions'])).toContain('Accepted=True ReconciliationSucceeded');
});

it('is told nothing by a tier that serves no pools', () => {
  expect(
    cluster(pool() + route('a', 'parentRefs: [{name: one}]'), false)
      .desired()
      .map(({ name }) => name),
  ).not.toContain('p');
});
