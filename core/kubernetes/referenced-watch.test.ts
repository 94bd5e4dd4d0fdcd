import { afterEach, beforeEach, expect, it } from 'vitest';

import { FakeApiServer } from './api-server.fixture.ts';
import { ReferencedWatch, type ReferencedWatchOptions } from './referenced-watch.ts';
import type { ResourceType } from './resource.ts';
import { fastClock, settle, until } from './time.fixture.ts';

const SECRET: ResourceType = { group: '', version: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true };

let server: FakeApiServer;
let running: ReferencedWatch[];

beforeEach(async () => {
  server = await FakeApiServer.start(SECRET);
  running = [];
});
afterEach(async () => {
  await Promise.all(running.map((watch) => watch.stop()));
  await server.leave();
});

async function watch(options: Partial<ReferencedWatchOptions> = {}) {
  const called: number[] = [];
  const lines: string[] = [];
  const secrets = new ReferencedWatch({
    client: await server.client(),
    type: SECRET,
    onChange: () => called.push(secrets.all().length),
    log: (_level, message) => lines.push(message),
    tuning: { clock: fastClock(100) },
    ...options,
  });
  running.push(secrets);
  return { secrets, called, lines };
}

const put = (namespace: string, name: string, data = 'YQ==') => server.table.put(SECRET, { metadata: { namespace, name }, data: { data } });
const at = (key: string) => ({ namespace: key.split('/')[0]!, name: key.split('/')[1]! });
const keys = (secrets: ReferencedWatch) => secrets.all().map(({ key }) => key);

it('reads what is referred to and nothing else, by a request that a Role with resourceNames allows', async () => {
  for (const key of ['a/x', 'a/y', 'b/x']) put(at(key).namespace, at(key).name);
  const { secrets, called } = await watch();
  expect(secrets.want(['b/x', 'a/x', 'a/absent'].map(at))).toEqual([]);
  expect(await secrets.synced()).toBe(true);
  expect(keys(secrets)).toEqual(['a/x', 'b/x']);
  expect(secrets.get(at('a/x'))?.object).toMatchObject({ kind: 'Secret', data: { data: 'YQ==' } });
  expect(secrets.get(at('a/y'))).toBeUndefined();
  const lists = server.seen
    .filter(({ verb }) => verb === 'list')
    .map(({ namespace, query }) => `${namespace} ${query.get('fieldSelector')}`);
  expect(lists.sort()).toEqual(['a metadata.name=absent', 'a metadata.name=x', 'b metadata.name=x']);
  await until(() => server.watchers === 3);
  expect(called).toEqual([]);
  put('a', 'absent');
  await until(() => called.length === 1);
  expect(called).toEqual([3]);
  put('a', 'y', 'Yg==');
  await settle();
  expect(called).toEqual([3]);
});

it('follows references as they come and go', async () => {
  for (const name of ['x', 'y', 'z']) put('a', name);
  const { secrets } = await watch();
  secrets.want(['a/x', 'a/y'].map(at));
  await secrets.synced();
  await until(() => server.watchers === 2);
  secrets.want(['a/y', 'a/z'].map(at));
  expect(keys(secrets)).toEqual(['a/y']);
  await secrets.synced();
  expect(keys(secrets)).toEqual(['a/y', 'a/z']);
  await until(() => server.watchers === 2);
  expect(server.count('list')).toBe(3);
  secrets.want([]);
  await until(() => server.watchers === 0);
  expect(keys(secrets)).toEqual([]);
});

it('bounds the watches and says what is left out', async () => {
  for (const name of ['x', 'y', 'z']) put('a', name);
  const { secrets } = await watch({ limit: 2 });
  expect(secrets.want(['a/x', 'a/y', 'a/z'].map(at))).toEqual([
    'Secret a/z is not read: 2 are watched one by one at most; name its namespace in --secret-namespaces',
  ]);
  await secrets.synced();
  expect(keys(secrets)).toEqual(['a/x', 'a/y']);
  expect(secrets.want(['a/x', 'a/z'].map(at))).toEqual([]);
});

it('reads whole namespaces with one watch where it is told to, and still shows only what is wanted', async () => {
  for (const name of ['x', 'y', 'z']) put('a', name);
  const { secrets } = await watch({ wholeNamespaces: ['a'], limit: 1 });
  expect(secrets.want(['a/x', 'a/z'].map(at))).toEqual([]);
  await secrets.synced();
  expect(keys(secrets)).toEqual(['a/x', 'a/z']);
  expect(secrets.get(at('a/y'))).toBeUndefined();
  expect(server.count('list')).toBe(1);
});

it('calls back for what came after its time', async () => {
  put('a', 'x');
  server.denied.add('list secrets');
  const { secrets, called, lines } = await watch();
  secrets.want(['a/x'].map(at));
  expect(await secrets.synced(500)).toBe(false);
  expect(lines).toEqual([
    expect.stringContaining('secrets a/x: this service account (system:serviceaccount:apps:narrow) may not list secrets'),
  ]);
  server.denied.clear();
  await until(() => called.length === 1);
  expect(keys(secrets)).toEqual(['a/x']);
});
