import { expect, it } from 'vitest';

import { type CompileOptions, newShared } from './compile.ts';
import { aiBackendYaml, aiRouteYaml, gatewayYaml, httpRouteYaml, model, routesOf, TO_B, type TestRoutes } from './route.fixture.ts';

const PROXY = 'forwardProxy: {address: "proxy.corp:3128"}';
const CLUSTER: CompileOptions = { inCluster: true, listenOn: () => 10_000 };
const CONFIG = 'aigateway.envoyproxy.io/gateway-config';

const configYaml = (spec: string, name = 'config') => `
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: GatewayConfig
metadata: {name: ${name}}
spec: {${spec}}
`;
const configured = (name = 'config') =>
  gatewayYaml().replace('metadata: {name: gw}', `metadata: {name: gw, annotations: {${CONFIG}: ${name}}}`);
const ROUTE = aiRouteYaml('r', `{matches: [${model('m')}], backendRefs: [{name: a}]}`);

function proxiesOf(routes: TestRoutes, port = 80): readonly unknown[] {
  const { targets } = routes.ai('m', { port }).plan;
  return targets.flatMap(({ backend }) =>
    backend.endpoints.map(({ origin }) => origin.proxy && `${origin.proxy.host}:${origin.proxy.port}`),
  );
}

const of = (rest: string, options: CompileOptions = {}) => routesOf(configured() + configYaml(PROXY) + ROUTE + rest, newShared(), options);

/** A Gateway with a proxy of its own. */
const other = (name: string, port: number) => `
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: ${name}, annotations: {${CONFIG}: ${name}}}
spec: {gatewayClassName: tierkit, listeners: [{name: http, port: ${port}, protocol: HTTP}]}
${configYaml(`forwardProxy: {address: "${name}.corp:1"}`, name)}`;

/** Everything, with a Backend of this name. */
const withHost = (host: string) =>
  configured().replace('ip: {address: 192.0.2.1, port: 9}', `fqdn: {hostname: ${host}, port: 9}`) +
  configYaml(PROXY) +
  ROUTE +
  aiBackendYaml('a');

it('backends of AI routes are called through the proxy of the Gateway that names it', () => {
  expect(proxiesOf(of(aiBackendYaml('a')))).toEqual(['proxy.corp:3128']);
  expect(proxiesOf(routesOf(gatewayYaml() + configYaml(PROXY) + ROUTE + aiBackendYaml('a')))).toEqual([undefined]);
  expect(proxiesOf(routesOf(configured() + configYaml('') + ROUTE + aiBackendYaml('a')))).toEqual([undefined]);
});

it('a route at two Gateways has the way out of each', () => {
  const parents = ['gw', 'two', 'three'].map((name) => `{name: ${name}, kind: Gateway, group: gateway.networking.k8s.io}`).join(', ');
  const route = aiRouteYaml('r', `{matches: [${model('m')}], backendRefs: [{name: a}]}`, `parentRefs: [${parents}]`);
  const routes = routesOf(gatewayYaml() + other('two', 81) + other('three', 82) + route + aiBackendYaml('a'));
  expect(routes.problems).toEqual([]);
  expect([80, 81, 82].map((port) => proxiesOf(routes, port))).toEqual([[undefined], ['two.corp:1'], ['three.corp:1']]);
});

it('tier two is called directly', () => {
  expect(proxiesOf(of(aiBackendYaml('a', '{name: OpenAI}', '', 'annotations: {tierkit.dev/tier-two: west}')))).toEqual([undefined]);
});

it('a name in the cluster is called directly, and one that only looks like it is not', () => {
  expect(
    ['vllm.models.svc.cluster.local', 'vllm.models.svc', 'api.svc.example.com', 'api.example.com'].map((host) =>
      proxiesOf(routesOf(withHost(host))),
    ),
  ).toEqual([[undefined], [undefined], ['proxy.corp:3128'], ['proxy.corp:3128']]);
});

it('HTTPRoutes are called directly', () => {
  const routes = of(aiBackendYaml('a') + httpRouteYaml('web', `rules: [{matches: [{path: {value: /web}}], ${TO_B}}]`));
  const [target] = routes.ordinary('/web').plan.targets;
  expect(target!.backend.endpoints[0]!.origin.proxy).toBeUndefined();
});

it.each([
  ['is not there', configured('other') + configYaml(PROXY), 'other'],
  ['has problems', configured() + configYaml('forwardProxy: {address: proxy}'), 'config'],
  ['names this machine, in a cluster', configured() + configYaml('forwardProxy: {address: "127.0.0.1:3128"}'), 'config'],
  ['names this machine by its name', configured() + configYaml('forwardProxy: {address: "localhost:3128"}'), 'config'],
])('nothing goes out whose GatewayConfig %s', (_name, yaml, name) => {
  const web = httpRouteYaml('web', `rules: [{matches: [{path: {value: /web}}], ${TO_B}}]`);
  const routes = routesOf(yaml + ROUTE + aiBackendYaml('a') + web, newShared(), CLUSTER);
  expect(routes.problems.join()).toContain(name);
  expect(routes.ai('m').broken).toBe(`GatewayConfig default/${name}`);
  expect(routes.ordinary('/web').broken).toBeUndefined();
});

it('a proxy on this machine is one for files, and where a cluster is told to allow it', () => {
  const yaml = configured() + configYaml('forwardProxy: {address: "127.0.0.1:3128"}') + ROUTE + aiBackendYaml('a');
  for (const options of [{}, { ...CLUSTER, allowLocalAddresses: true }])
    expect(proxiesOf(routesOf(yaml, newShared(), options))).toEqual(['127.0.0.1:3128']);
  expect(routesOf(yaml, newShared(), CLUSTER).problems).toEqual([
    'GatewayConfig default/config: spec.forwardProxy.address: "127.0.0.1" is a loopback address; in a cluster none is called unless the gateway is told to',
  ]);
});
