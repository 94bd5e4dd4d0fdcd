import { expect, test } from 'vitest';

import { DecisionRing } from './decisions.ts';
import { endpoint, pool, prompt, request } from './pool.fixture.ts';

test('says what the costs were, why, and what came of it', () => {
  const { picker, clock } = pool(3);
  picker.setEndpoints([endpoint(0), endpoint(1), endpoint(2, { draining: true })]);
  picker.pick(request(prompt('busy', 80_000), { subset: ['10.0.0.0'] }));
  const ticket = picker.pick(request(prompt('why', 4_000), { id: 'why', priority: -1, lora: 'red' }));
  clock.at = 70;
  ticket.moveTo('10.0.0.0:8000', 'reset');
  ticket.firstToken(90);
  clock.at = 120;
  ticket.end({ outputTokens: 12, cachedTokens: 0 });
  const decision = picker.explain('why')!;
  expect(decision).toMatchObject({ requestId: 'why', model: 'm', lora: 'red', priority: -1, inputTokens: 1_000, at: 0 });
  expect(decision.candidates.map(({ id, chosen }) => [id, chosen])).toEqual([
    ['10.0.0.1:8000', true],
    ['10.0.0.0:8000', false],
  ]);
  expect(decision.excluded).toEqual([{ id: '10.0.0.2:8000', why: 'draining' }]);
  for (const { terms } of decision.candidates) {
    const { total, estTtft: _ttft, estTpot: _tpot, matchedTokens: _matched, confidence: _confidence, ...parts } = terms;
    expect(Object.values(parts).reduce((sum, part) => sum + part, 0)).toBeCloseTo(total, 6);
  }
  expect(decision.reason).toMatch(/^cost [\d.]+ against [\d.]+ of 10\.0\.0\.0:8000, mostly by queue \([\d.]+ less\)$/);
  expect(decision.events.map(({ what }) => what.replaceAll(/[\d.]+ ms/g, 'n ms'))).toEqual([
    'reserved on 10.0.0.1:8000, first token expected after n ms',
    'moved to 10.0.0.0:8000',
    'reserved on 10.0.0.0:8000, first token expected after n ms',
    'first token after n ms',
    'ended: 12 tokens, 0 cached',
  ]);
});

test('keeps the last decisions only, each unharmed by later ones', () => {
  const { picker } = pool(3, { decisions: 4 });
  const tickets = Array.from({ length: 9 }, (_, index) => picker.pick(request(prompt(`k${index}`, 400), { id: `k${index}` })));
  expect(picker.explain('k4')).toBeUndefined();
  const kept = picker.explain('k5')!;
  // Its record belongs to another request by now.
  tickets[0]!.firstToken(1);
  tickets[0]!.end();
  expect(picker.explain('k5')).toEqual(kept);
  expect(picker.explain('k8')!.candidates).toHaveLength(3);
  expect(picker.explain('k8')!.events).toHaveLength(1);
  expect(picker.explain('never')).toBeUndefined();
});

test('keeps fewer decisions of a large pool, and more again when it is small', () => {
  const ring = new DecisionRing(1024);
  const pick = (id: string, candidates: number): void => void ring.start(id, 0, candidates);
  const kept = (ids: readonly string[]): string[] => ids.filter((id) => ring.find(id) !== undefined);
  const small = Array.from({ length: 1024 }, (_, index) => `small-${index}`);
  for (const id of small) pick(id, 3);
  expect(kept(small)).toHaveLength(1024);
  const large = Array.from({ length: 200 }, (_, index) => `large-${index}`);
  for (const id of large) pick(id, 5000);
  expect([kept(small), kept(large)]).toEqual([[], large.slice(-80)]);
  for (const id of small) pick(id, 3);
  expect([kept(small).length, kept(large)]).toEqual([1024, []]);
});
