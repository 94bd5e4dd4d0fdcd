import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { type PodHandle, startPods } from '../start.ts';
import { tokenize } from './tokenizer.ts';

const PROMPT = `You answer questions about a cluster. ${'Be brief and name the pod. '.repeat(40)}`;

let pod: PodHandle;
let openai: OpenAI;

beforeAll(async () => {
  [pod] = (await startPods({
    model: 'Qwen/Qwen3-32B',
    servedModelNames: ['qwen'],
    port: 0,
    speed: 50,
    loras: ['sql'],
    limits: { maxModelLen: 4096 },
  })) as [PodHandle];
  openai = new OpenAI({ baseURL: `${pod.url}/v1`, apiKey: 'none', maxRetries: 0 });
});

afterAll(() => pod.close());

function post(handle: PodHandle, path: string, body: object): Promise<Response> {
  return fetch(handle.url + path, { method: 'POST', body: JSON.stringify(body) });
}

async function read(handle: PodHandle, path: string, body: object): Promise<Record<string, unknown>> {
  return (await (await post(handle, path, body)).json()) as Record<string, unknown>;
}

test('the official OpenAI client reads answers and usage, and the second identical prompt is cached', async () => {
  const request = {
    model: 'qwen',
    messages: [
      { role: 'system' as const, content: PROMPT },
      { role: 'user' as const, content: 'Where does it run?' },
    ],
    max_tokens: 12,
  };
  const first = await openai.chat.completions.create(request);
  const second = await openai.chat.completions.create(request);
  expect(first.choices[0]!.message.content).toMatch(/^[A-Z][a-z ,]+/);
  expect(second.choices[0]!.message.content).toBe(first.choices[0]!.message.content);
  expect(first.choices[0]!.finish_reason).toBe('length');
  expect(first.usage!.completion_tokens).toBe(12);
  expect(first.usage!.total_tokens).toBe(first.usage!.prompt_tokens + 12);
  expect(first.usage!.prompt_tokens_details!.cached_tokens).toBe(0);
  const cached = second.usage!.prompt_tokens_details!.cached_tokens!;
  expect(cached % 16).toBe(0);
  expect(cached).toBe(Math.floor((first.usage!.prompt_tokens - 1) / 16) * 16);
});

test('a stream gives the same text as a whole answer, then usage in a chunk without choices', async () => {
  const request = { model: 'qwen', messages: [{ role: 'user' as const, content: 'Tell me of the queue.' }], temperature: 0 };
  const whole = await openai.chat.completions.create(request);
  const stream = await openai.chat.completions.create({ ...request, stream: true, stream_options: { include_usage: true } });
  const chunks: OpenAI.ChatCompletionChunk[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  const withChoices = chunks.filter(({ choices }) => choices.length > 0);
  const { usage } = chunks.at(-1)!;
  const text = withChoices.map(({ choices }) => choices[0]!.delta.content ?? '').join('');
  expect(chunks.slice(0, -1).every((chunk) => chunk.choices.length === 1 && !chunk.usage)).toBe(true);
  expect(text).toBe(whole.choices[0]!.message.content);
  expect(text).toMatch(/\.$/);
  expect(withChoices.at(-1)!.choices[0]!.finish_reason).toBe('stop');
  expect(usage!.completion_tokens).toBe(whole.usage!.completion_tokens);
  // The role comes first, then a chunk for each token.
  expect(withChoices.length).toBe(usage!.completion_tokens + 1);
});

test('an answer that is sent back is found in the cache up to its end', async () => {
  const question = { role: 'user' as const, content: 'How do pods share work? '.repeat(6) };
  const first = await openai.chat.completions.create({
    model: 'qwen',
    messages: [question],
    max_tokens: 64,
    extra_body: { ignore_eos: true },
  } as never);
  const answer = { role: 'assistant' as const, content: (first as OpenAI.ChatCompletion).choices[0]!.message.content };
  const second = await openai.chat.completions.create({
    model: 'qwen',
    messages: [question, answer, { role: 'user', content: 'Go on.' }],
    max_tokens: 4,
  });
  const usage = (first as OpenAI.ChatCompletion).usage!;
  // The last token of the answer was never an input, so its block may be missing.
  expect(second.usage!.prompt_tokens_details!.cached_tokens).toBeGreaterThanOrEqual(
    Math.floor((usage.prompt_tokens + usage.completion_tokens - 1) / 16) * 16,
  );
});

test('completions: ids as prompt, echo, stop texts and log probabilities', async () => {
  const plain = await openai.completions.create({
    model: 'qwen',
    prompt: tokenize('Once upon a time'),
    max_tokens: 20,
    echo: true,
    logprobs: 2,
  });
  const { text, logprobs } = plain.choices[0]!;
  expect(text.startsWith('Once upon a time')).toBe(true);
  expect(logprobs!.tokens!.join('')).toBe(text.slice('Once upon a time'.length));
  expect(Object.keys(logprobs!.top_logprobs![0]!).length).toBe(2);

  const words = text.slice('Once upon a time'.length);
  const stop = words.slice(10, 15);
  const stopped = await openai.completions.create({
    model: 'qwen',
    prompt: 'Once upon a time',
    max_tokens: 20,
    stop: [stop],
    stream: true,
  });
  let shown = '';
  let reason: unknown;
  for await (const chunk of stopped) {
    shown += chunk.choices[0]!.text;
    if (chunk.choices[0]!.finish_reason !== null) reason = (chunk.choices[0] as unknown as { stop_reason: string }).stop_reason;
  }
  expect(shown).toBe(words.slice(0, words.indexOf(stop)));
  expect(reason).toBe(stop);
});

test('n answers differ, and each is counted', async () => {
  const { choices, usage } = await openai.chat.completions.create({
    model: 'qwen',
    messages: [{ role: 'user', content: 'Say something.' }],
    n: 3,
    max_tokens: 9,
  });
  expect(new Set(choices.map(({ message }) => message.content)).size).toBe(3);
  expect(usage!.completion_tokens).toBe(27);
});

const TOOL = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' }, unit: { enum: ['C', 'F'] }, days: { type: 'integer', minimum: 1, maximum: 3 } },
      required: ['city', 'unit', 'days'],
    },
  },
};

