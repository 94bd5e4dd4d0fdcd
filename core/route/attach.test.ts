import { describe, expect, it } from 'vitest';

import { aiBackendYaml, aiRouteYaml, gatewayYaml, httpRouteYaml, model, routesOf, TO_B } from './route.fixture.ts';

const listener = (name: string, more = '', port = 80) => `{name: ${name}, port: ${port}, protocol: HTTP${more === '' ? '' : `, ${more}`}}`;
const all = 'rules: [{matches: [{path: {value: /}}]}]';
const route = (namespace: string, parents = '{name: gw, namespace: default}', more = '') =>
  httpRouteYaml('r', `parentRefs: [${parents}]${more === '' ? '' : `, ${more}`}, ${all}`, `namespace: ${namespace}`);
const namespaceYaml = (name: string, labels: string) =>
  `\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}, labels: {${labels}}}\n`;
const from = (namespaces: string) => gatewayYaml(listener('http', `allowedRoutes: {namespaces: ${namespaces}}`));
const SELECTOR = '{from: Selector, selector: {matchLabels: {team: ml}}}';

const refused = (namespace: string) =>
  `HTTPRoute ${namespace}/r: spec.parentRefs[0]: Gateway default/gw takes no HTTPRoute from namespace ${namespace}: see allowedRoutes of its listener http`;

describe('from which namespaces routes attach', () => {
  it.each<[string, string, string[]]>([
    ['Same, by default', gatewayYaml() + route('default'), []],
    ['Same, from another one', gatewayYaml() + route('other'), [refused('other')]],
    ['All', from('{from: All}') + route('other'), []],
    ['Selector', from(SELECTOR) + namespaceYaml('other', 'team: ml') + route('other'), []],
    ['Selector that does not fit', from(SELECTOR) + namespaceYaml('other', 'team: web') + route('other'), [refused('other')]],
    ['Selector, without the Namespace', from(SELECTOR) + route('other'), [refused('other')]],
    [
      'Selector by the label that every namespace has',
      from('{from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: other}}}') + route('other'),
      [],
    ],
    [
      'Selector by an expression',
      from('{from: Selector, selector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [other]}]}}') +
        route('other'),
      [refused('other')],
    ],
  ])('%s', (_name, yaml, problems) => {
    const routes = routesOf(yaml);
    expect(routes.problems).toEqual(problems);
    expect(routes.find({}) === undefined).toBe(problems.length > 0);
  });

  it('attaches to those listeners alone that take it, without a word about the others', () => {
    const yaml = gatewayYaml(listener('closed'), listener('open', 'allowedRoutes: {namespaces: {from: All}}', 81)) + route('other');
    const routes = routesOf(yaml);
    expect(routes.problems).toEqual([]);
    expect([80, 81].map((port) => routes.find({ port }))).toEqual([undefined, 'r/0']);
  });
});

const kinds = (list: string) => gatewayYaml(listener('http', `allowedRoutes: {kinds: ${list}}`));

describe('which kinds attach', () => {
  const both = httpRouteYaml('web', all) + aiBackendYaml('ai') + aiRouteYaml('ai', `{matches: [${model('m')}], backendRefs: [{name: ai}]}`);
  const AI = '{group: aigateway.envoyproxy.io, kind: AIGatewayRoute}';

  it.each<[string, string, boolean, boolean]>([
    ['those of the protocol', '[]', true, true],
    // In a cluster an AIGatewayRoute becomes an HTTPRoute.
    ['HTTPRoute', '[{kind: HTTPRoute}]', true, true],
    ['AIGatewayRoute', `[${AI}]`, false, true],
    ['another kind', '[{kind: GRPCRoute}]', false, false],
  ])('%s', (_name, list, web, ai) => {
    const { problems } = routesOf(kinds(list) + both);
    expect(problems.map((problem) => problem.split(' ')[0]!).toSorted((a, b) => a.localeCompare(b))).toEqual([
      ...(ai ? [] : ['AIGatewayRoute']),
      ...(web ? [] : ['HTTPRoute']),
    ]);
  });
});

describe('what a parent reference may name', () => {
  const two = gatewayYaml(listener('http'), listener('admin', 'hostname: admin.example.com', 81));
  const at = 'HTTPRoute default/r: ';

  it.each<[string, string, string[]]>([
    ['a listener by name', '{name: gw, sectionName: admin}', []],
    ['a listener by port', '{name: gw, port: 81}', []],
    ['a listener by both', '{name: gw, sectionName: admin, port: 81}', []],
    ['both listeners, one by one', '{name: gw, sectionName: admin}, {name: gw, sectionName: http}', []],
    [
      'a listener that is not there',
      '{name: gw, sectionName: htp}',
      [`${at}spec.parentRefs[0]: Gateway default/gw has no listener "htp"; did you mean "http"?`],
    ],
    [
      'a port that is not there',
      '{name: gw, port: 82}',
      [`${at}spec.parentRefs[0]: Gateway default/gw has no listener on port 82; it has 80, 81`],
    ],
    [
      'the port of another listener',
      '{name: gw, sectionName: http, port: 81}',
      [`${at}spec.parentRefs[0]: Gateway default/gw has the listener "http" on port 80, not 81`],
    ],
    ['a Gateway that is not there', '{name: gww}', [`${at}spec.parentRefs[0].name: there is no Gateway default/gww; did you mean "gw"?`]],
    [
      'another kind',
      '{name: gw, group: "", kind: Service}',
      [`${at}spec.parentRefs[0].kind: a Service cannot be the parent of a route here; name a Gateway`],
    ],
  ])('%s', (_name, parents, problems) => {
    expect(routesOf(two + route('default', parents)).problems).toEqual(problems);
  });

  it('reports a route without a parent', () => {
    const yaml = httpRouteYaml('r', all).replace('parentRefs: [{name: gw}], ', '');
    expect(routesOf(gatewayYaml() + yaml).problems).toEqual([`${at}spec.parentRefs: is missing: the route is attached to no Gateway`]);
  });

  it('reports a route whose hosts no listener has', () => {
    const yaml = gatewayYaml(listener('http', 'hostname: "*.example.com"'), listener('admin', 'hostname: admin.org', 81));
    expect(routesOf(yaml + route('default', '{name: gw}', 'hostnames: [a.org, b.org]')).problems).toEqual([
      `${at}spec.hostnames: none of a.org, b.org is a host of Gateway default/gw: *.example.com, admin.org`,
    ]);
  });

  it('tells the other problems of a route that is attached to nothing as well', () => {
    const yaml = gatewayYaml() + httpRouteYaml('r', `parentRefs: [{name: no}], rules: [{${TO_B.replace('name: b', 'name: bb')}}]`);
    expect(routesOf(yaml).problems).toEqual([
      `${at}spec.parentRefs[0].name: there is no Gateway default/no`,
      `${at}spec.rules[0].backendRefs[0].name: there is no Backend default/bb; did you mean "b"?`,
    ]);
  });

  it('tells a problem once, though two Gateways and their listeners come across it', () => {
    const other = gatewayYaml(listener('x', '', 90), listener('y', '', 91))
      .split('---')[0]!
      .replace('name: gw', 'name: gw2');
    const yaml = `${two}---\n${other}${httpRouteYaml('r', `parentRefs: [{name: gw}, {name: gw2}], rules: [{${TO_B.replace('name: b', 'name: bb')}}]`)}`;
    const routes = routesOf(yaml);
    expect(routes.problems).toEqual([`${at}spec.rules[0].backendRefs[0].name: there is no Backend default/bb; did you mean "b"?`]);
  });
});
