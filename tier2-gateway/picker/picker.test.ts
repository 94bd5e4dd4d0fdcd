import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { endpoint, endpoints, metrics, pool, prompt, request, text } from './pool.fixture.ts';
import type { Ticket } from './policy.ts';

function served(ticket: Ticket): string {
  expect(ticket.ranked[0]?.id).toBe(ticket.endpoint);
  return ticket.endpoint!;
}

describe('accounting', () => {
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('pick' as const),
        name: fc.nat(5),
        bytes: fc.integer({ min: 0, max: 3000 }),
        streaming: fc.boolean(),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constantFrom('first' as const, 'tokens' as const, 'end' as const, 'answer' as const, 'fail' as const, 'abort' as const),
        which: fc.nat(30),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('move' as const), which: fc.nat(30), to: fc.nat(5) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constantFrom('sweep' as const, 'restart' as const, 'shrink' as const, 'grow' as const, 'scrape' as const),
      }),
    },
  );

  test('no interleaving leaves anything reserved, or takes a count below zero', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { picker, clock } = pool(4, { ticketTtlMs: 5_000, kvTokens: 2_000 });
        const tickets: Ticket[] = [];
        let started = 0;
        for (const one of steps) {
          clock.at += 100;
          const ticket = 'which' in one ? tickets[one.which % Math.max(1, tickets.length)] : undefined;
          switch (one.do) {
            case 'pick':
              tickets.push(
                picker.pick(
                  request(prompt(`p${one.name}`, one.bytes), { streaming: one.streaming, lora: `l${one.name}`, session: `s${one.name}` }),
                ),
              );
              break;
            case 'first':
              ticket?.firstToken(clock.at);
              break;
            case 'tokens':
              ticket?.tokens(30, clock.at);
              break;
            case 'end':
              ticket?.end({ outputTokens: 40, inputTokens: 300, cachedTokens: 0 });
              break;
            case 'answer':
              ticket?.end({ output: text('answer', 700) });
              break;
            case 'fail':
              ticket?.fail('reset');
              break;
            case 'abort':
              ticket?.fail('aborted');
              break;
            case 'move':
              ticket?.moveTo(`10.0.0.${one.to}:8000`, 'connect');
              break;
            case 'sweep':
              clock.at += 4_000;
              picker.sweep(clock.at);
              break;
            case 'restart':
              picker.setEndpoints(endpoints(4).map((info) => ({ ...info, startedAt: ++started })));
              break;
            case 'shrink':
              picker.setEndpoints(endpoints(2));
              break;
            case 'grow':
              picker.setEndpoints(endpoints(4));
              break;
            case 'scrape':
              picker.observeMetrics(
                '10.0.0.1:8000',
                metrics({ running: 3, waiting: 1, kvUsage: 0.4, blockSize: 16, numBlocks: 100 }),
                clock.at,
              );
          }
          for (const state of picker.endpoints()) {
            for (const value of [
              state.requests,
              state.pendingPrefillTokens,
              state.streams,
              state.kvTokens,
              state.tpotMs,
              state.prefillTokensPerSecond,
            ]) {
              expect(value).toBeGreaterThanOrEqual(0);
            }
            expect(picker.index.heldBytes(picker.endpoints().indexOf(state))).toBeGreaterThanOrEqual(0);
          }
        }
        // Some are closed by hand, the rest is forgotten.
        tickets.forEach((ticket, index) => {
          if (index % 2 === 0) ticket.end();
        });
        clock.at += 10_000;
        picker.sweep(clock.at);
        for (const state of picker.endpoints()) {
          expect([state.requests, state.pendingPrefillTokens, state.streams]).toEqual([0, 0, 0]);
          expect(state.kvTokens).toBe(state.foreign.kvTokens);
        }
        for (let slot = 0; slot < 4; slot++) expect(picker.index.heldBytes(slot)).toBe(0);
        expect(picker.sweep(clock.at + 1e9)).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  test('prefill is pending until the first token, then the stream decodes until the end', () => {
    const { picker, clock } = pool(1);
    const ticket = picker.pick(request(prompt('a', 4_000)));
    expect(picker.endpoints()[0]).toMatchObject({ requests: 1, pendingPrefillTokens: 1_000, streams: 0 });
    clock.at = 80;
    ticket.firstToken(80);
    expect(picker.endpoints()[0]).toMatchObject({ requests: 1, pendingPrefillTokens: 0, streams: 1 });
    ticket.end();
    ticket.end();
    ticket.fail('reset');
    expect(ticket.moveTo('10.0.0.0:8000')).toBe(false);
    expect(picker.endpoints()[0]).toMatchObject({ requests: 0, streams: 0 });
  });

  test('an answer in one piece does not count as prefill until its end', () => {
    const { picker, clock } = pool(1);
    const ticket = picker.pick(request(prompt('a', 4_000), { streaming: false }));
    const before = picker.endpoints()[0]!.prefillTokensPerSecond;
    clock.at = 1_000;
    picker.pick(request(prompt('b', 400))).end();
    expect(picker.endpoints()[0]).toMatchObject({ requests: 1, pendingPrefillTokens: 0, streams: 1 });
    clock.at = 30_000;
    ticket.end({ outputTokens: 500 });
    // Thirty seconds were not the prefill.
    expect(picker.endpoints()[0]!.prefillTokensPerSecond).toBeCloseTo(before, 6);
  });
});

