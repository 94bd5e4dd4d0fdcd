import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { scanObject } from '#core/json/scan';

import type { PromptDigest } from './digest.ts';
import { digestRequest } from './prompt.ts';

function digest(body: unknown): PromptDigest {
  return digestText(JSON.stringify(body));
}

function digestText(text: string): PromptDigest {
  return digestRequest(scanObject(Buffer.from(text)));
}

function isPrefix(one: PromptDigest, other: PromptDigest): boolean {
  return one.blocks <= other.blocks && one.lo.every((lo, block) => lo === other.lo[block] && one.hi[block] === other.hi[block]);
}

const text = fc.string({
  unit: fc.oneof(fc.constantFrom('\n', '"', '\\', 'é', '漢', '😀', '\u2028'), fc.string({ maxLength: 20 })),
  minLength: 1,
  maxLength: 40,
});
const messages = fc.array(fc.record({ role: fc.constantFrom('system', 'user'), content: text }), { minLength: 1, maxLength: 5 });

/** What Python's json.dumps does to text. */
function ascii(json: string): string {
  return json.replaceAll(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

test('the answer as it streamed is what the next turn repeats', () => {
  fc.assert(
    fc.property(messages, text, text, (history, answer, question) => {
      const first = digest({ model: 'm', messages: history }).continued(answer);
      for (const assistant of [
        { role: 'assistant', content: answer },
        { content: answer, refusal: null, role: 'assistant', annotations: [], tool_calls: [] },
        { role: 'assistant', content: [{ type: 'text', text: answer }] },
      ]) {
        const next = digest({ messages: [...history, assistant, { role: 'user', content: question }], model: 'other', temperature: 1 });
        expect(isPrefix(first, next)).toBe(true);
      }
    }),
  );
});

test('white space and escapes make no difference', () => {
  fc.assert(
    fc.property(messages, (history) => {
      const plain = digest({ messages: history });
      const spaced = digestText(ascii(JSON.stringify({ messages: history }, undefined, 3)));
      expect([...spaced.lo]).toEqual([...plain.lo]);
      expect(spaced.whole).toBe(plain.whole);
    }),
  );
});

function image(url: string): unknown {
  return { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }] };
}

function call(id: string): unknown {
  return { messages: [{ role: 'assistant', content: null, tool_calls: [{ id }] }] };
}

test('what the model does not see makes no difference, what it sees does', () => {
  const base = { messages: [{ role: 'user', content: 'Hello, who are you?' }] };
  const { whole } = digest(base);
  expect(digest({ ...base, max_tokens: 5, stream: true, user: 'x' }).whole).toBe(whole);
  expect(digest({ ...base, tools: [{ type: 'function', function: { name: 'f' } }] }).whole).not.toBe(whole);
  expect(digest({ ...base, system: 'You are kind.' }).whole).not.toBe(whole);
  expect(digest({ messages: [{ role: 'system', content: 'Hello, who are you?' }] }).whole).not.toBe(whole);
  expect(
    digest({
      messages: [
        { role: 'user', content: 'Hello, who' },
        { role: 'user', content: ' are you?' },
      ],
    }).whole,
  ).not.toBe(whole);
  expect(digest(image('data:1')).whole).not.toBe(digest(image('data:2')).whole);
  expect(digest(call('1')).whole).not.toBe(digest(call('2')).whole);
});

test('every API shape is read', () => {
  expect(digest({ prompt: 'x'.repeat(640) }).blocks).toBe(8);
  expect(digest({ prompt: 'x'.repeat(640) }).continued('y'.repeat(200)).bytes).toBe(840);
  expect(digest({ prompt: [1, 22, 333] }).whole).not.toBe(digest({ prompt: [1, 223, 33] }).whole);
  expect(digest({ input: 'Hello' }).bytes).toBeGreaterThan(5);
  expect(digest({ input: [{ role: 'user', content: [{ type: 'input_text', text: 'Hello' }] }] }).whole).toBe(
    digest({ input: 'Hello' }).whole,
  );
  expect(digest({}).bytes).toBe(0);
});
