import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';

import { nameProblem, passthroughNaming, prefixNaming } from './naming.ts';

const SERVERS = ['git', 'git-hub', 'git.hub', 'a', 'a-b.c', 'ui', '7zip'];

describe('prefix', () => {
  const naming = prefixNaming(SERVERS);

  test.each([
    ['git', 'x', 'git__x'],
    ['git-hub', 'list_issues', 'git-hub__list_issues'],
    ['git.hub', '__x', 'git.hub____x'],
    ['a', 'b__c', 'a__b__c'],
    ['a', '', 'a__'],
  ])('of %s calls %j %s', (server, name, client) => {
    expect(naming.toClient(server, name)).toBe(client);
    expect(naming.toServer(client)).toEqual({ server, name });
  });

  test.each([
    ['git', 'file:///a', 'git+file:///a'],
    ['git', 'git+ssh://x', 'git+git+ssh://x'],
    ['ui', 'file:///a', 'ui+file:///a'],
    ['a-b.c', 'urn:isbn:1', 'a-b.c+urn:isbn:1'],
    ['a', 'ui://view/x.html', 'ui://a/view/x.html'],
    ['git', 'ui://a/x', 'ui://git/a/x'],
    ['git', 'file:///{+path}', 'git+file:///{+path}'],
    ['git', 'UI://x', 'git+UI://x'],
  ])('of %s calls %j %s', (server, uri, client) => {
    expect(naming.uriToClient(server, uri)).toBe(client);
    expect(naming.uriToServer(client)).toEqual({ server, name: uri });
  });

  test.each(['x', 'git', 'git_x', 'GIT__x', 'other__x', '', '__x'])('finds no server for the name %j', (name) => {
    expect(naming.toServer(name)).toBeUndefined();
  });

  test.each(['file:///a', 'ui://nobody/x', 'ui://git', 'git', ''])('finds no server for the URI %j', (uri) => {
    expect(naming.uriToServer(uri)).toBeUndefined();
  });

  it('takes the longest server name that fits, and says whose names that hides', () => {
    const naming = prefixNaming(['a', 'a__b', 'c', 'c+d']);
    expect(naming.toServer('a__b__x')).toEqual({ server: 'a__b', name: 'x' });
    expect(naming.toServer('a__c')).toEqual({ server: 'a', name: 'c' });
    expect(naming.uriToServer('c+d+file:///')).toEqual({ server: 'c+d', name: 'file:///' });
    expect(naming.conflicts).toEqual([
      ['a', 'a__b'],
      ['c', 'c+d'],
    ]);
    expect(prefixNaming(['a', 'a_']).conflicts).toEqual([['a', 'a_']]);
    expect(prefixNaming(['Foo', 'foo']).conflicts).toContainEqual(['Foo', 'foo']);
    expect(prefixNaming(SERVERS).conflicts).toEqual([]);
  });

  it('knows a server whose name a URI parser wrote in lower case', () => {
    const naming = prefixNaming(['GitHub', 'other']);
    const uri = new URL(naming.uriToClient('GitHub', 'file:///A')).href;
    expect(uri).toBe('github+file:///A');
    expect(naming.uriToServer(uri)).toEqual({ server: 'GitHub', name: 'file:///A' });
    expect(prefixNaming(['GitHub', 'GITHUB']).uriToServer('github+file:///A')).toBeUndefined();
  });

  it('decodes what it encodes, for any servers without conflicts', () => {
    const server = fc.oneof(
      fc.string({ unit: fc.constantFrom('a', 'b', '-', '.', '_', '+'), minLength: 1, maxLength: 5 }),
      fc.constantFrom(...SERVERS),
    );
    const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('a', '_', '+', ':', '/') }), fc.constantFrom('ui://a/b', 'ui://'));
    fc.assert(
      fc.property(fc.uniqueArray(server, { minLength: 1, maxLength: 6 }), fc.nat(), text, (servers, index, name) => {
        const naming = prefixNaming(servers);
        fc.pre(naming.conflicts.length === 0);
        const owned = { server: servers[index % servers.length]!, name };
        expect(naming.toServer(naming.toClient(owned.server, name))).toEqual(owned);
        expect(naming.uriToServer(naming.uriToClient(owned.server, name))).toEqual(owned);
      }),
      { numRuns: 2000 },
    );
  });
});

it('passthrough changes nothing', () => {
  const naming = passthroughNaming('a');
  expect([naming.toClient('a', 'a__x'), naming.uriToClient('a', 'ui://a/x')]).toEqual(['a__x', 'ui://a/x']);
  expect([naming.toServer('a__x'), naming.uriToServer('ui://a/x')]).toEqual([
    { server: 'a', name: 'a__x' },
    { server: 'a', name: 'ui://a/x' },
  ]);
});

test.each([
  ['a'.repeat(65), 'some clients take 64'],
  ['a'.repeat(129), 'MCP allows 128'],
  ['git.hub__x', 'model APIs'],
])('%s is reported', (name, problem) => {
  expect(nameProblem(name)).toContain(problem);
});

test.each(['a'.repeat(64), 'git-hub__x', 'A_9'])('%s is taken by all', (name) => {
  expect(nameProblem(name)).toBeUndefined();
});
