import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { VirtualClock } from '../clock.ts';
import { type Content, SegmentContent } from './content.ts';
import { Engine } from './engine.ts';
import type { EngineRequest, EngineSettings, FinishReason, StepInfo } from './request.ts';
import type { Sequence } from './sequence.ts';

const TIMES = { baseMs: 10, perPrefillTokenMs: 0.1, perDecodeSequenceMs: 0.5, perContextTokenMs: 0, perPrefillPairMs: 0 };

const SETTINGS: EngineSettings = {
  model: 'm',
  blockSize: 16,
  blocks: 64,
  maxModelLen: 1024,
  maxNumBatchedTokens: 128,
  maxNumSeqs: 8,
  policy: 'fcfs',
  prefixCaching: true,
  maxLoras: 2,
  loraLoadMs: 500,
  transferPerTokenMs: 1,
};

/** An engine that writes down what it tells. */
function start(settings: Partial<EngineSettings> = {}) {
  const steps: StepInfo[] = [];
  const log: string[] = [];
  const ended = new Map<string, { sequence: Sequence; reason: FinishReason; at: number }>();
  const engine = new Engine({ ...SETTINGS, ...settings }, TIMES, {
    admitted: ({ request }, now) => void log.push(`${now} admitted ${request.id}`),
    token: ({ request, output }, now) => void (output === 1 && log.push(`${now} first ${request.id}`)),
    preempted: ({ request }, now) => void log.push(`${now} preempted ${request.id}`),
    finished: (sequence, now, reason) => {
      log.push(`${now} ${reason} ${sequence.request.id}`);
      ended.set(sequence.request.id, { sequence, reason, at: now });
    },
    step: (info) => void steps.push(info),
  });
  const finish = (): void => {
    const clock = new VirtualClock();
    clock.add(engine);
    clock.run();
  };
  return { engine, steps, log, ended, finish };
}

let unique = 1000;
function prompt(length: number, id = unique++): Content {
  return new SegmentContent([{ id, length }], -id);
}

function request(id: string, promptTokens: number | Content, outputTokens: number, more: Partial<EngineRequest> = {}): EngineRequest {
  return { id, content: typeof promptTokens === 'number' ? prompt(promptTokens) : promptTokens, outputTokens, ends: 'length', ...more };
}

test('one request: a step of prefill, then a step a token, each as long as the profile says', () => {
  const { engine, log, ended, finish } = start();
  engine.submit(request('a', 100, 3), 5);
  finish();
  // 10 + 100 · 0.1, then twice 10 + 0.5.
  expect(log).toEqual(['5 admitted a', '25 first a', '46 length a']);
  expect(ended.get('a')!.sequence.output).toBe(3);
  expect(engine.allocator.free).toBe(64);
});

test('a long prompt is computed in chunks, and the others get their tokens meanwhile', () => {
  const { engine, steps, ended, finish } = start();
  engine.submit(request('chat', 16, 20), 0);
  engine.submit(request('long', 500, 1), 0);
  finish();
  const mixed = steps.filter(({ prefillTokens, decodeTokens }) => prefillTokens > 0 && decodeTokens > 0);
  // 127 of 128 tokens are left beside the running sequence: 500 take four steps.
  expect(mixed.map(({ prefillTokens }) => prefillTokens)).toEqual([127, 127, 127, 119]);
  expect(ended.get('chat')!.sequence.output).toBe(20);
});

describe('whatever is asked', () => {
  const asked = fc.array(
    fc.record({
      at: fc.nat(3000),
      group: fc.nat(3),
      shared: fc.integer({ min: 0, max: 80 }),
      own: fc.integer({ min: 1, max: 300 }),
      output: fc.integer({ min: 0, max: 60 }),
      abortAfter: fc.option(fc.nat(2000), { nil: undefined, freq: 4 }),
      lora: fc.option(fc.constantFrom('x', 'y', 'z'), { nil: undefined, freq: 3 }),
      remote: fc.boolean(),
      priority: fc.nat(2),
    }),
    { minLength: 1, maxLength: 40 },
  );

  for (const policy of ['fcfs', 'priority'] as const) {
    test(`budgets hold, everything ends, nothing leaks (${policy})`, () => {
      fc.assert(
        fc.property(asked, fc.integer({ min: 24, max: 64 }), (items, blocks) => {
          const { engine, steps, ended } = start({ policy, blocks, maxModelLen: 384 });
          const clock = new VirtualClock();
          clock.add(engine);
          for (const [i, item] of items.entries()) {
            const shape = [
              ...(item.shared > 0 ? [{ id: item.group, length: item.shared }] : []),
              { id: 100 + i, length: Math.min(item.own, 384 - item.shared - item.output) },
            ];
            const extra = {
              priority: item.priority,
              remotePrefill: item.remote,
              ...(item.lora === undefined ? {} : { lora: item.lora }),
            };
            clock.at(item.at, () => engine.submit(request(`r${i}`, new SegmentContent(shape, -i), item.output, extra), clock.now));
            if (item.abortAfter !== undefined) clock.at(item.at + item.abortAfter, () => void engine.abort(`r${i}`, clock.now));
          }
          clock.run();
          expect(ended.size).toBe(items.length);
          for (const [i, item] of items.entries()) {
            const { reason, sequence } = ended.get(`r${i}`)!;
            const aborted = item.abortAfter !== undefined && reason === 'abort';
            expect(aborted || sequence.output === item.output).toBe(true);
          }
          for (const { prefillTokens, decodeTokens, sequences } of steps) {
            expect(prefillTokens + decodeTokens).toBeLessThanOrEqual(SETTINGS.maxNumBatchedTokens);
            expect(sequences).toBeLessThanOrEqual(SETTINGS.maxNumSeqs);
          }
          expect(engine.allocator.free).toBe(blocks);
          expect(engine.loras.running).toEqual([]);
          expect(engine.snapshot()).toMatchObject({ running: 0, waiting: 0, deferred: 0, kvUsage: 0, pendingPrefillTokens: 0 });
        }),
        { numRuns: 150 },
      );
    });
  }
});

