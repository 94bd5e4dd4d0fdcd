// https://platform.openai.com/docs/api-reference/responses/object
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';

import { UnacceptableAnswer } from '../../../attempt/failure.ts';
import { CODECS } from '../../codecs.ts';
import type { Block } from '../../conversation.ts';
import { NO_DETAILS } from '../../usage.ts';
import { scan } from './requests.fixture.ts';

const { 'openai-responses': responses, 'openai-chat': chat, 'anthropic-messages': messages } = CODECS;
const ASKED = { created: 17, usage: true };
const written = (body: object) => JSON.parse(JSON.stringify(body)) as Record<string, unknown>;

/** As the API gives it, with what it repeats of its request. */
const RESPONSE = {
  id: 'resp_1',
  object: 'response',
  created_at: 1,
  completed_at: 2,
  status: 'completed',
  background: false,
  billing: null,
  error: null,
  incomplete_details: null,
  instructions: 'be brief',
  max_output_tokens: 50,
  model: 'gpt',
  parallel_tool_calls: true,
  previous_response_id: null,
  reasoning: { effort: 'low', summary: 'auto' },
  service_tier: 'default',
  store: false,
  temperature: 1,
  text: { format: { type: 'text' }, verbosity: 'medium' },
  tool_choice: 'auto',
  tools: [{ type: 'function', name: 'f' }],
  top_logprobs: 0,
  top_p: 1,
  truncation: 'disabled',
  usage: {
    input_tokens: 13,
    input_tokens_details: { cached_tokens: 7 },
    output_tokens: 9,
    output_tokens_details: { reasoning_tokens: 5 },
    total_tokens: 22,
  },
  user: null,
  metadata: {},
};
const said = (text: string, more: object = {}) => ({ type: 'output_text', text, annotations: [], logprobs: [], ...more });
const message = (...content: object[]) => ({ id: 'msg_1', type: 'message', status: 'completed', role: 'assistant', content });
const called = { id: 'fc_1', type: 'function_call', status: 'completed', call_id: 'c1', name: 'f', arguments: '{"in":"Rome"}' };
const thought = {
  id: 'rs_1',
  type: 'reasoning',
  summary: [
    { type: 'summary_text', text: 'hm' },
    { type: 'summary_text', text: 'so' },
  ],
  encrypted_content: 'gAAA',
};
const response = (...output: object[]) => ({ ...RESPONSE, output });

it('a response as a chat completion and as a message', () => {
  const answer = responses.decodeAnswer(scan(response(thought, message(said('a'), said('b')), called)));
  expect(answer.losses).toEqual([]);
  const completion = written(chat.encodeAnswer(answer, ASKED).body);
  expect(completion['choices']).toEqual([
    {
      index: 0,
      message: {
        role: 'assistant',
        content: 'ab',
        refusal: null,
        reasoning_content: 'hm\n\nso',
        thinking_blocks: [{ type: 'redacted_thinking', data: 'gAAA' }],
        tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{"in":"Rome"}' } }],
      },
      logprobs: null,
      finish_reason: 'tool_calls',
    },
  ]);
  expect(completion['usage']).toMatchObject({ prompt_tokens: 13, completion_tokens_details: { reasoning_tokens: 5 } });
  expect(written(messages.encodeAnswer(answer).body)).toMatchObject({
    content: [
      { type: 'thinking', thinking: 'hm\n\nso', signature: '' },
      { type: 'redacted_thinking', data: 'gAAA' },
      { type: 'text', text: 'a' },
      { type: 'text', text: 'b' },
      { type: 'tool_use', id: 'c1', input: { in: 'Rome' } },
    ],
    stop_reason: 'tool_use',
    usage: { input_tokens: 6, cache_read_input_tokens: 7, output_tokens: 9 },
  });
});

const bare = (blocks: readonly Block[]) => blocks.map((block) => ({ ...block, at: undefined }));

it('what it made and the client gives back is what it made', () => {
  const answer = responses.decodeAnswer(scan(response(thought, message(said('a'), { type: 'refusal', refusal: 'no' }), called)));
  const output = written(responses.encodeAnswer(answer, ASKED).body)['output'] as object[];
  const { turns, losses } = responses.decodeRequest(scan({ model: 'm', input: [{ role: 'user', content: 'hi' }, ...output] }));
  expect(losses).toEqual([]);
  expect(bare(turns[1]!.blocks)).toEqual(bare(answer.blocks));
});

it('a signature of Anthropic goes to a client of responses and back', () => {
  const content = [
    { type: 'thinking', thinking: 'hm', signature: 'sig==' },
    { type: 'redacted_thinking', data: 'sealed' },
    { type: 'thinking', thinking: '', signature: 'sig2' },
    { type: 'tool_use', id: 't', name: 'f', input: {} },
  ];
  const { body, losses } = responses.encodeAnswer(
    messages.decodeAnswer(scan({ id: 'msg_1', model: 'c', content, stop_reason: 'tool_use' })),
    ASKED,
  );
  expect(losses).toEqual([]);
  const output = written(body)['output'] as object[];
  expect(output).toMatchObject([
    { id: 'rs_msg_1_0', summary: [{ type: 'summary_text', text: 'hm' }], encrypted_content: 'tierkit:thinking:sig==' },
    { id: 'rs_msg_1_1', summary: [], encrypted_content: 'sealed' },
    { id: 'rs_msg_1_2', summary: [], encrypted_content: 'tierkit:thinking:sig2' },
    { type: 'function_call', call_id: 't', arguments: '{}' },
  ]);
  const input = [{ role: 'user', content: 'hi' }, ...output, { type: 'function_call_output', call_id: 't', output: 'x' }];
  const again = messages.encodeRequest(responses.decodeRequest(scan({ model: 'c', input, max_output_tokens: 9 })));
  expect(again.losses).toEqual([]);
  expect((written(again.body)['messages'] as object[])[1]).toEqual({ role: 'assistant', content });
});

