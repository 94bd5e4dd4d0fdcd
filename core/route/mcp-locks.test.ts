import { describe, expect, it } from 'vitest';

import { newShared } from './compile.ts';
import { gatewayYaml, routesOf, type TestRoutes } from './route.fixture.ts';

const REF = 'group: gateway.envoyproxy.io, kind: Backend';
const ROUTE = `
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: MCPRoute
metadata: {name: m}
spec: {parentRefs: [{name: gw, kind: Gateway, group: gateway.networking.k8s.io}], backendRefs: [{${REF}, name: b}, {${REF}, name: c}]}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: c}
spec: {endpoints: [{fqdn: {hostname: c.example.com, port: 443}}]}
`;
const lockYaml = (servers: string, { name = 'l', route = 'm' } = {}) => `
---
apiVersion: tierkit.dev/v1alpha1
kind: MCPToolLock
metadata: {name: ${name}}
spec: {targetRef: {kind: MCPRoute, name: ${route}}, servers: ${servers}}
`;
const LOG = `[{name: b, tools: [{name: log, definition: '{"description":"d","name":"log"}'}]}]`;
const load = (yaml: string, ...more: [ReturnType<typeof newShared>?, object?]): TestRoutes =>
  routesOf(gatewayYaml() + ROUTE + yaml, ...more);
const locksIn = ({ ordinary }: TestRoutes) => ordinary('/mcp').mcp!.targets.map(({ lock }) => lock);

describe('a lock of tools', () => {
  it('holds for the servers that it names', () => {
    const found = load(lockYaml(LOG));
    expect(found.problems).toEqual([]);
    expect(locksIn(found)).toEqual([new Map([['log', '{\n  "name": "log",\n  "description": "d"\n}']]), undefined]);
  });

  it('is the same one after a reload that does not change it', () => {
    const shared = newShared();
    const [before] = locksIn(load(lockYaml(LOG), shared));
    expect(locksIn(load(lockYaml(LOG), shared))[0]).toEqual(before);
    expect(locksIn(load(lockYaml('[{name: b, tools: []}]'), shared))[0]).toEqual(new Map());
    expect(locksIn(load('', shared))[0]).toBeUndefined();
  });

  it.each([
    ['no route', lockYaml(LOG, { route: 'mm' }), 'spec.targetRef.name: there is no MCPRoute default/mm; did you mean "m"?'],
    [
      'no server',
      lockYaml('[{name: bb, tools: []}]'),
      'spec.servers[0].name: "bb" is no backendRef of MCPRoute default/m; did you mean "b"?',
    ],
  ])('is told where it is of %s', (_name, yaml, problem) => {
    expect(load(yaml).problems).toEqual([`MCPToolLock default/l: ${problem}`]);
  });

  it('is told where another one is of the same server, which goes on to hold', () => {
    const found = load(lockYaml(LOG) + lockYaml('[{name: b, tools: []}]', { name: 'z' }));
    expect(found.problems).toEqual(['MCPToolLock default/z: spec.servers[0].name: "b" is locked by MCPToolLock default/l already']);
    expect(locksIn(found)[0]?.has('log')).toBe(true);
  });

  it('of which nothing can be read accepts nothing', () => {
    const found = load(lockYaml(`[{name: b, tools: [{name: log, definition: '{'}]}]`), newShared(), {
      inCluster: true,
      listenOn: () => 10_000,
    });
    expect(found.problems).toEqual([expect.stringMatching(/^MCPToolLock l: spec\.servers\[0\]\.tools\[0\]\.definition: is no JSON/)]);
    expect(locksIn(found)).toEqual([new Map(), new Map()]);
  });
});

const annotated = (value: string) =>
  routesOf(gatewayYaml() + ROUTE.replace('{name: m}', `{name: m, annotations: {tierkit.dev/tool-arguments: ${value}}}`));

it('arguments of tools are checked where the route says so', () => {
  expect(load('').ordinary('/mcp').mcp!.checksArguments).toBe(false);
  expect(annotated('validate').ordinary('/mcp').mcp!.checksArguments).toBe(true);
  expect(annotated('check').problems).toEqual([
    'MCPRoute default/m: metadata.annotations["tierkit.dev/tool-arguments"]: must be "validate", not "check"',
  ]);
});
