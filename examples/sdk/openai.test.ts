/** The official OpenAI SDK against the quickstart: what an app does should need nothing but another base URL. */
import OpenAI, { APIUserAbortError, BadRequestError, NotFoundError, toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Quickstart, startQuickstart } from './quickstart.ts';

let quickstart: Quickstart;
let client: OpenAI;
beforeAll(async () => {
  quickstart = await startQuickstart();
  client = new OpenAI({ baseURL: `${quickstart.url}/v1`, apiKey: 'not-needed', maxRetries: 0 });
});
afterAll(() => quickstart.close());

const model = 'example-chat';
const pixel = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const weather: OpenAI.Chat.ChatCompletionFunctionTool = {
  type: 'function',
  function: {
    name: 'get_weather',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 1 } },
      required: ['city', 'days'],
    },
  },
};

describe('chat completions', () => {
  test('an answer with its usage', async () => {
    const answer = await client.chat.completions.create({ model, messages: [{ role: 'user', content: 'Hello there' }] });
    expect(answer.choices[0]?.message).toMatchObject({
      role: 'assistant',
      content: expect.stringContaining('bundled example upstream') as string,
    });
    expect(answer.choices[0]?.message.content).toContain('"Hello there"');
    expect(answer.choices[0]?.finish_reason).toBe('stop');
    expect(answer.usage?.prompt_tokens).toBe(4);
    expect(answer.usage?.total_tokens).toBe(4 + (answer.usage?.completion_tokens ?? 0));
  });

  test('a stream is the same answer in pieces, then its finish, then its usage', async () => {
    const request = { model, messages: [{ role: 'user' as const, content: 'Grüße, 世界 👋' }] };
    const whole = await client.chat.completions.create(request);
    const stream = await client.chat.completions.create({ ...request, stream: true, stream_options: { include_usage: true } });
    const chunks: OpenAI.Chat.ChatCompletionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks[0]?.choices[0]?.delta.role).toBe('assistant');
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe(whole.choices[0]?.message.content);
    expect(chunks.filter((chunk) => chunk.choices[0]?.delta.content).length).toBeGreaterThan(5);
    expect(chunks.flatMap((chunk) => chunk.choices[0]?.finish_reason ?? [])).toEqual(['stop']);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: whole.usage });
    expect(new Set(chunks.map((chunk) => chunk.id)).size).toBe(1);
  });

  test('max_completion_tokens ends an answer with finish_reason length', async () => {
    const answer = await client.chat.completions.create({
      model,
      max_completion_tokens: 2,
      messages: [{ role: 'user', content: 'Hello' }],
    });
    expect(answer.choices[0]?.finish_reason).toBe('length');
    expect(answer.usage?.completion_tokens).toBe(2);
  });

  test('a tool is called, and its result is answered', async () => {
    const messages: OpenAI.Chat.ChatCompletionMessageParam[] = [{ role: 'user', content: 'Use get_weather for Berlin.' }];
    const first = await client.chat.completions.create({ model, messages, tools: [weather] });
    expect(first.choices[0]?.finish_reason).toBe('tool_calls');
    const message = first.choices[0]?.message;
    const call = message?.tool_calls?.[0];
    if (message === undefined || call?.type !== 'function') throw new Error('no function call came');
    expect(JSON.parse(call.function.arguments)).toEqual({ city: 'example', days: 1 });
    const second = await client.chat.completions.create({
      model,
      messages: [...messages, message, { role: 'tool', tool_call_id: call.id, content: '21 degrees' }],
      tools: [weather],
    });
    expect(second.choices[0]?.message.content).toContain('The tool answered: "21 degrees"');
    expect(second.choices[0]?.finish_reason).toBe('stop');
  });

  test('a streamed tool call is put together by the SDK', async () => {
    const stream = client.chat.completions.stream({
      model,
      messages: [{ role: 'user', content: 'Anything' }],
      tools: [weather],
      tool_choice: { type: 'function', function: { name: 'get_weather' } },
    });
    const final = await stream.finalChatCompletion();
    expect(final.choices[0]?.finish_reason).toBe('tool_calls');
    const call = final.choices[0]?.message.tool_calls?.[0];
    expect(call).toMatchObject({ type: 'function', function: { name: 'get_weather', arguments: '{"city":"example","days":1}' } });
  });

  test('an image arrives', async () => {
    const answer = await client.chat.completions.create({
      model,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image_url', image_url: { url: pixel } },
          ],
        },
      ],
    });
    expect(answer.choices[0]?.message.content).toContain('Images received: 1.');
  });

  test('response_format json_object answers JSON', async () => {
    const answer = await client.chat.completions.create({
      model,
      messages: [{ role: 'user', content: 'Answer in JSON' }],
      response_format: { type: 'json_object' },
    });
    expect(JSON.parse(answer.choices[0]?.message.content ?? '')).toMatchObject({ heard: 'Answer in JSON' });
  });

  test('a stream can be left in the middle', async () => {
    const stream = await client.chat.completions.create({ model, stream: true, messages: [{ role: 'user', content: 'word '.repeat(40) }] });
    let seen = 0;
    for await (const chunk of stream) {
      expect(chunk.choices[0]?.finish_reason).toBeNull();
      seen += 1;
      if (seen === 3) stream.controller.abort();
    }
    // What had already arrived may still be read, the whole answer of over 50 words may not.
    expect(seen).toBeLessThan(20);
    const gone = AbortSignal.abort();
    const aborted = client.chat.completions.create({ model, messages: [{ role: 'user', content: 'Hello' }] }, { signal: gone });
    await expect(aborted).rejects.toThrow(APIUserAbortError);
    await expect(client.chat.completions.create({ model, messages: [{ role: 'user', content: 'Still there?' }] })).resolves.toBeDefined();
  });
});

