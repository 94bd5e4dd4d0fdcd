import { afterEach, expect, test } from 'vitest';

import { Configuration } from '#core/serve/configuration';
import { FileSource } from '#core/serve/source';

import { poolYaml } from '../tier-two.fixture.ts';
import { PoolsInService } from './pools-in-service.ts';

const open: Configuration[] = [];
afterEach(async () => {
  for (const configuration of open.splice(0)) await configuration.close();
});

const pool = (name: string) => poolYaml(name, [{ address: '127.0.0.1:61' }]);

/** Pools without routes, and what loads other texts for them. */
function load(only?: string): { readonly pools: PoolsInService; readonly configuration: Configuration; text: (...yaml: string[]) => void } {
  const pools = new PoolsInService(() => undefined, { alone: true, only });
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
