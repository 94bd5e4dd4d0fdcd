// Pods and routes of a real cluster that change while requests and streams run.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Clients, chat, viaHost } from './real-load.fixture.ts';
import { eventually, missing, type PodStatus, TestNamespace, typeOf } from './real-cluster.fixture.ts';

/** Flips come at 500 a minute; for how long is the environment's to say. */
const FLIP_MS = Number(process.env['TIERKIT_TEST_FLIP_SECONDS'] ?? '20') * 1000;
const PAUSE_MS = 60_000 / 500;

const LACKS = missing('TIERKIT_TEST_KUBECONFIG', 'TIERKIT_IMAGE');
if (LACKS !== undefined) process.stderr.write(`skipped: pods and routes of a real cluster that change under load; ${LACKS}\n`);

const POOL = typeOf({ apiVersion: 'inference.networking.k8s.io/v1', kind: 'InferencePool' });
const ROUTE = typeOf({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute' });

const RESOURCES = `
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: m}
spec: {selector: {matchLabels: {app: sim}}, targetPorts: [{number: 8000}]}
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: same}
spec: {selector: {matchLabels: {app: sim}}, targetPorts: [{number: 8001}]}
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: {name: m}
spec:
  parentRefs: [{name: gw}]
  rules:
  - matches: [{headers: [{name: x-ai-eg-model, value: m}]}]
    backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: m}]
`;

const refTo = (name: string, weight: number) => ({ group: 'inference.networking.k8s.io', kind: 'InferencePool', name, weight });

/** A route of its own host: ordinary traffic to both pools. */
function flipped(index: number): object {
  const set = index % 3 === 1 ? [{ name: 'x-flip', value: `${index}` }] : [];
  return {
    parentRefs: [{ name: 'gw' }],
    hostnames: ['flipped.example.com'],
    rules: [
      {
        filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [...set, { name: 'x-set', value: 'always' }] } }],
        backendRefs: [refTo('m', 1 + (index % 9)), refTo('same', 9 - (index % 9))],
      },
    ],
  };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Requests that a pod has answered so far. */
