import type { JsonObjectScan } from '../../../json/scan.ts';
import { cacheHint } from '../../cache-hint.ts';
import { withCitations } from '../../citations.ts';
import type { Block, Conversation, Reasoning, ResponseFormat, Search, Tool, ToolChoice, Turn } from '../../conversation.ts';
import { badRequest, Fields } from '../../fields.ts';
import { Losses } from '../../losses.ts';
import { mediaAt } from '../../media.ts';
import { thinkingIn } from '../../thinking.ts';
import { EFFORTS } from '../effort.ts';
import { nameOf } from '../file-name.ts';
import { signatureIn } from '../thought-signature.ts';
import { guidedIn } from './guided.ts';
import { isSearch, searchIn } from './search.ts';
import { annotationsIn, callIn, thoughtsIn, toolCallIn, withSignature } from './message.ts';

/**
 * Reads the body of POST /v1/chat/completions. Beside the API's own fields it knows those by which clients of gateways say more of other
 * providers: `cache_control`, `thinking`, `thinking_blocks`, `reasoning_content`, `top_k`, `audio_url`, `video_url`, tools that search, `guided_json`
 * and `guided_choice`.
 * @see https://platform.openai.com/docs/api-reference/chat/create
 * @throws GatewayError TK_BAD_REQUEST
 */
export function decodeRequest(body: JsonObjectScan): Conversation {
  const request = Fields.of(body);
  const losses = new Losses();
  const { system, turns } = messagesOf(request, losses);
  const format = formatOf(request, losses);
  const { tools, toolChoice, search } = toolsOf(request, losses);
  const stream = request.boolean('stream') ?? false;
  // Whether usage is asked for is for the writer of the stream to know: it always has it.
  request.raw('stream_options');
  const isTold = request.boolean('logprobs') ?? false;
  const most = request.number('top_logprobs') ?? 0;
  return {
    source: 'openai-chat',
    model: request.requiredText('model'),
    system,
    turns,
    tools,
    toolChoice,
    search,
    parallelTools: request.boolean('parallel_tool_calls'),
    sampling: {
      // The newer name goes first.
      maxTokens: request.number('max_completion_tokens') ?? request.number('max_tokens'),
      temperature: request.number('temperature'),
      topP: request.number('top_p'),
      topK: request.number('top_k'),
      stop: stopOf(request),
      seed: request.number('seed'),
      presencePenalty: request.number('presence_penalty'),
      frequencyPenalty: request.number('frequency_penalty'),
    },
    format: guidedIn(request, format !== undefined) ?? format,
    reasoning: reasoningOf(request),
    stream,
    choices: request.number('n') ?? 1,
    logprobs: isTold ? most : undefined,
    // `user` is what `safety_identifier` was called.
    user: request.text('safety_identifier') ?? request.text('user'),
    serviceTier: request.text('service_tier'),
    extras: new Map([...request.left(), ...thoughtsHidden(request)]),
    losses: losses.list(),
  };
}

interface Messages {
  readonly system: readonly Block[];
  readonly turns: readonly Turn[];
}

function messagesOf(request: Fields, losses: Losses): Messages {
  const messages = request.objects('messages');
  if (messages.length === 0) throw badRequest('messages', 'needs one message or more');
  const system: Block[] = [];
  const turns: Turn[] = [];
  for (const message of messages) {
    const role = message.requiredText('role');
    if (role === 'system' || role === 'developer') {
      const blocks = contentOf(message, losses);
      if (turns.length === 0) system.push(...blocks);
      else turns.push({ role: 'system', blocks });
    } else if (role === 'user') turns.push({ role, blocks: contentOf(message, losses) });
    else if (role === 'assistant') turns.push({ role, blocks: assistantBlocks(message, losses) });
    else if (role === 'tool' || role === 'function') turns.push({ role: 'user', blocks: [toolResult(message, role, losses)] });
    else throw message.wrong('role', `must be system, developer, user, assistant or tool, not "${role}"`);
    losses.dropLeft(message);
  }
  return { system, turns };
}

/** In the order in which a model makes them: thoughts, text, calls. */
function assistantBlocks(message: Fields, losses: Losses): Block[] {
  const refusal = message.text('refusal');
  const calls = message.objects('tool_calls').map((call) => toolCallIn(call, losses));
  const old = message.object('function_call');
  return [
    ...thoughtsIn(message),
    ...withSignature(withCitations(contentOf(message, losses), annotationsIn(message, losses), losses), signatureIn(message, losses)),
    ...(refusal === undefined ? [] : [{ type: 'refusal', text: refusal, at: message.at('refusal') } as const]),
    ...calls,
    // Before there were ids, a call was known by its name.
    ...(old === undefined ? [] : [callIn(old, old.requiredText('name'), old.path)]),
  ];
}

function toolResult(message: Fields, role: 'tool' | 'function', losses: Losses): Block {
  const id = role === 'tool' ? message.requiredText('tool_call_id') : message.requiredText('name');
  return { type: 'tool_result', id, blocks: contentOf(message, losses), isError: false, ...cacheHint(message), at: message.path };
}

function contentOf(message: Fields, losses: Losses): Block[] {
  const content = message.raw('content');
  const at = message.at('content');
  if (content === undefined) return [];
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content, at, ...cacheHint(message) }];
  if (!Array.isArray(content)) throw badRequest(at, 'must be a text or a list of parts');
  return content.map((value, index) => {
    const part = new Fields(value, `${at}[${index}]`);
    const block = { ...partOf(part), ...cacheHint(part), at: part.path };
    losses.dropLeft(part);
    return block;
  });
}

