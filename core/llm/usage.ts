/** Tokens of one model call. Absent counts are undefined, never 0. */
export interface Usage {
  /** All input tokens, cached ones included. */
  readonly input: number | undefined;
  readonly output: number | undefined;
  readonly total: number | undefined;
  /** Input tokens read from a provider's prompt cache. */
  readonly cachedInput: number | undefined;
  /** Input tokens written to a provider's prompt cache. */
  readonly cacheCreation: number | undefined;
  /** The part of {@link cacheCreation} that is kept for an hour; the rest is kept for the usual time. */
  readonly cacheCreation1h?: number | undefined;
  /** Input tokens that are audio. */
  readonly inputAudio?: number | undefined;
  /** Input tokens that are images. */
  readonly inputImage?: number | undefined;
  /** Output tokens spent on reasoning. */
  readonly reasoning: number | undefined;
  /** Output tokens that are audio. */
  readonly outputAudio?: number | undefined;
  /** `reported` by the backend, `counted` with its tokenizer, or `estimated` from what passed by. */
  readonly source: 'reported' | 'counted' | 'estimated';
}

/** What most answers say nothing of. */
export const NO_DETAILS = {
  cachedInput: undefined,
  cacheCreation: undefined,
  cacheCreation1h: undefined,
  inputAudio: undefined,
  inputImage: undefined,
  reasoning: undefined,
  outputAudio: undefined,
  source: 'reported',
} as const;

type Fields = Readonly<Record<string, unknown>>;

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/**
 * `usage` of chat completions, completions, embeddings (prompt_tokens, …), and of responses, images, audio (input_tokens, …).
 * DeepSeek counts what its cache gave as `prompt_cache_hit_tokens`, Moonshot and Together as `cached_tokens` beside the others.
 * @see https://api-docs.deepseek.com/api/create-chat-completion
 */
export function openaiUsage(value: unknown): Usage | undefined {
  const usage = fields(value);
  const input = count(usage['prompt_tokens']) ?? count(usage['input_tokens']);
  const told = count(usage['completion_tokens']) ?? count(usage['output_tokens']);
  const total = count(usage['total_tokens']);
  if (input === undefined && told === undefined && total === undefined) return undefined;
  // Transcriptions say input_token_details.
  const inputDetails = fields(usage['prompt_tokens_details'] ?? usage['input_tokens_details'] ?? usage['input_token_details']);
  const outputDetails = fields(usage['completion_tokens_details'] ?? usage['output_tokens_details'] ?? usage['output_token_details']);
  const cachedInput = count(inputDetails['cached_tokens']) ?? count(usage['prompt_cache_hit_tokens']) ?? count(usage['cached_tokens']);
  const reasoning = count(outputDetails['reasoning_tokens']);
  const missing = input === undefined ? 0 : (total ?? 0) - input - (told ?? 0);
  const output = withThoughts(told, missing, reasoning, cachedInput);
  return {
    input,
    output,
    total: total ?? (input === undefined && output === undefined ? undefined : (input ?? 0) + (output ?? 0)),
    cachedInput,
    cacheCreation: count(inputDetails['cache_write_tokens']) ?? count(inputDetails['cache_creation_tokens']),
    cacheCreation1h: undefined,
    inputAudio: count(inputDetails['audio_tokens']),
    inputImage: count(inputDetails['image_tokens']),
    reasoning,
    outputAudio: count(outputDetails['audio_tokens']),
    source: 'reported',
  };
}

/**
 * Output tokens with those of the thoughts, which xAI and Google leave out of `completion_tokens`: xAI counts them beside it, Google in the
 * total alone.
 * @param missing tokens of the total that are neither input nor output
 * @see https://docs.x.ai/docs/key-information/consumption-and-rate-limits
 * @see https://ai.google.dev/gemini-api/docs/openai
 */
function withThoughts(
  told: number | undefined,
  missing: number,
  reasoning: number | undefined,
  cachedInput: number | undefined,
): number | undefined {
  if (missing <= 0) return told;
  // Some count what the cache gave beside the input.
  const isThought = reasoning ? missing === reasoning : missing !== cachedInput;
  return isThought ? (told ?? 0) + missing : told;
}

/**
 * `usage` of Anthropic messages, whose input_tokens leave out what the cache gave or took.
 * @param before what an earlier event of the same stream said: message_delta repeats only some counts.
 */
