/**
 * `POST /v1/chat/completions`. `n` counts as 1; sampling parameters change nothing.
 * @see https://platform.openai.com/docs/api-reference/chat
 */
import { randomUUID } from 'node:crypto';
import type OpenAI from 'openai';
import type { Format } from './answer.ts';
import { chatGrammar, readConversation } from './conversation.ts';
import { generate, type Generation } from './generate.ts';
import {
  type Answer,
  badField,
  type Incoming,
  isObject,
  json,
  type JsonObject,
  readInteger,
  readJson,
  readStrings,
  type ServerEvent,
} from './http.ts';
import { readModel } from './models.ts';
import { tokenize, words } from './tokens.ts';
import type { Tool, ToolChoice } from './tools.ts';

type Chunk = OpenAI.Chat.ChatCompletionChunk;
type Delta = Chunk['choices'][number]['delta'];
type FinishReason = 'stop' | 'length' | 'tool_calls';

export function chatCompletions(request: Incoming): Answer {
  const body = readJson(request);
  const model = readModel(body, 'chat');
  const includeUsage = readIncludeUsage(body);
  const generation = generate({
    model,
    conversation: readConversation(body['messages'], 'messages', chatGrammar),
    tools: readTools(body['tools']),
    toolDefinitions: body['tools'],
    choice: readChoice(body),
    format: readFormat(body['response_format']),
    stops: readStrings(body, 'stop'),
    maxTokens: readInteger(body, 'max_completion_tokens', 1) ?? readInteger(body, 'max_tokens', 1),
  });
  const calls = generation.calls.map((call) => ({
    id: `call_${randomUUID().replaceAll('-', '')}`,
    type: 'function' as const,
    function: { name: call.name, arguments: JSON.stringify(call.arguments) },
  }));
  const head = {
    id: `chatcmpl-${randomUUID().replaceAll('-', '')}`,
    created: Math.floor(Date.now() / 1000),
    model,
    service_tier: 'default' as const,
    system_fingerprint: 'fp_example_upstream',
  };
  if (body['stream'] === true) return { kind: 'events', events: chunks(head, generation, calls, includeUsage) };

  const completion: OpenAI.Chat.ChatCompletion = {
    ...head,
    object: 'chat.completion',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: calls.length > 0 ? null : generation.text,
          refusal: null,
          annotations: [],
          ...(calls.length > 0 ? { tool_calls: calls } : {}),
        },
        logprobs: null,
        finish_reason: finishReason(generation),
      },
    ],
    usage: usageOf(generation),
  };
  return json(completion);
}

/** `stream_options.include_usage`, which only streams may carry. */
export function readIncludeUsage(body: JsonObject): boolean {
  const options = body['stream_options'];
  if (options === undefined || options === null) return false;
  if (body['stream'] !== true) throw badField('stream_options', 'is only allowed when stream is true');
  if (!isObject(options)) throw badField('stream_options', 'must be an object');
  return options['include_usage'] === true;
}

export function usageOf(generation: Pick<Generation, 'inputTokens' | 'outputTokens'>): OpenAI.CompletionUsage {
  return {
    prompt_tokens: generation.inputTokens,
    completion_tokens: generation.outputTokens,
    total_tokens: generation.inputTokens + generation.outputTokens,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 },
  };
}

/** `text.format` of the Responses API writes a JSON Schema one level higher than `response_format` does; both are read. */
export function readFormat(value: unknown): Format {
  if (!isObject(value) || value['type'] === 'text') return 'text';
  if (value['type'] === 'json_object') return 'json';
  const wrapped = isObject(value['json_schema']) ? value['json_schema'] : value;
  if (value['type'] === 'json_schema' && isObject(wrapped['schema'])) return wrapped['schema'];
  throw badField('response_format', 'must be of type text, json_object, or json_schema with a schema');
}

function* chunks(
  head: Omit<Chunk, 'object' | 'choices'>,
  generation: Generation,
  calls: readonly OpenAI.Chat.ChatCompletionMessageFunctionToolCall[],
  includeUsage: boolean,
): Generator<ServerEvent> {
  const chunk = (choices: Chunk['choices'], usage: OpenAI.CompletionUsage | null): ServerEvent => {
    const value: Chunk = { ...head, object: 'chat.completion.chunk', choices, ...(includeUsage ? { usage } : {}) };
    return { data: JSON.stringify(value) };
  };
  const step = (delta: Delta, reason: FinishReason | null = null): ServerEvent =>
    chunk([{ index: 0, delta, logprobs: null, finish_reason: reason }], null);

  yield step({ role: 'assistant', content: calls.length > 0 ? null : '', refusal: null });
  for (const word of words(generation.text)) yield step({ content: word });
  for (const [index, call] of calls.entries()) {
    yield step({ tool_calls: [{ index, id: call.id, type: 'function', function: { name: call.function.name, arguments: '' } }] });
    for (const piece of tokenize(call.function.arguments)) yield step({ tool_calls: [{ index, function: { arguments: piece } }] });
  }
  yield step({}, finishReason(generation));
  // The usage comes in a chunk of its own, without choices, after the one that ends the choice.
  if (includeUsage) yield chunk([], usageOf(generation));
  yield { data: '[DONE]' };
}

function finishReason(generation: Generation): FinishReason {
  if (generation.calls.length > 0) return 'tool_calls';
  return generation.reason === 'length' ? 'length' : 'stop';
}

function readTools(value: unknown): Tool[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw badField('tools', 'must be a list');
  return value.map((tool: unknown, index) => {
    const declared = isObject(tool) && tool['type'] === 'function' ? tool['function'] : undefined;
    if (!isObject(declared) || typeof declared['name'] !== 'string') throw badField(`tools[${index}]`, 'must be a function with a name');
    return { name: declared['name'], schema: isObject(declared['parameters']) ? declared['parameters'] : {} };
  });
}

function readChoice(body: JsonObject): ToolChoice {
  const parallel = body['parallel_tool_calls'] !== false;
  const choice = body['tool_choice'] ?? 'auto';
  if (choice === 'auto' || choice === 'none') return { mode: choice, parallel };
  if (choice === 'required') return { mode: 'must', parallel };
  const named = isObject(choice) && choice['type'] === 'function' ? choice['function'] : undefined;
  if (isObject(named) && typeof named['name'] === 'string') return { mode: 'one', name: named['name'], parallel };
  throw badField('tool_choice', 'must be none, auto, required or a function with a name');
}
