import { afterEach, describe, expect, test } from 'vitest';

import { Configuration } from '#core/serve/configuration';
import { FileSource } from '#core/serve/source';

import type { Pod } from '#core/kubernetes/pod';
import type { PodSelection } from '#core/kubernetes/pod-watch';

import { PodEndpoints } from '../pools/pod-source.ts';
import { poolYaml } from '../tier-two.fixture.ts';
import { PoolsInService } from './pools-in-service.ts';

const open: Configuration[] = [];
afterEach(async () => {
  for (const configuration of open.splice(0)) await configuration.close();
});

const pool = (name: string) => poolYaml(name, [{ address: '127.0.0.1:61' }]);

/** Pools without routes, and what loads other texts for them. */
function load(
  only?: string,
  pods?: PodEndpoints,
): { readonly pools: PoolsInService; readonly configuration: Configuration; text: (...yaml: string[]) => void } {
  const pools = new PoolsInService(() => undefined, { alone: true, only, pods });
  const texts = [{ file: 'test.yaml', text: '' }];
  const configuration = new Configuration(new FileSource({ paths: [], env: {}, texts }), () => undefined, pools);
  open.push(configuration);
  return { pools, configuration, text: (...yaml) => (texts[0] = { file: 'test.yaml', text: yaml.join('---') }) };
}

test('pools by name are those that are prepared, then those in service', () => {
  const { pools, configuration, text } = load();
  text(pool('a'));
  configuration.load();
  const [first] = pools.byName().values();
  text(pool('a'), pool('b'));
  configuration.prepare();
  expect([...pools.byName().keys()]).toEqual(['default/a', 'default/b']);
  configuration.drop();
  expect([...pools.byName().values()]).toEqual([first]);
  configuration.take(configuration.prepare()!);
  expect([...pools.byName().keys()]).toEqual(['default/a', 'default/b']);
  // What is known of a pool's endpoints outlives the configuration.
  expect(pools.byName().get('default/a')!.service).toBe(first!.service);
});

test('a refused configuration leaves those in service', () => {
  const { pools, configuration, text } = load();
  text(pool('a'));
  configuration.load();
  text(pool('b').replace('127.0.0.1:61', 'nowhere'));
  expect(() => configuration.load()).toThrow('InferencePool');
  expect([...pools.byName().keys()]).toEqual(['default/a']);
});

test('one pool alone can be served; the names of the others are known', () => {
  const { pools, configuration, text } = load('default/b');
  text(pool('a'), pool('b'));
  configuration.load();
  expect([...pools.byName().keys()]).toEqual(['default/b']);
  expect(pools.names()).toEqual(['default/a', 'default/b']);
  expect(pools.services()).toHaveLength(1);
});

const ofPods = (name: string, app = name, more = '') => `
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: ${name}}
spec: {selector: {matchLabels: {app: ${app}}}, targetPorts: [{number: 8000}]${more}}
`;

const listed = Promise.resolve(true);

function watched() {
  const wants: (readonly string[])[] = [];
  const listeners: ((keys: ReadonlySet<string>) => void)[] = [];
  const known = new Map<string, readonly Pod[]>();
  const pods = new PodEndpoints(
    (onChange) => {
      listeners.push(onChange);
      return {
        want(pools: ReadonlyMap<string, PodSelection>) {
          wants.push([...pools.keys()]);
          return [];
        },
        pods: (key) => known.get(key) ?? [],
        synced: () => listed,
        read: () => listed,
      };
    },
    () => undefined,
  );
  const put = (key: string, podIP: string): void => {
    const pod = { namespace: 'default', name: 'pod', uid: 'u', labels: {}, podIP, node: undefined, ready: true, terminating: false };
    known.set(key, [{ ...pod, ports: [] }]);
    for (const tell of listeners) tell(new Set([key]));
  };
  return { pods, wants, put };
}

describe('pools with selectors', () => {
  test('are watched while they are there, also when a configuration is refused', async () => {
    const { pods, wants, put } = watched();
    const { pools, configuration, text } = load(undefined, pods);
    text(ofPods('a'));
    configuration.load();
    expect(wants).toEqual([['default/a']]);
    const { service } = pools.byName().get('default/a')!;
    await listed;
    put('default/a', '10.0.0.1');
    expect(service.pool.ready).toBe(1);
    // Kept: what is known of the pool and its pods goes on.
    text(ofPods('a'), ofPods('b'));
    configuration.load();
    expect(pools.byName().get('default/a')!.service).toBe(service);
    expect(wants.at(-1)).toEqual(['default/a', 'default/b']);
    text(ofPods('a'), ofPods('c'), pool('d').replace('127.0.0.1:61', 'nowhere'));
    expect(() => configuration.load()).toThrow('InferencePool');
    expect(wants.at(-1)).toEqual(['default/a', 'default/b']);
    put('default/a', '10.0.0.2');
    expect(service.pool.endpoints().map(({ id }) => id)).toEqual(['10.0.0.2:8000']);
    text(ofPods('b'));
    configuration.load();
    expect(wants.at(-1)).toEqual(['default/b']);
  });

  test('have their pods at once when another field changes', async () => {
    const { pods, wants, put } = watched();
    const { pools, configuration, text } = load(undefined, pods);
    text(ofPods('a'));
    configuration.load();
    await listed;
    put('default/a', '10.0.0.1');
    text(ofPods('a', 'a', ', appProtocol: kubernetes.io/h2c'));
    configuration.load();
    const { pool: now } = pools.byName().get('default/a')!.service;
    expect(now.endpoints().map(({ id }) => [id, now.member(id)!.origin.protocol])).toEqual([['10.0.0.1:8000', 'h2c']]);
    expect(wants).toEqual([['default/a']]);
  });

  test('need an annotation where nothing tells of pods', () => {
    const { configuration, text } = load();
    text(ofPods('a'));
    expect(() => configuration.load()).toThrow('the pods of a selector are read from a cluster');
  });
});
