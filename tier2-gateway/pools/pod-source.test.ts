import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { settle, until } from '#core/kubernetes/time.fixture';
import type { InferencePool } from '#core/resources/inference/inference-pool';

import type { EndpointSource, PoolEndpoint } from './endpoint.ts';
import { startCluster, type TestCluster } from './pods.fixture.ts';

let cluster: TestCluster;
beforeEach(async () => {
  cluster = await startCluster({ limit: 2 });
});
afterEach(() => cluster.close());

function pool(name: string, matchLabels: Record<string, string> = { app: 'm' }, ports: readonly number[] = [8000]): InferencePool {
  return {
    apiVersion: 'inference.networking.k8s.io/v1',
    kind: 'InferencePool',
    metadata: { name, namespace: 'default', labels: {}, annotations: {}, creationTimestamp: undefined },
    body: { spec: { selector: { matchLabels }, targetPorts: ports.map((number) => ({ number })), appProtocol: 'http' } },
    source: { file: 'f', document: 1, line: 1 },
  };
}

interface Followed {
  readonly source: EndpointSource;
  readonly lists: (readonly PoolEndpoint[])[];
  /** ids of the last list that was told. */
  ids(): string[] | undefined;
  last(): readonly PoolEndpoint[];
}

function follow(of: InferencePool): Followed {
  const lists: (readonly PoolEndpoint[])[] = [];
  const source = cluster.pods.source(of);
  source.start((endpoints) => void lists.push(endpoints));
  return { source, lists, ids: () => lists.at(-1)?.map(({ id }) => id), last: () => lists.at(-1) ?? [] };
}

const isNow = (followed: Followed, ids: readonly string[]) => until(() => JSON.stringify(followed.ids()) === JSON.stringify(ids));

describe('the pods of a pool', () => {
  it('are an endpoint for each that has an address, and each port', async () => {
    cluster.put('a', { ip: '10.0.0.1', labels: { app: 'm', role: 'decode' } });
    cluster.put('b', { ip: 'fd00::2', ready: false });
    cluster.put('c', {});
    cluster.put('d', { ip: '10.0.0.4', labels: { app: 'other' } });
    const followed = follow(pool('p', { app: 'm' }, [8000, 8001]));
    await cluster.pods.synced();
    expect(followed.last()).toEqual([
      {
        id: '10.0.0.1:8000',
        pod: 'a',
        address: '10.0.0.1',
        port: 8000,
        labels: { app: 'm', role: 'decode' },
        ready: true,
        terminating: false,
      },
      {
        id: '10.0.0.1:8001',
        pod: 'a',
        address: '10.0.0.1',
        port: 8001,
        labels: { app: 'm', role: 'decode' },
        ready: true,
        terminating: false,
      },
      { id: '[fd00::2]:8000', pod: 'b', address: 'fd00::2', port: 8000, labels: { app: 'm' }, ready: false, terminating: false },
      { id: '[fd00::2]:8001', pod: 'b', address: 'fd00::2', port: 8001, labels: { app: 'm' }, ready: false, terminating: false },
    ]);
  });

  it('are followed', async () => {
    const followed = follow(pool('p'));
    cluster.put('a', { ip: '10.0.0.1', ready: false });
    await isNow(followed, ['10.0.0.1:8000']);
    cluster.put('a', { ip: '10.0.0.1' });
    await until(() => followed.last()[0]!.ready);
    cluster.put('a', { ip: '10.0.0.1', terminating: true });
    await until(() => followed.last()[0]!.terminating);
    cluster.put('a', { ip: '10.0.0.9' });
    await isNow(followed, ['10.0.0.9:8000']);
    cluster.put('a', { ip: '10.0.0.9', labels: { app: 'debug' } });
    await isNow(followed, []);
    cluster.put('a', { ip: '10.0.0.9' });
    await isNow(followed, ['10.0.0.9:8000']);
    cluster.remove('a');
    await isNow(followed, []);
    expect(followed.last()).toEqual([]);
  });

  it('are told to both pools that share them', async () => {
    cluster.put('a', { ip: '10.0.0.1', labels: { app: 'm', tier: 'gold' } });
    const [all, gold] = [follow(pool('all')), follow(pool('gold', { tier: 'gold' }, [9000]))];
    await cluster.pods.synced();
    expect([all.ids(), gold.ids()]).toEqual([['10.0.0.1:8000'], ['10.0.0.1:9000']]);
    cluster.put('a', { ip: '10.0.0.1', labels: { app: 'm' } });
    await isNow(gold, []);
    expect(all.ids()).toEqual(['10.0.0.1:8000']);
  });

  it('are not none while they were not read', async () => {
    cluster.put('a', { ip: '10.0.0.1' });
    cluster.server.faults.push({ verb: 'list', fault: { act: 'status', status: 500 }, times: 2 });
    const followed = follow(pool('p'));
    await settle();
    await cluster.pods.synced();
    expect(followed.lists.length).toBeGreaterThan(0);
    expect(followed.lists.every((list) => list.length === 1)).toBe(true);
  });

  it('are told as none where there are none', async () => {
    const followed = follow(pool('p'));
    expect(cluster.pods.unread()).toEqual(['default/p']);
    await until(() => followed.lists.length > 0);
    expect([followed.lists, cluster.pods.unread()]).toEqual([[[]], []]);
  });

  it('are told without those of a pool that cannot be read', async () => {
    cluster.put('a', { ip: '10.0.0.1' });
    cluster.server.faults.push({ verb: 'list', fault: { act: 'hang' } });
    const [stuck, other] = [follow(pool('stuck', { app: 'x' })), follow(pool('other'))];
    const synced = cluster.pods.synced();
    await isNow(other, ['10.0.0.1:8000']);
    expect([stuck.lists, cluster.pods.unread()]).toEqual([[], ['default/stuck']]);
    // The list that hangs ends with its connection.
    await cluster.server.leave();
    await cluster.server.listen();
    expect(await synced).toBe(true);
    expect([stuck.lists, cluster.pods.unread()]).toEqual([[[]], []]);
  });

  it('are not told in pieces', async () => {
    const paged = await startCluster({ pageSize: 2 });
    for (let index = 0; index < 9; index++) paged.put(`pod-${index}`, { ip: `10.0.0.${index}` });
    const lists: number[] = [];
    const source = paged.pods.source(pool('p'));
    source.start((endpoints) => void lists.push(endpoints.length));
    await until(() => lists.length > 0);
    await settle();
    expect(lists.every((count) => count === 9)).toBe(true);
    source.stop();
    await paged.close();
  });

  it('are not none when nobody waits for them any longer', async () => {
    cluster.server.faults.push({ verb: 'list', fault: { act: 'hang' }, times: 100 });
    const followed = follow(pool('p'));
    expect(await cluster.pods.synced(200)).toBe(false);
    expect(followed.lists).toEqual([]);
  });

  it('stay while the API server is away', async () => {
    cluster.put('a', { ip: '10.0.0.1' });
    const followed = follow(pool('p'));
    await cluster.pods.synced();
    cluster.server.faults.push({ verb: 'list', fault: { act: 'status', status: 503 }, times: 5 });
    cluster.server.faults.push({ verb: 'watch', fault: { act: 'cut' }, times: 5 });
    await settle();
    expect(followed.lists.every((list) => list.length === 1)).toBe(true);
    cluster.put('b', { ip: '10.0.0.2' });
    await isNow(followed, ['10.0.0.1:8000', '10.0.0.2:8000']);
  });
});

