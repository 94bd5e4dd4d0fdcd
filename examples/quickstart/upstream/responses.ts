/**
 * `POST /v1/responses` and `/v1/responses/input_tokens`. Nothing is stored, so what builds on stored answers is refused.
 * @see https://platform.openai.com/docs/api-reference/responses
 * @see https://platform.openai.com/docs/api-reference/responses-streaming
 */
import { randomUUID } from 'node:crypto';
import type OpenAI from 'openai';
import { readFormat } from './chat.ts';
import { type Conversation, inputTokens, readConversation, responsesGrammar, singleQuestion } from './conversation.ts';
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
  readString,
  type ServerEvent,
} from './http.ts';
import { readModel } from './models.ts';
import { tokenize, words } from './tokens.ts';
import type { Tool, ToolChoice } from './tools.ts';

type Item = OpenAI.Responses.ResponseOutputMessage | OpenAI.Responses.ResponseFunctionToolCall;
/** The wire has no `output_text`, which the SDK adds, and writes `null` where there is no usage yet. */
type Response = Omit<OpenAI.Responses.Response, 'output_text' | 'usage'> & { usage: OpenAI.Responses.ResponseUsage | null; store: boolean };
type OnWire<Event> = Event extends { response: unknown }
  ? Omit<Event, 'response' | 'sequence_number'> & { response: Response }
  : Omit<Event, 'sequence_number'>;
type StreamEvent = OnWire<OpenAI.Responses.ResponseStreamEvent>;

export function responses(request: Incoming): Answer {
  const body = readJson(request);
  const model = readModel(body, 'chat');
  refuseStored(body);
  const generation = generate({
    model,
    conversation: conversationOf(body),
    tools: readTools(body['tools']),
    toolDefinitions: body['tools'],
    choice: readChoice(body),
    format: readFormat(isObject(body['text']) ? body['text']['format'] : undefined),
    stops: [],
    maxTokens: readInteger(body, 'max_output_tokens', 1),
  });
  const started = startedResponse(body, model);
  const ended = endedResponse(started, generation);
  return body['stream'] === true ? { kind: 'events', events: events(started, ended) } : json(ended);
}

export function countResponseTokens(request: Incoming): Answer {
  const body = readJson(request);
  readModel(body, 'chat');
  refuseStored(body);
  const count: OpenAI.Responses.InputTokenCountResponse = {
    object: 'response.input_tokens',
    input_tokens: inputTokens(conversationOf(body), body['tools']).length,
  };
  return json(count);
}

function refuseStored(body: JsonObject): void {
  if (body['previous_response_id'] !== undefined && body['previous_response_id'] !== null) {
    const previous = readString(body, 'previous_response_id');
    throw new ApiError(400, `Previous response with id '${previous}' not found: the bundled example upstream stores no responses.`, {
      param: 'previous_response_id',
      code: 'previous_response_not_found',
    });
  }
  if (body['conversation'] !== undefined && body['conversation'] !== null)
    throw badField('conversation', 'the example upstream stores nothing');
  if (body['background'] === true) throw badField('background', 'the example upstream stores nothing');
}

function conversationOf(body: JsonObject): Conversation {
  const instructions = typeof body['instructions'] === 'string' ? [body['instructions']] : [];
  const input = body['input'];
  return typeof input === 'string' ? singleQuestion(input, instructions) : readConversation(input, 'input', responsesGrammar, instructions);
}

/** The response as the first events of a stream show it. Settings are echoed as the caller sent them. */
function startedResponse(body: JsonObject, model: string): Response {
  const echoed = body as Partial<OpenAI.Responses.ResponseCreateParams>;
  return {
    id: `resp_${randomUUID().replaceAll('-', '')}`,
    object: 'response',
    created_at: Math.floor(Date.now() / 1000),
    status: 'in_progress',
    background: false,
    error: null,
    incomplete_details: null,
    instructions: echoed.instructions ?? null,
    max_output_tokens: echoed.max_output_tokens ?? null,
    model,
    output: [],
    parallel_tool_calls: echoed.parallel_tool_calls ?? true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    service_tier: 'default',
    store: false,
    temperature: echoed.temperature ?? 1,
    text: { format: echoed.text?.format ?? { type: 'text' } },
    tool_choice: echoed.tool_choice ?? 'auto',
    tools: echoed.tools ?? [],
    top_p: echoed.top_p ?? 1,
    truncation: 'disabled',
    usage: null,
    metadata: echoed.metadata ?? {},
  };
}