function partOf(part: Fields): Block {
  const type = part.requiredText('type');
  switch (type) {
    case 'text':
      return { type, text: part.requiredText('text') };
    case 'refusal':
      return { type, text: part.requiredText('refusal') };
    case 'image_url': {
      const image = required(part, 'image_url');
      return { type: 'image', media: mediaAt(image.requiredText('url'), image.at('url')), detail: image.text('detail') };
    }
    case 'input_audio': {
      const audio = required(part, 'input_audio');
      return { type: 'audio', media: { base64: audio.requiredText('data'), mediaType: `audio/${audio.requiredText('format')}` } };
    }
    case 'audio_url':
    case 'video_url': {
      const media = required(part, type);
      return { type: type === 'audio_url' ? 'audio' : 'video', media: mediaAt(media.requiredText('url'), media.at('url')) };
    }
    case 'file':
      return fileOf(required(part, 'file'));
    default:
      throw part.wrong('type', `"${type}" is none of text, image_url, input_audio, audio_url, video_url, file, refusal`);
  }
}

function fileOf(file: Fields): Block {
  const id = file.text('file_id');
  const filename = file.text('filename');
  const name = nameOf(filename);
  if (id !== undefined) return { type: 'file', media: { fileId: id, mediaType: undefined }, name };
  const data = file.requiredText('file_data');
  // Bare base64 is a PDF, as those were the first files that the API took.
  const media = data.startsWith('data:') ? mediaAt(data, file.at('file_data')) : { base64: data, mediaType: 'application/pdf' };
  return { type: 'file', media, name };
}

function required(of: Fields, name: string): Fields {
  const value = of.object(name);
  if (value === undefined) throw of.wrong(name, 'is required');
  return value;
}

interface Tools {
  readonly tools: readonly Tool[];
  readonly toolChoice: ToolChoice | undefined;
  readonly search: Search | undefined;
}

function toolsOf(request: Fields, losses: Losses): Tools {
  const all = request.objects('tools').map((tool) => ({ tool, isSearched: isSearch(tool.requiredText('type')) }));
  const tools = all.flatMap(({ tool, isSearched }) => (isSearched ? [] : (toolOf(tool, losses) ?? [])));
  const searches = all.flatMap(({ tool, isSearched }) => (isSearched ? [tool] : []));
  // What `tools` were called.
  const functions = request.objects('functions').map((of) => functionOf(of, of.path));
  return { tools: [...tools, ...functions], toolChoice: choiceOf(request, losses), search: searchIn(request, searches, losses) };
}

function toolOf(tool: Fields, losses: Losses): Tool | undefined {
  const type = tool.requiredText('type');
  if (type !== 'function') {
    // Tools of a provider's own, such as code_execution.
    losses.drop(tool.path);
    return undefined;
  }
  const found = { ...functionOf(required(tool, 'function'), tool.path), ...cacheHint(tool) };
  losses.dropLeft(tool);
  return found;
}

function functionOf(of: Fields, at: string): Tool {
  return {
    name: of.requiredText('name'),
    description: of.text('description'),
    parameters: of.raw('parameters') as object | undefined,
    strict: of.boolean('strict'),
    at,
  };
}

function choiceOf(request: Fields, losses: Losses): ToolChoice | undefined {
  const value = request.raw('tool_choice') ?? request.raw('function_call');
  request.raw('function_call');
  if (value === undefined) return undefined;
  if (value === 'auto' || value === 'none' || value === 'required') return { type: value };
  const choice = new Fields(value, 'tool_choice');
  const type = choice.text('type') ?? 'function';
  if (type === 'function') return { type: 'tool', name: (choice.object('function') ?? choice).requiredText('name') };
  if (type !== 'allowed_tools') throw choice.wrong('type', `must be function or allowed_tools, not "${type}"`);
  losses.approximate('tool_choice');
  return { type: choice.object('allowed_tools')?.text('mode') === 'required' ? 'required' : 'auto' };
}

function stopOf(request: Fields): readonly string[] {
  const stop = request.raw('stop');
  if (stop === undefined) return [];
  const all = Array.isArray(stop) ? stop : [stop];
  for (const each of all) if (typeof each !== 'string') throw badRequest('stop', 'must be a text or a list of texts');
  return all as readonly string[];
}

function formatOf(request: Fields, losses: Losses): ResponseFormat | undefined {
  const format = request.object('response_format');
  if (format === undefined) return undefined;
  const type = format.requiredText('type');
  if (type === 'text') return undefined;
  if (type === 'json_object') return { type: 'json' };
  if (type !== 'json_schema') throw format.wrong('type', `must be text, json_object or json_schema, not "${type}"`);
  const of = required(format, 'json_schema');
  required(of, 'schema');
  const found = { type, name: of.requiredText('name'), schema: of.raw('schema') as object, strict: of.boolean('strict') } as const;
  losses.dropLeft(of);
  return found;
}

/** What of `thinking` only Gemini has: thoughts that are not told. */
export const HIDDEN = 'thinking.includeThoughts';

function thoughtsHidden(request: Fields): (readonly [name: string, value: unknown])[] {
  return request.object('thinking')?.boolean('includeThoughts') === false ? [[HIDDEN, false]] : [];
}

function reasoningOf(request: Fields): Reasoning | undefined {
  const text = request.text('reasoning_effort');
  const effort = EFFORTS.find((each) => each === text);
  if (text !== undefined && effort === undefined)
    throw badRequest('reasoning_effort', `must be one of ${EFFORTS.join(', ')}, not "${text}"`);
  const thinking = thinkingIn(request);
  if (thinking === undefined) return effort === undefined ? undefined : { effort, budgetTokens: undefined };
  return { effort, ...thinking };
}
