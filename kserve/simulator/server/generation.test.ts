import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { type Generation, planAnswers } from './generation.ts';
import { valueOf } from './schema-value.ts';
import { tokenize } from './tokenizer.ts';

const LENGTH = { least: 20, most: 100 };

function request(more: Partial<Generation> = {}): Generation {
  return {
    model: 'm',
    prompt: tokenize('What is a pod?'),
    reply: { kind: 'text' },
    n: 1,
    maxTokens: undefined,
    minTokens: 0,
    ignoreEos: false,
    stop: [],
    includeStop: false,
    seed: 0,
    salt: undefined,
    priority: undefined,
    logprobs: undefined,
    remotePrefill: false,
    remoteDecode: false,
    ...more,
  };
}

const plan = (more: Partial<Generation>) => planAnswers(request(more), 2000, LENGTH)[0]!;

test('limits hold: max_tokens, min_tokens, ignore_eos', () => {
  expect(plan({ maxTokens: 7 })).toMatchObject({ ends: 'length', tokens: { length: 7 } });
  expect(plan({ minTokens: 500 }).tokens.length).toBeGreaterThanOrEqual(500);
  expect(plan({ ignoreEos: true, maxTokens: 333 })).toMatchObject({ ends: 'length', tokens: { length: 333 } });
  expect(plan({})).toMatchObject({ ends: 'stop', text: expect.stringMatching(/\.$/) });
  expect(() => plan({ maxTokens: 1999 })).toThrow(/maximum context length is 2000 tokens/);
});

test('a longer limit gives the same words and more', () => {
  expect(plan({ ignoreEos: true, maxTokens: 200 }).text.startsWith(plan({ ignoreEos: true, maxTokens: 150 }).text)).toBe(true);
  expect(plan({ seed: 1 }).text).not.toBe(plan({}).text);
});

test('with stop texts nothing of them is shown, and no token after them is made', () => {
  const whole = plan({ ignoreEos: true, maxTokens: 120 }).text;
  fc.assert(
    fc.property(fc.nat(whole.length - 6), fc.integer({ min: 1, max: 6 }), fc.boolean(), (from, length, includeStop) => {
      const stop = whole.slice(from, from + length);
      const { text, shown, tokens, ends, stopReason } = plan({ ignoreEos: true, maxTokens: 120, stop: [stop], includeStop });
      const at = whole.indexOf(stop);
      expect(text).toBe(whole.slice(0, includeStop ? at + stop.length : at));
      expect([ends, stopReason]).toEqual(['stop', stop]);
      expect(shown.length).toBe(tokens.length);
      expect(shown.at(-1)).toBe(text.length);
    }),
  );
});

test('values fit their schema, to the depth that JSON has', () => {
  const schema = {
    type: 'object',
    properties: {
      list: { type: 'array', items: { type: 'integer', minimum: 5, maximum: 6 }, minItems: 3 },
      maybe: { anyOf: [{ type: 'null' }, { type: 'string' }] },
      optional: { type: 'string' },
      kind: { const: 'x' },
    },
    required: ['list', 'maybe', 'kind'],
  };
  const value = valueOf(schema, 'seed') as Record<string, unknown>;
  expect(Object.keys(value)).toEqual(['list', 'maybe', 'kind']);
  expect((value['list'] as number[]).every((one) => one === 5 || one === 6)).toBe(true);
  const endless: Record<string, unknown> = { type: 'object', properties: {} };
  (endless['properties'] as Record<string, unknown>)['self'] = endless;
  expect(() => JSON.stringify(valueOf(endless, 'seed'))).not.toThrow();
});
