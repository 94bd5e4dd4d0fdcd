// Pools whose pods come from a cluster, from the API server to the answer.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, describe, expect, test, vi } from 'vitest';

import { startCluster, type TestCluster } from './pools/pods.fixture.ts';
import { asChat, chatEvents, modelYaml, poolRef, startPod, startTierTwo, type TestPod, type TestTierTwo } from './tier-two.fixture.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close();
});

const poolOf = (name: string, port: number, more = '') => `
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: ${name}}
spec: {selector: {matchLabels: {app: m}}, targetPorts: [{number: ${port}}]${more}}
`;

/** Pods at the addresses 127.0.0.2, 127.0.0.3, …, all with the same port. */
async function startPods(count: number, answer?: TestPod['answer']): Promise<{ pods: TestPod[]; port: number }> {
  const first = await startPod(answer, { host: '127.0.0.2' });
  const port = Number(first.address.split(':')[1]);
  const others = Array.from({ length: count - 1 }, (_, at) => startPod(answer, { host: `127.0.0.${at + 3}`, port }));
  const pods = [first, ...(await Promise.all(others))];
  open.push(...pods);
  return { pods, port };
}
const ipOf = ({ address }: TestPod): string => address.split(':')[0]!;

async function tier(cluster: TestCluster, ...yaml: string[]): Promise<TestTierTwo> {
  const two = await startTierTwo(yaml, { pods: cluster.pods });
  open.push(two);
  return two;
}

async function clusterOf(...pods: TestPod[]): Promise<TestCluster> {
  const cluster = await startCluster();
  put(cluster, pods);
  return cluster;
}

function put(cluster: TestCluster, pods: readonly TestPod[]): void {
  open.push(cluster);
  for (const pod of pods) cluster.put(`pod-${ipOf(pod)}`, { ip: ipOf(pod) });
}

const ready = (two: TestTierTwo) => fetch(`${two.adminUrl}/pools`).then(readyOf);
async function readyOf(response: Response): Promise<number[]> {
  return ((await response.json()) as { ready: number }[]).map((pool) => pool.ready);
}

test('tier two is ready when it knows the pods, and not before', async () => {
  const { pods, port } = await startPods(2);
  const two = await tier(await clusterOf(...pods), poolOf('m', port), modelYaml('m', ['m']));
  expect(await ready(two)).toEqual([2]);
});

/** From now on, lists of pods are not to be had. @returns what makes them possible again */
function unlistable({ server }: TestCluster): () => void {
  const rule = { verb: 'list', fault: { act: 'status', status: 503 }, times: Number.POSITIVE_INFINITY } as const;
  server.faults.push(rule);
  return () => void server.faults.splice(server.faults.indexOf(rule), 1);
}

/** A tier two that starts while the pods cannot be listed. @param speed of its clock */
async function starting(speed: number): Promise<{ listable: () => void; two: Promise<TestTierTwo>; isReady: () => boolean }> {
  const { pods, port } = await startPods(1);
  const cluster = await startCluster({ speed });
  put(cluster, pods);
  const listable = unlistable(cluster);
  let isReady = false;
  const two = tier(cluster, poolOf('p', port), modelYaml('m', ['p'])).finally(() => (isReady = true));
  return { listable, two, isReady: () => isReady };
}

describe('a tier two that cannot read the pods', () => {
  test('says what it waits for, and is ready as soon as it knows them', { timeout: 20_000 }, async () => {
    const { listable, two, isReady } = await starting(1);
    // Longer than a process that waits keeps still.
    await new Promise((resolve) => setTimeout(resolve, 1200));
    expect(isReady()).toBe(false);
    listable();
    const { log } = await two;
    expect(log).toContain('info not ready yet: the pods of default/p have not been read');
    expect(log.join()).not.toContain('could not be read');
    expect(await ready(await two)).toEqual([1]);
  });

  test('does not wait for ever, and serves them when they come', { timeout: 20_000 }, async () => {
    // Its ten seconds are one of ours.
    const { listable, two } = await starting(10);
    expect((await two).log).toContainEqual(expect.stringMatching(/^warn ready, but the pods of default\/p could not be read in 10 s/));
    const held = (await two).chat({ model: 'm' });
    listable();
    expect((await held).status).toBe(200);
  });
});

