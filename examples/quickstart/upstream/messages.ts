/**
 * `POST /v1/messages` and `/v1/messages/count_tokens` of Anthropic.
 * @see https://docs.anthropic.com/en/api/messages
 * @see https://docs.anthropic.com/en/docs/build-with-claude/streaming
 */
import { randomUUID } from 'node:crypto';
import type Anthropic from '@anthropic-ai/sdk';
import { type Conversation, inputTokens, messagesGrammar, readConversation } from './conversation.ts';
import { generate, type Generation } from './generate.ts';
import {
  ApiError,
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

type Block = Anthropic.TextBlock | Anthropic.ToolUseBlock;

export function messages(request: Incoming): Answer {
  requireVersion(request);
  const body = readJson(request);
  const model = readModel(body, 'messages');
  const maxTokens = readInteger(body, 'max_tokens', 1);
  if (maxTokens === null) throw badField('max_tokens', 'is required');
  const generation = generate({
    model,
    conversation: conversationOf(body),
    tools: readTools(body['tools']),
    toolDefinitions: body['tools'],
    choice: readChoice(body['tool_choice']),
    format: 'text',
    stops: readStrings(body, 'stop_sequences'),
    maxTokens,
  });
  const message: Anthropic.Message = {
    id: `msg_${randomUUID().replaceAll('-', '')}`,
    type: 'message',
    role: 'assistant',
    model,
    content: blocksOf(generation),
    stop_reason: stopReason(generation),
    stop_sequence: generation.stop,
    stop_details: null,
    container: null,
    diagnostics: null,
    usage: usageOf(generation.inputTokens, generation.outputTokens),
  };
  return body['stream'] === true ? { kind: 'events', events: events(message) } : json(message);
}

export function countMessageTokens(request: Incoming): Answer {
  requireVersion(request);
  const body = readJson(request);
  readModel(body, 'messages');
  const count: Anthropic.MessageTokensCount = { input_tokens: inputTokens(conversationOf(body), body['tools']).length };
  return json(count);
}

/** The real API refuses calls without it, so a gateway that forgets it must fail here too. */
function requireVersion(request: Incoming): void {
  if (request.headers['anthropic-version'] === undefined) throw new ApiError(400, 'anthropic-version: header is required');
}

function conversationOf(body: JsonObject): Conversation {
  const system: unknown = body['system'];
  const blocks: unknown[] = Array.isArray(system)
    ? system
    : system === undefined || system === null
      ? []
      : [{ type: 'text', text: system }];
  const instructions = blocks.map((block, index) => {
    const text = isObject(block) && block['type'] === 'text' ? block['text'] : undefined;
    if (typeof text !== 'string') throw badField(`system[${index}]`, 'must be a text block');
    return text;
  });
  return readConversation(body['messages'], 'messages', messagesGrammar, instructions);
}

function blocksOf(generation: Generation): Block[] {
  if (generation.calls.length === 0) return [{ type: 'text', text: generation.text, citations: null }];
  return generation.calls.map((call) => ({
    type: 'tool_use',
    id: `toolu_${randomUUID().replaceAll('-', '')}`,
    name: call.name,
    input: call.arguments,
    caller: { type: 'direct' },
  }));
}

function stopReason(generation: Generation): Anthropic.StopReason {
  if (generation.calls.length > 0) return 'tool_use';
  if (generation.reason === 'length') return 'max_tokens';
  return generation.reason === 'stop' ? 'stop_sequence' : 'end_turn';
}

function usageOf(input: number, output: number): Anthropic.Usage {
  return {
    input_tokens: input,
    output_tokens: output,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    cache_creation: { ephemeral_1h_input_tokens: 0, ephemeral_5m_input_tokens: 0 },
    inference_geo: null,
    output_tokens_details: null,
    server_tool_use: null,
    service_tier: 'standard',
    speed: null,
  };
}

function* events(message: Anthropic.Message): Generator<ServerEvent> {
  // As in the real API the first event already counts one output token; the last count is the total, not an addition.
  const start = { ...message, content: [], stop_reason: null, stop_sequence: null, usage: { ...message.usage, output_tokens: 1 } };
  yield event({ type: 'message_start', message: start });
  for (const [index, block] of message.content.entries()) {
    if (block.type === 'text') {
      yield event({ type: 'content_block_start', index, content_block: { ...block, text: '' } });
      if (index === 0) yield event({ type: 'ping' });
      for (const text of words(block.text)) yield event({ type: 'content_block_delta', index, delta: { type: 'text_delta', text } });
    }
    if (block.type === 'tool_use') {
      yield event({ type: 'content_block_start', index, content_block: { ...block, input: {} } });
      if (index === 0) yield event({ type: 'ping' });
      for (const piece of ['', ...tokenize(JSON.stringify(block.input))]) {
        yield event({ type: 'content_block_delta', index, delta: { type: 'input_json_delta', partial_json: piece } });
      }
    }
    yield event({ type: 'content_block_stop', index });
  }
  yield event({
    type: 'message_delta',
    delta: { stop_reason: message.stop_reason, stop_sequence: message.stop_sequence, stop_details: null, container: null },
    usage: {
      input_tokens: message.usage.input_tokens,
      output_tokens: message.usage.output_tokens,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens_details: null,
      server_tool_use: null,
    },
  });
  yield event({ type: 'message_stop' });
}

function event(value: Anthropic.RawMessageStreamEvent | { type: 'ping' }): ServerEvent {
  return { event: value.type, data: JSON.stringify(value) };
}

/** Tools that Anthropic itself runs (their `type` has a date) cannot be run here; they are left alone. */
function readTools(value: unknown): Tool[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw badField('tools', 'must be a list');
  return value.flatMap((tool: unknown, index): Tool[] => {
    if (!isObject(tool) || typeof tool['name'] !== 'string') throw badField(`tools[${index}].name`, 'is required');
    if ((tool['type'] ?? 'custom') !== 'custom') return [];
    if (!isObject(tool['input_schema'])) throw badField(`tools[${index}].input_schema`, 'is required');
    return [{ name: tool['name'], schema: tool['input_schema'] }];
  });
}

function readChoice(value: unknown): ToolChoice {
  if (value === undefined || value === null) return { mode: 'auto', parallel: true };
  const type = isObject(value) ? value['type'] : undefined;
  const parallel = !(isObject(value) && value['disable_parallel_tool_use'] === true);
  if (type === 'auto' || type === 'none') return { mode: type, parallel };
  if (type === 'any') return { mode: 'must', parallel };
  const name = isObject(value) ? value['name'] : undefined;
  if (type === 'tool' && typeof name === 'string') return { mode: 'one', name, parallel };
  throw badField('tool_choice.type', 'must be auto, any, none, or tool with a name');
}
