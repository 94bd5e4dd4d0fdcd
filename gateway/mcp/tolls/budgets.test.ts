// Budgets and prices of tools through the gateway: who gets through, and what it tells.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { Counts } from '../../admit/counts.ts';
import { MemoryStore } from '../../admit/store/memory/memory-store.ts';
import { describeReal } from '../../admit/store/redis/real.fixture.ts';
import { RedisStore } from '../../admit/store/redis/redis-store.ts';
import { parseRedisUrl } from '../../admit/store/redis/settings.ts';
import { startRedis, until } from '../../admit/store/redis.fixture.ts';
import { Ledger } from '../../ledger/ledger.ts';
import type { LedgerRow } from '../../ledger/row.ts';
import { closeAfterEach, server } from '../opening.fixture.ts';
import { initialize, type RawAnswer } from '../raw-client.fixture.ts';
import { result } from '../scripted.fixture.ts';
import { DOLLAR, toolBudget, tollGateway, type TollGateway, toolPrices } from './tolls.fixture.ts';

closeAfterEach();

const CENT = '{tool: "*", price: "0.01"}';
const THREE = toolBudget('0.03');
const ABOUT_TOOLS = ', targetRefs: [{kind: MCPRoute, name: tools}]';

const KEYS = `apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: keys}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]
  apiKeyAuth: {credentialRefs: [{name: keys}], extractFrom: [{headers: [x-api-key]}]}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {ann: not-a-secret-a, bob: not-a-secret-b}`;

/** Twenty calls at one time, at a server that answers when all others have been refused. @returns how many passed, and what it saw */
async function crowd(start: (port: number) => Promise<readonly TollGateway[]>): Promise<readonly [passed: number, seen: number]> {
  const decided = Promise.withResolvers<void>();
  const one = await server('one', {
    'tools/call': async (reply, seen) => {
      await decided.promise;
      return result({ content: [] })(reply, seen);
    },
  });
  const gateways = await start(one.port);
  const sessions = await Promise.all(gateways.map(({ mcp }) => initialize(mcp)));
  let refused = 0;
  const each = async (_: unknown, at: number): Promise<RawAnswer> => {
    const answer = await sessions[at % sessions.length]!.ask('tools/call', { name: 'echo' });
    if (answer.status === 429 && ++refused === 17) decided.resolve();
    return answer;
  };
  const all = await Promise.all(Array.from({ length: 20 }, each));
  return [all.filter(({ message }) => message.result !== undefined).length, one.of('tools/call').length];
}

test('of twenty calls at once a budget of three lets three through, and the server hears of no other one', async () => {
  let at: TollGateway | undefined;
  const passed = await crowd(async (port) => [(at = await tollGateway([{ name: 'one', port }], [toolPrices(CENT), THREE]))]);
  expect(passed).toEqual([3, 3]);
  expect(await at!.spent()).toEqual([0.03 * DOLLAR, 0]);
});

describeReal('budgets of tools', () => {
  test('two replicas let three of twenty calls through', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    const replica = async (port: number): Promise<TollGateway> => {
      const shared = new RedisStore({ settings: parseRedisUrl(redis.url) });
      expect(await shared.connected(5000)).toBe(true);
      return tollGateway([{ name: 'one', port }], [toolPrices(CENT), THREE], { counts: new Counts(new MemoryStore(), shared) });
    };
    let at: readonly TollGateway[] = [];
    expect(await crowd(async (port) => (at = await Promise.all([replica(port), replica(port)])))).toEqual([3, 3]);
    await until('all are settled', async () => (await at[0]!.spent())[1] === 0);
    expect(await at[0]!.spent()).toEqual([0.03 * DOLLAR, 0]);
  });
});

test('a client reads why it is refused, and when to come again', async () => {
  const one = await server('one');
  const at = await tollGateway([{ name: 'one', port: one.port }], [toolPrices(CENT), toolBudget('0.01')]);
  const session = await initialize(at.mcp);
  expect((await session.ask('tools/call', { name: 'echo' })).status).toBe(200);
  const refused = await session.post({ jsonrpc: '2.0', id: 'mine', method: 'tools/call', params: { name: 'echo' } });
  expect(refused.status).toBe(429);
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  expect(refused.message).toMatchObject({
    id: 'mine',
    error: { code: -32011, message: expect.stringContaining('0.01 USD') as string, data: { code: 'TK_BUDGET' } },
  });
  expect(at.accessLog.at(-1)).toMatchObject({
    response_code: 429,
    response_code_details: 'TK_BUDGET',
    mcp_error: -32011,
    mcp_method: 'tools/call',
  });
  // What costs nothing goes on.
  expect((await session.ask('tools/list')).status).toBe(200);
  expect(one.of('tools/call')).toHaveLength(1);
});