test('tools: a named tool is called with arguments that fit, and left alone otherwise', async () => {
  const messages = [{ role: 'user' as const, content: 'Use get weather for Paris.' }];
  const stream = openai.chat.completions.stream({ model: 'qwen', messages, tools: [TOOL] });
  const { choices } = await stream.finalChatCompletion();
  expect(choices[0]!.finish_reason).toBe('tool_calls');
  const call = choices[0]!.message.tool_calls![0]!;
  const args = JSON.parse(call.function.arguments) as { city: string; unit: string; days: number };
  expect(call.function.name).toBe('get_weather');
  expect(['C', 'F']).toContain(args.unit);
  expect([1, 2, 3]).toContain(args.days);

  const none = await openai.chat.completions.create({ model: 'qwen', messages, tools: [TOOL], tool_choice: 'none' });
  expect(none.choices[0]!.message.content).not.toBe(null);
  const unasked = await openai.chat.completions.create({ model: 'qwen', messages: [{ role: 'user', content: 'Hello' }], tools: [TOOL] });
  expect(unasked.choices[0]!.message.tool_calls).toEqual([]);
});

function createChat(body: object): Promise<unknown> {
  return openai.chat.completions.create({ model: 'qwen', messages: [{ role: 'user', content: 'x' }], ...body } as never);
}

test('errors look like vLLM says them', async () => {
  await expect(createChat({ model: 'nobody' })).rejects.toMatchObject({
    status: 404,
    error: { message: 'The model `nobody` does not exist.', type: 'NotFoundError', param: 'model', code: 404 },
  });
  await expect(createChat({ max_tokens: 5000 })).rejects.toMatchObject({
    status: 400,
    error: {
      type: 'BadRequestError',
      param: 'input_tokens',
      code: 400,
      message: expect.stringMatching(
        /^This model's maximum context length is 4096 tokens\. However, you requested 5000 output tokens and your prompt contains at least \d+ input tokens/,
      ),
    },
  });
  await expect(createChat({ messages: 'x' })).rejects.toMatchObject({ status: 400, error: { param: 'messages' } });
  await expect(createChat({ temperature: 9 })).rejects.toMatchObject({ status: 400, error: { param: 'temperature' } });
  const bad = await fetch(`${pod.url}/v1/chat/completions`, { method: 'POST', body: '{' });
  expect(bad.status).toBe(400);
  expect(await bad.json()).toMatchObject({ error: { type: 'BadRequestError' } });
  expect((await fetch(`${pod.url}/nowhere`)).status).toBe(404);
  expect((await fetch(`${pod.url}/v1/completions`)).status).toBe(405);
});

test('responses: text, stream and function call', async () => {
  const whole = await openai.responses.create({ model: 'qwen', input: 'Tell me of blocks.', instructions: 'Be kind.' });
  expect(whole.status).toBe('completed');
  expect(whole.output_text.length).toBeGreaterThan(10);
  const stream = openai.responses.stream({ model: 'qwen', input: 'Tell me of blocks.', instructions: 'Be kind.' });
  expect((await stream.finalResponse()).output_text).toBe(whole.output_text);
  const call = await openai.responses.create({
    model: 'qwen',
    input: 'x',
    tools: [{ type: 'function', ...TOOL.function, strict: null }],
    tool_choice: 'required',
  });
  expect(call.output[0]).toMatchObject({ type: 'function_call', name: 'get_weather' });
  const cut = await openai.responses.create({ model: 'qwen', input: 'x', max_output_tokens: 3 });
  expect(cut).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, usage: { output_tokens: 3 } });
});