test('the same requests give the same run, step by step', () => {
  const runs = [1, 2].map(() => {
    unique = 5000;
    const { engine, steps, log, finish } = start({ blocks: 40, maxModelLen: 512 });
    for (let i = 0; i < 30; i++) engine.submit(request(`r${i}`, 40 + ((i * 37) % 200), 30), 0);
    finish();
    return { steps, log };
  });
  expect(runs[0]).toEqual(runs[1]);
});

test('without room a running sequence gives way, starts again and ends with all its tokens', () => {
  const { engine, log, ended, finish } = start({ blocks: 20, maxModelLen: 320, prefixCaching: false });
  for (const id of ['a', 'b', 'c']) engine.submit(request(id, 90, 100), 0);
  finish();
  const preempted = log.filter((line) => line.includes('preempted'));
  expect(preempted.length).toBeGreaterThan(0);
  // The last one of the batch gives way, so the first one never does.
  expect(preempted.some((line) => line.endsWith(' a'))).toBe(false);
  for (const id of ['a', 'b', 'c']) expect(ended.get(id)!.sequence.output).toBe(100);
  expect(ended.get('a')!.at).toBeLessThan(ended.get('c')!.at);
  expect(engine.snapshot().preemptions).toBe(preempted.length);
});

test('with priorities the least urgent gives way, and the most urgent is admitted first', () => {
  const { engine, log, finish } = start({ blocks: 20, maxModelLen: 320, policy: 'priority', maxNumSeqs: 2 });
  engine.submit(request('low', 100, 100, { priority: 9 }), 0);
  engine.submit(request('middle', 100, 100, { priority: 5 }), 1);
  engine.submit(request('high', 100, 100, { priority: 1 }), 2);
  finish();
  const admitted = log.filter((line) => line.includes('admitted')).map((line) => line.split(' ').at(-1));
  expect(admitted).toEqual(['low', 'high', 'middle']);
  expect(log.filter((line) => line.includes('preempted')).every((line) => !line.endsWith('high'))).toBe(true);
});

describe('the prefix cache', () => {
  test('gives full blocks only, leaves one token to compute, and saves the time', () => {
    const { engine, ended, finish } = start();
    const content = prompt(96);
    engine.submit(request('cold', content, 1), 0);
    finish();
    engine.submit(request('warm', content, 1), 1000);
    finish();
    expect(ended.get('cold')!.sequence.cachedTokens).toBe(0);
    expect(ended.get('warm')!.sequence.cachedTokens).toBe(80);
    expect(ended.get('warm')!.at - 1000).toBeCloseTo(10 + 16 * 0.1);
    expect(engine.cachedPrefixTokens(content)).toBe(80);
    expect(engine.cachedPrefixTokens(content, 'adapter')).toBe(0);
    expect(engine.cachedPrefixTokens(content, undefined, 'tenant')).toBe(0);
  });

  test('keeps answers, so the next turn finds them', () => {
    const { engine, finish } = start();
    engine.submit(request('turn', new SegmentContent([{ id: 1, length: 32 }], 77), 33), 0);
    finish();
    const next = new SegmentContent(
      [
        { id: 1, length: 32 },
        { id: 77, length: 33 },
        { id: 2, length: 20 },
      ],
      78,
    );
    expect(engine.cachedPrefixTokens(next)).toBe(64);
  });

  test('lets a request in that had no room, once another has computed its beginning', () => {
    const { engine, log, finish } = start({ blocks: 24, maxModelLen: 384 });
    const shared = { id: 3, length: 256 };
    engine.submit(request('filler', 90, 6), 0);
    engine.submit(request('first', new SegmentContent([shared, { id: 4, length: 14 }], -4), 2), 1);
    engine.submit(request('second', new SegmentContent([shared, { id: 5, length: 14 }], -5), 1), 15);
    // In the last chunk of the first, 15 of its blocks are listed and one is free: the second would need two. One step later it needs one.
    finish();
    const at = (what: string): number => Number(log.find((line) => line.endsWith(what))!.split(' ')[0]);
    expect(at('admitted second')).toBeLessThan(at('length first'));
  });

  test('can be off', () => {
    const { engine, finish } = start({ prefixCaching: false });
    const content = prompt(96);
    engine.submit(request('a', content, 1), 0);
    finish();
    expect(engine.cachedPrefixTokens(content)).toBe(0);
  });
});