describe('choice', () => {
  test('a burst of 100 picks of identical cost is spread evenly', () => {
    const { picker } = pool(10);
    // Scrapes that are the same for all cannot tell, and arrive only later anyway.
    for (const { id } of endpoints(10)) picker.observeMetrics(id, metrics(), 0);
    const counts = new Map<string, number>();
    for (let index = 0; index < 100; index++) {
      const id = served(picker.pick(request(prompt(`burst-${index}`, 4_000))));
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    expect(counts.size).toBe(10);
    expect(Math.max(...counts.values())).toBeLessThanOrEqual(13);
  });

  test('of a burst of one prompt, no endpoint gets more than it can take', () => {
    const { picker } = pool(10);
    const counts = new Map<string, number>();
    for (let index = 0; index < 100; index++) {
      const id = served(picker.pick(request(prompt('same', 4_000))));
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    expect(Math.max(...counts.values())).toBeLessThanOrEqual(30);
  });

  test('all candidates are listed by cost', () => {
    const { picker } = pool(5);
    for (let index = 0; index < 7; index++) picker.pick(request(prompt(`x${index}`, 8_000 * (index + 1))));
    const { ranked } = picker.pick(request(prompt('y', 400)));
    expect(new Set(ranked.map(({ id }) => id)).size).toBe(5);
    const scores = ranked.slice(1).map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((one, other) => one - other));
  });

  test('what is not ready, draining, gone or outside the subset is never picked', () => {
    const { picker } = pool(4);
    picker.setEndpoints([endpoint(0, { ready: false }), endpoint(1, { draining: true }), endpoint(2)]);
    for (let index = 0; index < 20; index++) {
      expect(picker.pick(request(prompt(`d${index}`, 40_000))).ranked.map(({ id }) => id)).toEqual(['10.0.0.2:8000']);
    }
    const none = picker.pick(request(prompt('d', 100), { subset: ['10.0.0.1:8000', '10.0.0.9'] }));
    expect([none.ranked, none.endpoint]).toEqual([[], undefined]);
    none.end();
    picker.setEndpoints(endpoints(12));
    const ids = picker.pick(request(prompt('d', 100), { subset: ['10.0.0.1', '10.0.0.7:8000', '10.0.0.3:80'] })).ranked.map(({ id }) => id);
    expect(ids.sort()).toEqual(['10.0.0.1:8000', '10.0.0.7:8000']);
  });

  test('a prompt goes where its beginning is, unless that is overloaded', () => {
    const { picker, clock } = pool(4);
    const first = picker.pick(request(prompt('long', 40_000)));
    first.firstToken(500);
    first.end();
    clock.at = 1_000;
    const next = picker.pick(request(prompt('long', 40_000, text('question', 400))));
    expect(served(next)).toBe(first.ranked[0]!.id);
    expect(next.ranked[0]!.matchedTokens).toBeGreaterThan(9_500);
    const home = served(next);
    next.end();
    for (let index = 0; index < 12; index++) picker.pick(request(prompt(`other-${index}`, 200_000), { subset: [home] }));
    expect(served(picker.pick(request(prompt('long', 40_000, text('question', 400)))))).not.toBe(home);
  });

  test('the answer is part of the next turn', () => {
    const { picker } = pool(3);
    const first = request(prompt('chat', 2_000));
    const ticket = picker.pick(first);
    ticket.firstToken(10);
    ticket.end({ output: text('answer', 6_000) });
    const second = picker.pick(request(first.prompt.continued(text('answer', 6_000) + text('more', 300))));
    expect(served(second)).toBe(ticket.ranked[0]!.id);
    expect(second.ranked[0]!.matchedTokens).toBeGreaterThan(1_900);
  });

  test('another tenant, model or adapter never matches', () => {
    const { picker } = pool(2);
    const ticket = picker.pick(request(prompt('secret', 8_000), { tenant: 'a', model: 'm', lora: 'x' }));
    ticket.firstToken(5);
    ticket.end();
    const matched = (more: object): number => {
      const probe = picker.pick(request(prompt('secret', 8_000), { tenant: 'a', model: 'm', lora: 'x', ...more }));
      probe.fail('aborted');
      return Math.max(...probe.ranked.map(({ matchedTokens }) => matchedTokens));
    };
    expect(matched({})).toBeGreaterThan(1_900);
    expect(matched({ tenant: 'b' })).toBe(0);
    expect(matched({ model: 'n' })).toBe(0);
    expect(matched({ lora: 'y' })).toBe(0);
    // Names that would run into each other without their lengths.
    expect(matched({ model: 'm1', lora: ':x' })).toBe(0);
  });

  test('a failure undoes the prompt there, and a move takes it along', () => {
    const { picker, clock } = pool(3, { failurePenaltyMs: 0 });
    const ticket = picker.pick(request(prompt('moved', 8_000)));
    const [from, to] = ticket.ranked.map(({ id }) => id) as [string, string];
    expect(ticket.moveTo(to, 'connect')).toBe(true);
    expect(ticket.endpoint).toBe(to);
    ticket.firstToken(10);
    ticket.end();
    clock.at = 20;
    const { ranked } = picker.pick(request(prompt('moved', 8_000)));
    const matched = Object.fromEntries(ranked.map(({ id, matchedTokens }) => [id, matchedTokens]));
    expect(matched[from]).toBe(0);
    expect(matched[to]).toBeGreaterThan(1_900);
  });

  test('an endpoint that fails fast does not draw the traffic', () => {
    const { picker, clock } = pool(3);
    let toBroken = 0;
    for (let index = 0; index < 60; index++) {
      clock.at += 100;
      const ticket = picker.pick(request(prompt(`f${index}`, 2_000)));
      if (ticket.endpoint === '10.0.0.0:8000') {
        toBroken++;
        ticket.fail('connect');
      } else ticket.firstToken(clock.at + 50);
    }
    expect(toBroken).toBeLessThan(6);
    // A client that leaves says nothing against the endpoint.
    const calm = pool(2);
    for (let index = 0; index < 10; index++) calm.picker.pick(request(prompt(`g${index}`, 400), { subset: ['10.0.0.0'] })).fail('aborted');
    const { ranked } = calm.picker.pick(request(prompt('h', 400)));
    expect(Math.abs(ranked[0]!.score - ranked[1]!.score)).toBeLessThan(1);
  });

  test('adapters go where they are loaded, or where a slot is free', () => {
    const { picker } = pool(2, { maxLora: 1, loraLoadMs: 300 });
    const loads = (lora: string): number[] => {
      const id = `lora-${Math.random()}`;
      picker.pick(request(prompt(id, 100), { id, lora })).fail('aborted');
      const { candidates } = picker.explain(id)!;
      return endpoints(2).map((info) => candidates.find((candidate) => candidate.id === info.id)!.terms.lora);
    };
    picker.pick(request(prompt('a', 100), { lora: 'red', subset: ['10.0.0.0'] })).end();
    picker.pick(request(prompt('b', 100), { lora: 'blue', subset: ['10.0.0.1'] }));
    picker.setEndpoints(endpoints(3));
    picker.setEndpoints(endpoints(2));
    // Loaded at the first. At the second all slots are busy: a load, and a wait besides.
    const [resident, full] = loads('red');
    expect(resident).toBe(0);
    const swap = 1.5 * 300 * picker.settings.ttftWeight;
    expect(full).toBeGreaterThan(swap);
    // The first one's adapter is idle and can make place.
    expect(loads('green')[0]).toBe(swap);
  });

  test('among equals, chance decides', () => {
    const { picker } = pool(6);
    const used = new Set<string>();
    for (let index = 0; index < 60; index++) {
      const ticket = picker.pick(request(prompt(`t${index}`, 40)));
      used.add(served(ticket));
      ticket.fail('aborted');
    }
    expect(used.size).toBe(6);
  });

  test('a session stays where it was, as long as that costs little', () => {
    const { picker, clock } = pool(8);
    const first = picker.pick(request(prompt('s1', 60), { session: 'alice' }));
    first.firstToken(30);
    first.end();
    clock.at = 1_000;
    const same = picker.pick(request(prompt('s2', 60), { session: 'alice' }));
    expect(served(same)).toBe(first.ranked[0]!.id);
    for (let index = 0; index < 30; index++) picker.pick(request(prompt(`o${index}`, 8_000), { subset: [served(same)] }));
    expect(served(picker.pick(request(prompt('s3', 60), { session: 'alice' })))).not.toBe(first.ranked[0]!.id);
  });

  test('an objective for the first token outweighs cheaper tokens later', () => {
    const { picker } = pool(2);
    // One with a long prefill queue, one with many streams: the plain choice is the first.
    picker.pick(request(prompt('q', 60_000), { subset: ['10.0.0.0'], expectedOutput: 1 }));
    for (let index = 0; index < 120; index++)
      picker.pick(request(prompt(`w${index}`, 40), { subset: ['10.0.0.1'], expectedOutput: 100 })).firstToken(1);
    const probe = request(prompt('p', 400), { expectedOutput: 800 });
    const plain = picker.pick(probe);
    plain.fail('aborted');
    const strict = picker.pick({ ...probe, sloTtftMs: 300 });
    expect([plain.ranked[0]!.id, strict.ranked[0]!.id]).toEqual(['10.0.0.0:8000', '10.0.0.1:8000']);
  });
});

test('settings that make no sense are refused by name', () => {
  expect(() => pool(1, { kvTokens: 0 })).toThrow('picker setting kvTokens must be more than 0');
  expect(() => pool(1, { tieMs: Number.NaN })).toThrow('picker setting tieMs');
  expect(() => pool(1, { learningRange: 0.5 })).toThrow('learningRange must be at least 1');
});
