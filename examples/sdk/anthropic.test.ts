/** The official Anthropic SDK against the quickstart. */
import Anthropic, { APIUserAbortError, BadRequestError, NotFoundError } from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Quickstart, startQuickstart } from './quickstart.ts';

let quickstart: Quickstart;
let client: Anthropic;
beforeAll(async () => {
  quickstart = await startQuickstart();
  client = new Anthropic({ baseURL: quickstart.anthropicUrl, apiKey: 'not-needed', maxRetries: 0 });
});
afterAll(() => quickstart.close());

const model = 'claude-example';
const max_tokens = 500;
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const weather: Anthropic.Tool = {
  name: 'get_weather',
  input_schema: {
    type: 'object',
    properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 1 } },
    required: ['city', 'days'],
  },
};

function textOf(message: Anthropic.Message): string {
  return message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
}

describe('messages', () => {
  test('an answer with its usage, and the same input counted', async () => {
    const request = { model, system: 'Be kind.', messages: [{ role: 'user' as const, content: 'Hello there' }] };
    const answer = await client.messages.create({ ...request, max_tokens });
    expect(textOf(answer)).toContain('bundled example upstream');
    expect(textOf(answer)).toContain('"Hello there"');
    expect(answer).toMatchObject({ type: 'message', role: 'assistant', model, stop_reason: 'end_turn' });
    const counted = await client.messages.countTokens(request);
    expect(counted.input_tokens).toBe(answer.usage.input_tokens);
  });

  test('a stream is the same answer in pieces, in the documented order', async () => {
    const request = { model, max_tokens, messages: [{ role: 'user' as const, content: 'Grüße, 世界 👋' }] };
    const whole = await client.messages.create(request);
    const events: Anthropic.RawMessageStreamEvent[] = [];
    for await (const event of await client.messages.create({ ...request, stream: true })) events.push(event);
    expect(events.map((event) => event.type).filter((type, index, all) => type !== all[index - 1])).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    expect(events[0]).toMatchObject({ message: { content: [], stop_reason: null, usage: { input_tokens: whole.usage.input_tokens } } });
    const texts = events.flatMap((event) =>
      event.type === 'content_block_delta' && event.delta.type === 'text_delta' ? [event.delta.text] : [],
    );
    expect(texts.length).toBeGreaterThan(5);
    expect(texts.join('')).toBe(textOf(whole));
    const final = await client.messages.stream(request).finalMessage();
    expect(textOf(final)).toBe(textOf(whole));
    expect(final.usage).toMatchObject({ input_tokens: whole.usage.input_tokens, output_tokens: whole.usage.output_tokens });
    expect(final.stop_reason).toBe('end_turn');
  });

  test('max_tokens and a stop sequence end an answer', async () => {
    const messages = [{ role: 'user' as const, content: 'Hello' }];
    const short = await client.messages.create({ model, max_tokens: 2, messages });
    expect(short).toMatchObject({ stop_reason: 'max_tokens', usage: { output_tokens: 2 } });
    const stopped = await client.messages.create({ model, max_tokens, messages, stop_sequences: ['upstream'] });
    expect(stopped).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: 'upstream' });
    expect(textOf(stopped)).not.toContain('upstream');
  });

  test('a tool is called, and its result is answered', async () => {
    const question: Anthropic.MessageParam = { role: 'user', content: 'Use get_weather for Berlin.' };
    const first = await client.messages.create({ model, max_tokens, messages: [question], tools: [weather] });
    expect(first.stop_reason).toBe('tool_use');
    const call = first.content.find((block) => block.type === 'tool_use');
    expect(call?.input).toEqual({ city: 'example', days: 1 });
    const second = await client.messages.create({
      model,
      max_tokens,
      tools: [weather],
      messages: [
        question,
        { role: 'assistant', content: first.content },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: call?.id ?? '', content: '21 degrees' }] },
      ],
    });
    expect(textOf(second)).toContain('The tool answered: "21 degrees"');
  });

  test('a streamed tool call is put together by the SDK', async () => {
    const choice = { type: 'tool' as const, name: 'get_weather' };
    const request = {
      model,
      max_tokens,
      tools: [weather],
      tool_choice: choice,
      messages: [{ role: 'user' as const, content: 'Anything' }],
    };
    const final = await client.messages.stream(request).finalMessage();
    expect(final.stop_reason).toBe('tool_use');
    expect(final.content).toMatchObject([{ type: 'tool_use', name: 'get_weather', input: { city: 'example', days: 1 } }]);
  });

  test('an image arrives', async () => {
    const content: Anthropic.ContentBlockParam[] = [
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } },
      { type: 'text', text: 'What is this?' },
    ];
    const answer = await client.messages.create({ model, max_tokens, messages: [{ role: 'user', content }] });
    expect(textOf(answer)).toContain('Images received: 1.');
  });

  test('a stream can be left in the middle', async () => {
    const stream = client.messages.stream({ model, max_tokens, messages: [{ role: 'user', content: 'word '.repeat(40) }] });
    let seen = 0;
    stream.on('text', () => {
      seen += 1;
      if (seen === 3) stream.abort();
    });
    await expect(stream.finalMessage()).rejects.toThrow(APIUserAbortError);
    expect(seen).toBeLessThan(20);
    await expect(
      client.messages.create({ model, max_tokens, messages: [{ role: 'user', content: 'Still there?' }] }),
    ).resolves.toBeDefined();
  });
});

test('models.list names the model', async () => {
  const names: string[] = [];
  for await (const entry of client.models.list()) {
    expect(entry.type).toBe('model');
    names.push(entry.id);
  }
  expect(names).toContain('claude-example');
});

test('errors are those of the SDK: an unknown model, a bad limit', async () => {
  const messages = [{ role: 'user' as const, content: 'x' }];
  const error: unknown = await client.messages.create({ model: 'no-such-model', max_tokens, messages }).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(NotFoundError);
  expect((error as NotFoundError).message).toContain('no-such-model');
  expect((error as NotFoundError).error).toMatchObject({ type: 'error', error: { type: 'not_found_error' } });
  await expect(client.messages.create({ model, max_tokens: 0, messages })).rejects.toThrow(BadRequestError);
});
