import { array, assert, constantFrom, integer, jsonValue, option, property, record, string, tuple, type Arbitrary } from 'fast-check';
import { describe, expect, it } from 'vitest';

import { UnacceptableAnswer } from '../attempt/failure.ts';
import { scanObject } from '../json/scan.ts';
import { decodeAnswer as decodeMessage, encodeAnswer as encodeMessage } from './anthropic/messages/answer.ts';
import type { Answer, Block } from './conversation.ts';
import { decodeAnswer as decodeChat, encodeAnswer as encodeChat } from './openai/chat/answer.ts';
import { NO_DETAILS } from './usage.ts';

const CODECS = {
  'openai-chat': { decode: decodeChat, encode: (answer: Answer) => encodeChat(answer, 1) },
  'anthropic-messages': { decode: decodeMessage, encode: encodeMessage },
} as const;
type Name = keyof typeof CODECS;
const NAMES = Object.keys(CODECS) as Name[];

const scan = (value: object) => scanObject(Buffer.from(JSON.stringify(value)));
const words = string({ minLength: 1, maxLength: 20, unit: 'grapheme' });

const thought: Arbitrary<Block> = tuple(words, constantFrom('sig', 'c2ln')).map(([text, signature]) => ({
  type: 'reasoning',
  text,
  signature,
  sealed: undefined,
}));
const call: Arbitrary<Block> = tuple(constantFrom('call_1', 't-2'), words, jsonValue({ maxDepth: 2 })).map(([id, name, value]) => ({
  type: 'tool_call',
  id,
  name,
  arguments: JSON.stringify({ value }),
}));
const answers: Arbitrary<Answer> = tuple(
  record({ id: words, model: words }),
  array(thought, { maxLength: 2 }),
  option(words, { nil: undefined }),
  array(call, { maxLength: 2 }),
  constantFrom('stop' as const, 'length' as const),
  record({ fresh: integer({ min: 0, max: 99 }), cachedInput: integer({ min: 0, max: 9 }), output: integer({ min: 0, max: 99 }) }),
).map(([names, thoughts, text, calls, finish, { fresh, cachedInput, output }]) => ({
  ...names,
  blocks: [...thoughts, ...(text === undefined ? [] : [{ type: 'text', text } as const]), ...calls],
  finish: calls.length > 0 && finish === 'stop' ? 'tool_calls' : finish,
  stopSequence: undefined,
  usage: { ...NO_DETAILS, input: fresh + cachedInput, cachedInput, output, total: fresh + cachedInput + output },
  losses: [],
}));

/** Without where it was. */
const said = (answer: Answer): unknown => JSON.parse(JSON.stringify(answer, (key, value: unknown) => (key === 'at' ? undefined : value)));

it.each(NAMES)('%s says all that both can say, and loses nothing', (name) => {
  assert(
    property(answers, (answer) => {
      const { body, losses } = CODECS[name].encode(answer);
      expect(losses).toEqual([]);
      expect(said(CODECS[name].decode(scanObject(body)))).toEqual(said(answer));
    }),
    { numRuns: 200 },
  );
});

const MESSAGE = { id: 'msg_1', type: 'message', role: 'assistant', model: 'c', stop_reason: 'end_turn', stop_sequence: null };
const USAGE = { input_tokens: 5, cache_read_input_tokens: 7, cache_creation_input_tokens: 1, output_tokens: 3 };

it('a message as a chat completion', () => {
  const content = [
    { type: 'thinking', thinking: 'hm', signature: 's' },
    { type: 'redacted_thinking', data: 'x' },
    { type: 'text', text: 'a' },
    { type: 'text', text: 'b' },
    { type: 'tool_use', id: 't', name: 'w', input: { in: 'Rome' } },
  ];
  const { body, losses } = encodeChat(decodeMessage(scan({ ...MESSAGE, stop_reason: 'tool_use', content, usage: USAGE })), 17);
  expect(losses).toEqual([]);
  expect(JSON.parse(body.toString())).toEqual({
    id: 'msg_1',
    object: 'chat.completion',
    created: 17,
    model: 'c',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: 'ab',
          refusal: null,
          reasoning_content: 'hm',
          thinking_blocks: [content[0], content[1]],
          tool_calls: [{ id: 't', type: 'function', function: { name: 'w', arguments: '{"in":"Rome"}' } }],
        },
        logprobs: null,
        finish_reason: 'tool_calls',
      },
    ],
    usage: {
      prompt_tokens: 13,
      completion_tokens: 3,
      total_tokens: 16,
      prompt_tokens_details: { cached_tokens: 7, cache_write_tokens: 1 },
    },
  });
});

const choice = (message: object, finish_reason: unknown = 'stop') => ({
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: null, ...message }, finish_reason }],
});

describe('a chat completion as a message', () => {
  it.each<[object, object]>([
    [choice({ content: 'a' }, 'length'), { stop_reason: 'max_tokens', content: [{ type: 'text', text: 'a' }] }],
    [choice({ content: 'a' }, 'content_filter'), { stop_reason: 'refusal' }],
    [choice({ refusal: 'no' }), { stop_reason: 'refusal', content: [{ type: 'text', text: 'no' }] }],
    [choice({ content: 'a' }, null), { stop_reason: 'end_turn', usage: { input_tokens: 0, output_tokens: 0 } }],
    [
      choice({ reasoning_content: 'hm', content: 'a' }),
      { content: [{ type: 'thinking', thinking: 'hm', signature: '' }, { type: 'text' }] },
    ],
    // vLLM says `stop` of it.
    [
      choice({ tool_calls: [{ id: 'x', type: 'function', function: { name: 'w', arguments: '' } }] }),
      { stop_reason: 'tool_use', content: [{ type: 'tool_use', id: 'x', name: 'w', input: {} }] },
    ],
  ])('%#: %j', (answer, message) => {
    const { body } = encodeMessage(decodeChat(scan(answer)));
    expect(JSON.parse(body.toString())).toMatchObject(message);
  });

  it('tells what of it is not there', () => {
    const { choices, ...rest } = choice({ content: 'a', annotations: [{ type: 'url_citation' }] });
    const { losses } = encodeMessage(
      decodeChat(
        scan({
          ...rest,
          choices: [
            { ...choices[0], logprobs: { content: [] } },
            { ...choices[0], index: 1 },
          ],
        }),
      ),
    );
    expect(losses.map(({ path }) => path).sort()).toEqual(['choices[0].logprobs', 'choices[0].message.annotations', 'choices[1]']);
  });
});

it.each<[Name, object, string]>([
  ['openai-chat', {}, 'choices has none'],
  ['openai-chat', { choices: [{}] }, 'choices[0].message is missing'],
  ['openai-chat', choice({ content: 7 }), 'choices[0].message.content must be a text'],
  ['openai-chat', { choices: 'x' }, 'choices must be a list'],
  ['anthropic-messages', MESSAGE, 'content is missing'],
  ['anthropic-messages', { ...MESSAGE, content: [{ type: 'tool_use', id: 'x' }] }, 'content[0].name is required'],
])('%s %#: what is no answer is none', (name, answer, message) => {
  expect(() => CODECS[name].decode(scan(answer))).toThrow(UnacceptableAnswer);
  expect(() => CODECS[name].decode(scan(answer))).toThrow(`the backend’s answer: ${message}`);
});
