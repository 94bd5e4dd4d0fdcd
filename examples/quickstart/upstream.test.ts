import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { crc32, inflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startUpstream } from './upstream.ts';

type Started = Awaited<ReturnType<typeof startUpstream>>;
/** Loose on purpose: these tests read what came over the wire. */
interface Wire {
  [key: string]: Wire;
}

let open: Started;
let locked: Started;
beforeAll(async () => {
  open = await startUpstream({ port: 0, paceMs: 0 });
  locked = await startUpstream({ port: 0, paceMs: 0, openaiKey: 'right-o', anthropicKey: 'right-a', cohereKey: 'right-c' });
});
afterAll(async () => {
  await Promise.all([open.close(), locked.close()]);
});

function post(path: string, body: unknown, headers: Record<string, string> = {}, to: Started = open): Promise<Response> {
  const payload = body instanceof FormData || typeof body === 'string' ? body : JSON.stringify(body);
  return fetch(`http://127.0.0.1:${to.port}${path}`, { method: 'POST', body: payload, headers });
}

async function read(response: Promise<Response>): Promise<Wire> {
  return (await (await response).json()) as Wire;
}

async function events(response: Response): Promise<{ event: string | undefined; data: string }[]> {
  const blocks = (await response.text()).split('\n\n').filter((block) => block !== '');
  return blocks.map((block) => ({ event: /^event: (.*)$/m.exec(block)?.[1], data: /^data: (.*)$/m.exec(block)?.[1] ?? '' }));
}

async function embed(body: object): Promise<unknown[]> {
  const answer = await read(post('/v1/embeddings', { model: 'example-embed', dimensions: 64, ...body }));
  return (answer['data'] as unknown as { embedding: unknown }[]).map((item) => item.embedding);
}

function dot(x: number[] = [], y: number[] = []): number {
  return x.reduce((sum, value, index) => sum + value * (y[index] ?? 0), 0);
}

const anthropic = { 'anthropic-version': '2023-06-01' };
const hello = { model: 'example-chat', messages: [{ role: 'user', content: 'hello' }] };
const helloClaude = { model: 'claude-example', max_tokens: 100, messages: [{ role: 'user', content: 'hello' }] };

describe('keys', () => {
  test.each([
    ['no key', '/v1/chat/completions', hello, {}, { error: { type: 'invalid_request_error', param: null, code: 'invalid_api_key' } }],
    ['a wrong key', '/v1/chat/completions', hello, { authorization: 'Bearer right-a' }, { error: { code: 'invalid_api_key' } }],
    ['no key', '/v1/messages', helloClaude, anthropic, { type: 'error', error: { type: 'authentication_error' } }],
    [
      'a Bearer key',
      '/v1/messages',
      helloClaude,
      { ...anthropic, authorization: 'Bearer right-a' },
      { error: { type: 'authentication_error' } },
    ],
    ['a wrong key', '/v2/rerank', {}, { authorization: 'Bearer right-o' }, { message: expect.any(String) as string }],
  ])('%s at %s is a 401 in the shape of that API', async (_, path, body, headers, shape) => {
    const response = await post(path, body, headers, locked);
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject(shape);
  });

  test('the right keys open each API', async () => {
    const documents = { model: 'example-rerank', query: 'a', documents: ['a'] };
    expect((await post('/v1/chat/completions', hello, { authorization: 'Bearer right-o' }, locked)).status).toBe(200);
    expect((await post('/v1/messages', helloClaude, { ...anthropic, 'x-api-key': 'right-a' }, locked)).status).toBe(200);
    expect((await post('/v2/rerank', documents, { authorization: 'Bearer right-c' }, locked)).status).toBe(200);
  });
});

