// The official clients of OpenAI and Anthropic, with tools and streams, at backends of other APIs.
import Anthropic, { BadRequestError } from '@anthropic-ai/sdk';
import OpenAI, { RateLimitError } from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { backendsYaml, routeYaml, startGateway, type TestGateway } from './gateway.fixture.ts';
import { answer, sse, startUpstream, type Upstream } from './upstream.fixture.ts';

let upstream: Upstream;
let gateway: TestGateway;
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  upstream = await startUpstream(answer(500, {}));
  gateway = await startGateway({
    yaml: [
      backendsYaml([
        { name: 'gpt', port: upstream.port },
        { name: 'claude', port: upstream.port, schema: 'Anthropic' },
      ]),
      routeYaml('gpt', ['gpt']),
      routeYaml('claude', ['claude']),
    ].join('\n---\n'),
  });
  openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none', maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: `${gateway.url}/anthropic`, apiKey: 'none', maxRetries: 0 });
});

afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

const SCHEMA = { type: 'object' as const, properties: { in: { type: 'string' } } };
const events = (...all: { readonly type: string; readonly [field: string]: unknown }[]) =>
  sse(all.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`));

/** Claude thinks, says a word, and calls two tools. */
const CLAUDE = () =>
  events(
    {
      type: 'message_start',
      message: { id: 'msg_1', model: 'claude-real', usage: { input_tokens: 3, output_tokens: 1, cache_read_input_tokens: 4 } },
    },
    { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '', signature: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'hm' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: 'c2ln' } },
    { type: 'content_block_stop', index: 0 },
    { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'looking' } },
    { type: 'content_block_stop', index: 1 },
    ...['Rome', 'Oslo'].flatMap((city, at) => [
      { type: 'content_block_start', index: 2 + at, content_block: { type: 'tool_use', id: `toolu_${at}`, name: 'weather', input: {} } },
      { type: 'content_block_delta', index: 2 + at, delta: { type: 'input_json_delta', partial_json: '{"in":' } },
      { type: 'content_block_delta', index: 2 + at, delta: { type: 'input_json_delta', partial_json: `"${city}"}` } },
      { type: 'content_block_stop', index: 2 + at },
    ]),
    { type: 'message_delta', delta: { stop_reason: 'tool_use', stop_sequence: null }, usage: { output_tokens: 9 } },
    { type: 'message_stop' },
  );

const sent = () => JSON.parse(upstream.requests.at(-1)!.body.toString()) as Record<string, unknown>;

describe('the client of OpenAI, at Anthropic', () => {
  const tools = [{ type: 'function' as const, function: { name: 'weather', parameters: SCHEMA } }];

  test('streams a chat with two calls, and gives all of it back', async () => {
    upstream.script(CLAUDE());
    const runner = openai.chat.completions.stream({
      model: 'claude',
      messages: [{ role: 'user', content: 'weather?' }],
      tools,
      stream_options: { include_usage: true },
    });
    const completion = await runner.finalChatCompletion();
    const [{ message, finish_reason }] = completion.choices as [(typeof completion.choices)[number]];
    expect(finish_reason).toBe('tool_calls');
    expect(message).toMatchObject({
      content: 'looking',
      tool_calls: [
        { id: 'toolu_0', function: { name: 'weather', arguments: '{"in":"Rome"}' } },
        { id: 'toolu_1', function: { name: 'weather', arguments: '{"in":"Oslo"}' } },
      ],
    });
    expect(completion.usage).toMatchObject({ prompt_tokens: 7, completion_tokens: 9, prompt_tokens_details: { cached_tokens: 4 } });

    upstream.script(CLAUDE());
    const back = openai.chat.completions.stream({
      model: 'claude',
      messages: [
        { role: 'user', content: 'weather?' },
        { role: 'assistant', content: 'looking', tool_calls: message.tool_calls! },
        { role: 'tool', tool_call_id: 'toolu_0', content: 'sun' },
        { role: 'tool', tool_call_id: 'toolu_1', content: 'snow' },
      ],
      tools,
    });
    await back.done();
    expect(sent()['messages']).toMatchObject([
      { role: 'user' },
      {
        role: 'assistant',
        content: [{ type: 'text' }, { type: 'tool_use', input: { in: 'Rome' } }, { type: 'tool_use', input: { in: 'Oslo' } }],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'toolu_0' },
          { type: 'tool_result', tool_use_id: 'toolu_1' },
        ],
      },
    ]);
  });

  test('streams a response, and what was thought goes back with its signature', async () => {
    upstream.script(CLAUDE());
    const runner = openai.responses.stream({
      model: 'claude',
      input: 'weather?',
      tools: [{ type: 'function', name: 'weather', parameters: SCHEMA, strict: false }],
    });
    const response = await runner.finalResponse();
    expect(response.status).toBe('completed');
    expect(response.output_text).toBe('looking');
    expect(response.output.map(({ type }) => type)).toEqual(['reasoning', 'message', 'function_call', 'function_call']);
    expect(response.usage).toMatchObject({ input_tokens: 7, output_tokens: 9 });

    upstream.script(CLAUDE());
    const results = response.output.flatMap((item) =>
      item.type === 'function_call' ? [{ type: 'function_call_output' as const, call_id: item.call_id, output: 'sun' }] : [],
    );
    const again = openai.responses.stream({
      model: 'claude',
      input: [{ role: 'user', content: 'weather?' }, ...(response.output as OpenAI.Responses.ResponseInput), ...results],
    });
    await again.finalResponse();
    expect(sent()['messages']).toMatchObject([
      { role: 'user' },
      {
        role: 'assistant',
        content: [{ type: 'thinking', thinking: 'hm', signature: 'c2ln' }, { type: 'text' }, { type: 'tool_use' }, { type: 'tool_use' }],
      },
      { role: 'user', content: [{ type: 'tool_result' }, { type: 'tool_result' }] },
    ]);
  });

  test('gets its own kinds of errors', async () => {
    upstream.script(answer(429, { type: 'error', error: { type: 'rate_limit_error', message: 'slow' } }, { 'retry-after': '3' }));
    const failed = openai.chat.completions.create({ model: 'claude', messages: [{ role: 'user', content: 'hi' }] });
    await expect(failed).rejects.toBeInstanceOf(RateLimitError);
    await expect(failed).rejects.toMatchObject({ status: 429, code: 'rate_limit_error', message: '429 slow' });
    const stored = openai.responses.create({ model: 'claude', input: 'hi', previous_response_id: 'resp_1' });
    await expect(stored).rejects.toMatchObject({ status: 422, param: 'previous_response_id' });
  });
});

const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'gpt-real', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;

describe('the client of Anthropic, at OpenAI', () => {
  test('streams a message with two calls', async () => {
    upstream.script(
      sse([
        chunk({ role: 'assistant', content: '' }),
        chunk({ content: 'look' }),
        chunk({ content: 'ing' }),
        ...['Rome', 'Oslo'].flatMap((city, index) => [
          chunk({ tool_calls: [{ index, id: `call_${index}`, type: 'function', function: { name: 'weather', arguments: '' } }] }),
          chunk({ tool_calls: [{ index, function: { arguments: '{"in":' } }] }),
          chunk({ tool_calls: [{ index, function: { arguments: `"${city}"}` } }] }),
        ]),
        chunk({}, 'tool_calls'),
        `data: ${JSON.stringify({ id: 'c1', choices: [], usage: { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 } })}\n\n`,
        'data: [DONE]\n\n',
      ]),
    );
    const message = await anthropic.messages
      .stream({
        model: 'gpt',
        max_tokens: 50,
        system: 'be brief',
        messages: [{ role: 'user', content: 'weather?' }],
        tools: [{ name: 'weather', input_schema: SCHEMA }],
      })
      .finalMessage();
    expect(message).toMatchObject({
      id: 'c1',
      stop_reason: 'tool_use',
      content: [
        { type: 'text', text: 'looking' },
        { type: 'tool_use', id: 'call_0', input: { in: 'Rome' } },
        { type: 'tool_use', id: 'call_1', input: { in: 'Oslo' } },
      ],
      usage: { input_tokens: 5, output_tokens: 7 },
    });
    expect(sent()).toMatchObject({ messages: [{ role: 'system', content: 'be brief' }, { role: 'user' }], max_completion_tokens: 50 });
  });

  test('gets its own kinds of errors', async () => {
    upstream.script(
      answer(400, { error: { message: 'too long', type: 'invalid_request_error', param: 'messages', code: 'context_length_exceeded' } }),
    );
    const failed = anthropic.messages.create({ model: 'gpt', max_tokens: 5, messages: [{ role: 'user', content: 'hi' }] });
    await expect(failed).rejects.toBeInstanceOf(BadRequestError);
    await expect(failed).rejects.toMatchObject({ error: { error: { message: 'too long', code: 'context_length_exceeded' } } });
  });
});