test('the price of the server goes before that of all, and the longer name before the shorter', async () => {
  const [git, web] = await Promise.all([server('git'), server('web')]);
  const prices = ['{tool: "*", price: "0.01"}', '{tool: "create_*", price: "0.02"}', '{tool: create_pr, server: git, price: "0.5"}'].join();
  const at = await tollGateway(
    [git, web].map(({ name, port }) => ({ name, port })),
    [toolPrices(prices), toolBudget('9', ABOUT_TOOLS)],
  );
  const session = await initialize(at.mcp);
  for (const [name, nanos] of [
    ['git__create_pr', 500_000_000],
    ['web__create_pr', 20_000_000],
    ['git__create_issue', 20_000_000],
    ['web__look', 10_000_000],
  ] as const) {
    expect((await session.ask('tools/call', { name })).message.result).toBeDefined();
    expect(at.accessLog.at(-1)).toMatchObject({
      mcp_name: name,
      cost_nanos: nanos,
      cost_currency: 'USD',
      budgets: [expect.stringContaining('default/b/USD')],
    });
  }
  expect(await at.spent()).toEqual([0.55 * DOLLAR, 0]);
});

test('a budget for models and tools leaves alone the tools that nobody gave a price, even one that is suspended', async () => {
  const one = await server('one');
  const prices = '{tool: dear, price: "1"}, {tool: gratis, price: "0"}';
  const at = await tollGateway(
    [{ name: 'one', port: one.port }],
    [
      toolPrices(prices),
      toolBudget('0.5', ', targetRefs: [{kind: Gateway, name: gw}]'),
      toolBudget('0', ', match: {models: [m]}', 'models'),
    ],
  );
  const session = await initialize(at.mcp);
  const call = async (name: string): Promise<number> => (await session.ask('tools/call', { name })).status;
  expect([await call('echo'), await call('dear'), await call('gratis')]).toEqual([200, 429, 200]);
  expect(at.accessLog.find(({ mcp_name: name }) => name === 'echo')).not.toHaveProperty('cost_nanos');
  expect(at.accessLog.find(({ mcp_name: name }) => name === 'gratis')).toMatchObject({ cost_nanos: 0 });
  expect(await at.spent()).toEqual([0, 0]);
});

test('one that is suspended lets no call through that has a price, though it be 0', async () => {
  const one = await server('one');
  const at = await tollGateway([{ name: 'one', port: one.port }], [toolPrices('{tool: gratis, price: "0"}'), toolBudget('0')]);
  expect((await (await initialize(at.mcp)).ask('tools/call', { name: 'gratis' })).status).toBe(429);
  expect(one.of('tools/call')).toEqual([]);
});

test.each([
  ['is about tools', '{tool: other, price: "1"}', 'USD', ABOUT_TOOLS, /no PriceTable has a price of tool "echo" of one/],
  ['names tools', '{tool: other, price: "1"}', 'USD', ', match: {tools: ["*"]}', /no PriceTable has a price of tool "echo" of one/],
  ['covers a tool whose price has ended', '{tool: echo, price: "1", until: "2020-01-01"}', 'USD', '', /has ended/],
  ['has another currency', '{tool: echo, price: "1"}', 'EUR', '', /is in EUR, not in USD/],
])('a hard budget that %s refuses without a price; a soft one says so at most', async (_what, prices, currency, more, why) => {
  const one = await server('one');
  const models =
    'apiVersion: tierkit.dev/v1alpha1\nkind: PriceTable\nmetadata: {name: m}\nspec: {currency: USD, entries: [{model: m, prices: {input: "1"}}]}';
  const gateway = (mode: string): Promise<TollGateway> =>
    tollGateway([{ name: 'one', port: one.port }], [toolPrices(prices, currency), models, toolBudget('9', `${more}, mode: ${mode}`)]);
  const refused = await (await initialize((await gateway('Hard')).mcp)).ask('tools/call', { name: 'echo' });
  expect(refused).toMatchObject({ status: 403, message: { error: { code: -32011, data: { code: 'TK_PRICE_UNKNOWN' } } } });
  expect(refused.message.error!.message).toMatch(why);
  expect(one.of('tools/call')).toEqual([]);
  const soft = await gateway('Soft');
  expect((await (await initialize(soft.mcp)).ask('tools/call', { name: 'echo' })).status).toBe(200);
  expect(await soft.spent()).toEqual([0, 0]);
});

test('a soft budget counts and tells, and refuses nothing', async () => {
  const one = await server('one');
  const soft = toolBudget('0.01', ', mode: Soft, alerts: [100]');
  const at = await tollGateway([{ name: 'one', port: one.port }], [toolPrices(CENT), soft]);
  const session = await initialize(at.mcp);
  for (let each = 0; each < 3; each++) expect((await session.ask('tools/call', { name: 'echo' })).status).toBe(200);
  expect(await at.spent()).toEqual([0.03 * DOLLAR, 0]);
  expect(at.log.filter((line) => line.includes('100 % are reached'))).toHaveLength(1);
  expect(at.accessLog.at(-1)).toMatchObject({ limits_exceeded_in_shadow: ['Budget default/b'] });
});

