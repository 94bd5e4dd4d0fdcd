import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { Gateway } from './gateway-api/gateway.ts';
import { FormerInferenceObjective, InferenceObjective } from './inference/inference-objective.ts';
import { Secret } from './kubernetes/secret.ts';
import { Loader } from './load.ts';
import { formatProblem } from './problem.ts';

const env = {};
const secret = (name: string, more = '') => `apiVersion: v1\nkind: Secret\nmetadata: {name: ${name}}\nstringData: {apiKey: x}\n${more}`;
const gateway = (name: string) =>
  `apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: ${name}}\nspec: {gatewayClassName: c, listeners: [{name: h, port: 80, protocol: HTTP}]}\n`;
const objective = (group: string, priority: number) =>
  `apiVersion: ${group}/v1alpha2\nkind: InferenceObjective\nmetadata: {name: o}\nspec: {priority: ${priority}, poolRef: {name: p}}\n`;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'load-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

function load(...texts: string[]) {
  return new Loader().load({ paths: [], texts: texts.map((text, index) => ({ file: `${index}.yaml`, text })), env });
}

describe('duplicates', () => {
  it('reports the later one with the place of the first', () => {
    const { problems, set } = load(`${secret('a')}---\n${secret('b')}---\n${secret('a')}`, secret('a'));
    expect(problems.map(formatProblem)).toEqual([
      '0.yaml:11 (document 3): Secret default/a: metadata.name: the same resource is in 0.yaml:1 already',
      '1.yaml:1 (document 1): Secret default/a: metadata.name: the same resource is in 0.yaml:1 already',
    ]);
    expect(set.size).toBe(2);
  });

  it('tells kinds and namespaces apart, and versions not', () => {
    expect(load(secret('a'), secret('a').replace('{name: a}', '{name: a, namespace: n}'), gateway('a')).problems).toEqual([]);
    expect(load(gateway('a'), gateway('a').replace('/v1', '/v1beta1')).problems).toHaveLength(1);
  });

  it('keeps a resource of two groups in each', () => {
    const { problems, set } = load(objective('llm-d.ai', 1), objective('inference.networking.x-k8s.io', 2));
    expect([problems, set.size]).toEqual([[], 2]);
    expect(set.get(InferenceObjective, 'default', 'o')?.body.spec.priority).toBe(1);
    expect(set.get(FormerInferenceObjective, 'default', 'o')?.body.spec.priority).toBe(2);
    expect(load(objective('llm-d.ai', 1), objective('llm-d.ai', 2)).problems).toHaveLength(1);
  });

  it('finds a mounted Secret that a document has too', () => {
    mkdirSync(join(dir, 'a'));
    writeFileSync(join(dir, 'a', 'apiKey'), 'y');
    const { problems, set } = new Loader().load({ paths: [], texts: [{ file: '0.yaml', text: secret('a') }], secretDir: dir, env });
    expect(problems.map(formatProblem)).toEqual([
      `${join(dir, 'a')}: Secret default/a: metadata.name: the same resource is in 0.yaml:1 already`,
    ]);
    expect(set.get(Secret, 'default', 'a')?.body.stringData).toEqual({ apiKey: 'x' });
  });
});

it('reports every problem of every file at once, and serves what is whole to those that look', () => {
  writeFileSync(join(dir, 'b.yaml'), `${gateway('ok')}---\n${gateway('bad').replace('port: 80', 'port: 0')}`);
  writeFileSync(join(dir, 'c.yaml'), 'a: [1\n');
  const loaded = new Loader().load({
    paths: [dir, join(dir, 'nothing')],
    texts: [{ file: 'text', text: 'kind: Zebra' }],
    secretDir: join(dir, 'none'),
    env,
  });
  expect(loaded.problems.map(({ source, path }) => [source.file.slice(source.file.lastIndexOf('/') + 1), path])).toEqual([
    ['nothing', ''],
    ['c.yaml', ''],
    ['text', 'apiVersion'],
    ['b.yaml', 'spec.listeners[0].port'],
    ['none', ''],
  ]);
  expect(loaded.set.all(Gateway).map(({ metadata }) => metadata.name)).toEqual(['ok']);
  expect(loaded.set.isInvalid('Gateway', 'default', 'bad')).toBe(true);
  expect(loaded.set.isInvalid('Gateway', 'default', 'ok')).toBe(false);
});

describe('the hash', () => {
  it('is that of everything that was read', () => {
    mkdirSync(join(dir, 's', 'a'), { recursive: true });
    const key = join(dir, 's', 'a', 'apiKey');
    const file = join(dir, 'g.yaml');
    const loader = new Loader();
    const hash = () => loader.load({ paths: [file], secretDir: join(dir, 's'), env }).hash;
    writeFileSync(file, gateway('g'));
    writeFileSync(key, 'one');
    const first = hash();
    expect(hash()).toBe(first);
    writeFileSync(key, 'two');
    const second = hash();
    writeFileSync(file, gateway('h'));
    const third = hash();
    writeFileSync(key, 'one');
    writeFileSync(file, gateway('g'));
    expect(new Set([first, second, third]).size).toBe(3);
    expect(hash()).toBe(first);
  });
});

it('does not check what has not changed again, and forgets nothing of it', () => {
  const loader = new Loader();
  const texts = [{ file: 'a', text: `${gateway('g')}---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n` }];
  const first = loader.load({ paths: [], texts, env });
  const again = loader.load({ paths: [], texts, env });
  expect(again.set.get(Gateway, 'default', 'g')).toBe(first.set.get(Gateway, 'default', 'g'));
  expect(again.ignored).toEqual(['Deployment d']);
  const moved = loader.load({ paths: [], texts: [{ file: 'a', text: `# a line more\n${texts[0]!.text}` }], env });
  expect(moved.problems).toEqual([]);
});

it('watches every folder that a change could come from', () => {
  mkdirSync(join(dir, 'config', 'sub'), { recursive: true });
  mkdirSync(join(dir, 'secrets', 'team', 'key'), { recursive: true });
  writeFileSync(join(dir, 'one.yaml'), gateway('g'));
  const { folders } = new Loader().load({
    paths: [join(dir, 'config'), join(dir, 'one.yaml'), join(dir, 'later', 'x')],
    secretDir: join(dir, 'secrets'),
    env,
  });
  expect(folders.map((folder) => folder.slice(dir.length)).sort()).toEqual([
    '',
    '/config',
    '/config/sub',
    '/later',
    '/secrets',
    '/secrets/team',
    '/secrets/team/key',
  ]);
});
