import { describe, expect, it } from 'vitest';

import { commonHosts } from './attach.ts';
import { gatewayYaml, httpRouteYaml, routesOf, TO_B } from './route.fixture.ts';

const listener = (name: string, more = '', port = 80) => `{name: ${name}, port: ${port}, protocol: HTTP${more === '' ? '' : `, ${more}`}}`;
const all = `rules: [{${TO_B}}]`;

describe('hosts that a listener and a route have in common (Gateway API, HTTPRouteSpec.hostnames)', () => {
  it.each<[string | undefined, string[], string[]]>([
    [undefined, [], ['*']],
    [undefined, ['a.com', '*.b.com'], ['a.com', '*.b.com']],
    ['a.com', [], ['a.com']],
    ['*.a.com', [], ['*.a.com']],
    ['a.com', ['a.com', 'b.com'], ['a.com']],
    ['a.com', ['b.com'], []],
    ['*.a.com', ['x.a.com', 'x.y.a.com', 'a.com', 'xa.com'], ['x.a.com', 'x.y.a.com']],
    ['x.a.com', ['*.a.com', '*.com'], ['x.a.com']],
    ['*.a.com', ['*.com'], ['*.a.com']],
    ['*.com', ['*.a.com'], ['*.a.com']],
    ['*.a.com', ['*.a.com'], ['*.a.com']],
    ['*.a.com', ['*.b.com', '*.ba.com'], []],
  ])('%s and %j: %j', (listenerHost, routeHosts, common) => {
    expect(commonHosts(listenerHost, routeHosts)).toEqual(common);
  });
});

const two = (name: string, path: string) =>
  httpRouteYaml(name, `hostnames: [a.example.com], rules: [{matches: [{path: {value: ${path}}}], ${TO_B}}]`);
const joined = routesOf(gatewayYaml() + two('x', '/x') + two('y', '/y'));

describe('the most specific host holds, and nothing falls through to another', () => {
  const routes = routesOf(
    gatewayYaml() +
      httpRouteYaml('exact', `hostnames: [a.example.com], rules: [{matches: [{path: {value: /only}}], ${TO_B}}]`) +
      httpRouteYaml('wild', `hostnames: ["*.example.com"], ${all}`) +
      httpRouteYaml('deep', `hostnames: ["*.b.example.com"], ${all}`) +
      httpRouteYaml('any', all),
  );

  it.each([
    ['a.example.com', '/only', 'exact/0'],
    ['a.example.com', '/else', undefined],
    ['x.example.com', '/only', 'wild/0'],
    // A wildcard stands for one label or more.
    ['x.y.example.com', '/', 'wild/0'],
    ['x.b.example.com', '/', 'deep/0'],
    ['x.y.b.example.com', '/', 'deep/0'],
    ['b.example.com', '/', 'wild/0'],
    ['example.com', '/', 'any/0'],
    ['.example.com', '/', 'any/0'],
    ['badexample.com', '/', 'any/0'],
    ['', '/', 'any/0'],
    ['[::1]', '/', 'any/0'],
  ])('%s%s: %s', (host, path, found) => {
    expect(routes.problems).toEqual([]);
    expect(routes.find({ host, path })).toBe(found);
  });

  it('joins the routes of one name', () => {
    expect([joined.find({ path: '/x' }), joined.find({ path: '/y' })]).toEqual(['x/0', 'y/0']);
  });
});

describe('listeners of one port are apart', () => {
  const routes = routesOf(
    gatewayYaml(listener('any'), listener('wild', 'hostname: "*.example.com"'), listener('one', 'hostname: one.example.com')) +
      httpRouteYaml('everywhere', `parentRefs: [{name: gw, sectionName: any}], ${all}`) +
      httpRouteYaml('tenant', `parentRefs: [{name: gw, sectionName: wild}], hostnames: [t.example.com], ${all}`) +
      httpRouteYaml('one', `parentRefs: [{name: gw, sectionName: one}], rules: [{matches: [{path: {value: /one}}], ${TO_B}}]`),
  );

  it.each([
    ['other.com', '/', 'everywhere/0'],
    ['t.example.com', '/', 'tenant/0'],
    // The listener for *.example.com has no route for this one, and the listener for any host is another one.
    ['u.example.com', '/', undefined],
    ['one.example.com', '/one', 'one/0'],
    ['one.example.com', '/', undefined],
  ])('%s%s: %s', (host, path, found) => {
    expect(routes.problems).toEqual([]);
    expect(routes.find({ host, path })).toBe(found);
  });

  it('has no listener for a host that none names', () => {
    const named = routesOf(gatewayYaml(listener('one', 'hostname: one.example.com')) + httpRouteYaml('r', all));
    expect(named.compiled.ports[0]!.listener('two.example.com')).toBeUndefined();
    expect(named.find({ host: 'one.example.com' })).toBe('r/0');
  });

  it('keeps ports apart, in the order of their numbers', () => {
    const ports = routesOf(
      gatewayYaml(listener('b', '', 8080), listener('a')) +
        httpRouteYaml('only', `parentRefs: [{name: gw, port: 8080}], ${all}`) +
        httpRouteYaml('both', `rules: [{matches: [{path: {value: /both}}], ${TO_B}}]`),
    );
    expect(ports.compiled.ports.map(({ port }) => port)).toEqual([80, 8080]);
    expect([80, 8080].map((port) => ports.find({ port }))).toEqual([undefined, 'only/0']);
    expect([80, 8080].map((port) => ports.find({ port, path: '/both' }))).toEqual(['both/0', 'both/0']);
  });

  it('refuses one door of two Gateways', () => {
    const other = gatewayYaml().split('---')[0]!.replace('name: gw', 'name: gw2');
    const { problems } = routesOf(`${gatewayYaml()}---\n${other}`);
    expect(problems).toEqual([
      'Gateway default/gw2: spec.listeners[0]: listener default/gw/http has port 80 and the same hostname; all Gateways of a process share its address',
    ]);
  });
});

it('refuses resources without a Gateway: a folder that is empty for a moment must not end the service', () => {
  const message = 'there is no Gateway among the resources, so there is no port to listen on; add one';
  expect(routesOf('').problems).toEqual([message]);
  expect(routesOf(gatewayYaml().split('---')[1]!).problems).toEqual([message]);
});