describe('a pool', () => {
  it('that goes is forgotten', async () => {
    const followed = follow(pool('p'));
    await until(() => cluster.server.watchers === 1);
    expect(cluster.watching()).toEqual(['default/p']);
    followed.source.stop();
    expect(cluster.watching()).toEqual([]);
    cluster.put('a', { ip: '10.0.0.1' });
    await settle();
    expect(followed.lists.flat()).toEqual([]);
  });

  it('in another version with the same selector has its pods at once, and keeps them when the older one goes', async () => {
    cluster.put('a', { ip: '10.0.0.1' });
    const older = follow(pool('p'));
    await cluster.pods.synced();
    const newer = follow(pool('p', { app: 'm' }, [9000]));
    expect(newer.ids()).toEqual(['10.0.0.1:9000']);
    older.source.stop();
    expect(cluster.server.count('list')).toBe(1);
    cluster.put('b', { ip: '10.0.0.2' });
    await isNow(newer, ['10.0.0.1:9000', '10.0.0.2:9000']);
    expect(older.ids()).toEqual(['10.0.0.1:8000']);
  });

  it('in another version with another selector is watched beside the older one', async () => {
    cluster.put('a', { ip: '10.0.0.1' });
    cluster.put('b', { ip: '10.0.0.2', labels: { app: 'n' } });
    const older = follow(pool('p'));
    const newer = follow(pool('p', { app: 'n' }));
    await cluster.pods.synced();
    expect([older.ids(), newer.ids()]).toEqual([['10.0.0.1:8000'], ['10.0.0.2:8000']]);
    older.source.stop();
    cluster.put('c', { ip: '10.0.0.3', labels: { app: 'n' } });
    await isNow(newer, ['10.0.0.2:8000', '10.0.0.3:8000']);
  });

  it('too many is told once', async () => {
    follow(pool('a', { app: 'a' }));
    follow(pool('b', { app: 'b' }));
    follow(pool('c', { app: 'c' }));
    const left = follow(pool('d', { app: 'd' }));
    expect(left.lists[0]).toEqual([]);
    expect(cluster.warnings).toEqual(['c', 'd'].map((name) => `the pods of pool default/${name} are not watched: 2 pools are at most`));
  });
});
