import { describe, expect, it } from 'vitest';

import { Loader } from '../resources/load.ts';
import type { RouteInfo } from '../route/rule.ts';

import { Unpriced } from './cost.ts';
import { mcpRoute, read, toolTable } from './money.fixture.ts';
import { type ToolPrices, toolPricesOf } from './tool-prices.ts';

const NOW = Date.parse('2026-06-15T12:00:00Z');
const ROUTE: RouteInfo = { kind: 'MCPRoute', namespace: 'default', name: 'r' };
const ROUTES = mcpRoute('r', ['git', 'web']) + mcpRoute('other', ['git']);

function problems(yaml: string): string[] {
  const { set, reported, report } = read(yaml);
  toolPricesOf(set, report);
  return reported;
}

function prices(yaml: string): ToolPrices {
  const { set, reported, report } = read(ROUTES + yaml);
  const found = toolPricesOf(set, report);
  if (reported.length > 0) throw new Error(reported.join('\n'));
  return found;
}

function idOf(found: ToolPrices, server: string, tool: string, route = ROUTE, now = NOW): string | undefined {
  const price = found.of(route).find(server, tool, now);
  return price instanceof Unpriced ? price.reason : price?.id;
}

const entry = (tool: string, more = '') => `{tool: "${tool}", price: "0.01"${more === '' ? '' : `, ${more}`}}`;

describe('the price of a tool', () => {
  const found = prices(
    toolTable(
      [
        entry('create'),
        entry('create*'),
        entry('*', 'route: r'),
        entry('*', 'server: git'),
        entry('delete', 'server: git'),
        entry('create_pr', 'server: git, route: r'),
      ].join(),
    ),
  );
  const elsewhere: RouteInfo = { ...ROUTE, name: 'other' };
  const foreign: RouteInfo = { ...ROUTE, namespace: 'team' };

  it.each<[string, string, string, RouteInfo, string | undefined]>([
    ['server and route go first', 'git', 'create_pr', ROUTE, 'default/tools/tool/r/git:create_pr'],
    ['then the server', 'git', 'create', ROUTE, 'default/tools/tool/git:*'],
    ['and of it the whole name', 'git', 'delete', ROUTE, 'default/tools/tool/git:delete'],
    ['then the route', 'web', 'create', ROUTE, 'default/tools/tool/r/*'],
    ['the server of another route, too', 'git', 'create_pr', elsewhere, 'default/tools/tool/git:*'],
    ['then the whole name anywhere', 'web', 'create', foreign, 'default/tools/tool/create'],
    ['then its beginning', 'web', 'create_pr', foreign, 'default/tools/tool/create*'],
    ['a server of another namespace is another', 'git', 'delete', foreign, undefined],
    ['and one that nothing names is free', 'web', 'delete', foreign, undefined],
    ['whatever it is called', 'web', 'constructor', foreign, undefined],
  ])('%s', (_name, server, tool, route, id) => {
    expect(idOf(found, server, tool, route)).toBe(id);
    expect(idOf(found, server, tool, route)).toBe(id);
  });

  it('is what is found after more names than are kept', () => {
    for (let at = 0; at < 10_000; at++) expect(idOf(found, 'web', `delete${at}`, foreign)).toBeUndefined();
    expect(idOf(found, 'web', 'create', foreign)).toBe('default/tools/tool/create');
  });

  it('is exact', () => {
    const price = prices(toolTable('{tool: t, price: "9007199.254740991"}', 'p', 'EUR'))
      .of(ROUTE)
      .find('git', 't', NOW);
    expect(price).toMatchObject({ cost: { nanos: Number.MAX_SAFE_INTEGER, currency: 'EUR', entry: 'default/p/tool/t' } });
  });

  it('is unknown, and not 0, while none that names it holds', () => {
    const changing = prices(
      toolTable([entry('a', 'until: "2026-06-14"'), entry('a', 'from: "2026-07-01"'), entry('b', 'from: "2026-07-01"')].join()),
    );
    expect(idOf(changing, 'git', 'a', ROUTE, Date.parse('2026-06-14T23:59:59Z'))).toBe('default/tools/tool/a');
    expect(idOf(changing, 'git', 'a')).toBe('the price of tool "a" of git (default/tools/tool/a) has ended');
    expect(idOf(changing, 'git', 'a', ROUTE, Date.parse('2026-07-01T00:00:00Z'))).toBe('default/tools/tool/a@2026-07-01');
    expect(idOf(changing, 'git', 'b')).toBe('the price of tool "b" of git (default/tools/tool/b@2026-07-01) does not hold yet');
  });

  it('is unknown where a table that cannot be read names it', () => {
    const wrong = toolTable([entry('a', 'prise: 1'), entry('b', 'server: git'), '7', '{route: other}'].join(), 'wrong');
    const { set } = new Loader().load({ paths: [], texts: [{ file: 'test', text: ROUTES + toolTable(entry('*')) + wrong }], env: {} });
    const read = toolPricesOf(set, (_resource, path, message) => expect.unreachable(`${path}: ${message}`));
    const broken = 'PriceTable default/wrong has problems, and no price until they are mended';
    expect([idOf(read, 'web', 'a'), idOf(read, 'git', 'b'), idOf(read, 'x', 'y', elsewhere)]).toEqual([broken, broken, broken]);
    expect(idOf(read, 'web', 'b')).toBe('default/tools/tool/*');
  });
});

it('reports servers and routes that are not there, and prices that hold at once', () => {
  const tools = [
    entry('a', 'server: gti'),
    entry('a', 'route: r, server: wep'),
    entry('a', 'route: othr'),
    entry('b', 'from: "2026-01-01"'),
    entry('b', 'until: "2026-01-01"'),
  ];
  expect(problems(ROUTES + toolTable(tools.join()))).toEqual([
    'PriceTable default/tools: spec.tools[0].server: "gti" is no backendRef of an MCPRoute of default; did you mean "git"?',
    'PriceTable default/tools: spec.tools[1].server: "wep" is no backendRef of MCPRoute default/r; did you mean "web"?',
    'PriceTable default/tools: spec.tools[2].route: there is no MCPRoute default/othr; did you mean "other"?',
    'PriceTable default/tools: spec.tools[4]: holds for the same at the same time as spec.tools[3] of PriceTable default/tools: give one of them another tool, from or until',
  ]);
});

it('believes in a server that a route with problems may have', () => {
  const { set, problems: told } = new Loader().load({
    paths: [],
    texts: [{ file: 'test', text: mcpRoute('r', ['web']).replace('backendRefs', 'backends') + toolTable(entry('a', 'server: git')) }],
    env: {},
  });
  expect(told).not.toEqual([]);
  toolPricesOf(set, (_resource, path, message) => expect.unreachable(`${path}: ${message}`));
});
