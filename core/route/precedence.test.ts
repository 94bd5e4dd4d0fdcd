import { describe, expect, it } from 'vitest';

import { aiBackendYaml, aiRouteYaml, gatewayYaml, httpRouteYaml, model, routesOf, TO_B, type TestRoutes } from './route.fixture.ts';

const rule = (matches: string, name?: string) => `{${name === undefined ? '' : `name: ${name}, `}matches: [${matches}], ${TO_B}}`;
const path = (value: string, type = 'PathPrefix', more = '') =>
  `{path: {type: ${type}, value: "${value}"}${more === '' ? '' : `, ${more}`}}`;

/** One route a rule, so that nothing but precedence orders them; the last one is named first in the alphabet. */
function ranked(...matches: string[]): TestRoutes {
  const routes = matches.map((match, index) => httpRouteYaml(`r${matches.length - index}`, `rules: [${rule(match, `m${index}`)}]`));
  return routesOf(gatewayYaml() + routes.join(''));
}

const header = (...names: string[]) => `headers: [${names.map((name) => `{name: ${name}, value: "1"}`).join(', ')}]`;
const query = (...names: string[]) => `queryParams: [${names.map((name) => `{name: ${name}, value: "1"}`).join(', ')}]`;

describe('precedence of matches (Gateway API, HTTPRouteRule)', () => {
  it('prefers an exact path to a pattern, that to a prefix, and a longer prefix to a shorter one', () => {
    const routes = ranked(
      path('/'),
      path('/a'),
      path('/a/b'),
      path('/a/b/c', 'Exact'),
      path('/a/b/.*', 'RegularExpression'),
      path('/a/b/c/d'),
    );
    expect(routes.problems).toEqual([]);
    const found = (wanted: string) => routes.find({ path: wanted })?.split('/')[1];
    expect(['/a/b/c', '/a/b/d', '/a/b', '/a/b/c/d', '/a/x', '/x'].map(found)).toEqual(['m3', 'm4', 'm2', 'm4', 'm1', 'm0']);
  });

  it('takes prefixes by whole segments', () => {
    const routes = ranked(path('/api'), path('/api/v1/'), path('/api/v1/x'));
    const found = (wanted: string) => routes.find({ path: wanted })?.split('/')[1];
    expect(['/api', '/api/', '/api/v2', '/apis', '/api/v1', '/api/v1/', '/api/v1/x', '/api/v1/xy', '/ap', '/'].map(found)).toEqual([
      'm0',
      'm0',
      'm0',
      undefined,
      'm1',
      'm1',
      'm2',
      'm1',
      undefined,
      undefined,
    ]);
  });

  it('looks at case in paths, and at nothing but the whole in exact ones', () => {
    const routes = ranked(path('/Exact', 'Exact'));
    expect(['/Exact', '/exact', '/Exact/', '/Exact/a'].map((wanted) => routes.find({ path: wanted }))).toEqual([
      'r1/m0',
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('among equal paths prefers a method, then more headers, then more query parameters', () => {
    const routes = ranked(
      path('/a'),
      path('/a', 'PathPrefix', query('p')),
      path('/a', 'PathPrefix', query('p', 'q')),
      path('/a', 'PathPrefix', header('x')),
      path('/a', 'PathPrefix', header('x', 'y')),
      path('/a', 'PathPrefix', 'method: POST'),
      path('/a/b', 'PathPrefix'),
    );
    const all = { path: '/a', headers: { x: '1', y: '1' }, query: '?p=1&q=1' };
    const found = (asked: object) => routes.find({ ...all, ...asked })?.split('/')[1];
    expect([
      found({ method: 'POST' }),
      found({}),
      found({ headers: { x: '1' } }),
      found({ headers: {} }),
      found({ headers: {}, query: '?p=1' }),
      found({ headers: {}, query: '' }),
      // A longer path comes before everything else.
      found({ path: '/a/b', method: 'POST' }),
    ]).toEqual(['m5', 'm4', 'm3', 'm2', 'm1', 'm0', 'm6']);
  });

  it('among equal matches prefers the older route, then the name with its namespace, then the earlier rule', () => {
    const all = 'allowedRoutes: {namespaces: {from: All}}';
    const route = (name: string, metadata: string) =>
      httpRouteYaml(name, `parentRefs: [{name: gw, namespace: default}], rules: [${rule('{}')}]`, metadata).replaceAll(TO_B, '');
    const winner = (...routes: string[]) => {
      const yaml = gatewayYaml(`{name: h, port: 80, protocol: HTTP, ${all}}`) + routes.join('');
      return routesOf(yaml.replaceAll(', }', '}')).find({});
    };
    const old = 'creationTimestamp: "2024-01-01T00:00:00Z"';
    expect(winner(route('a', ''), route('b', old))).toBe('b/0');
    expect(winner(route('a', 'creationTimestamp: "2025-01-01T00:00:00Z"'), route('b', old))).toBe('b/0');
    // 01:30 with an offset of two hours is the evening before.
    expect(winner(route('a', old), route('b', 'creationTimestamp: "2024-01-01T01:30:00+02:00"'))).toBe('b/0');
    expect(winner(route('b', old), route('a', old))).toBe('a/0');
    expect(winner(route('a', 'namespace: z'), route('b', 'namespace: a'))).toBe('b/0');
    const yaml = gatewayYaml() + httpRouteYaml('r', `rules: [${rule('{}', 'first')}, ${rule('{}', 'second')}]`);
    expect(routesOf(yaml).find({})).toBe('r/first');
  });

  it('takes any of several matches of a rule, and all parts of one match', () => {
    const two = '{headers: [{name: X-Team, value: a}], method: GET}';
    const routes = routesOf(gatewayYaml() + httpRouteYaml('r', `rules: [${rule(`${path('/a')}, ${two}`)}]`));
    expect(routes.find({ path: '/a', method: 'PUT' })).toBe('r/0');
    expect(routes.find({ path: '/b', headers: { 'x-team': 'a' } })).toBe('r/0');
    expect(routes.find({ path: '/b', headers: { 'x-team': 'a' }, method: 'PUT' })).toBeUndefined();
    expect(routes.find({ path: '/b', headers: { 'x-team': 'A' } })).toBeUndefined();
  });

  it.each(['rules: [{RULE}]', 'rules: [{matches: [], RULE}]', 'rules: [{matches: [{}], RULE}]'])(
    'takes every request where no match is asked for: %s',
    (spec) => {
      const routes = routesOf(gatewayYaml() + httpRouteYaml('r', spec.replace('RULE', TO_B)));
      expect(routes.problems).toEqual([]);
      expect(routes.find({ path: '/any/thing', method: 'DELETE' })).toBe('r/0');
    },
  );
});

describe('values of headers and query parameters', () => {
  const routes = routesOf(
    gatewayYaml() +
      httpRouteYaml(
        'r',
        `rules: [${rule('{headers: [{name: X-A, type: RegularExpression, value: "a|ab"}]}', 'pattern')},
          ${rule('{queryParams: [{name: Q, value: "a b"}]}', 'query')},
          ${rule('{queryParams: [{name: p, type: RegularExpression, value: "[0-9]+"}]}', 'digits')},
          ${rule('{headers: [{name: x-many, value: "1, 2"}]}', 'many')}]`,
      ),
  );

  it.each<[string, object, string | undefined]>([
    ['a pattern', { headers: { 'x-a': 'ab' } }, 'r/pattern'],
    ['a pattern that fits a part only', { headers: { 'x-a': 'abc' } }, undefined],
    ['an absent header', {}, undefined],
    ['a parameter, decoded', { query: '?Q=a%20b' }, 'r/query'],
    ['a parameter with a plus', { query: '?x=1&Q=a+b' }, 'r/query'],
    ['a parameter in another case', { query: '?q=a%20b' }, undefined],
    ['the first of two parameters', { query: '?p=x&p=1' }, undefined],
    ['digits', { query: '?p=42' }, 'r/digits'],
    ['a header that came twice', { headers: { 'x-many': '1, 2' } }, 'r/many'],
  ])('%s', (_name, asked, found) => {
    expect(routes.problems).toEqual([]);
    expect(routes.find(asked)).toBe(found);
  });

  it('reports a pattern that RE2 does not take, and does not stop at it', () => {
    const bad = '{headers: [{name: x, type: RegularExpression, value: "(?=a)"}]}';
    const { problems } = routesOf(gatewayYaml() + aiBackendYaml('ai') + aiRouteYaml('r', `{matches: [${bad}], backendRefs: [{name: ai}]}`));
    expect(problems).toEqual([
      expect.stringMatching(/^AIGatewayRoute default\/r: spec\.rules\[0\]\.matches\[0\]\.headers\[0\]\.value: "\(\?=a\)" is no /),
    ]);
  });
});

describe('AIGatewayRoute beside HTTPRoute', () => {
  const routes = routesOf(
    gatewayYaml() +
      aiBackendYaml('ai') +
      aiRouteYaml(
        'models',
        `{name: exact, matches: [${model('gpt-5')}], backendRefs: [{name: ai}]},
         {name: claude, matches: [${model('claude.*', 'RegularExpression')}], backendRefs: [{name: ai}]},
         {name: beta, matches: [{headers: [{type: Exact, name: x-ai-eg-model, value: gpt-5}, {type: Exact, name: x-beta, value: "1"}]}], backendRefs: [{name: ai}]}`,
      ) +
      httpRouteYaml('web', `rules: [${rule(path('/v1/audio'), 'audio')}, ${rule('{}', 'rest')}]`),
  );
  const chat = { path: '/v1/chat/completions', method: 'POST' };

  it.each([
    ['a model by its name', { ...chat, model: 'gpt-5' }, 'models/exact'],
    ['a model with a header more', { ...chat, model: 'gpt-5', headers: { 'x-beta': '1' } }, 'models/beta'],
    ['a model by a pattern', { ...chat, model: 'claude-opus' }, 'models/claude'],
    ['a model in another case', { ...chat, model: 'GPT-5' }, 'web/rest'],
    ['a model with a line feed', { ...chat, model: 'claude\n' }, 'web/rest'],
    ['no model', chat, 'web/rest'],
    // The name of the model is the body's; a client's header of that name is a forgery.
    ['a header that says a model', { ...chat, headers: { 'x-ai-eg-model': 'gpt-5' } }, 'web/rest'],
    ['a longer prefix of an HTTPRoute', { path: '/v1/audio/speech', method: 'POST', model: 'gpt-5' }, 'web/audio'],
  ])('%s', (_name, asked, found) => {
    expect(routes.problems).toEqual([]);
    expect(routes.find(asked)).toBe(found);
  });
});

it('finds each of two thousand rules', () => {
  const perRoute = 10;
  const routes: string[] = [];
  for (let at = 0; at < 2000; at += perRoute) {
    const rules = Array.from({ length: perRoute }, (_, index) => {
      const id = at + index;
      if (id % 4 === 0) return rule(path(`/svc-${id}`), `n${id}`);
      if (id % 4 === 1) return rule(path(`/shared/svc-${id}`, 'Exact'), `n${id}`);
      if (id % 4 === 2) return rule(path('/headers', 'PathPrefix', `headers: [{name: x-svc, value: "${id}"}]`), `n${id}`);
      return rule(path(`/shared/svc-${id}`), `n${id}`);
    });
    routes.push(httpRouteYaml(`r${at}`, `rules: [${rules.join(', ')}]`));
  }
  const ai = Array.from({ length: 20 }, (_, route) =>
    aiRouteYaml(
      `ai${route}`,
      Array.from({ length: 10 }, (_, index) => `{matches: [${model(`m-${route}-${index}`)}], backendRefs: [{name: ai}]}`).join(', '),
    ),
  );
  const table = routesOf(gatewayYaml() + aiBackendYaml('ai') + routes.join('') + ai.join(''));
  expect(table.problems).toEqual([]);
  const wrong: string[] = [];
  for (let id = 0; id < 2000; id++) {
    const name = `r${id - (id % perRoute)}/n${id}`;
    const asked = [
      { path: `/svc-${id}/x` },
      { path: `/shared/svc-${id}` },
      { path: '/headers', headers: { 'x-svc': String(id) } },
      { path: `/shared/svc-${id}/x` },
    ][id % 4]!;
    if (table.find(asked) !== name) wrong.push(name);
  }
  expect(wrong).toEqual([]);
  expect(table.find({ path: '/v1/chat/completions', model: 'm-19-9' })).toBe('ai19/9');
  expect(table.find({ path: '/svc-2000' })).toBeUndefined();
});