const routeOf = (name: string) => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}}
spec: {parentRefs: [{name: gw}], rules: [{matches: [{path: {value: /${name}}}], backendRefs: [${poolRef(name)}]}]}
`;

const anything: TestPod['answer'] = (_request, response) => response.end('well');

/** A process that has just got the pool `new`, whose pods it cannot read yet. */
async function withNewPool(pod: TestPod): Promise<{ two: TestTierTwo; listable: () => void }> {
  const cluster = await clusterOf(pod);
  const folder = mkdtempSync(join(tmpdir(), 'tierkit-'));
  const port = Number(pod.address.split(':')[1]);
  writeFileSync(join(folder, 'old.yaml'), [poolOf('old', port), routeOf('old')].join('---'));
  const two = await startTierTwo([], { pods: cluster.pods, paths: [folder] });
  open.push(two);
  expect((await fetch(`${two.url}/old`)).status).toBe(200);
  const listable = unlistable(cluster);
  const labels = 'matchLabels: {app: n}';
  cluster.put('new', { ip: ipOf(pod), labels: { app: 'n' } });
  writeFileSync(join(folder, 'new.yaml'), [poolOf('new', port).replace('matchLabels: {app: m}', labels), routeOf('new')].join('---'));
  expect(await two.tier.reload('test')).toBe(true);
  return { two, listable };
}

describe('a pool that comes to a running process', () => {
  test('holds its requests until its pods are known', async () => {
    const { pods } = await startPods(1, anything);
    const { two, listable } = await withNewPool(pods[0]!);
    const held = fetch(`${two.url}/new`);
    expect((await fetch(`${two.url}/old`)).status).toBe(200);
    listable();
    expect((await held).status).toBe(200);
    expect(pods[0]!.seen.map(({ url }) => url)).toEqual(['/old', '/old', '/new']);
  });

  test('sends nothing for a client that did not wait', async () => {
    const { pods } = await startPods(1, anything);
    const { two, listable } = await withNewPool(pods[0]!);
    const leaving = new AbortController();
    const held = fetch(`${two.url}/new`, { signal: leaving.signal });
    await vi.waitFor(async () => expect(await fetch(`${two.url}/old`).then(({ status }) => status)).toBe(200));
    leaving.abort();
    await expect(held).rejects.toThrow('aborted');
    listable();
    expect((await fetch(`${two.url}/new?second`)).status).toBe(200);
    expect(pods[0]!.seen.map(({ url }) => url)).not.toContain('/new');
  });

  test('says after a while that its pods have not been read', { timeout: 20_000 }, async () => {
    const { pods } = await startPods(1, anything);
    const { two } = await withNewPool(pods[0]!);
    const answers = await Promise.all([fetch(`${two.url}/new`), fetch(`${two.url}/new`)]);
    expect(answers.map(({ status }) => status)).toEqual([503, 503]);
    expect(await answers[0].text()).toContain('its endpoints have not been read');
    // Nobody waits a second time.
    expect((await fetch(`${two.url}/new`)).status).toBe(503);
  });
});

test('a pool is served by the pods of its selector, by their names', async () => {
  const { pods, port } = await startPods(2);
  const cluster = await clusterOf(...pods);
  const two = await tier(cluster, poolOf('p', port), modelYaml('m', ['p']));
  for (let at = 0; at < 6; at++) expect((await two.chat({ model: 'm', messages: [{ role: 'user', content: `${at}` }] })).status).toBe(200);
  expect(pods.map(({ seen }) => seen.length > 0)).toEqual([true, true]);
  await vi.waitFor(() => expect(two.accessLog).toHaveLength(6));
  expect(new Set(two.accessLog.map(({ pod }) => pod))).toEqual(new Set(['pod-127.0.0.2', 'pod-127.0.0.3']));
});

test('a pod that ends gets nothing new, and what it runs goes on', async () => {
  const { pods, port } = await startPods(2, (_request, response, body) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const events = chatEvents(body, ['a', 'b', 'c']);
    response.write(events[0]!);
    finish.push(() => {
      for (const event of events.slice(1)) response.write(event);
      response.end();
    });
  });
  const finish: (() => void)[] = [];
  const [a, b] = pods as [TestPod, TestPod];
  const cluster = await clusterOf(a);
  const two = await tier(cluster, poolOf('p', port), modelYaml('m', ['p']));
  const running = await two.chat({ model: 'm', stream: true });
  cluster.put('pod-127.0.0.2', { ip: ipOf(a), terminating: true });
  cluster.put('pod-127.0.0.3', { ip: ipOf(b) });
  await vi.waitFor(async () => expect(JSON.stringify(await poolState(two))).toContain('"terminating":true'));
  await vi.waitFor(async () => expect(await ready(two)).toEqual([1]));
  b.answer = asChat;
  for (let at = 0; at < 5; at++) expect((await two.chat({ model: 'm' })).status).toBe(200);
  expect([a.seen.length, b.seen.length]).toEqual([1, 5]);
  cluster.remove('pod-127.0.0.2');
  await vi.waitFor(async () => expect(JSON.stringify(await poolState(two))).not.toContain('127.0.0.2'));
  for (const end of finish) end();
  expect(await running.text()).toContain('[DONE]');
});

const poolState = async (two: TestTierTwo): Promise<unknown> => (await fetch(`${two.adminUrl}/pools`)).json();

test('while pods come and go every request is answered, and none goes to a pod that is gone', async () => {
  const count = 6;
  /** Requests have numbers: those from here on began when the pod was gone. */
  const goneFrom = new Map<string, number>();
  const strays: string[] = [];
  const { pods, port } = await startPods(count, (request, response, body) => {
    const ip = request.socket.localAddress!;
    const { messages } = JSON.parse(body) as { messages: { content: string }[] };
    if (Number(messages[0]!.content) >= (goneFrom.get(ip) ?? Infinity)) strays.push(ip);
    setTimeout(() => asChat(request, response, body), 3);
  });
  const cluster = await clusterOf(...pods);
  const two = await tier(cluster, poolOf('p', port), modelYaml('m', ['p']));
  const end = new AbortController();
  const statuses: number[] = [];
  let begun = 0;
  const client = async (): Promise<void> => {
    while (!end.signal.aborted) {
      const response = await two.chat({ model: 'm', messages: [{ role: 'user', content: `${begun++}` }] });
      await response.text();
      statuses.push(response.status);
    }
  };
  const clients = Array.from({ length: 8 }, client);
  for (let turn = 0; turn < 20; turn++) {
    const ip = ipOf(pods[turn % count]!);
    const how = turn % 3;
    if (how === 0) cluster.put(`pod-${ip}`, { ip, ready: false });
    else if (how === 1) cluster.put(`pod-${ip}`, { ip, terminating: true });
    else cluster.remove(`pod-${ip}`);
    await vi.waitFor(async () => expect(await ready(two)).toEqual([count - 1]));
    goneFrom.set(ip, begun);
    const before = statuses.length;
    await vi.waitFor(() => expect(statuses.length).toBeGreaterThan(before + 20));
    goneFrom.delete(ip);
    cluster.remove(`pod-${ip}`);
    cluster.put(`pod-${ip}`, { ip });
    await vi.waitFor(async () => expect(await ready(two)).toEqual([count]));
  }
  end.abort();
  await Promise.all(clients);
  expect(statuses.filter((status) => status !== 200)).toEqual([]);
  expect(strays).toEqual([]);
});

test('a request whose pod died before the cluster said so goes to the next one', async () => {
  const { pods, port } = await startPods(3);
  const cluster = await clusterOf(...pods);
  const two = await tier(cluster, poolOf('p', port), modelYaml('m', ['p']));
  await pods[0]!.close();
  await pods[1]!.close();
  for (let at = 0; at < 10; at++) expect((await two.chat({ model: 'm', messages: [{ role: 'user', content: `${at}` }] })).status).toBe(200);
  expect(pods[2]!.seen).toHaveLength(10);
});

test('a request that waits for a pool without pods is served once there is one', async () => {
  const { pods, port } = await startPods(1);
  const cluster = await startCluster();
  open.push(cluster);
  const two = await tier(cluster, poolOf('p', port), modelYaml('m', ['p']));
  const waiting = two.chat({ model: 'm' });
  await vi.waitFor(async () => expect(JSON.stringify(await poolState(two))).toContain('"waiting":1'));
  cluster.put('pod', { ip: ipOf(pods[0]!) });
  expect((await waiting).status).toBe(200);
});

test('each port of a pod is an endpoint of its own', async () => {
  const ports = await Promise.all([startPod(), startPod()]);
  open.push(...ports);
  const cluster = await startCluster();
  open.push(cluster);
  cluster.put('pod', { ip: '127.0.0.1' });
  const [one, other] = ports.map(({ address }) => address.split(':')[1]);
  const two = await tier(cluster, poolOf('p', 1).replace('[{number: 1}]', `[{number: ${one}}, {number: ${other}}]`), modelYaml('m', ['p']));
  for (let at = 0; at < 10; at++) await two.chat({ model: 'm', messages: [{ role: 'user', content: `${at}` }] });
  expect(ports.map(({ seen }) => seen.length > 0)).toEqual([true, true]);
});

test('an annotation goes before the selector', async () => {
  const pod = await startPod();
  open.push(pod);
  const cluster = await startCluster();
  open.push(cluster);
  const two = await tier(
    cluster,
    poolOf('p', 1).replace('{name: p}', `{name: p, annotations: {tierkit.dev/endpoints: "${pod.address}"}}`),
    modelYaml('m', ['p']),
  );
  expect((await two.chat({ model: 'm' })).status).toBe(200);
  expect(cluster.server.count('list')).toBe(0);
});
