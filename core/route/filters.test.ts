import { describe, expect, it } from 'vitest';

import { editAnswer, filtersOf, modifiedPath, redirectLocation } from './filters.ts';
import { gatewayYaml, httpRouteYaml, routesOf, TO_B } from './route.fixture.ts';

describe('a path in place of the prefix (Gateway API, HTTPPathModifier)', () => {
  // The table of the specification, and what it leaves open.
  it.each([
    ['/foo/bar', '/foo', '/xyz', '/xyz/bar'],
    ['/foo/bar', '/foo', '/xyz/', '/xyz/bar'],
    ['/foo/bar', '/foo/', '/xyz', '/xyz/bar'],
    ['/foo/bar', '/foo/', '/xyz/', '/xyz/bar'],
    ['/foo', '/foo', '/xyz', '/xyz'],
    ['/foo/', '/foo', '/xyz', '/xyz/'],
    ['/foo/bar', '/foo', '', '/bar'],
    ['/foo/', '/foo', '', '/'],
    ['/foo', '/foo', '', '/'],
    ['/foo/', '/foo', '/', '/'],
    ['/foo', '/foo', '/', '/'],
    ['/a/b', '/', '/xyz', '/xyz/a/b'],
    ['/foo', '/foo/', '/xyz', '/xyz'],
    ['/foo/bar', '/foo', 'xyz', '/xyz/bar'],
    ['/foo/%C3%A4;p=1', '/foo', '/x', '/x/%C3%A4;p=1'],
  ])('%s, prefix %s, replaced by "%s": %s', (path, prefix, replacePrefixMatch, expected) => {
    expect(modifiedPath(path, { type: 'ReplacePrefixMatch', replacePrefixMatch }, prefix)).toBe(expected);
  });

  it('or in place of all of it', () => {
    expect(modifiedPath('/foo/bar', { type: 'ReplaceFullPath', replaceFullPath: '/x' }, '/foo')).toBe('/x');
    expect(modifiedPath('/foo/bar', { type: 'ReplaceFullPath', replaceFullPath: 'x' }, '/foo')).toBe('/x');
    expect(modifiedPath('/foo/bar', { type: 'ReplaceFullPath', replaceFullPath: '' }, '/foo')).toBe('/');
    expect(modifiedPath('/foo/bar', undefined, '/foo')).toBe('/foo/bar');
  });
});