test('clients, and tools, have budgets of their own', async () => {
  const one = await server('one');
  const perClient = toolBudget('0.02', ', per: Client, overrides: [{client: bob, amount: "0"}]', 'clients');
  const at = await tollGateway(
    [{ name: 'one', port: one.port }],
    [KEYS, toolPrices(CENT), perClient, toolBudget('0.01', ', per: Tool', 'tools')],
  );
  const call = async (key: string, name: string): Promise<number> =>
    (await (await initialize(at.mcp, { 'x-api-key': `not-a-secret-${key}` })).ask('tools/call', { name })).status;
  expect([await call('a', 'echo'), await call('a', 'echo'), await call('a', 'look'), await call('a', 'read')]).toEqual([
    200, 429, 200, 429,
  ]);
  expect(await call('b', 'read')).toBe(429);
  expect([await at.spent('clients'), await at.spent('tools')]).toEqual([
    [0.02 * DOLLAR, 0],
    [0.02 * DOLLAR, 0],
  ]);
});

test('the ledger and the metrics have it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tolls-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [git, web] = await Promise.all([
    server('git', { 'tools/call': (reply, seen) => void reply.writeHead(seen.body.includes('wrong') ? 400 : 500).end() }),
    server('web'),
  ]);
  const ledger = await Ledger.open({ folder, log: () => undefined });
  const servers = [git, web].map(({ name, port }) => ({ name, port }));
  const prices = toolPrices('{tool: echo, price: "0.25"}, {tool: wrong, price: "1"}, {tool: late, price: "1", until: "2020-01-01"}');
  const at = await tollGateway(servers, [KEYS, prices, toolBudget('9', ', mode: Soft')], { ledger });
  const session = await initialize(at.mcp, { 'x-api-key': 'not-a-secret-a' });
  for (const name of ['web__echo', 'git__wrong', 'git__echo', 'web__free', 'web__late']) await session.ask('tools/call', { name });
  await ledger.flush();
  const rows = readdirSync(folder).flatMap((name) =>
    readFileSync(join(folder, name), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as LedgerRow),
  );
  const paid = { nanos: 250_000_000, currency: 'USD', parts: { perCall: 250_000_000 } };
  const budget = expect.stringContaining('default/b/USD') as string;
  expect(rows).toMatchObject([
    {
      tool: 'web__echo',
      client_id: 'ann',
      backend: 'default/web',
      route: 'default/tools',
      operation: 'tools/call',
      complete: true,
      attempts: 1,
      price: 'default/p/tool/echo',
      cost: paid,
      budgets: [{ id: budget, units: 250_000_000 }],
    },
    { tool: 'git__wrong', complete: false, price: 'none', budgets: [{ id: budget, units: 0 }] },
    // Nobody knows what became of it.
    { tool: 'git__echo', complete: false, cost: paid },
    { tool: 'web__late', complete: true, price: 'none' },
  ]);
  expect(rows[1]).not.toHaveProperty('cost');
  expect(rows[0]).not.toHaveProperty('model');
  expect(at.accessLog.at(-1)).toMatchObject({ unpriced: expect.stringContaining('has ended') as string });
  const page = await (await fetch(`${at.adminUrl}/metrics`)).text();
  expect(page).toContain('tierkit_cost_total{currency="USD",backend="default/web",model="web__echo"} 0.25');
  expect(page).toContain('tierkit_cost_total{currency="USD",backend="default/git",model="git__echo"} 0.25');
  expect(page).toContain('tierkit_client_cost_total{currency="USD",client_id="ann"} 0.5');
  expect(page).toContain('tierkit_unpriced_requests_total{backend="default/web"} 1');
  expect(page).toContain('tierkit_admission_settled_total{rule="Budget default/b",unit="USD"} 0.5');
});

/** Of a tool without a price, and of one with. */
const statuses = async ({ mcp }: TollGateway): Promise<number[]> => {
  const session = await initialize(mcp);
  return [(await session.ask('tools/call', { name: 'echo' })).status, (await session.ask('tools/call', { name: 'dear' })).status];
};

test('a budget that cannot be read refuses the tools that it may be about', async () => {
  const one = await server('one');
  const broken = (more: string): Promise<TollGateway> =>
    tollGateway([{ name: 'one', port: one.port }], [toolPrices('{tool: dear, price: "1"}'), toolBudget('many', more)], { inCluster: true });
  expect(await statuses(await broken(''))).toEqual([200, 500]);
  expect(await statuses(await broken(ABOUT_TOOLS))).toEqual([500, 500]);
  expect(await statuses(await broken(', match: {tools: [echo]}'))).toEqual([500, 500]);
});
