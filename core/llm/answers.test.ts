import { assert, property } from 'fast-check';
import { describe, expect, it } from 'vitest';

import { UnacceptableAnswer } from '../attempt/failure.ts';
import { scanObject } from '../json/scan.ts';
import { CODECS, TRANSLATED, type TranslatedDialect } from './codecs.ts';
import { answersOf, saidIn } from './answers.fixture.ts';

const ASKED = { created: 17, usage: true };
const { 'openai-chat': chat, 'anthropic-messages': messages } = CODECS;

const scan = (value: object) => scanObject(Buffer.from(JSON.stringify(value)));
it.each(TRANSLATED)('%s says all that both can say, and loses nothing', (name) => {
  assert(
    property(answersOf(name), (answer) => {
      const { body, losses } = CODECS[name].encodeAnswer(answer, ASKED);
      expect(losses).toEqual([]);
      expect(saidIn(CODECS[name].decodeAnswer(scan(body)))).toEqual(saidIn(answer));
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
  const { body, losses } = chat.encodeAnswer(messages.decodeAnswer(scan({ ...MESSAGE, stop_reason: 'tool_use', content, usage: USAGE })), {
    created: 17,
    usage: true,
  });
  expect(losses).toEqual([]);
  expect(JSON.parse(JSON.stringify(body))).toEqual({
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
    // Mistral, of a model that reasons.
    [
      choice({
        content: [
          {
            type: 'thinking',
            thinking: [
              { type: 'text', text: 'h' },
              { type: 'text', text: 'm' },
            ],
            closed: true,
          },
          { type: 'reference', reference_ids: [1] },
          { type: 'text', text: 'a' },
        ],
      }),
      {
        stop_reason: 'end_turn',
        content: [
          { type: 'thinking', thinking: 'hm' },
          { type: 'text', text: 'a' },
        ],
      },
    ],
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
    const { body } = messages.encodeAnswer(chat.decodeAnswer(scan(answer)));
    expect(JSON.parse(JSON.stringify(body))).toMatchObject(message);
  });

  it('tells what of it is not there', () => {
    const { choices, ...rest } = choice({ content: 'a', annotations: [{ type: 'url_citation' }] });
    const { losses } = messages.encodeAnswer(
      chat.decodeAnswer(
        scan({
          ...rest,
          choices: [
            { ...choices[0], logprobs: { content: [] } },
            { ...choices[0], index: 1 },
          ],
        }),
      ),
    );
    expect(losses.map(({ path }) => path).sort()).toEqual(['choices[0].logprobs', 'choices[0].message.annotations[0]', 'choices[1]']);
  });
});

it.each<[TranslatedDialect, object, string]>([
  ['openai-chat', {}, 'choices has none'],
  ['openai-chat', { choices: [{}] }, 'choices[0].message is missing'],
  ['openai-chat', choice({ content: 7 }), 'choices[0].message.content must be a text'],
  ['openai-chat', { choices: 'x' }, 'choices must be a list'],
  ['anthropic-messages', MESSAGE, 'content is missing'],
  ['anthropic-messages', { ...MESSAGE, content: [{ type: 'tool_use', id: 'x' }] }, 'content[0].name is required'],
])('%s %#: what is no answer is none', (name, answer, message) => {
  expect(() => CODECS[name].decodeAnswer(scan(answer))).toThrow(UnacceptableAnswer);
  expect(() => CODECS[name].decodeAnswer(scan(answer))).toThrow(`the backend’s answer: ${message}`);
});