describe('Location (Gateway API, HTTPRequestRedirectFilter)', () => {
  const request = { scheme: 'http', host: 'a.example.com', port: 8080, path: '/foo/bar', query: '?q=1' };
  it.each<[string, object, object, string]>([
    ['nothing said: the port of the listener', {}, {}, 'http://a.example.com:8080/foo/bar?q=1'],
    ['the usual port is not written', {}, { port: 80 }, 'http://a.example.com/foo/bar?q=1'],
    ['another host', { hostname: 'b.org' }, {}, 'http://b.org:8080/foo/bar?q=1'],
    ['a scheme brings its own port', { scheme: 'https' }, {}, 'https://a.example.com/foo/bar?q=1'],
    ['the same scheme does so as well', { scheme: 'http' }, {}, 'http://a.example.com/foo/bar?q=1'],
    ['a port', { port: 9000 }, {}, 'http://a.example.com:9000/foo/bar?q=1'],
    ['a port and a scheme', { scheme: 'https', port: 8443 }, {}, 'https://a.example.com:8443/foo/bar?q=1'],
    ['the usual port of the scheme', { scheme: 'https', port: 443 }, {}, 'https://a.example.com/foo/bar?q=1'],
    ['the usual port of the other scheme', { scheme: 'https', port: 80 }, {}, 'https://a.example.com:80/foo/bar?q=1'],
    ['another path', { path: { type: 'ReplaceFullPath', replaceFullPath: '/x' } }, { port: 80 }, 'http://a.example.com/x?q=1'],
    ['another prefix', { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/x' } }, { port: 80 }, 'http://a.example.com/x/bar?q=1'],
    ['an IPv6 address', {}, { host: '[::1]' }, 'http://[::1]:8080/foo/bar?q=1'],
  ])('%s', (_name, redirect, changed, location) => {
    expect(redirectLocation({ statusCode: 302, ...redirect }, { ...request, ...changed }, '/foo')).toBe(location);
  });
});

describe('headers', () => {
  it('of an answer: removed, then set, then added', () => {
    const headers: Record<string, string | string[]> = { a: '1', b: '2', 'set-cookie': ['x=1'] };
    const { answer } = filtersOf([
      {
        type: 'ResponseHeaderModifier',
        responseHeaderModifier: {
          remove: ['A', 'absent'],
          set: [
            { name: 'B', value: 'set' },
            { name: 'c', value: 'new' },
          ],
          add: [
            { name: 'Set-Cookie', value: 'y=2' },
            { name: 'a', value: 'back' },
          ],
        },
      },
    ]);
    editAnswer(headers, answer);
    expect(headers).toEqual({ b: 'set', c: 'new', 'set-cookie': ['x=1', 'y=2'], a: ['back'] });
  });

  it('of a request: names are those on the wire, in lower case', () => {
    const { request } = filtersOf([
      {
        type: 'RequestHeaderModifier',
        requestHeaderModifier: { set: [{ name: 'X-A', value: '1' }], add: [{ name: 'X-B', value: '2' }], remove: ['X-C'] },
      },
    ]);
    expect(request).toEqual({ replaced: new Set(['x-a', 'x-c']), lines: ['x-a', '1', 'x-b', '2'] });
  });
});

const modifier = (kind: 'request' | 'response', edits: string) =>
  `{type: ${kind === 'request' ? 'Request' : 'Response'}HeaderModifier, ${kind}HeaderModifier: ${edits}}`;

const problems = (filters: string, backendFilters = '') => {
  const refs = backendFilters === '' ? TO_B : TO_B.replace('name: b', `name: b, filters: [${backendFilters}]`);
  const redirect = filters.includes('requestRedirect') ? '' : `, ${refs}`;
  return routesOf(gatewayYaml() + httpRouteYaml('r', `rules: [{filters: [${filters}]${redirect}}]`)).problems.map((problem) =>
    problem.replace(/^.*?: spec\.rules\[0\]\./, ''),
  );
};

describe('filters that no message can carry are refused', () => {
  it.each<[string, string[]]>([
    [modifier('request', '{set: [{name: Host, value: a.b}, {name: X-A, value: "a\\tb ü"}], remove: [Connection]}'), []],
    [
      modifier('request', '{set: [{name: Transfer-Encoding, value: chunked}], add: [{name: Content-Length, value: "5"}]}'),
      [
        'filters[0].requestHeaderModifier.set[0].name: Transfer-Encoding is written by the gateway itself',
        'filters[0].requestHeaderModifier.add[0].name: Content-Length is written by the gateway itself',
      ],
    ],
    [
      modifier('request', '{add: [{name: host, value: a.b}]}'),
      ['filters[0].requestHeaderModifier.add[0].name: host is written by the gateway itself'],
    ],
    [
      modifier('response', '{set: [{name: content-length, value: "0"}, {name: x, value: "→"}]}'),
      [
        'filters[0].responseHeaderModifier.set[0].name: content-length is written by the gateway itself',
        'filters[0].responseHeaderModifier.set[1].value: has a character that no header can carry',
      ],
    ],
    [
      '{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: "/a b?c"}}}',
      ['filters[0].urlRewrite.path.replaceFullPath: "/a b?c" has a character that a path cannot have; write it as %XX'],
    ],
    [
      '{type: RequestRedirect, requestRedirect: {path: {type: ReplacePrefixMatch, replacePrefixMatch: "/ä"}}}',
      ['filters[0].requestRedirect.path.replacePrefixMatch: "/ä" has a character that a path cannot have; write it as %XX'],
    ],
    ['{type: RequestRedirect, requestRedirect: {path: {type: ReplacePrefixMatch, replacePrefixMatch: ""}}}', []],
  ])('%s', (filters, expected) => {
    expect(problems(filters)).toEqual(expected);
  });

  it('those of a backend as well', () => {
    expect(problems('', modifier('response', '{add: [{name: Upgrade, value: x}]}'))).toEqual([
      'backendRefs[0].filters[0].responseHeaderModifier.add[0].name: Upgrade is written by the gateway itself',
    ]);
  });
});
