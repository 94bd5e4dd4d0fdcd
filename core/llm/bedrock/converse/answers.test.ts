// Answers as https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_ResponseSyntax has them.
import { describe, expect, it } from 'vitest';

import { UnacceptableAnswer } from '../../../attempt/failure.ts';
import { scanObject } from '../../../json/scan.ts';
import { CODECS, type TranslatedDialect } from '../../codecs.ts';

const scan = (value: object) => scanObject(Buffer.from(JSON.stringify(value)));
const ASKED = { created: 17, usage: true };
const { 'bedrock-converse': bedrock } = CODECS;
const written = (body: object) => JSON.parse(JSON.stringify(body)) as object;
const USAGE = { inputTokens: 5, outputTokens: 3, totalTokens: 16, cacheReadInputTokens: 7, cacheWriteInputTokens: 1 };
const answer = (content: readonly object[], stopReason = 'end_turn', more: object = {}) => ({
  output: { message: { role: 'assistant', content } },
  stopReason,
  usage: USAGE,
  metrics: { latencyMs: 5 },
  ...more,
});

const CONTENT = [
  { reasoningContent: { reasoningText: { text: 'hm', signature: 's' } } },
  { reasoningContent: { redactedContent: 'eA==' } },
  { text: 'a' },
  { text: '' },
  { citationsContent: { content: [{ text: 'b' }], citations: [{ title: 't' }] } },
  { toolUse: { toolUseId: 't', name: 'w', input: { in: 'Rome' } } },
];

