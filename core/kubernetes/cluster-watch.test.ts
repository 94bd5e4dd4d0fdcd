import { afterEach, beforeEach, expect, it } from 'vitest';

import { FakeApiServer } from './api-server.fixture.ts';
import { type ClusterChange, ClusterWatch, type ClusterWatchOptions } from './cluster-watch.ts';
import type { ResourceType } from './resource.ts';
import { fastClock, settle, until } from './time.fixture.ts';

const ROUTE: ResourceType = { group: 'g.dev', version: 'v1', kind: 'Route', plural: 'routes', namespaced: true };
const OLD: ResourceType = { ...ROUTE, group: 'old.dev', version: 'v1alpha1' };
const CLASS: ResourceType = { group: '', version: 'v1', kind: 'Class', plural: 'classes', namespaced: false };
const KINDS = [
  { ...ROUTE, versions: ['v1', 'v1beta1'] },
  { ...OLD, versions: ['v1', 'v1alpha1'] },
  { ...CLASS, versions: ['v1'] },
];

let server: FakeApiServer;
let running: ClusterWatch[];

beforeEach(async () => {
  server = await FakeApiServer.start(ROUTE, CLASS);
  running = [];
});
afterEach(async () => {
  await Promise.all(running.map((watch) => watch.stop()));
  await server.leave();
});

async function start(options: Partial<ClusterWatchOptions> = {}) {
  const changes: ClusterChange[] = [];
  const lines: string[] = [];
  const watch = new ClusterWatch({
    client: await server.client(),
    kinds: KINDS,
    onChange: (change) => changes.push(change),
    log: (level, message) => lines.push(`${level} ${message}`),
    tuning: { clock: fastClock(100) },
    gather: { quietMs: 200, longestMs: 1000 },
    ...options,
  });
  running.push(watch);
  watch.start();
  return { watch, changes, lines };
}

const put = (type: ResourceType, name: string, rest: object = {}) =>
  server.table.put(type, { metadata: { name, ...(type.namespaced ? { namespace: 'a' } : {}) }, ...rest });
const keys = (watch: ClusterWatch, type: ResourceType) => watch.objects(type).map(({ key }) => key);
const states = (watch: ClusterWatch) => watch.states().map(({ group, kind, version, state }) => `${group}/${kind} ${version} ${state}`);

it('reads every kind that is served, in order, and does not wait for one that is not', async () => {
  for (const name of ['c', 'a', 'b']) put(ROUTE, name);
  put(CLASS, 'k');
  const { watch, changes, lines } = await start();
  await watch.synced(60_000);
  expect(keys(watch, ROUTE)).toEqual(['a/a', 'a/b', 'a/c']);
  expect(keys(watch, CLASS)).toEqual(['/k']);
  expect(watch.get(CLASS, '', 'k')?.object).toMatchObject({ apiVersion: 'v1', kind: 'Class' });
  expect(watch.objects(OLD)).toEqual([]);
  expect(lines).toEqual([
    'info the cluster does not serve routes of old.dev/v1 or old.dev/v1alpha1: install its CRDs; they are looked for again every 30 s',
  ]);
  expect(changes).toEqual([]);
  await until(() => states(watch).join() === 'g.dev/Route v1 watching,old.dev/Route undefined missing,/Class v1 watching');
  expect(() => watch.objects({ group: 'g.dev', kind: 'Other' })).toThrow('g.dev/Other is not watched');
});

it('takes the first version that is served, and a CRD that comes later', async () => {
  const { watch, changes, lines } = await start();
  await watch.synced(60_000);
  server.serve(OLD);
  put(OLD, 'late');
  await until(() => changes.length === 1);
  expect(keys(watch, OLD)).toEqual(['a/late']);
  expect([...changes[0]!.kinds]).toEqual(['old.dev/Route']);
  expect(states(watch)[1]).toMatch(/^old.dev\/Route v1alpha1/);
  expect(lines.at(-1)).toBe('info the cluster serves routes.old.dev now');
  expect(lines).toHaveLength(2);
});

it('forgets the objects of a CRD only when it stays away', async () => {
  put(ROUTE, 'r');
  const { watch, changes, lines } = await start();
  await watch.synced(60_000);
  await until(() => server.watchers === 2);
  server.unserve(ROUTE);
  await until(() => lines.length === 2);
  expect(lines[1]).toContain('does not serve routes of g.dev/v1 or g.dev/v1beta1');
  expect(keys(watch, ROUTE)).toEqual(['a/r']);
  server.serve(ROUTE);
  await until(() => states(watch)[0] === 'g.dev/Route v1 watching');
  expect(changes).toEqual([]);
  server.unserve(ROUTE);
  await until(() => changes.length === 1);
  expect(keys(watch, ROUTE)).toEqual([]);
  server.serve({ ...ROUTE, version: 'v1beta1' });
  put(ROUTE, 's');
  await until(() => changes.length === 2);
  expect(watch.get(ROUTE, 'a', 's')?.object.apiVersion).toBe('g.dev/v1beta1');
});

