import { afterEach, beforeEach, expect, it } from 'vitest';

import { FakeApiServer } from './api-server.fixture.ts';
import { keepPod, POD } from './pod.ts';
import { labelSelector, PodWatch } from './pod-watch.ts';
import type { KubernetesObject } from './resource.ts';
import { fastClock, settle, until } from './time.fixture.ts';

const status = (ready: boolean, phase = 'Running') => ({
  phase,
  podIP: '10.0.0.1',
  conditions: [
    { type: 'Initialized', status: 'True' },
    { type: 'Ready', status: ready ? 'True' : 'False' },
  ],
});
const spec = {
  nodeName: 'n1',
  containers: [{ name: 'vllm', image: 'x', ports: [{ name: 'http', containerPort: 8000 }, { containerPort: 8001 }] }, { name: 'other' }],
  initContainers: [
    { name: 'proxy', restartPolicy: 'Always', ports: [{ containerPort: 9000 }] },
    { name: 'load', ports: [{ containerPort: 1 }] },
  ],
};
const pod = (rest: object, metadata: object = {}) =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'a', uid: 'u', labels: { app: 'm' }, ...metadata },
    ...rest,
  }) as KubernetesObject;

it('keeps what a pool needs', () => {
  expect(keepPod(pod({ spec, status: status(true) }))).toEqual({
    namespace: 'a',
    name: 'p',
    uid: 'u',
    labels: { app: 'm' },
    podIP: '10.0.0.1',
    node: 'n1',
    ready: true,
    terminating: false,
    ports: [
      { name: 'http', port: 8000 },
      { name: undefined, port: 8001 },
      { name: undefined, port: 9000 },
    ],
  });
});

it.each([
  ['not ready', { spec, status: status(false) }, { ready: false, terminating: false }],
  ['ended', { spec, status: status(true, 'Succeeded') }, { ready: false }],
  [
    'not placed yet',
    { spec: { containers: [] }, status: { phase: 'Pending' } },
    { ready: false, podIP: undefined, node: undefined, ports: [] },
  ],
  ['new', {}, { ready: false, podIP: undefined, labels: { app: 'm' } }],
])('reads a pod that is %s', (_name, rest, expected) => {
  expect(keepPod(pod(rest))).toMatchObject(expected);
});

it('sees that a pod is being deleted while it is ready', () => {
  expect(keepPod(pod({ spec, status: status(true) }, { deletionTimestamp: '2026-01-01T00:00:00Z' }))).toMatchObject({
    ready: true,
    terminating: true,
  });
});

it('writes a selector in one order', () => {
  expect(labelSelector({ b: '2', a: '1', c: '' })).toBe('a=1,b=2,c=');
});

let server: FakeApiServer;
let watch: PodWatch;
let called: string[][];

beforeEach(async () => {
  server = await FakeApiServer.start(POD);
  called = [];
  watch = new PodWatch({
    client: await server.client(),
    limit: 2,
    onChange: (pools) => called.push([...pools].sort()),
    log: () => undefined,
    tuning: { clock: fastClock(100) },
  });
});
afterEach(async () => {
  await watch.stop();
  await server.leave();
});

const put = (name: string, app: string, ready = true, rest: object = {}) =>
  server.table.put(POD, { metadata: { name, namespace: 'a', labels: { app } }, spec, status: { ...status(ready), ...rest } });
const pool = (app: string) => ({ namespace: 'a', matchLabels: { app } });

it('tells of each pool its pods, and changes of what matters only', async () => {
  put('p1', 'm');
  put('p2', 'm');
  put('q1', 'n');
  expect(
    watch.want(
      new Map([
        ['a/m', pool('m')],
        ['a/n', pool('n')],
        ['a/o', pool('o')],
      ]),
    ),
  ).toEqual(['the pods of pool a/o are not watched: 2 pools are at most']);
  expect(await watch.synced()).toBe(true);
  expect(watch.pods('a/m').map(({ name }) => name)).toEqual(['p1', 'p2']);
  await until(() => server.watchers === 2);
  put('p1', 'm', true, { hostIP: '172.16.0.1' });
  await settle();
  expect(called).toEqual([]);
  put('p1', 'm', false);
  await until(() => called.length === 1);
  put('q1', 'm');
  await until(() => called.length === 2);
  expect(called).toEqual([['a/m'], ['a/m', 'a/n']]);
  expect(watch.pods('a/m').map(({ name, ready }) => [name, ready])).toEqual([
    ['p1', false],
    ['p2', true],
    ['q1', true],
  ]);
  expect(watch.pods('a/n')).toEqual([]);
});

it('reads a pool anew whose selector is another', async () => {
  put('p', 'm');
  put('q', 'n');
  watch.want(new Map([['a/m', pool('m')]]));
  await watch.synced();
  await until(() => server.watchers === 1);
  watch.want(new Map([['a/m', pool('m')]]));
  expect(server.count('list')).toBe(1);
  watch.want(new Map([['a/m', pool('n')]]));
  await watch.synced();
  expect(watch.pods('a/m').map(({ name }) => name)).toEqual(['q']);
  await until(() => server.watchers === 1);
});
