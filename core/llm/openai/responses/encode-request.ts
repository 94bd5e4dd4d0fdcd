import { choiceInWords } from '../../choice-format.ts';
import type { Encoded } from '../../codec.ts';
import type { Conversation, ResponseFormat, Tool, ToolChoice } from '../../conversation.ts';
import { filled, given, type Json } from '../../given.ts';
import { Losses, type Writing } from '../../losses.ts';
import { effortOf } from '../effort.ts';
import { tierOf } from '../service-tier.ts';
import { ENCRYPTED, LOGPROBS } from './decode-request.ts';
import { cacheOf } from '../cache.ts';
import { inputOf } from './encode-input.ts';
import { searchOf } from './search.ts';

/** The least that the API takes as max_output_tokens. */
const LEAST_TOKENS = 16;
/** Objects whose fields are extras of their own. */
const NESTED = ['text', 'reasoning'] as const;

/**
 * Writes the body of POST /v1/responses. Nothing is stored where nobody asks for it, so that thoughts have to come sealed.
 * @see https://platform.openai.com/docs/api-reference/responses/create
 */
export function encodeRequest(conversation: Conversation): Encoded {
  const { model, tools, toolChoice, parallelTools, sampling, stream, logprobs, user, source, extras } = conversation;
  const losses = new Losses();
  const isOwn = source === 'openai-responses';
  const to: Writing = { isOwn, losses };
  dropUnknown(conversation, losses);
  const effort = effortOf(conversation.reasoning, losses);
  const own: Own = isOwn ? extrasOf(extras) : { top: {}, text: {}, reasoning: {} };
  const include = [
    ...(effort === undefined || effort === 'none' ? [] : [ENCRYPTED]),
    ...(logprobs === undefined ? [] : [LOGPROBS]),
    ...((own.top['include'] as readonly unknown[] | undefined) ?? []),
  ];
  const body = {
    model,
    ...inputOf({ ...conversation, system: [...conversation.system, ...choiceInWords(conversation.format, losses)] }, to),
    ...filled('tools', [...tools.map((tool) => toolOf(tool, to)), ...searchOf(conversation.search, losses)]),
    ...(toolChoice === undefined ? {} : { tool_choice: choiceOf(toolChoice) }),
    ...given({
      parallel_tool_calls: parallelTools,
      max_output_tokens: maxTokensOf(conversation, to),
      temperature: sampling.temperature,
      top_p: sampling.topP,
      top_logprobs: logprobs === 0 ? undefined : logprobs,
      text: unlessEmpty({ ...own.text, ...formatOf(conversation.format) }),
      reasoning: unlessEmpty({ ...own.reasoning, ...given({ effort }) }),
      // Where both names were said, the older one is an extra.
      [own.top['user'] === undefined ? 'user' : 'safety_identifier']: user,
      service_tier: tierOf(conversation, losses),
    }),
    store: false,
    ...(stream ? { stream } : {}),
    ...own.top,
    ...(include.length === 0 ? {} : { include }),
  };
  if (!isOwn) for (const name of extras.keys()) losses.drop(name);
  return { body, losses: [...conversation.losses, ...losses.list()] };
}

/** What the API has no field for. */
function dropUnknown({ source, sampling, choices }: Conversation, losses: Losses): void {
  const { topK, stop, seed, presencePenalty, frequencyPenalty } = sampling;
  if (stop.length > 0) losses.drop(source === 'anthropic-messages' ? 'stop_sequences' : 'stop');
  if (choices > 1) losses.drop('n');
  for (const [name, value] of Object.entries({ top_k: topK, seed, presence_penalty: presencePenalty, frequency_penalty: frequencyPenalty }))
    if (value !== undefined) losses.drop(name);
}

type Own = Readonly<Record<'top' | (typeof NESTED)[number], Json>>;

function extrasOf(extras: Conversation['extras']): Own {
  const entries = [...extras];
  const under = (object: string): Json =>
    Object.fromEntries(
      entries.filter(([name]) => name.startsWith(`${object}.`)).map(([name, value]) => [name.slice(object.length + 1), value]),
    );
  const top = Object.fromEntries(entries.filter(([name]) => !NESTED.some((object) => name.startsWith(`${object}.`))));
  return { top, text: under('text'), reasoning: under('reasoning') };
}

function unlessEmpty(fields: Json): Json | undefined {
  return Object.keys(fields).length === 0 ? undefined : fields;
}

/** The API makes every schema strict that it can, and no other one does unasked. Servers ask for parameters, if only for null. */
function toolOf({ name, description, parameters, strict, cache, at = 'tools' }: Tool, to: Writing): Json {
  return {
    type: 'function',
    name,
    ...given({ description, strict: strict ?? (to.isOwn ? undefined : false) }),
    parameters: parameters ?? null,
    ...cacheOf(cache, at, to),
  };
}

function choiceOf(choice: ToolChoice): unknown {
  return choice.type === 'tool' ? { type: 'function', name: choice.name } : choice.type;
}

function maxTokensOf({ source, sampling: { maxTokens } }: Conversation, to: Writing): number | undefined {
  if (maxTokens === undefined || maxTokens >= LEAST_TOKENS || to.isOwn) return maxTokens;
  to.losses.approximate(source === 'openai-chat' ? 'max_completion_tokens' : 'max_tokens');
  return LEAST_TOKENS;
}

function formatOf(format: ResponseFormat | undefined): Json {
  if (format === undefined || format.type === 'choice') return {};
  if (format.type === 'json') return { format: { type: 'json_object' } };
  const { name, schema, strict } = format;
  return { format: { type: 'json_schema', name, schema, ...given({ strict }) } };
}