test('completions', async () => {
  const answer = await client.completions.create({ model, prompt: 'Hello', max_tokens: 50 });
  expect(answer.choices[0]?.text).toContain('bundled example upstream');
});

test('embeddings in both encodings are the same', async () => {
  // Without an encoding the SDK asks for base64 and decodes it.
  const coded = await client.embeddings.create({ model: 'example-embed', input: ['one', 'two'], dimensions: 32 });
  const plain = await client.embeddings.create({ model: 'example-embed', input: ['one', 'two'], dimensions: 32, encoding_format: 'float' });
  expect(coded.data.map((item) => item.embedding.length)).toEqual([32, 32]);
  expect(coded.data.map((item) => Array.from(item.embedding))).toEqual(plain.data.map((item) => item.embedding));
  expect(coded.usage).toEqual({ prompt_tokens: 2, total_tokens: 2 });
});

describe('responses', () => {
  test('an answer and its counted input', async () => {
    const answer = await client.responses.create({ model, input: 'Hello there', instructions: 'Be kind.' });
    expect(answer.output_text).toContain('"Hello there"');
    expect(answer).toMatchObject({ status: 'completed', error: null, instructions: 'Be kind.' });
    const counted = await client.responses.inputTokens.count({ model, input: 'Hello there', instructions: 'Be kind.' });
    expect(counted.input_tokens).toBe(answer.usage?.input_tokens);
  });

  test('a stream runs from created to completed, and its deltas are the answer', async () => {
    const stream = await client.responses.create({ model, input: 'Hello there', stream: true });
    const events: OpenAI.Responses.ResponseStreamEvent[] = [];
    for await (const event of stream) events.push(event);
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
    expect(events.map((event) => event.type).filter((type, index, all) => type !== all[index - 1])).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ]);
    const text = events.map((event) => (event.type === 'response.output_text.delta' ? event.delta : '')).join('');
    const last = events.at(-1);
    if (last?.type !== 'response.completed') throw new Error('the stream did not complete');
    expect(last.response.output[0]).toMatchObject({ type: 'message', status: 'completed', content: [{ type: 'output_text', text }] });
    expect(last.response.usage?.output_tokens).toBeGreaterThan(10);
  });

  test('a function is called in a stream, and its output is answered', async () => {
    const { name, parameters } = weather.function;
    const tools: OpenAI.Responses.FunctionTool[] = [{ type: 'function', name, parameters: parameters ?? null, strict: false }];
    const question = { role: 'user' as const, content: 'Use get_weather' };
    const first = await client.responses.stream({ model, input: [question], tools }).finalResponse();
    const call = first.output[0];
    if (call?.type !== 'function_call') throw new Error('no function call came');
    expect(JSON.parse(call.arguments)).toEqual({ city: 'example', days: 1 });
    const { type, call_id, arguments: given } = call;
    const second = await client.responses.create({
      model,
      tools,
      input: [question, { type, call_id, name, arguments: given }, { type: 'function_call_output', call_id, output: 'rain' }],
    });
    expect(second.output_text).toContain('The tool answered: "rain"');
  });

  test('what builds on a stored response is refused', async () => {
    await expect(client.responses.create({ model, input: 'x', previous_response_id: 'resp_none' })).rejects.toThrow(BadRequestError);
  });
});

test('images.generate answers PNG', async () => {
  const answer = await client.images.generate({ model: 'example-image', prompt: 'A boat', n: 2 });
  const files = (answer.data ?? []).map((image) =>
    Buffer.from(image.b64_json ?? '', 'base64')
      .subarray(1, 4)
      .toString('latin1'),
  );
  expect(files).toEqual(['PNG', 'PNG']);
});

test('what audio.speech makes can be uploaded to audio.transcriptions and audio.translations', async () => {
  const speech = await client.audio.speech.create({ model: 'example-tts', voice: 'alloy', input: 'Hello there', response_format: 'wav' });
  expect(speech.headers.get('content-type')).toBe('audio/wav');
  const wav = Buffer.from(await speech.arrayBuffer());
  expect(wav.subarray(0, 4).toString('latin1')).toBe('RIFF');
  expect(wav.readUInt32LE(4)).toBe(wav.length - 8);
  const heard = await client.audio.transcriptions.create({ model: 'example-whisper', file: await toFile(wav, 'hello.wav') });
  expect(heard.text).toContain(`"hello.wav" of ${wav.length} bytes`);
  const translated = await client.audio.translations.create({ model: 'example-whisper', file: await toFile(wav, 'hallo.wav') });
  expect(translated.text).toContain(`"hallo.wav" of ${wav.length} bytes`);
});

test('models.list names the models', async () => {
  const names: string[] = [];
  for await (const entry of client.models.list()) names.push(entry.id);
  expect(names).toEqual(expect.arrayContaining(['example-chat', 'example-embed', 'example-image', 'example-tts', 'example-whisper']));
});

test('an unknown model is a NotFoundError that names it', async () => {
  const error: unknown = await client.chat.completions
    .create({ model: 'no-such-model', messages: [{ role: 'user', content: 'x' }] })
    .catch((e: unknown) => e);
  expect(error).toBeInstanceOf(NotFoundError);
  expect((error as NotFoundError).message).toContain('no-such-model');
  const streamed = client.chat.completions.create({ model: 'no-such-model', stream: true, messages: [{ role: 'user', content: 'x' }] });
  await expect(streamed).rejects.toThrow(NotFoundError);
});
