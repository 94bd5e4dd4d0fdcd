import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { FakeApiServer } from './api-server.fixture.ts';
import { KubernetesError } from './error.ts';
import { names, ReflectorBench, ROUTE, told } from './reflector.fixture.ts';
import { until } from './time.fixture.ts';

let bench: ReflectorBench;
let server: FakeApiServer;

beforeEach(async () => {
  bench = await ReflectorBench.start();
  ({ server } = bench);
});
afterEach(() => bench.end());

const label = (name: string, app: string) => server.table.put(ROUTE, { metadata: { name, namespace: 'a', labels: { app } } });

describe('a reflector', () => {
  it('lists all pages of one version, in order, then watches', async () => {
    for (let index = 0; index < 7; index++) bench.put(`r${index}`);
    const { reflector, changes, bunches } = await bench.reflect({ tuning: { pageSize: 3 } });
    expect(await reflector.synced()).toBe(true);
    expect(names(reflector)).toEqual(['a/r0', 'a/r1', 'a/r2', 'a/r3', 'a/r4', 'a/r5', 'a/r6']);
    expect(server.seen.filter(({ verb }) => verb === 'list').map(({ query }) => query.get('limit'))).toEqual(['3', '3', '3']);
    expect(bunches).toEqual([7]);
    bench.put('q');
    bench.put('r0', { changed: true });
    server.table.remove(ROUTE, 'a', 'r3');
    await until(() => changes.length === 10);
    expect(told(changes.slice(7))).toEqual(['+a/q', '~a/r0', '-a/r3']);
    expect(names(reflector)).toEqual(['a/q', 'a/r0', 'a/r1', 'a/r2', 'a/r4', 'a/r5', 'a/r6']);
    bench.put('r0', { changed: 'again' });
    await until(() => changes.length === 11);
    expect(reflector.all()[1]?.object['spec']).toEqual({ changed: 'again' });
    const watch = server.seen.find(({ verb }) => verb === 'watch')!;
    expect(watch.query.get('allowWatchBookmarks')).toBe('true');
    expect(Number(watch.query.get('timeoutSeconds'))).toBeGreaterThanOrEqual(300);
    expect(Number(watch.query.get('timeoutSeconds'))).toBeLessThanOrEqual(600);
    expect(reflector.state).toMatchObject({ state: 'watching', objects: 7, lastError: undefined });
  });

  it('holds neither managedFields nor the last applied text, and knows what list items do not say', async () => {
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}', mine: 'x' };
    server.table.put(ROUTE, { metadata: { name: 'r', namespace: 'a', labels: { l: 'v' }, annotations }, spec: { x: 1 } });
    const { reflector } = await bench.reflect();
    await reflector.synced();
    const held = reflector.get('a', 'r')!;
    expect(held.object).toEqual({
      apiVersion: 'g.dev/v1',
      kind: 'Route',
      metadata: {
        name: 'r',
        namespace: 'a',
        uid: held.uid,
        resourceVersion: '2',
        generation: 1,
        labels: { l: 'v' },
        annotations: { mine: 'x' },
      },
      spec: { x: 1 },
    });
    expect(held).toMatchObject({ namespace: 'a', name: 'r', resourceVersion: '2', generation: 1 });
  });

  it('tells a change of status alone from one of content', async () => {
    bench.put('r', { x: 1 });
    const { changes } = await bench.reflect();
    await until(() => server.watchers === 1);
    bench.put('r', { x: 1 }, 'a', { status: { ok: true } });
    bench.put('r', { x: 2 }, 'a', { status: { ok: true } });
    await until(() => changes.length === 3);
    expect(told(changes)).toEqual(['+a/r', '=a/r', '~a/r']);
    const [first, second, third] = changes.map(({ after }) => after!);
    expect([second!.content, third!.content]).toEqual([first!.object, third!.object]);
    expect([second!.content === first!.object, second!.object === first!.object, third!.content === first!.object]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('reads the namespaces that it is told, and is synced when all are', async () => {
    for (const namespace of ['a', 'b', 'c']) bench.put('r', {}, namespace);
    server.faults.push({ verb: 'list', fault: { act: 'status', status: 500 } });
    const { reflector } = await bench.reflect({ namespaces: ['a', 'b', 'a'] });
    await reflector.synced();
    expect(names(reflector)).toEqual(['a/r', 'b/r']);
    await until(() => server.watchers === 2);
    server.table.remove(ROUTE, 'b', 'r');
    bench.put('s', {}, 'c');
    await until(() => names(reflector).length === 1);
    expect((await bench.reflect({ namespaces: [] })).reflector.all()).toEqual([]);
  });

  it('follows objects into and out of a selector', async () => {
    label('in', 'x');
    label('out', 'y');
    const { reflector } = await bench.reflect({ labelSelector: 'app=x' });
    await until(() => server.watchers === 1);
    expect(names(reflector)).toEqual(['a/in']);
    label('in', 'y');
    label('out', 'x');
    await until(() => names(reflector).join() === 'a/out');
  });
});

describe('what a reflector says of itself', () => {
  it('names the right that is missing, and goes on when it is given', async () => {
    server.denied.add('list routes.g.dev');
    const { reflector, states } = await bench.reflect({ namespaces: ['a'] });
    await until(() => reflector.state.state === 'failing');
    expect(reflector.state.lastError?.message).toBe(
      'this service account (system:serviceaccount:apps:narrow) may not list routes.g.dev in namespace a: grant verb list on resource routes of group g.dev',
    );
    server.denied.clear();
    server.denied.add('watch routes.g.dev');
    await until(() => reflector.state.lastError?.message.includes('may not watch') === true);
    expect(await reflector.synced()).toBe(true);
    expect(reflector.state.state).toBe('failing');
    server.denied.clear();
    await until(() => reflector.state.state === 'watching');
    expect(states.map(({ state }) => state).filter((state, index, all) => state !== all[index - 1])).toEqual(['failing', 'watching']);
  });

  it('fails while the server is away, once, and keeps what it has', async () => {
    bench.put('r');
    const { reflector, states } = await bench.reflect();
    await until(() => reflector.state.state === 'watching');
    states.length = 0;
    await server.leave();
    await until(() => reflector.state.state === 'failing');
    expect(reflector.state.lastError).toBeInstanceOf(KubernetesError);
    expect(reflector.state.lastError?.message).toContain('cannot be reached: nothing listens there (connection refused)');
    expect(reflector.state.objects).toBe(1);
    await server.listen();
    await until(() => reflector.state.state === 'watching');
    expect(states.filter(({ state }) => state === 'watching')).toHaveLength(1);
  });

  it('ends with its signal: synced is false, and no connection is left', async () => {
    server.faults.push({ verb: 'list', times: 100, fault: { act: 'status', status: 500 } });
    const { reflector } = await bench.reflect();
    await until(() => reflector.state.state === 'failing');
    await bench.stop();
    expect(await reflector.synced()).toBe(false);
    expect(reflector.state.state).toBe('stopped');
  });

  it('ends where the type is not served, if it is told so', async () => {
    server.unserve(ROUTE);
    const { reflector } = await bench.reflect({ endWhenNotServed: true });
    await Promise.all(bench.running);
    expect(reflector.state.lastError?.message).toBe('the cluster does not serve routes of g.dev/v1: install its CRDs');
    server.serve(ROUTE);
  });
});
