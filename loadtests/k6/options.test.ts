import { expect, test } from 'vitest';

import { LOAD_HELP, readLoadOptions } from './options.ts';
import { SCENARIOS } from './plan/scenarios.ts';

test.each([
  [[], /^give a scenario: smoke, unary/],
  [['smok'], /^no scenario is called "smok".*smoke/],
  [['smoke', 'spike'], /^give one scenario, not smoke and spike$/],
  [['smoke', '--durations', '3s'], /^unknown option --durations.*duration/],
  [['smoke', '--duration', '30'], /^--duration must be a duration above 0 such as 30s, not "30"$/],
  [['smoke', '--duration', '0s'], /^--duration must be/],
  [['soak', '--duration', '3h'], /^--duration must be at most 2h/],
  [['smoke', '--rate', 'many'], /^--rate must be a number above 0, not "many"$/],
  [['smoke', '--rate=-1'], /^--rate must be/],
  [['smoke', '--vus', '1.5'], /^--vus must be a whole number/],
  [['smoke', '--tiers', 'both,three'], /^--tiers is a list of pods, two, one, both; it has "three"$/],
  [['smoke', '--speed', '0'], /^--speed must be/],
  [['smoke', '--image', 'k6:1'], /^--image is for --job$/],
  [['smoke', '--job', '--own'], /^--own starts a platform here, where --job does not reach it$/],
])('%j is refused, and says why', (args, message) => {
  expect(() => readLoadOptions(args)).toThrow(TypeError);
  expect(() => readLoadOptions(args)).toThrow(message);
});

test('what is given becomes the variables of the scripts, and nothing else', () => {
  const args = ['spike', '--duration', '1m30s', '--rate', '2.5', '--tiers', 'both,pods', '--ttft', '1s', '--max-tokens', '8', '--own'];
  expect(readLoadOptions(args)).toMatchObject({
    scenario: { name: 'spike' },
    env: { LOAD_SECONDS: '90', LOAD_RATE: '2.5', LOAD_TIERS: 'pods,both', LOAD_TTFT_MS: '1000', LOAD_MAX_TOKENS: '8' },
    own: true,
    speed: 1,
  });
  expect(readLoadOptions(['smoke']).env).toEqual({});
});

test('--job says where', () => {
  expect(readLoadOptions(['smoke', '--job']).job).toEqual({ context: undefined, namespace: 'default', image: 'grafana/k6:2.1.0' });
  expect(readLoadOptions(['smoke', '--job', '--context', 'c', '--namespace', 'load', '--image', 'k6:1']).job).toEqual({
    context: 'c',
    namespace: 'load',
    image: 'k6:1',
  });
  expect(readLoadOptions(['smoke']).job).toBeUndefined();
});

test('the help names every scenario', () => {
  const lines = LOAD_HELP.split('\n').map((line) => line.trim().replace(/ {2,}/, ': '));
  expect(lines).toEqual(expect.arrayContaining(SCENARIOS.map(({ name, question }) => `${name}: ${question}`)));
});
