import { exportJWK, generateKeyPair } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';

import type { CompileOptions } from './compile.ts';
import { newShared } from './compile.ts';
import { gatewayYaml, routesOf, type TestRoutes } from './route.fixture.ts';

let jwks = '';
beforeAll(async () => {
  jwks = JSON.stringify({ keys: [await exportJWK((await generateKeyPair('EdDSA')).publicKey)] });
});

const SECRET = '---\napiVersion: v1\nkind: Secret\nmetadata: {name: idp}\nstringData: {client-secret: s, apiKey: k}\n';
const ENDPOINT = 'https://idp.example/token';
const ref = (name: string, more = '') => `{group: gateway.envoyproxy.io, kind: Backend, name: ${name}${more}}`;
const exchange = (name: string, spec = '', { endpoint = ENDPOINT, secret = 'idp', route = 'm' } = {}): string => `---
apiVersion: tierkit.dev/v1alpha1
kind: TokenExchange
metadata: {name: ${name}}
spec: {targetRef: {kind: MCPRoute, name: ${route}}, tokenEndpoint: "${endpoint}", clientID: c, clientSecret: {name: ${secret}}${spec}}
`;
const oauth = (): string =>
  `, securityPolicy: {oauth: {issuer: "https://auth.example", jwks: {localJWKS: {inline: '${jwks}'}}, ` +
  `protectedResourceMetadata: {resource: "https://gw.example/mcp"}}}`;
const route = (refs: string, more = oauth()): string => `---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: MCPRoute
metadata: {name: m}
spec: {parentRefs: [{name: gw}], backendRefs: [${refs}]${more}}
`;
const another = (name: string) =>
  `---\napiVersion: gateway.envoyproxy.io/v1alpha1\nkind: Backend\nmetadata: {name: ${name}}\nspec: {endpoints: [{ip: {address: 192.0.2.2, port: 9}}]}\n`;
const key = (where: string): string => `, securityPolicy: {apiKey: {secretRef: {name: idp}, ${where}}}`;
const all = (yaml: string, options: CompileOptions = {}, shared = newShared()) =>
  routesOf(gatewayYaml() + another('c') + SECRET + yaml, shared, options);
const IN_CLUSTER: CompileOptions = { inCluster: true, listenOn: () => 10_000 };
const TWO = `${ref('b')}, ${ref('c')}`;
const called = (found: TestRoutes) =>
  Object.fromEntries(found.ordinary('/mcp').mcp!.targets.map(({ name, exchange: tokens }) => [name, tokens?.name]));