describe('refusals', () => {
  test.each([
    ['a body that is not JSON', '/v1/chat/completions', '{"model":', 400, 'not JSON'],
    ['no messages', '/v1/chat/completions', { model: 'example-chat', messages: [] }, 400, 'messages'],
    [
      'a part of another API',
      '/v1/chat/completions',
      { ...hello, messages: [{ role: 'user', content: [{ type: 'input_text', text: 'x' }] }] },
      400,
      'messages[0].content[0].type',
    ],
    [
      'stream_options without a stream',
      '/v1/chat/completions',
      { ...hello, stream_options: { include_usage: true } },
      400,
      'stream_options',
    ],
    ['max_tokens of 0', '/v1/chat/completions', { ...hello, max_tokens: 0 }, 400, 'max_tokens'],
    [
      'a tool message without its call',
      '/v1/chat/completions',
      { ...hello, messages: [{ role: 'tool', content: 'x' }] },
      400,
      'tool_call_id',
    ],
    ['a model that does another task', '/v1/embeddings', { model: 'example-chat', input: 'x' }, 404, 'example-embed'],
    ['an unknown model', '/v1/responses', { model: 'no-such', input: 'x' }, 404, 'no-such'],
    ['an empty text', '/v1/embeddings', { model: 'example-embed', input: ['x', ''] }, 400, 'input[1]'],
    ['mp3', '/v1/audio/speech', { model: 'example-tts', input: 'x', voice: 'alloy', response_format: 'mp3' }, 400, 'wav'],
    ['a broken form', '/v1/audio/transcriptions', 'nothing', 400, 'multipart'],
    ['a stored response', '/v1/responses', { model: 'example-chat', input: 'x', previous_response_id: 'resp_1' }, 400, 'resp_1'],
    ['an unknown path', '/v1/nothing', {}, 404, 'POST /v1/nothing'],
  ])('%s', async (_, path, body, status, words) => {
    const response = await post(path, body);
    expect(response.status).toBe(status);
    expect(((await response.json()) as Wire)['error']?.['message']).toContain(words);
  });

  test('Anthropic calls without anthropic-version or max_tokens', async () => {
    expect((await read(post('/v1/messages', helloClaude)))['error']?.['message']).toContain('anthropic-version');
    expect((await read(post('/v1/messages', { ...helloClaude, max_tokens: undefined }, anthropic)))['error']?.['message']).toContain(
      'max_tokens',
    );
  });

  test('a body over the limit is answered, not cut off', async () => {
    const response = await post('/v1/chat/completions', 'x'.repeat(33 * 1024 * 1024));
    expect(response.status).toBe(413);
    expect((await post('/v1/chat/completions', hello)).status).toBe(200);
  });
});

test('the same text costs the same at every endpoint', async () => {
  const text = 'How many tokens are in this sentence?';
  const tokens = await read(post('/tokenize', { model: 'example-chat', prompt: text, return_token_strs: true }));
  expect((tokens['token_strs'] as unknown as string[]).join('')).toBe(text);
  const counts = [
    tokens['count'],
    (tokens['tokens'] as unknown as number[]).length,
    (await read(post('/tokenize', { messages: [{ role: 'user', content: text }] })))['count'],
    (await read(post('/v1/chat/completions', { ...hello, messages: [{ role: 'user', content: text }] })))['usage']?.['prompt_tokens'],
    (await read(post('/v1/completions', { model: 'example-chat', prompt: text })))['usage']?.['prompt_tokens'],
    (await read(post('/v1/embeddings', { model: 'example-embed', input: text })))['usage']?.['prompt_tokens'],
    (await read(post('/v1/responses', { model: 'example-chat', input: text })))['usage']?.['input_tokens'],
    (await read(post('/v1/responses/input_tokens', { model: 'example-chat', input: [{ role: 'user', content: text }] })))['input_tokens'],
    (await read(post('/v1/messages', { ...helloClaude, messages: [{ role: 'user', content: text }] }, anthropic)))['usage']?.[
      'input_tokens'
    ],
    (await read(post('/v1/messages/count_tokens', { model: 'claude-example', messages: [{ role: 'user', content: text }] }, anthropic)))[
      'input_tokens'
    ],
  ];
  expect(new Set(counts)).toEqual(new Set([10]));
});

test('chat: limit, stop, JSON, one choice only', async () => {
  const limited = await read(post('/v1/chat/completions', { ...hello, max_tokens: 2, n: 4 }));
  expect(limited).toMatchObject({
    choices: [{ message: { content: 'This answ' }, finish_reason: 'length' }],
    usage: { completion_tokens: 2 },
  });
  expect(limited['choices']).toHaveLength(1);
  const stopped = await read(post('/v1/chat/completions', { ...hello, stop: [' comes'] }));
  expect(stopped).toMatchObject({ choices: [{ message: { content: 'This answer' }, finish_reason: 'stop' }] });
  const format = { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object', properties: { ok: { type: 'boolean' } } } } };
  const shaped = await read(post('/v1/chat/completions', { ...hello, response_format: format }));
  expect(shaped).toMatchObject({ choices: [{ message: { content: '{"ok":true}' } }] });
});

test('chat stream: usage only when asked for, in a last chunk of its own, null before', async () => {
  const plain = await events(await post('/v1/chat/completions', { ...hello, stream: true }));
  expect(plain.some(({ data }) => data.includes('usage'))).toBe(false);
  const counted = await events(await post('/v1/chat/completions', { ...hello, stream: true, stream_options: { include_usage: true } }));
  expect(counted.at(-1)?.data).toBe('[DONE]');
  const chunks = counted.slice(0, -1).map(({ data }) => JSON.parse(data) as { choices: unknown[]; usage: object | null });
  expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null && chunk.choices.length === 1)).toBe(true);
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 2 } });
});

