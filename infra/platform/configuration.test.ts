import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { InvalidSettings } from '../settings.ts';
import { settingsOf } from './configuration.ts';

const folder = mkdtempSync(join(tmpdir(), 'tierkit-configuration-'));
const IMAGE = { name: 'registry.example.com/tierkit', tag: '1' };
const read = (keys: Record<string, unknown>) => (key: string) => {
  const value = keys[key];
  return value === undefined || typeof value === 'string' ? value : JSON.stringify(value);
};
const problems = (keys: Record<string, unknown>) => {
  try {
    settingsOf(read(keys), folder);
  } catch (error) {
    if (error instanceof InvalidSettings) return error.problems.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
  return [];
};

test('the configuration and a file give the same', () => {
  writeFileSync(join(folder, 'same.yaml'), 'size: dev\nimage: {name: registry.example.com/tierkit, tag: "1"}\n');
  const cluster = { gatewayContext: 'here' };
  const settings = settingsOf(read({ settings: { size: 'dev', image: IMAGE }, settingsFile: '', ...cluster }), folder);
  expect(settingsOf(read({ settings: {}, settingsFile: 'same.yaml', ...cluster }), folder)).toEqual(settings);
  expect(settings.clusters).toEqual({ gateway: { context: 'here' }, model: { context: 'here' } });
});

test('keys stand for the clusters of the settings, and paths begin at the project', () => {
  const settings = { image: IMAGE, topology: 'two-clusters', clusters: { gateway: { context: 'a' } } };
  const { clusters } = settingsOf(read({ settings, gatewayContext: 'a', gatewayKubeconfig: 'gateway.yaml', modelContext: 'b' }), folder);
  expect(clusters).toEqual({ gateway: { context: 'a', kubeconfig: join(folder, 'gateway.yaml') }, model: { context: 'b' } });
  expect(problems({ settings, gatewayContext: 'c', modelContext: 'b' })).toEqual([
    'clusters.gateway.context: is "a", but gatewayContext is "c": keep one of them',
  ]);
});

test('everything that is wrong is told at once', () => {
  expect(problems({ settings: { sise: 'dev', image: IMAGE, tierOne: { replicas: 0 } } })).toEqual([
    'clusters.gateway.context: no cluster is named: pulumi config set gatewayContext NAME',
    expect.stringMatching(/^sise: .*did you mean "size"\?/),
    expect.stringMatching(/^tierOne\.replicas: /),
  ]);
});

test('nothing, both, a file that is not there and one that is no YAML are told', () => {
  const cluster = { gatewayContext: 'here' };
  expect(problems({ ...cluster, settings: {} })[0]).toMatch(/^settings: there are none: pulumi config set settingsFile FILE/);
  writeFileSync(join(folder, 'one.yaml'), `image: ${JSON.stringify(IMAGE)}`);
  writeFileSync(join(folder, 'bad.yaml'), 'image: {name: [');
  expect(problems({ ...cluster, settings: { image: IMAGE }, settingsFile: 'one.yaml' })).toEqual([
    'settingsFile: is set, and settings as well: keep one of them',
  ]);
  expect(problems({ ...cluster, settingsFile: 'none.yaml' })).toEqual([
    `settingsFile: ${join(folder, 'none.yaml')} cannot be read (ENOENT)`,
  ]);
  expect(problems({ ...cluster, settingsFile: 'bad.yaml' })[0]).toMatch(/^settingsFile: .*bad\.yaml is no YAML: /);
});