test("Anthropic's client reads messages, streams and errors", async () => {
  const anthropic = new Anthropic({ baseURL: pod.url, apiKey: 'none', maxRetries: 0 });
  const request = { model: 'qwen', max_tokens: 50, system: PROMPT, messages: [{ role: 'user' as const, content: 'Who is there?' }] };
  const first = await anthropic.messages.create(request);
  const final = await anthropic.messages.stream(request).finalMessage();
  expect(final.content).toEqual(first.content);
  expect(final.usage.cache_read_input_tokens).toBeGreaterThan(100);
  expect(final.usage.input_tokens + final.usage.cache_read_input_tokens!).toBe(
    first.usage.input_tokens + first.usage.cache_read_input_tokens!,
  );
  const { input_tokens: counted } = await anthropic.messages.countTokens(request);
  expect(counted).toBe(final.usage.input_tokens + final.usage.cache_read_input_tokens!);
  await expect(anthropic.messages.create({ ...request, model: 'nobody' })).rejects.toMatchObject({
    status: 404,
    error: { type: 'error', error: { type: 'not_found_error' } },
  });
});

test('embeddings have length 1, in both formats', async () => {
  const { data, usage } = await openai.embeddings.create({ model: 'qwen', input: ['one', 'two words'], dimensions: 32 });
  expect(data.map(({ embedding }) => embedding.length)).toEqual([32, 32]);
  expect(Math.hypot(...data[0]!.embedding)).toBeCloseTo(1, 5);
  expect(usage.prompt_tokens).toBe(tokenize('one').length + tokenize('two words').length);
  const float = await openai.embeddings.create({ model: 'qwen', input: 'one', dimensions: 32, encoding_format: 'float' });
  expect(float.data[0]!.embedding).toEqual(data[0]!.embedding);
});

test('tokenize counts what usage counts, and detokenize undoes it', async () => {
  const messages = [{ role: 'user', content: 'Grüße aus 東京 👋' }];
  const { count, tokens } = await read(pod, '/tokenize', { messages });
  const { usage } = await openai.chat.completions.create({ model: 'qwen', messages: messages as never, max_tokens: 1 });
  expect(count).toBe(usage!.prompt_tokens);
  expect(await read(pod, '/detokenize', { tokens })).toEqual({
    prompt: '<|im_start|>user\nGrüße aus 東京 👋<|im_end|><|im_start|>assistant\n',
  });
  expect(await read(pod, '/detokenize', { tokens: [0.5] })).toMatchObject({ error: { code: 400 } });
});

test('adapters come and go', async () => {
  const ask = () => openai.chat.completions.create({ model: 'poet', messages: [{ role: 'user', content: 'x' }], max_tokens: 2 });
  await expect(ask()).rejects.toMatchObject({ status: 404 });
  const loaded = await post(pod, '/v1/load_lora_adapter', { lora_name: 'poet', lora_path: '/poet' });
  expect(await loaded.text()).toBe("Success: LoRA adapter 'poet' added successfully.");
  expect((await post(pod, '/v1/load_lora_adapter', { lora_name: 'poet', lora_path: '/poet' })).status).toBe(400);
  expect((await ask()).model).toBe('poet');
  const { data } = await openai.models.list();
  expect(data.map(({ id }) => id)).toEqual(['qwen', 'Qwen/Qwen3-32B', 'sql', 'poet']);
  expect((await post(pod, '/v1/unload_lora_adapter', { lora_name: 'poet' })).status).toBe(200);
  expect((await post(pod, '/v1/unload_lora_adapter', { lora_name: 'poet' })).status).toBe(404);
  await expect(ask()).rejects.toMatchObject({ status: 404 });
});

test('a prefill pod names its blocks, and a decode pod takes them instead of computing', async () => {
  const [prefill, decode] = (await startPods({ model: 'm', pods: 2, port: 0, speed: 50 })) as [PodHandle, PodHandle];
  const { kv_transfer_params: params } = await read(prefill, '/v1/completions', {
    model: 'm',
    prompt: PROMPT,
    max_tokens: 1,
    kv_transfer_params: { do_remote_decode: true },
  });
  expect(params).toMatchObject({ do_remote_prefill: true, remote_engine_id: 'pod-0', remote_port: prefill.port });
  const answer = await read(decode, '/v1/completions', { model: 'm', prompt: PROMPT, max_tokens: 5, kv_transfer_params: params });
  const { prompt_tokens: prompt, prompt_tokens_details: details } = answer['usage'] as OpenAI.CompletionUsage;
  expect(details).toEqual({ cached_tokens: prompt - 1 });
  expect(decode.pod.metrics().externalPrefixCacheHits).toBe(prompt - 1);
  await Promise.all([prefill.close(), decode.close()]);
});