test('adapters take slots: a load takes time, and a third one waits until a slot is free while others pass', () => {
  const { engine, log, ended, finish } = start();
  engine.submit(request('x', 16, 40, { lora: 'x' }), 0);
  engine.submit(request('y', 16, 40, { lora: 'y' }), 0);
  engine.submit(request('z', 16, 2, { lora: 'z' }), 0);
  expect(engine.snapshot()).toMatchObject({ running: 0, waiting: 3, waitingLoras: ['x', 'y', 'z'] });
  engine.submit(request('base', 16, 2), 0);
  expect(engine.snapshot()).toMatchObject({ running: 1, deferred: 3 });
  finish();
  const admitted = new Map(log.filter((line) => line.includes('admitted')).map((line) => [line.split(' ')[2], Number(line.split(' ')[0])]));
  expect(admitted.get('x')).toBeGreaterThanOrEqual(500);
  expect(admitted.get('base')).toBe(0);
  // It gets the slot of the first one that ended, and then loads.
  expect(admitted.get('z')).toBeGreaterThanOrEqual(Math.min(ended.get('x')!.at, ended.get('y')!.at) + 500);
  expect(engine.loras.loaded).toContain('z');
});

test('a transferred prompt waits for its blocks, then computes one token', () => {
  const { engine, ended, steps, finish } = start();
  engine.submit(request('decode', 100, 2, { remotePrefill: true }), 0);
  expect(engine.snapshot()).toMatchObject({ running: 0, waiting: 1, deferred: 1 });
  expect(engine.allocator.free).toBe(64 - 7);
  finish();
  expect(ended.get('decode')!.sequence).toMatchObject({ transferredTokens: 99, output: 2 });
  expect(steps[0]).toMatchObject({ startedAt: 100, prefillTokens: 1 });
});

test('sleep drops the cache and keeps the requests, wake lets them go on', () => {
  const { engine, ended, finish } = start();
  const content = prompt(64);
  engine.submit(request('a', content, 20), 0);
  engine.advance(60);
  engine.sleep(60);
  expect(engine.nextEventAt()).toBe(Infinity);
  expect(engine.snapshot()).toMatchObject({ running: 0, waiting: 1, kvUsage: 0 });
  expect(engine.cachedPrefixTokens(content)).toBe(0);
  engine.advance(5000);
  engine.wake(5000);
  finish();
  expect(ended.get('a')!.sequence.output).toBe(20);
  expect(ended.get('a')!.at).toBeGreaterThan(5000);
});

test('what can never fit is refused at once', () => {
  const { engine } = start();
  expect(() => engine.submit(request('big', 1000, 25), 0)).toThrow(/1025 tokens are more than the model takes \(1024\)/);
  engine.submit(request('twice', 10, 1), 0);
  expect(() => engine.submit(request('twice', 10, 1), 0)).toThrow(/in the engine already/);
  expect(() => start({ blocks: 2 })).toThrow(/does not fit the KV cache/);
});

test('a callback may abort the sequence that it is told about', () => {
  const engine: Engine = new Engine(SETTINGS, TIMES, {
    token: ({ request: { id }, output }, now) => void (output === 2 && engine.abort(id, now)),
  });
  for (const id of ['a', 'b', 'c']) engine.submit(request(id, 20, 10), 0);
  engine.advance(10_000);
  expect(engine.snapshot()).toMatchObject({ running: 0, waiting: 0, kvUsage: 0 });
});

const waitingRequest = (id: string): EngineRequest => ({
  id,
  content: new SegmentContent([{ id: 1, length: 16 }], -1),
  outputTokens: 3,
  ends: 'length',
});

test('gauges are those of the last step that ended: who came during a step is in them only after the next', () => {
  const { engine } = start({ maxNumSeqs: 1 });
  engine.submit(waitingRequest('a'), 0);
  expect(engine.reported).toEqual({ running: 0, waiting: 0, kvUsage: 0 });
  const [first, second] = [engine.nextEventAt(), engine.nextEventAt() + 0.001];
  engine.submit(waitingRequest('b'), first / 2);
  engine.advance(first);
  expect(engine.reported).toMatchObject({ running: 1, waiting: 0 });
  engine.advance(Math.max(second, engine.nextEventAt()));
  expect(engine.reported).toMatchObject({ running: 1, waiting: 1 });
});
