import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';

import { type RedisProcess, startRedis, until } from '../redis.fixture.ts';
import { admitted, charge, LONG, standing } from '../store.fixture.ts';
import { describeReal } from './real.fixture.ts';
import { RedisStore } from './redis-store.ts';
import { parseRedisUrl } from './settings.ts';

const WANTED = { window: LONG, limit: 1000 };
/** What waits for an election. */
const PATIENCE_MS = 15_000;

const NO_DELAY = 'repl-diskless-sync-delay 0';

async function started(...args: Parameters<typeof startRedis>): Promise<RedisProcess> {
  const redis = await startRedis(...args);
  onTestFinished(() => redis.close());
  return redis;
}

async function opened(url: string, password = ''): Promise<RedisStore> {
  const store = new RedisStore({ settings: parseRedisUrl(url.replace('//', password === '' ? '//' : `//:${password}@`)) });
  onTestFinished(() => store.close());
  expect(await store.connected(PATIENCE_MS)).toBe(true);
  return store;
}

/** Runs a command on one server. */
async function command(redis: RedisProcess, ...words: [string, ...string[]]): Promise<unknown> {
  const raw = new Redis(redis.port, { password: 'pw' });
  try {
    return await raw.call(...words);
  } finally {
    raw.disconnect();
  }
}

/** Uses units until the master dies, and then until the new one answers. @returns what was used in all */
async function useAcross(store: RedisStore, kill: () => Promise<void>): Promise<number> {
  let used = 0;
  const one = async (): Promise<void> => {
    admitted(await store.reserve([charge(WANTED), charge({ key: 'other', limit: 1000 })])).settle([1, 1]);
    used++;
  };
  for (let i = 0; i < 20; i++) await one();
  await until('all is settled', () => store.unsettled === 0);
  // A replica has what its master did some milliseconds ago.
  await new Promise((resolve) => setTimeout(resolve, 500));
  const open = admitted(await store.reserve([charge({ ...WANTED, amount: 5 })]));
  await new Promise((resolve) => setTimeout(resolve, 500));
  await kill();
  await until('the store has seen it', async () => {
    await store.states([charge().counter]).catch(() => {});
    return !store.up;
  });
  // Settled while nobody is there.
  open.settle([3]);
  used += 3;
  await until('the new master answers', () => store.up, PATIENCE_MS);
  for (let i = 0; i < 20; i++) await one();
  await until('all is settled', () => store.unsettled === 0);
  return used;
}

describeReal('failover', () => {
  test('a cluster of 3: the master of the counts dies, its replica takes over', async () => {
    const lines = [
      'cluster-enabled yes',
      'cluster-node-timeout 800',
      'cluster-replica-validity-factor 0',
      NO_DELAY,
      'requirepass pw',
      'masterauth pw',
    ];
    const nodes = await Promise.all(Array.from({ length: 4 }, () => started(lines)));
    const masters = nodes.slice(0, 3);
    for (const [i, master] of masters.entries()) {
      const slots = [`${Math.floor((16_384 * i) / 3)}`, `${Math.floor((16_384 * (i + 1)) / 3) - 1}`] as const;
      await command(master, 'cluster', 'addslotsrange', ...slots);
      await command(master, 'cluster', 'set-config-epoch', `${i + 1}`);
    }
    for (const node of nodes.slice(1)) await command(node, 'cluster', 'meet', '127.0.0.1', `${nodes[0]!.port}`);
    await until('the cluster is there', async () => {
      const infos = await Promise.all(nodes.map((node) => command(node, 'cluster', 'info')));
      return infos.every((info) => String(info).includes('cluster_state:ok') && String(info).includes('cluster_known_nodes:4'));
    });
    const slot = Number(await command(nodes[0]!, 'cluster', 'keyslot', '{tierkit}'));
    const owner = masters[Math.floor((slot * 3) / 16_384)]!;
    await command(nodes[3]!, 'cluster', 'replicate', String(await command(owner, 'cluster', 'myid')));
    await until('the replica follows', async () =>
      String(await command(nodes[3]!, 'info', 'replication')).includes('master_link_status:up'),
    );

    const seeds = nodes.filter((node) => node !== owner).map(({ port }) => `127.0.0.1:${port}`);
    const store = await opened(`redis+cluster://${seeds.join(',')}`, 'pw');
    const used = await useAcross(store, () => owner.kill());
    expect(await standing(store, WANTED)).toEqual([used, 0, 1000 - used]);
    expect(await standing(store, { key: 'other', limit: 1000 })).toEqual([40, 0, 960]);
  }, 40_000);

  test('sentinels: the master dies, its replica takes over', async () => {
    const master = await started([NO_DELAY, 'requirepass pw', 'masterauth pw']);
    const replica = await started([NO_DELAY, 'requirepass pw', 'masterauth pw', `replicaof 127.0.0.1 ${master.port}`]);
    await until('the replica follows', async () => String(await command(replica, 'info', 'replication')).includes('master_link_status:up'));
    const monitor = [`sentinel monitor the-master 127.0.0.1 ${master.port} 1`, 'sentinel auth-pass the-master pw'];
    const haste = ['sentinel down-after-milliseconds the-master 500', 'sentinel failover-timeout the-master 2000'];
    const sentinel = await started([...monitor, ...haste], 'sentinel');
    const asked = new Redis(sentinel.port);
    onTestFinished(() => asked.disconnect());
    await until('the sentinel knows the replica', async () =>
      String(await asked.call('sentinel', 'master', 'the-master')).includes('num-slaves,1'),
    );

    const store = await opened(`redis+sentinel://127.0.0.1:${sentinel.port}/the-master`, 'pw');
    const used = await useAcross(store, () => master.kill());
    expect(await standing(store, WANTED)).toEqual([used, 0, 1000 - used]);
  }, 40_000);
});
