import { expect, test } from 'vitest';

import { VirtualClock } from './clock.ts';
import { SegmentContent } from './engine/content.ts';
import { profileOf } from './engine/profile.ts';
import { SimulatedPod, type PodOptions } from './pod.ts';

function start(options: Partial<PodOptions> = {}) {
  const clock = new VirtualClock();
  const pod = new SimulatedPod({ name: 'p', model: 'm', profile: profileOf('demo'), ...options });
  clock.add(pod);
  const ended: string[] = [];
  const ask = (id: string, promptTokens = 100, outputTokens = 20, segment = Number(id)): string =>
    pod.submit(
      { id, content: new SegmentContent([{ id: segment, length: promptTokens }], -1 - segment), outputTokens, ends: 'stop' },
      { finished: (sequence, _now, reason) => void ended.push(`${sequence.request.id} ${reason} ${sequence.output}`) },
      clock.now,
    ).kind;
  return { clock, pod, ended, ask };
}

test('a scheduled crash loses what runs, the cache and the counters, and is over after the restart', () => {
  const { clock, pod, ended, ask } = start({ failures: [{ kind: 'oom', fromMs: 100, restartMs: 1000 }] });
  const downs: number[] = [];
  pod.onDown((until) => downs.push(until));
  ask('1', 400, 5);
  clock.run(99);
  expect(ended).toEqual(['1 stop 5']);
  expect(pod.cachedPrefixTokens(new SegmentContent([{ id: 1, length: 400 }], -2))).toBe(384);
  ask('2', 100, 500);
  clock.run(101);
  expect(ended[1]).toMatch(/^2 error/);
  expect([downs, pod.up(clock.now), pod.healthy(clock.now)]).toEqual([[1100], false, false]);
  expect(ask('3')).toBe('down');
  expect(pod.metrics().generationTokens).toBe(0);
  clock.run(1100);
  expect(ask('4')).toBe('accepted');
  expect(pod.cachedPrefixTokens(new SegmentContent([{ id: 1, length: 400 }], -2))).toBe(0);
  clock.run();
  expect(ended.at(-1)).toBe('4 stop 20');
});

test('an injected reset ends a request after its tokens, and only that one', () => {
  const { clock, pod, ended, ask } = start({ failures: [{ kind: 'reset', afterTokens: 3, untilMs: 1 }] });
  ask('1');
  clock.run(2);
  ask('2');
  clock.run();
  expect(ended).toEqual(['1 error 3', '2 stop 20']);
  expect(pod.snapshot(clock.now)).toMatchObject({ running: 0, kvUsage: 0 });
});

test('requests go to the rank with the least to do, and each rank has its own cache', () => {
  const { clock, pod, ask } = start({ dataParallelSize: 3 });
  for (let i = 0; i < 6; i++) ask(String(i));
  expect(pod.snapshot(0).ranks.map(({ running, waiting }) => running + waiting)).toEqual([2, 2, 2]);
  clock.run();
  const content = new SegmentContent([{ id: 0, length: 100 }], -1);
  expect([0, 1, 2].map((rank) => pod.cachedPrefixTokens(content, {}, rank))).toEqual([96, 0, 0]);
  expect(pod.cachedPrefixTokens(content)).toBe(96);
});

test('a slow window slows the steps in it, on the same clock', () => {
  const times = [1, 6].map((factor) => {
    const { clock, ask } = start({ failures: [{ kind: 'slow', factor, untilMs: 1e9 }] });
    ask('1', 100, 1);
    clock.run();
    return clock.now;
  });
  expect(times[1]! / times[0]!).toBeCloseTo(6);
});

test('an adapter in use cannot be unloaded', () => {
  const { clock, pod } = start({ loras: ['a'] });
  pod.submit({ id: 'x', content: new SegmentContent([{ id: 1, length: 10 }], 2), outputTokens: 50, ends: 'stop', lora: 'a' }, {}, 0);
  clock.run(200);
  expect(pod.unloadLora('a')).toBe(false);
  clock.run();
  expect(pod.unloadLora('a')).toBe(true);
  expect(pod.unloadLora('a')).toBe(false);
});
