import { describe, expect, it } from 'vitest';

import { anthropicUsage, bedrockUsage, cohereUsage, geminiUsage, openaiUsage } from './usage.ts';

describe('openaiUsage', () => {
  it('reads chat completions with audio and caches', () => {
    const usage = openaiUsage({
      prompt_tokens: 100,
      completion_tokens: 50,
      total_tokens: 150,
      prompt_tokens_details: { cached_tokens: 20, cache_write_tokens: 7, audio_tokens: 30 },
      completion_tokens_details: { reasoning_tokens: 5, audio_tokens: 10 },
    });
    expect(usage).toEqual({
      input: 100,
      output: 50,
      total: 150,
      cachedInput: 20,
      cacheCreation: 7,
      cacheCreation1h: undefined,
      inputAudio: 30,
      inputImage: undefined,
      reasoning: 5,
      outputAudio: 10,
      source: 'reported',
    });
  });

  it('reads images, and transcriptions under their own name of the details', () => {
    expect(openaiUsage({ input_tokens: 9, output_tokens: 1, input_tokens_details: { image_tokens: 4, text_tokens: 5 } })).toMatchObject({
      input: 9,
      inputImage: 4,
      total: 10,
    });
    expect(openaiUsage({ type: 'tokens', input_tokens: 9, output_tokens: 1, input_token_details: { audio_tokens: 9 } })).toMatchObject({
      inputAudio: 9,
    });
  });

  it.each([
    ['xAI, beside the output', { completion_tokens: 9, total_tokens: 135, completion_tokens_details: { reasoning_tokens: 94 } }, 103, 94],
    ['Google, in the total alone', { completion_tokens: 9, total_tokens: 135 }, 103, undefined],
    ['Google, where all was thought', { total_tokens: 135 }, 103, undefined],
    ['OpenAI, in the output', { completion_tokens: 103, total_tokens: 135, completion_tokens_details: { reasoning_tokens: 94 } }, 103, 94],
    ['nobody: a cache that is counted beside the input', { completion_tokens: 3, total_tokens: 135, cached_tokens: 100 }, 3, undefined],
    ['nobody can tell', { completion_tokens: 3, total_tokens: 135, completion_tokens_details: { reasoning_tokens: 2 } }, 3, 2],
  ])('has the thoughts in the output, as told by %s', (_, usage, output, reasoning) => {
    expect(openaiUsage({ prompt_tokens: 32, ...usage })).toMatchObject({ input: 32, output, total: 135, reasoning });
  });

  it('makes no output of a total that is the input, as of embeddings', () => {
    expect(openaiUsage({ prompt_tokens: 8, total_tokens: 8 })).toMatchObject({ input: 8, output: undefined, total: 8 });
    expect(openaiUsage({ total_tokens: 8 })).toMatchObject({ input: undefined, output: undefined, total: 8 });
  });

  it.each([{ prompt_cache_hit_tokens: 6 }, { cached_tokens: 6 }])('finds what a cache gave in %j', (more) => {
    expect(openaiUsage({ prompt_tokens: 8, completion_tokens: 1, total_tokens: 9, ...more })).toMatchObject({ cachedInput: 6 });
  });

  it.each([[{ type: 'duration', seconds: 4 }], [undefined], ['x'], [{ prompt_tokens: -1 }], [{ prompt_tokens: 1.5 }]])(
    'takes nothing from %j',
    (value) => {
      expect(openaiUsage(value)).toBeUndefined();
    },
  );
});

describe('anthropicUsage', () => {
  it('adds what caches gave and took to the input, and keeps the lifetimes apart', () => {
    const usage = anthropicUsage({
      input_tokens: 10,
      cache_read_input_tokens: 100,
      cache_creation_input_tokens: 30,
      cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 },
      output_tokens: 5,
    });
    expect(usage).toMatchObject({ input: 140, output: 5, total: 145, cachedInput: 100, cacheCreation: 30, cacheCreation1h: 20 });
  });

  it('adds the lifetimes up where there is no sum', () => {
    const usage = anthropicUsage({ input_tokens: 1, cache_creation: { ephemeral_1h_input_tokens: 20 } });
    expect(usage).toMatchObject({ input: 21, cacheCreation: 20, cacheCreation1h: 20 });
  });

  it('keeps what an earlier event said', () => {
    const start = anthropicUsage({
      input_tokens: 1,
      cache_creation_input_tokens: 8,
      cache_creation: { ephemeral_1h_input_tokens: 8 },
      output_tokens: 1,
    });
    expect(anthropicUsage({ output_tokens: 40 }, start)).toMatchObject({ input: 9, output: 40, cacheCreation: 8, cacheCreation1h: 8 });
    expect(anthropicUsage({}, start)).toMatchObject({ input: 9, output: 1 });
    expect(anthropicUsage({})).toBeUndefined();
  });
});

it('cohereUsage reads tokens, or what is billed', () => {
  expect(cohereUsage({ billed_units: { input_tokens: 3 } })).toMatchObject({ input: 3, output: undefined, total: 3 });
  expect(cohereUsage({ billed_units: { search_units: 3 } })).toBeUndefined();
});

describe('geminiUsage', () => {
  it('adds thoughts to the output and what tools read to the input', () => {
    const usage = geminiUsage({
      promptTokenCount: 10,
      toolUsePromptTokenCount: 2,
      candidatesTokenCount: 5,
      thoughtsTokenCount: 3,
      candidatesTokensDetails: [{ modality: 'AUDIO', tokenCount: 5 }],
    });
    expect(usage).toMatchObject({ input: 12, output: 8, total: 20, reasoning: 3, outputAudio: 5, inputAudio: undefined });
  });

  it.each([[undefined], [{}], [{ promptTokenCount: '1' }], [{ promptTokensDetails: [null] }]])('takes nothing from %j', (value) => {
    expect(geminiUsage(value)).toBeUndefined();
  });
});

describe('bedrockUsage', () => {
  it('adds what caches gave and took to the input, and keeps the lifetimes apart', () => {
    const usage = bedrockUsage({
      inputTokens: 10,
      outputTokens: 5,
      totalTokens: 15,
      cacheReadInputTokens: 100,
      cacheWriteInputTokens: 30,
      cacheDetails: [
        { ttl: '1h', inputTokens: 20 },
        { ttl: '5m', inputTokens: 10 },
      ],
    });
    expect(usage).toMatchObject({ input: 140, output: 5, total: 145, cachedInput: 100, cacheCreation: 30, cacheCreation1h: 20 });
  });

  it.each([[undefined], [{}], [{ inputTokens: '1' }], [{ cacheDetails: [null] }]])('takes nothing from %j', (value) => {
    expect(bedrockUsage(value)).toBeUndefined();
  });
});