test('completions: one choice a prompt, 16 tokens unless told', async () => {
  const answer = await read(post('/v1/completions', { model: 'example-chat', prompt: ['one', 'two'] }));
  expect(answer).toMatchObject({
    choices: [
      { index: 0, finish_reason: 'length' },
      { index: 1, finish_reason: 'length' },
    ],
    usage: { prompt_tokens: 2, completion_tokens: 32 },
  });
  const whole = await events(await post('/v1/completions', { model: 'example-chat', prompt: 'one', stream: true, max_tokens: 100 }));
  const text = whole.slice(0, -1).map(({ data }) => (JSON.parse(data) as { choices: { text: string }[] }).choices[0]?.text);
  expect(text.join('')).toContain('You said: "one".');
});

test('responses stream: a call and a text that the limit ends, in the documented order', async () => {
  const tools = [{ type: 'function', name: 'get_time', parameters: { type: 'object', properties: { zone: { type: 'string' } } } }];
  const called = await events(await post('/v1/responses', { model: 'example-chat', input: 'get_time please', tools, stream: true }));
  expect(called.map(({ event }) => event).filter((event, index, all) => event !== all[index - 1])).toEqual([
    'response.created',
    'response.in_progress',
    'response.output_item.added',
    'response.function_call_arguments.delta',
    'response.function_call_arguments.done',
    'response.output_item.done',
    'response.completed',
  ]);
  const cut = await events(await post('/v1/responses', { model: 'example-chat', input: 'hello', max_output_tokens: 2, stream: true }));
  const values = cut.map(({ data }) => JSON.parse(data) as { type: string; sequence_number: number; response?: unknown });
  expect(values.map((value) => value.sequence_number)).toEqual(values.map((_, index) => index));
  expect(values.map((value) => value.type)).toEqual(cut.map(({ event }) => event));
  expect(values.at(-1)).toMatchObject({
    type: 'response.incomplete',
    response: { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, usage: { output_tokens: 2 } },
  });
});

test('messages: system, stop sequence, images inside a tool result, the order of a stream', async () => {
  const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } };
  const result = [{ type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'noon' }, image] }];
  const body = { ...helloClaude, system: [{ type: 'text', text: 'Be brief.' }], messages: [{ role: 'user', content: result }] };
  expect(await read(post('/v1/messages', body, anthropic))).toMatchObject({
    content: [{ type: 'text', text: expect.stringMatching(/The tool answered: "noon"\. Images received: 1\./) as string }],
    usage: { input_tokens: 3 + 1 + 85 },
    stop_reason: 'end_turn',
  });
  const stopped = await read(post('/v1/messages', { ...helloClaude, stop_sequences: [' comes'] }, anthropic));
  expect(stopped).toMatchObject({ content: [{ text: 'This answer' }], stop_reason: 'stop_sequence', stop_sequence: ' comes' });
  const stream = await events(await post('/v1/messages', { ...helloClaude, stream: true, max_tokens: 2 }, anthropic));
  expect(stream.map(({ event }) => event)).toEqual([
    'message_start',
    'content_block_start',
    'ping',
    'content_block_delta',
    'content_block_delta',
    'content_block_stop',
    'message_delta',
    'message_stop',
  ]);
  expect(JSON.parse(stream.at(-2)?.data ?? '')).toMatchObject({ delta: { stop_reason: 'max_tokens' }, usage: { output_tokens: 2 } });
});

test('models in both shapes', async () => {
  const url = `http://127.0.0.1:${open.port}/v1/models?limit=20`;
  expect(await (await fetch(url)).json()).toMatchObject({
    object: 'list',
    data: [{ id: 'example-chat', object: 'model' }, {}, {}, {}, {}],
  });
  expect(await (await fetch(url, { headers: anthropic })).json()).toMatchObject({
    data: [{ type: 'model', id: 'claude-example' }],
    has_more: false,
  });
});