function endedResponse(started: Response, generation: Generation): Response {
  const incomplete = generation.reason === 'length';
  const status = incomplete ? 'incomplete' : 'completed';
  const said: Item = {
    id: `msg_${randomUUID().replaceAll('-', '')}`,
    type: 'message',
    role: 'assistant',
    status,
    content: [{ type: 'output_text', text: generation.text, annotations: [], logprobs: [] }],
  };
  const calls = generation.calls.map((call): Item => {
    const id = randomUUID().replaceAll('-', '');
    return {
      id: `fc_${id}`,
      type: 'function_call',
      call_id: `call_${id}`,
      name: call.name,
      arguments: JSON.stringify(call.arguments),
      status,
    };
  });
  return {
    ...started,
    status,
    incomplete_details: incomplete ? { reason: 'max_output_tokens' } : null,
    output: calls.length > 0 ? calls : [said],
    usage: {
      input_tokens: generation.inputTokens,
      input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
      output_tokens: generation.outputTokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: generation.inputTokens + generation.outputTokens,
    },
  };
}

function* events(started: Response, ended: Response): Generator<ServerEvent> {
  let sequence = 0;
  for (const value of streamEvents(started, ended)) {
    yield { event: value.type, data: JSON.stringify({ ...value, sequence_number: sequence }) };
    sequence += 1;
  }
}

function* streamEvents(started: Response, ended: Response): Generator<StreamEvent> {
  yield { type: 'response.created', response: started };
  yield { type: 'response.in_progress', response: started };
  for (const [index, item] of ended.output.entries()) {
    if (item.type === 'message') yield* messageEvents(item, index);
    if (item.type === 'function_call') yield* callEvents(item, index);
  }
  if (ended.status === 'incomplete') yield { type: 'response.incomplete', response: ended };
  else yield { type: 'response.completed', response: ended };
}

function* messageEvents(item: OpenAI.Responses.ResponseOutputMessage, output_index: number): Generator<StreamEvent> {
  yield { type: 'response.output_item.added', output_index, item: { ...item, status: 'in_progress', content: [] } };
  for (const [content_index, part] of item.content.entries()) {
    if (part.type !== 'output_text') continue;
    const at = { item_id: item.id, output_index, content_index };
    yield { type: 'response.content_part.added', ...at, part: { ...part, text: '' } };
    for (const delta of words(part.text)) yield { type: 'response.output_text.delta', ...at, delta, logprobs: [] };
    yield { type: 'response.output_text.done', ...at, text: part.text, logprobs: [] };
    yield { type: 'response.content_part.done', ...at, part };
  }
  yield { type: 'response.output_item.done', output_index, item };
}

function* callEvents(item: OpenAI.Responses.ResponseFunctionToolCall, output_index: number): Generator<StreamEvent> {
  const at = { item_id: item.id ?? '', output_index };
  yield { type: 'response.output_item.added', output_index, item: { ...item, status: 'in_progress', arguments: '' } };
  for (const delta of tokenize(item.arguments)) yield { type: 'response.function_call_arguments.delta', ...at, delta };
  yield { type: 'response.function_call_arguments.done', ...at, name: item.name, arguments: item.arguments };
  yield { type: 'response.output_item.done', output_index, item };
}

/** Only functions; the tools that OpenAI itself runs (web search, files, code) are left alone. */
function readTools(value: unknown): Tool[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw badField('tools', 'must be a list');
  return value.flatMap((tool: unknown, index): Tool[] => {
    if (!isObject(tool)) throw badField(`tools[${index}]`, 'must be an object');
    if (tool['type'] !== 'function') return [];
    if (typeof tool['name'] !== 'string') throw badField(`tools[${index}].name`, 'is required');
    return [{ name: tool['name'], schema: isObject(tool['parameters']) ? tool['parameters'] : {} }];
  });
}

function readChoice(body: JsonObject): ToolChoice {
  const parallel = body['parallel_tool_calls'] !== false;
  const choice = body['tool_choice'] ?? 'auto';
  if (choice === 'auto' || choice === 'none') return { mode: choice, parallel };
  if (choice === 'required') return { mode: 'must', parallel };
  if (isObject(choice) && choice['type'] === 'function' && typeof choice['name'] === 'string')
    return { mode: 'one', name: choice['name'], parallel };
  throw badField('tool_choice', 'must be none, auto, required or a function with a name');
}
