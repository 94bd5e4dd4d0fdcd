import { describe, expect, it } from 'vitest';

import type { InferencePool } from '#core/resources/inference/inference-pool';

import { readAnnotations, sourceOf } from './annotations.ts';
import type { PoolEndpoint } from './endpoint.ts';

function pool(annotations: Record<string, string>): InferencePool {
  return {
    apiVersion: 'inference.networking.k8s.io/v1',
    kind: 'InferencePool',
    metadata: { name: 'p', namespace: 'default', labels: {}, annotations, creationTimestamp: undefined },
    body: { spec: { selector: { matchLabels: { a: 'b' } }, targetPorts: [{ number: 8000 }, { number: 8001 }], appProtocol: 'http' } },
    source: { file: '/etc/tierkit/pools.yaml', document: 1, line: 1 },
  };
}

function read(annotations: Record<string, string>) {
  const problems: string[] = [];
  const settings = readAnnotations(pool(annotations), (path, message) => problems.push(`${path}: ${message}`));
  return { settings, problems };
}

const list = (settings: ReturnType<typeof read>['settings']) =>
  settings?.type === 'static' ? settings.endpoints.map(({ id }) => id) : settings;

const ids = (value: string) => {
  const { settings, problems } = read({ 'tierkit.dev/endpoints': value });
  return problems.length > 0
    ? problems.map((problem) => problem.slice('metadata.annotations[tierkit.dev/endpoints]: '.length))
    : list(settings);
};

describe('tierkit.dev/endpoints', () => {
  it.each([
    ['127.0.0.1:8000,127.0.0.1:8001', ['127.0.0.1:8000', '127.0.0.1:8001']],
    [' 127.0.0.1:8000 , ', ['127.0.0.1:8000']],
    ['10.0.0.1', ['10.0.0.1:8000', '10.0.0.1:8001']],
    ['[fd00::1]:9000,fd00::2', ['[fd00::1]:9000', '[fd00::2]:8000', '[fd00::2]:8001']],
    ['127.0.0.1:8000,127.0.0.1:8000', ['127.0.0.1:8000 stands here twice']],
    ['localhost:8000', ['"localhost:8000" is no ip:port']],
    ['127.0.0.1:0', ['"127.0.0.1:0": 0 is no port (1–65535)']],
    ['127.0.0.1:65536', ['"127.0.0.1:65536": 65536 is no port (1–65535)']],
    ['127.0.0.1:', ['"127.0.0.1:" is no ip:port']],
    ['[127.0.0.1]:80', ['"[127.0.0.1]:80" is no ip:port']],
    ['http://127.0.0.1:80', ['"http://127.0.0.1:80" is no ip:port']],
    [' , ', ['is empty, and is a list such as "127.0.0.1:8000,127.0.0.1:8001"']],
  ])('%s', (value, expected) => {
    expect(ids(value)).toEqual(expected);
  });

  it('is all there is, at once', () => {
    const annotated = pool({ 'tierkit.dev/endpoints': '127.0.0.1:8000' });
    const source = sourceOf(
      readAnnotations(annotated, () => undefined)!,
      annotated,
      () => undefined,
    );
    const seen: (readonly PoolEndpoint[])[] = [];
    source.start((endpoints) => seen.push(endpoints));
    source.stop();
    expect(seen).toEqual([
      [{ id: '127.0.0.1:8000', pod: '127.0.0.1:8000', address: '127.0.0.1', port: 8000, labels: {}, ready: true, terminating: false }],
    ]);
  });
});

it('finds a file beside the file that names it', () => {
  expect(read({ 'tierkit.dev/endpoints-file': 'pods.yaml' }).settings).toEqual({ type: 'file', file: '/etc/tierkit/pods.yaml' });
  expect(read({ 'tierkit.dev/endpoints-file': '/run/pods.yaml' }).settings).toEqual({ type: 'file', file: '/run/pods.yaml' });
});

it.each([
  ['vllm.models.svc.cluster.local', []],
  ['vllm', []],
  ['vllm:8000', [`metadata.annotations[tierkit.dev/endpoints-dns]: "vllm:8000" is no DNS name; the ports are the pool's targetPorts`]],
  ['', [`metadata.annotations[tierkit.dev/endpoints-dns]: "" is no DNS name; the ports are the pool's targetPorts`]],
])('takes the DNS name %j as it should', (name, problems) => {
  expect(read({ 'tierkit.dev/endpoints-dns': name }).problems).toEqual(problems);
});

it('leaves a pool without annotations to Kubernetes', () => {
  expect(read({ 'other.dev/endpoints': 'x' })).toEqual({ settings: undefined, problems: [] });
});

it('refuses two sources, and a slip in the name', () => {
  const two = read({ 'tierkit.dev/endpoints': '127.0.0.1:1', 'tierkit.dev/endpoints-dns': 'a' });
  expect(two.settings).toBeUndefined();
  expect(two.problems).toEqual([expect.stringContaining('only one of tierkit.dev/endpoints, tierkit.dev/endpoints-dns may be there')]);
  expect(read({ 'tierkit.dev/endpoints-flie': 'x' }).problems).toEqual([
    'metadata.annotations[tierkit.dev/endpoints-flie]: is no annotation of a pool; did you mean "tierkit.dev/endpoints-file"?',
  ]);
});
