import { expect, test } from 'vitest';

import { Picker } from './picker.ts';
import { endpoints, metrics, prompt, request, seeded } from './pool.fixture.ts';

function gateway(seed: number, foreign: number): Picker {
  const picker = new Picker({ now: () => 0, random: seeded(seed), settings: { indexBytes: 1 << 20, maxEndpoints: 32 } });
  picker.setEndpoints(endpoints(8));
  for (const { id } of endpoints(8)) picker.observeMetrics(id, metrics({ running: foreign }), 0);
  return picker;
}

/** How many of 60 new prompts two gateways send to the same endpoint. */
function agreements(foreign: number): number {
  const [one, other] = [gateway(1, foreign), gateway(2, foreign)];
  let same = 0;
  for (let index = 0; index < 60; index++) {
    const digest = prompt(`new-${index}`, 28_000);
    const chosen = [one, other].map((picker) => {
      const ticket = picker.pick(request(digest));
      ticket.fail('aborted');
      return ticket.ranked[0]!.id;
    });
    if (chosen[0] === chosen[1]) same++;
  }
  return same;
}

test('gateways that see load of others send a new prompt to the same place, without a word', () => {
  expect(agreements(10)).toBe(60);
});

test('a gateway that is alone spreads new prompts by chance', () => {
  expect(agreements(0)).toBeLessThan(20);
});

test('a home that never has what it is believed to have loses its attraction', () => {
  const picker = gateway(1, 10);
  const costOfOthers = (): number => {
    const ticket = picker.pick(request(prompt(`probe-${Math.random()}`, 28_000)));
    ticket.fail('aborted');
    return ticket.ranked[1]!.score - ticket.ranked[0]!.score;
  };
  const before = costOfOthers();
  for (let index = 0; index < 200; index++) {
    const ticket = picker.pick(request(prompt(`miss-${index}`, 28_000)));
    ticket.firstToken(0);
    ticket.end({ inputTokens: 7_000, cachedTokens: 0, outputTokens: 100 });
  }
  expect(costOfOthers()).toBeLessThan(before / 4);
});