test('embeddings: both encodings are the same unit vector, and shared words bring texts closer', async () => {
  const [a, b, c] = (await embed({ input: ['the red house', 'a red house', 'quite something else'] })) as number[][];
  const [coded] = (await embed({ input: 'the red house', encoding_format: 'base64' })) as string[];
  const bytes = Buffer.from(coded ?? '', 'base64');
  expect(Array.from({ length: 64 }, (_, index) => bytes.readFloatLE(index * 4))).toEqual(a);
  expect(dot(a, a)).toBeCloseTo(1, 5);
  expect(dot(a, b)).toBeGreaterThan(dot(a, c) + 0.2);
});

test('rerank puts the document that shares words first and keeps top_n', async () => {
  const documents = ['cats sleep', 'gateways route requests', 'requests'];
  const answer = await read(post('/v2/rerank', { model: 'example-rerank', query: 'which gateways route requests', documents, top_n: 2 }));
  const results = answer['results'] as unknown as { index: number; relevance_score: number }[];
  expect(results.map((result) => result.index)).toEqual([1, 2]);
  expect(results[0]?.relevance_score).toBeGreaterThan(results[1]?.relevance_score ?? 1);
  expect(answer['meta']).toMatchObject({ billed_units: { search_units: 1 } });
});

test('images are PNG files whose checksums and pixels are right', async () => {
  const answer = await read(post('/v1/images/generations', { model: 'example-image', prompt: 'a boat', n: 2 }));
  const images = (answer['data'] as unknown as { b64_json: string }[]).map((image) => Buffer.from(image.b64_json, 'base64'));
  expect(images).toHaveLength(2);
  for (const png of images) {
    expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
    const parts = new Map<string, Buffer>();
    for (let at = 8; at < png.length;) {
      const length = png.readUInt32BE(at);
      const typed = png.subarray(at + 4, at + 8 + length);
      expect(png.readUInt32BE(at + 8 + length)).toBe(crc32(typed));
      parts.set(typed.subarray(0, 4).toString('latin1'), typed.subarray(4));
      at += 12 + length;
    }
    expect([...parts.keys()]).toEqual(['IHDR', 'IDAT', 'IEND']);
    expect(inflateSync(parts.get('IDAT') ?? Buffer.alloc(0))).toHaveLength(16 * (1 + 16 * 3));
  }
});

test('audio: WAV by default, uploads are named and counted, translations and text too', async () => {
  const response = await post('/v1/audio/speech', { model: 'example-tts', voice: 'alloy', input: 'two words' });
  expect(response.headers.get('content-type')).toBe('audio/wav');
  const wav = Buffer.from(await response.arrayBuffer());
  expect(wav.readUInt32LE(4)).toBe(wav.length - 8);
  expect(wav.readUInt32LE(40)).toBe(2 * 24_000 * 2 * 0.05);

  const form = new FormData();
  form.set('model', 'example-whisper');
  form.set('file', new File([wav], 'söund.wav'));
  const heard = await read(post('/v1/audio/transcriptions', form));
  expect(heard['text']).toContain(`"söund.wav" of ${wav.length} bytes`);
  form.set('response_format', 'text');
  expect(await (await post('/v1/audio/translations', form)).text()).toContain('for translation');
  form.set('stream', 'true');
  const stream = await events(await post('/v1/audio/transcriptions', form));
  expect(JSON.parse(stream.at(-1)?.data ?? '')).toMatchObject({ type: 'transcript.text.done', text: heard['text'] });
  form.set('file', 'not a file');
  expect((await post('/v1/audio/transcriptions', form)).status).toBe(400);
});

test('the command logs one line, ends on SIGTERM, and says why it cannot start', async () => {
  const file = fileURLToPath(new URL('upstream.ts', import.meta.url));
  const child = spawn(process.execPath, [file, '--port', '0', '--pace-ms', '0']);
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  expect(line).toMatch(/^example upstream on http:\/\/127\.0\.0\.1:\d+ /);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);

  const second = spawn(process.execPath, [file, '--port', String(open.port)]);
  const [reason] = (await once(createInterface(second.stderr), 'line')) as [string];
  expect(reason).toContain('EADDRINUSE');
  expect(await once(second, 'exit')).toEqual([1, null]);
});