it('makes few changes of many, over all kinds', async () => {
  const { watch, changes } = await start();
  await watch.synced(60_000);
  await until(() => server.watchers === 2);
  const before = watch.revision;
  for (let index = 0; index < 1000; index++) put(index % 2 === 0 ? ROUTE : CLASS, `r${index}`);
  await until(() => watch.objects(ROUTE).length === 500 && watch.objects(CLASS).length === 500);
  await until(() => changes.at(-1)?.revision === watch.revision);
  expect(changes.length).toBeLessThan(30);
  expect(new Set(changes.flatMap(({ kinds }) => [...kinds]))).toEqual(new Set(['g.dev/Route', '/Class']));
  expect(watch.revision).toBeGreaterThan(before);
});

it('says when only a status has changed, and counts no revision for it', async () => {
  put(ROUTE, 'r', { spec: { hosts: ['h'] } });
  const { watch, changes } = await start();
  await watch.synced(60_000);
  await until(() => server.watchers === 2);
  const { revision } = watch;
  const first = watch.get(ROUTE, 'a', 'r')!;
  put(ROUTE, 'r', { spec: { hosts: ['h'] }, status: { ok: true } });
  await until(() => changes.length === 1);
  expect(changes[0]).toMatchObject({ content: false, revision });
  expect(watch.get(ROUTE, 'a', 'r')).toMatchObject({ resourceVersion: '3', object: { status: { ok: true } } });
  const now = watch.get(ROUTE, 'a', 'r')!;
  // What was made of the first version is good for this one, and its parts are not held twice.
  expect(now.content).toBe(first.object);
  expect((now.object as { spec?: unknown }).spec).toBe((first.object as { spec?: unknown }).spec);
  put(ROUTE, 'r', { spec: {} });
  await until(() => changes.length === 2);
  expect(changes[1]).toMatchObject({ content: true, revision: revision + 1 });
});

it('says what keeps it from being complete, and calls back when it is', async () => {
  put(ROUTE, 'r');
  server.denied.add('list routes.g.dev');
  const { watch, changes, lines } = await start();
  await until(() => lines.length === 2);
  await expect(watch.synced(1000)).rejects.toThrow(
    /not everything could be read.*\ng\.dev\/Route: this service account .* may not list routes\.g\.dev/,
  );
  expect(lines.filter((line) => line.startsWith('warn'))).toHaveLength(1);
  server.denied.clear();
  await until(() => changes.length === 1);
  expect(changes[0]!.content).toBe(true);
  expect(keys(watch, ROUTE)).toEqual(['a/r']);
  await watch.synced(1000);
});

it('lists all the same where it may not look what is served', async () => {
  put(ROUTE, 'r');
  server.faults.push({ verb: 'list', plural: '', times: 100, fault: { act: 'status', status: 403 } });
  const { watch } = await start();
  // What is not served is told by the list itself.
  await watch.synced(60_000).catch(() => undefined);
  expect(keys(watch, ROUTE)).toEqual(['a/r']);
});

it('tries on while the server fails to tell what is served', async () => {
  put(ROUTE, 'r');
  server.faults.push({ verb: 'list', plural: '', times: 5, fault: { act: 'status', status: 503 } });
  const { watch } = await start();
  await watch.synced(60_000);
  expect(keys(watch, ROUTE)).toEqual(['a/r']);
});

it('warns once when the server goes and tells once when it is back; everything stays meanwhile', async () => {
  put(ROUTE, 'r');
  const { watch, lines, changes } = await start();
  await watch.synced(60_000);
  await until(() => server.watchers === 2);
  lines.length = 0;
  await server.leave();
  await until(() => watch.states().filter(({ state }) => state === 'failing').length === 2);
  expect(keys(watch, ROUTE)).toEqual(['a/r']);
  await server.listen();
  await until(() => server.watchers === 2 && watch.states().every(({ state }) => state === 'watching' || state === 'missing'));
  expect(lines.filter((line) => line.startsWith('warn'))).toHaveLength(1);
  expect(lines[0]).toContain('cannot be reached');
  expect(lines.at(-1)).toMatch(/^info the Kubernetes API at .* is back after \d+ s$/);
  expect(changes).toEqual([]);
});

it('stops: nothing is called, nothing is open', async () => {
  const { watch, changes } = await start();
  await watch.synced(60_000);
  await until(() => server.watchers === 2);
  put(ROUTE, 'r');
  await until(() => watch.objects(ROUTE).length === 1);
  await watch.stop();
  const told = changes.length;
  await until(() => server.watchers === 0);
  await settle();
  expect(changes).toHaveLength(told);
  await expect((await start({ kinds: [] })).watch.synced(1000)).resolves.toBeUndefined();
});

it('refuses a kind twice', async () => {
  await expect(start({ kinds: [...KINDS, KINDS[0]!] })).rejects.toThrow('g.dev/Route is to be watched twice');
});