const answered = async ({ ip }: PodStatus): Promise<number> => {
  const text = await (await fetch(`http://${ip}:8000/metrics`)).text();
  return [...text.matchAll(/^vllm:request_success_total\{[^}]*\} (\d+)/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
};

describe.skipIf(LACKS !== undefined && process.env['REQUIRE_REAL'] !== '1')('in a real cluster under load', { timeout: 240_000 }, () => {
  let space: TestNamespace;
  let url: string;

  beforeAll(async () => {
    if (LACKS !== undefined) throw new Error(`REQUIRE_REAL is set: ${LACKS}`);
    space = await TestNamespace.create('pods');
    await space.apply(RESOURCES);
    // A token in 80 ms, and two ports.
    const flags = ['--speed=0.1', '--data-parallel-size=2', '--data-parallel-ports'];
    await Promise.all([space.tierTwo(), space.sim('sim', 4, ...flags)]);
    url = await space.gateway();
    await eventually('an answer', 60_000, async () => ((await chat(url, 'm').catch(() => undefined))?.status === 200 ? true : undefined));
  }, 180_000);
  afterAll(() => space?.close(), 60_000);

  const apply = (name: string, spec: object) =>
    space.applyObject({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata: { name }, spec });
  const ordinary = (index: number) =>
    viaHost(url, 'flipped.example.com', { model: 'm', stream: true, max_tokens: 40, messages: [{ role: 'user', content: `${index}` }] });
  const generation = async () => (await space.admin<{ generation: number }>('/readyz')).generation;
  const stream = (index: number) => chat(url, 'm', { stream: true, maxTokens: 40, content: `stream ${index}` });

  /** Whether tier two has so many endpoints that take requests. */
  const takes = (count: number) =>
    eventually(`${count} endpoints of the pool that are ready`, 30_000, async () => {
      const pools = await space.admin<{ pool: string; ready: number }[]>('/pools');
      return pools.find(({ pool }) => pool.endsWith('/m'))?.ready === count ? true : undefined;
    });

  it('a pod that is re-labelled, not ready, ended or killed, and ports that change, cost no request', async () => {
    const clients = new Clients(20, (index) => chat(url, 'm', { maxTokens: 4, content: `${index}` }));
    const streams = new Clients(20, stream);
    const strays: string[] = [];
    /** Nothing new goes to a pod once tier two has taken note; what ran has ended by then. */
    const leftAlone = async (pod: PodStatus, how: string): Promise<void> => {
      await pause(5000);
      const before = await answered(pod);
      await pause(1000);
      if ((await answered(pod)) !== before) strays.push(`${pod.name}, ${how}`);
    };
    const pods = await space.ready({ run: 'sim' }, 4);
    const [relabelled, unready, ended] = pods as [PodStatus, PodStatus, PodStatus];

    await space.patchPod(relabelled.name, { metadata: { labels: { app: 'parked' } } });
    await takes(3);
    await leftAlone(relabelled, 're-labelled');
    await space.patchPod(relabelled.name, { metadata: { labels: { app: 'sim' } } });
    await takes(4);

    const health = (failures: object[]) =>
      fetch(`http://${unready.ip}:8000/admin/config`, { method: 'PUT', body: JSON.stringify({ failures }) }).then((answer) =>
        answer.text(),
      );
    await health([{ kind: 'unready' }]);
    await takes(3);
    await leftAlone(unready, 'not ready');
    await health([]);
    await takes(4);

    await space.deletePod(ended.name);
    await takes(3);
    await takes(4);

    for (const ports of [[8000, 8001], [8001], [8000]]) {
      await space.client.mergePatch(
        POOL,
        { namespace: space.name, name: 'm' },
        { spec: { targetPorts: ports.map((number) => ({ number })) } },
      );
      await takes(4 * ports.length);
      await pause(1500);
    }
    const [requests, whole] = await Promise.all([clients.end(), streams.end()]);
    process.stderr.write(`changes of pods: ${requests.ok} requests and ${whole.ok} streams are whole\n`);
    expect([requests.bad, whole.bad, strays]).toEqual([new Map(), new Map(), []]);
    const lines = await space.accessLog();
    expect(lines.filter(({ attempts }) => (attempts ?? []).some(({ failure }) => failure !== undefined))).toEqual([]);
  });

  it('500 changes of endpoints a minute break none of 100 streams', async () => {
    const streams = new Clients(100, stream);
    const pods = await space.ready({ run: 'sim' }, 4);
    await pause(2000);
    const flips = await flip(async (index) => {
      // Two of the four stay.
      const pod = pods[index % 2]!;
      await space.patchPod(pod.name, { metadata: { labels: { app: index % 4 < 2 ? 'parked' : 'sim' } } });
    });
    for (const pod of pods) await space.patchPod(pod.name, { metadata: { labels: { app: 'sim' } } });
    const { ok, bad } = await streams.end();
    process.stderr.write(
      `${flips} changes of endpoints: ${ok} streams are whole, ${[...bad.values()].reduce((sum, count) => sum + count, 0)} are not\n`,
    );
    expect(bad).toEqual(new Map());
    await takes(4);
  });

  it('500 changes of routes a minute break none of 100 streams, half of them on the route that changes', async () => {
    await apply('flipped', flipped(0));
    await eventually('the route', 20_000, async () => ((await ordinary(-1)).status === 200 ? true : undefined));
    const clients = [new Clients(50, stream), new Clients(50, ordinary)];
    const before = await generation();
    const flips = await flip(async (index) => {
      const other = { ...flipped(0), hostnames: [`other-${index - 1}.example.com`] };
      if (index % 4 === 1) await apply(`other-${index}`, { ...other, hostnames: [`other-${index}.example.com`] });
      else if (index % 4 === 2) await space.client.delete(ROUTE, { namespace: space.name, name: `other-${index - 1}` });
      else await apply('flipped', flipped(index));
    });
    const counts = await Promise.all(clients.map((each) => each.end()));
    const whole = counts.map(({ ok }) => ok);
    process.stderr.write(
      `${flips} changes of routes, ${(await generation()) - before} configurations: ${whole.join(' and ')} streams are whole\n`,
    );
    expect(counts.map(({ bad }) => bad)).toEqual([new Map(), new Map()]);
    expect((await generation()) - before).toBeGreaterThan(flips / 10);
  });
});

/** @returns how many there were */
async function flip(change: (index: number) => Promise<void>): Promise<number> {
  const begin = Date.now();
  let index = 0;
  for (; Date.now() - begin < FLIP_MS; index++) {
    await change(index);
    // What was late is made up for.
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, begin + (index + 1) * PAUSE_MS - Date.now())));
  }
  return index;
}