export function anthropicUsage(value: unknown, before?: Usage): Usage | undefined {
  const usage = fields(value);
  const fresh = count(usage['input_tokens']);
  const output = count(usage['output_tokens']) ?? before?.output;
  const cachedInput = count(usage['cache_read_input_tokens']) ?? before?.cachedInput;
  const byLifetime = fields(usage['cache_creation']);
  const shortLived = count(byLifetime['ephemeral_5m_input_tokens']);
  const longLived = count(byLifetime['ephemeral_1h_input_tokens']);
  const written = shortLived === undefined && longLived === undefined ? undefined : (shortLived ?? 0) + (longLived ?? 0);
  const cacheCreation = count(usage['cache_creation_input_tokens']) ?? written ?? before?.cacheCreation;
  const longLivedBefore = longLived ?? before?.cacheCreation1h;
  // A part is never more than the whole, also where a later event takes the whole back.
  const cacheCreation1h = longLivedBefore === undefined ? undefined : Math.min(longLivedBefore, cacheCreation ?? longLivedBefore);
  const input = fresh === undefined ? before?.input : fresh + (cachedInput ?? 0) + (cacheCreation ?? 0);
  if (input === undefined && output === undefined) return before;
  return {
    ...NO_DETAILS,
    input,
    output,
    total: (input ?? 0) + (output ?? 0),
    cachedInput,
    cacheCreation,
    cacheCreation1h,
  };
}

/**
 * `usageMetadata` of Gemini, whose candidates leave out what was thought, and whose prompt what tools of its own read.
 * @see https://ai.google.dev/api/generate-content#UsageMetadata
 */
export function geminiUsage(value: unknown): Usage | undefined {
  const usage = fields(value);
  const prompt = count(usage['promptTokenCount']);
  const read = count(usage['toolUsePromptTokenCount']);
  const told = count(usage['candidatesTokenCount']);
  const reasoning = count(usage['thoughtsTokenCount']);
  const total = count(usage['totalTokenCount']);
  const input = prompt === undefined && read === undefined ? undefined : (prompt ?? 0) + (read ?? 0);
  const output = told === undefined && reasoning === undefined ? undefined : (told ?? 0) + (reasoning ?? 0);
  if (input === undefined && output === undefined && total === undefined) return undefined;
  return {
    ...NO_DETAILS,
    input,
    output,
    total: total ?? (input ?? 0) + (output ?? 0),
    cachedInput: count(usage['cachedContentTokenCount']),
    inputAudio: ofModality(usage['promptTokensDetails'], 'AUDIO'),
    inputImage: ofModality(usage['promptTokensDetails'], 'IMAGE'),
    reasoning,
    outputAudio: ofModality(usage['candidatesTokensDetails'], 'AUDIO'),
  };
}

function ofModality(details: unknown, modality: string): number | undefined {
  if (!Array.isArray(details)) return undefined;
  return count(fields(details.find((each) => fields(each)['modality'] === modality))['tokenCount']);
}

/**
 * `usage` of Bedrock's Converse, whose inputTokens leave out what the cache gave or took.
 * @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html
 */
export function bedrockUsage(value: unknown): Usage | undefined {
  const usage = fields(value);
  const fresh = count(usage['inputTokens']);
  const output = count(usage['outputTokens']);
  const told = count(usage['totalTokens']);
  if (fresh === undefined && output === undefined && told === undefined) return undefined;
  const cachedInput = count(usage['cacheReadInputTokens']);
  const longLived = count(fields(ofLifetime(usage['cacheDetails'], '1h'))['inputTokens']);
  const cacheCreation = count(usage['cacheWriteInputTokens']);
  const input = fresh === undefined ? undefined : fresh + (cachedInput ?? 0) + (cacheCreation ?? 0);
  return {
    ...NO_DETAILS,
    input,
    output,
    // Models differ in whether what the cache gave is in it.
    total: Math.max(told ?? 0, (input ?? 0) + (output ?? 0)),
    cachedInput,
    cacheCreation,
    cacheCreation1h: longLived === undefined ? undefined : Math.min(longLived, cacheCreation ?? longLived),
  };
}

function ofLifetime(details: unknown, ttl: string): unknown {
  return Array.isArray(details) ? details.find((each) => fields(each)['ttl'] === ttl) : undefined;
}

/** `meta.billed_units` of Cohere's rerank, or its token counts where it gives them. */
export function cohereUsage(value: unknown): Usage | undefined {
  const tokens = fields(fields(value)['tokens'] ?? fields(value)['billed_units']);
  const input = count(tokens['input_tokens']);
  const output = count(tokens['output_tokens']);
  if (input === undefined && output === undefined) return undefined;
  return { ...NO_DETAILS, input, output, total: (input ?? 0) + (output ?? 0) };
}