it('an answer of Bedrock as a chat completion', () => {
  const { body, losses } = CODECS['openai-chat'].encodeAnswer(
    bedrock.decodeAnswer(scan(answer(CONTENT, 'tool_use', { trace: {}, performanceConfig: {}, serviceTier: { type: 'default' } }))),
    ASKED,
  );
  expect(losses).toEqual([{ path: 'output.message.content[4].citations', what: 'dropped' }]);
  expect(written(body)).toMatchObject({
    choices: [
      {
        message: {
          content: 'ab',
          thinking_blocks: [
            { type: 'thinking', thinking: 'hm', signature: 's' },
            { type: 'redacted_thinking', data: 'eA==' },
          ],
          tool_calls: [{ id: 't', function: { name: 'w', arguments: '{"in":"Rome"}' } }],
        },
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

describe('why it ended', () => {
  it.each<[string, object, readonly string[]]>([
    ['end_turn', { finish: 'stop' }, []],
    ['max_tokens', { finish: 'length' }, []],
    ['model_context_window_exceeded', { finish: 'length' }, []],
    ['guardrail_intervened', { finish: 'content_filter' }, []],
    ['content_filtered', { finish: 'content_filter' }, []],
    ['malformed_model_output', { finish: 'stop' }, ['approximated stopReason']],
    ['malformed_tool_use', { finish: 'stop' }, ['approximated stopReason']],
    ['constructor', { finish: 'stop' }, ['approximated stopReason']],
  ])('%s', (reason, expected, losses) => {
    const found = bedrock.decodeAnswer(scan(answer([{ text: 'a' }], reason)));
    expect(found).toMatchObject(expected);
    expect(found.losses.map(({ path, what }) => `${what} ${path}`)).toEqual(losses);
  });

  it('a call, which some models say nothing of', () => {
    expect(bedrock.decodeAnswer(scan(answer(CONTENT, 'end_turn'))).finish).toBe('tool_calls');
  });

  it('a stop sequence, which goes on to a message and back', () => {
    const whole = answer([{ text: 'a' }], 'stop_sequence', { additionalModelResponseFields: { stop_sequence: 'END', other: 1 } });
    const found = bedrock.decodeAnswer(scan(whole));
    expect(found.losses).toEqual([{ path: 'additionalModelResponseFields.other', what: 'dropped' }]);
    const { body } = CODECS['anthropic-messages'].encodeAnswer(found);
    expect(body).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: 'END' });
    expect(bedrock.encodeAnswer(CODECS['anthropic-messages'].decodeAnswer(scan(body))).body).toMatchObject({
      stopReason: 'stop_sequence',
      additionalModelResponseFields: { stop_sequence: 'END' },
    });
  });
});

const message = (content: readonly object[], more: object = {}) => ({ content, stop_reason: 'end_turn', ...more });
const chat = (text: string, more: object = {}) => ({ choices: [{ message: { content: text, ...more }, finish_reason: 'stop' }] });

describe('answers of others as one of Bedrock', () => {
  it.each<[TranslatedDialect, object, object, readonly string[]]>([
    [
      'anthropic-messages',
      message([
        { type: 'thinking', thinking: 'hm', signature: 's' },
        { type: 'redacted_thinking', data: 'eA==' },
        { type: 'tool_use', id: 't', name: 'f', input: {} },
      ]),
      {
        output: {
          message: {
            role: 'assistant',
            content: [CONTENT[0], CONTENT[1], { toolUse: { toolUseId: 't', name: 'f', input: {} } }],
          },
        },
      },
      [],
    ],
    ['anthropic-messages', message([], { stop_reason: 'pause_turn' }), { stopReason: 'end_turn' }, ['approximated stop_reason']],
    [
      'openai-chat',
      chat('', { refusal: 'no', reasoning_content: 'hm' }),
      {
        output: { message: { content: [{ reasoningContent: { reasoningText: { text: 'hm' } } }, { text: 'no' }] } },
        stopReason: 'content_filtered',
      },
      ['approximated stop_reason'],
    ],
    [
      'anthropic-messages',
      message([], {
        usage: {
          input_tokens: 1,
          output_tokens: 2,
          cache_read_input_tokens: 3,
          cache_creation_input_tokens: 9,
          cache_creation: { ephemeral_1h_input_tokens: 4, ephemeral_5m_input_tokens: 5 },
        },
      }),
      {
        usage: {
          inputTokens: 1,
          outputTokens: 2,
          totalTokens: 15,
          cacheReadInputTokens: 3,
          cacheWriteInputTokens: 9,
          cacheDetails: [
            { ttl: '1h', inputTokens: 4 },
            { ttl: '5m', inputTokens: 5 },
          ],
        },
      },
      [],
    ],
  ])('%s %#', (from, given, expected, losses) => {
    const found = bedrock.encodeAnswer(CODECS[from].decodeAnswer(scan(given)));
    expect(written(found.body)).toMatchObject(expected);
    expect(found.losses.map(({ path, what }) => `${what} ${path}`)).toEqual(losses);
  });
});

it('what Gemini signs goes to a client of Bedrock and back', () => {
  const parts = [
    { text: 'a', thoughtSignature: 'dA==' },
    { functionCall: { id: 'c', name: 'f', args: { x: 1 } }, thoughtSignature: 'Yw==' },
  ];
  const whole = CODECS.gemini.decodeAnswer(scan({ candidates: [{ content: { parts }, finishReason: 'STOP' }] }));
  const { output } = written(bedrock.encodeAnswer(whole).body) as { output: { message: object } };
  const request = { messages: [{ role: 'user', content: [{ text: 'hi' }] }, output.message] };
  const conversation = bedrock.decodeRequest(scan(request), { model: 'gemini-3-pro', stream: false });
  expect(CODECS.gemini.encodeRequest(conversation).body).toMatchObject({ contents: [{}, { parts }] });
  // No model of Bedrock's takes them.
  const { body: back } = bedrock.encodeRequest({ ...conversation, source: 'anthropic-messages' });
  expect(JSON.stringify(back)).not.toMatch(/reasoningContent|Signature/);
});

it.each<[object, string]>([
  [{}, 'output.message is missing'],
  [{ output: { message: {} } }, 'output.message.content is missing'],
  [{ output: [] }, 'output must be an object'],
  [answer([{ toolUse: { toolUseId: 't' } }]), 'output.message.content[0].toolUse.name is required'],
  [answer([{ image: { format: 'x', source: {} } }]), 'output.message.content[0].image.format must be one of'],
  [answer([{ text: 'a' }], 7 as unknown as string), 'stopReason must be a text'],
])('%#: what is no answer is none', (value, message) => {
  expect(() => bedrock.decodeAnswer(scan(value))).toThrow(UnacceptableAnswer);
  expect(() => bedrock.decodeAnswer(scan(value))).toThrow(`the backend’s answer: ${message}`);
});