describe('how it ended', () => {
  it.each<[object, string]>([
    [response(message(said('a'))), 'stop'],
    [response(message(said('a')), called), 'tool_calls'],
    [response(message({ type: 'refusal', refusal: 'no' })), 'refusal'],
    [{ ...response(message(said('a'))), status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } }, 'length'],
    [{ ...response(called), status: 'incomplete', incomplete_details: { reason: 'content_filter' } }, 'content_filter'],
    [{ ...response(), status: 'incomplete' }, 'length'],
    // Servers of open models leave it out.
    [{ output: [message(said('a'))] }, 'stop'],
  ])('%#: %j', (body, finish) => {
    expect(responses.decodeAnswer(scan(body)).finish).toBe(finish);
  });

  it.each([
    ['stop', 'completed', null, []],
    ['tool_calls', 'completed', null, []],
    ['length', 'incomplete', { reason: 'max_output_tokens' }, []],
    ['content_filter', 'incomplete', { reason: 'content_filter' }, []],
    ['pause', 'completed', null, ['stop_reason']],
    // Anthropic refuses without a word.
    ['refusal', 'incomplete', { reason: 'content_filter' }, ['stop_reason']],
  ] as const)('%s is %s', (finish, status, incomplete_details, lost) => {
    const answer = { id: 'a', model: 'm', blocks: [], finish, stopSequence: undefined, usage: undefined, losses: [] };
    const { body, losses } = responses.encodeAnswer(answer, ASKED);
    expect(body).toMatchObject({ status, incomplete_details, usage: null });
    expect(losses.map(({ path }) => path)).toEqual(lost);
  });
});

it('what no other API can say of an answer is listed', () => {
  const { blocks, losses } = responses.decodeAnswer(
    scan({
      ...response(
        { type: 'web_search_call', id: 'ws_1', status: 'completed', action: {} },
        message(said('a', { annotations: [{ type: 'url_citation' }], logprobs: [{ token: 'a' }] }), { type: 'output_audio', data: 'x' }),
        { ...called, namespace: 'n' },
      ),
      moderation: { flagged: false },
    }),
  );
  expect(blocks.map(({ type }) => type)).toEqual(['text', 'tool_call']);
  expect(losses.map(({ path }) => path)).toEqual([
    'output[0]',
    'output[1].content[0].logprobs',
    'output[1].content[0].annotations[0]',
    'output[1].content[1]',
    'output[2].namespace',
    'moderation',
  ]);
  const block: Block = { type: 'image', media: { fileId: 'f', mediaType: undefined }, detail: undefined, at: 'parts[0]' };
  const answer = { id: 'a', model: 'm', blocks: [block], finish: 'stop', stopSequence: 'END', usage: undefined, losses: [] } as const;
  expect(responses.encodeAnswer(answer, ASKED).losses.map(({ path }) => path)).toEqual(['parts[0]', 'stop_sequence']);
});

it.each<[object, string]>([
  [RESPONSE, 'output is missing'],
  [{ ...RESPONSE, output: {} }, 'output must be a list'],
  [response({ id: 'x' }), 'output[0].type is required'],
  [response(message({ type: 'output_text' })), 'output[0].content[0].text is required'],
  [response({ type: 'function_call', call_id: 'c' }), 'output[0].name is required'],
  [response({ type: 'reasoning', summary: 'x' }), 'output[0].summary must be a list'],
  [{ ...response(), status: 'failed', error: { code: 'server_error', message: 'out of memory' } }, 'it is a failure: out of memory'],
  [{ ...response(), status: 'in_progress' }, 'status is "in_progress", and an answer has to be whole'],
])('%#: what is no answer is none', (body, expected) => {
  expect(() => responses.decodeAnswer(scan(body))).toThrow(UnacceptableAnswer);
  expect(() => responses.decodeAnswer(scan(body))).toThrow(`the backend’s answer: ${expected}`);
});

it('the client of OpenAI reads it', async () => {
  const usage = { ...NO_DETAILS, input: 3, output: 2, total: 5, cachedInput: undefined };
  const blocks: Block[] = [
    { type: 'text', text: 'a' },
    { type: 'text', text: 'b' },
  ];
  const { body } = responses.encodeAnswer(
    { id: 'a', model: 'm', blocks, finish: 'stop', stopSequence: undefined, usage, losses: [] },
    ASKED,
  );
  const client = new OpenAI({ apiKey: 'x', fetch: async () => Response.json(body) });
  const read = await client.responses.create({ model: 'm', input: 'hi' });
  expect(read.output_text).toBe('ab');
  expect(read.usage).toEqual({
    input_tokens: 3,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 2,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 5,
  });
});