describe('a TokenExchange', () => {
  it('is for all servers of its route, or for those that it names', () => {
    const whole = all(route(TWO) + exchange('x'));
    expect(whole.problems).toEqual([]);
    expect(called(whole)).toEqual({ b: 'TokenExchange default/x', c: 'TokenExchange default/x' });
    const two = all(route(TWO) + exchange('x', ', servers: [b]') + exchange('y', ', servers: [c]'));
    expect(called(two)).toEqual({ b: 'TokenExchange default/x', c: 'TokenExchange default/y' });
    expect(called(all(route(TWO) + exchange('x', ', servers: [c]')))).toEqual({ b: undefined, c: 'TokenExchange default/x' });
  });

  it('is for routes of a policy with jwt as well', () => {
    const policy = `---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: p}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]
  jwt: {providers: [{name: j, localJWKS: {type: Inline, inline: '${jwks}'}}]}
`;
    const found = all(route(ref('b'), '') + exchange('x') + policy);
    expect(found.problems).toEqual([]);
    expect(called(found)).toEqual({ b: 'TokenExchange default/x' });
  });

  it('goes along with a key in another header, and in the query', () => {
    const refs = `${ref('b', key('header: x-api-key'))}, ${ref('c', key('queryParam: key'))}`;
    expect(all(route(refs) + exchange('x')).problems).toEqual([]);
  });

  it('has its secret in another namespace, where that permits it', () => {
    const secret = SECRET.replace('name: idp', 'name: idp, namespace: keys');
    const elsewhere = route(TWO) + secret + exchange('x').replace('{name: idp}', '{name: idp, namespace: keys}');
    expect(all(elsewhere).problems).toEqual([
      'TokenExchange default/x: spec.clientSecret: Secret keys/idp is in another namespace, and no ReferenceGrant there lets TokenExchange of default name it',
    ]);
    const grant = `---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: g, namespace: keys}
spec: {from: [{group: tierkit.dev, kind: TokenExchange, namespace: default}], to: [{group: "", kind: Secret}]}
`;
    expect(all(elsewhere + grant).problems).toEqual([]);
  });

  it.each<[string, string, () => string, string]>([
    [
      'a name that is none',
      'x: spec.servers[1]',
      () => route(TWO) + exchange('x', ', servers: [b, cc]'),
      'MCPRoute default/m has no backendRef "cc"; did you mean "c"?',
    ],
    [
      'a route that is none',
      'x: spec.targetRef.name',
      () => route(TWO) + exchange('x', '', { route: 'mm' }),
      'there is no MCPRoute default/mm; did you mean "m"?',
    ],
    [
      'a server twice',
      'y: spec.servers[0]',
      () => route(TWO) + exchange('x') + exchange('y', ', servers: [c]'),
      'TokenExchange default/x exchanges tokens for "c" already',
    ],
    [
      'a key in the same header',
      'x: spec.targetRef',
      () => route(ref('b', ', securityPolicy: {apiKey: {secretRef: {name: idp}}}')) + exchange('x'),
      '"b" gets a key in the header authorization already (securityPolicy.apiKey of the route)',
    ],
    [
      'a header of clients',
      'x: spec.servers[0]',
      () => route(ref('b', ', forwardHeaders: [{name: x-token, backendHeader: Authorization}]')) + exchange('x', ', servers: [b]'),
      '"b" gets a header authorization of its clients already (forwardHeaders of the route)',
    ],
    [
      'callers without tokens',
      'x: spec.targetRef',
      () => route(TWO, '') + exchange('x'),
      'MCPRoute default/m identifies nobody by a token: it needs oauth, or a SecurityPolicy with jwt',
    ],
    [
      'no Secret',
      'x: spec.clientSecret.name',
      () => route(TWO) + exchange('x', '', { secret: 'idq' }),
      'there is no Secret default/idq; did you mean "idp"?',
    ],
  ])('is refused with %s', (_what, place, yaml, message) => {
    expect(all(yaml()).problems).toEqual([`TokenExchange default/${place}: ${message}`]);
  });
});

const inCluster = (yaml: string) => called(all(yaml, IN_CLUSTER));

describe('a TokenExchange with problems, in a cluster', () => {
  it.each<[string, () => string]>([
    ['no Secret', () => exchange('x', ', servers: [b]', { secret: 'none' })],
    ['an endpoint of the machine', () => exchange('x', ', servers: [b]', { endpoint: 'http://127.0.0.1:9/' })],
    ['a field that is wrong', () => exchange('x', ', servers: [b], clientAuthentication: Nothing')],
  ])('closes its servers and no others: %s', (_what, yaml) => {
    expect(inCluster(route(TWO) + yaml())).toEqual({ c: undefined });
  });

  it('closes a server for which there are two', () => {
    expect(inCluster(route(TWO) + exchange('x', ', servers: [b, c]') + exchange('y', ', servers: [c]'))).toEqual({
      b: 'TokenExchange default/x',
    });
  });

  it.each<[string, () => string]>([
    ['the server that is meant', () => exchange('x', ', servers: [bb]')],
    ['the servers', () => exchange('x', ', servers: 7')],
    ['the route', () => exchange('x').replace('name: m}', 'nmae: m}')],
  ])('closes all where nobody knows %s', (_what, yaml) => {
    expect(inCluster(route(TWO) + yaml())).toEqual({});
  });
});

it('is compiled again when it changes, and only then', () => {
  const shared = newShared();
  const of = (yaml: string) => {
    shared.exchanges.kept.begin();
    const found = all(yaml, IN_CLUSTER, shared);
    shared.memory = found.compiled.memory;
    shared.exchanges.kept.commit();
    return found.ordinary('/mcp').mcp!;
  };
  const first = of(route(TWO) + exchange('x', ', audience: a'));
  const same = of(route(TWO) + exchange('x', ', audience: a') + another('d'));
  expect(same.targets[0]!.exchange).toBe(first.targets[0]!.exchange);
  const other = of(route(TWO) + exchange('x', ', audience: b'));
  expect(other.targets[0]!.exchange).not.toBe(first.targets[0]!.exchange);
  expect(of(route(TWO)).targets[0]!.exchange).toBeUndefined();
  expect(shared.exchanges.measures()).toEqual([]);
});
