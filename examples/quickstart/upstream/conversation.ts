/** Reads the messages of each API into the little that the example upstream needs of them. */
import { badField, isObject, type JsonObject } from './http.ts';
import { ATTACHMENT_TOKENS, tokenize } from './tokens.ts';

export interface Conversation {
  /** Every text that counts as input: messages, instructions, tool calls, tool results. */
  readonly texts: readonly string[];
  /** The text of the last message when the user sent it. */
  readonly question: string | null;
  /** The last tool result when the conversation ends with one. */
  readonly toolResult: string | null;
  readonly images: number;
  /** Files and pieces of audio. */
  readonly files: number;
}

type PartKind = 'text' | 'image' | 'file' | 'call' | 'result' | 'silent';

/** Which roles and content parts one API knows; all others are refused, so that a wrong translation is seen. */
interface Grammar {
  readonly roles: readonly string[];
  readonly parts: Readonly<Record<string, PartKind>>;
}

/** @see https://platform.openai.com/docs/api-reference/chat/create */
export const chatGrammar: Grammar = {
  roles: ['system', 'developer', 'user', 'assistant', 'tool'],
  parts: { text: 'text', refusal: 'text', image_url: 'image', input_audio: 'file', file: 'file' },
};

/** @see https://platform.openai.com/docs/api-reference/responses/create */
export const responsesGrammar: Grammar = {
  roles: ['system', 'developer', 'user', 'assistant'],
  parts: { input_text: 'text', output_text: 'text', refusal: 'text', input_image: 'image', input_file: 'file' },
};

/** @see https://docs.anthropic.com/en/api/messages */
export const messagesGrammar: Grammar = {
  roles: ['user', 'assistant'],
  parts: {
    text: 'text',
    image: 'image',
    document: 'file',
    tool_use: 'call',
    tool_result: 'result',
    thinking: 'silent',
    redacted_thinking: 'silent',
  },
};

/**
 * @param path the field's name, for error messages: `messages` or `input`
 * @param instructions texts given beside the messages: Anthropic `system`, Responses `instructions`
 */
export function readConversation(value: unknown, path: string, grammar: Grammar, instructions: readonly string[] = []): Conversation {
  if (!Array.isArray(value) || value.length === 0) throw badField(path, 'must be a list with at least one message');
  const conversation = {
    texts: [...instructions],
    question: null as string | null,
    toolResult: null as string | null,
    images: 0,
    files: 0,
  };
  for (const [index, message] of value.entries()) {
    const part = readMessage(message, `${path}[${index}]`, grammar);
    conversation.texts.push(...part.texts);
    conversation.images += part.images;
    conversation.files += part.files;
    conversation.question = part.question;
    conversation.toolResult = part.toolResult;
  }
  return conversation;
}

/** A bare text as the user's only message. */
export function singleQuestion(text: string, instructions: readonly string[] = []): Conversation {
  return { texts: [...instructions, text], question: text, toolResult: null, images: 0, files: 0 };
}

/** The tokens of the whole input. Tool definitions count as their JSON. */
export function inputTokens(conversation: Conversation, tools: unknown): string[] {
  const attachments = conversation.images + conversation.files;
  return [
    ...conversation.texts.flatMap(tokenize),
    ...(Array.isArray(tools) && tools.length > 0 ? tokenize(JSON.stringify(tools)) : []),
    ...Array.from({ length: attachments * ATTACHMENT_TOKENS }, () => '<attachment>'),
  ];
}

function readMessage(value: unknown, path: string, grammar: Grammar): Conversation {
  if (!isObject(value)) throw badField(path, 'must be an object');
  // The Responses API lists calls and their results beside the messages.
  if (value['type'] === 'function_call') return silent([asText(value['name']), asText(value['arguments'])]);
  if (value['type'] === 'function_call_output') return result(asText(value['output']));
  if (value['type'] === 'reasoning') return silent([]);

  const role = value['role'];
  if (typeof role !== 'string' || !grammar.roles.includes(role))
    throw badField(`${path}.role`, `must be one of ${grammar.roles.join(', ')}`);
  const calls = Array.isArray(value['tool_calls']) ? value['tool_calls'].map((call: unknown) => callText(call)) : [];
  const content = value['content'];
  if ((content === null || content === undefined) && calls.length > 0) return silent(calls);
  const parts = readParts(content, `${path}.content`, grammar);
  const all = [...calls, ...parts.texts];
  if (role === 'tool') {
    if (typeof value['tool_call_id'] !== 'string') throw badField(`${path}.tool_call_id`, 'must name the call that this message answers');
    return { ...result(parts.texts.join(' ')), images: parts.images, files: parts.files };
  }
  const fromUser = role === 'user' && parts.toolResult === null;
  return { ...parts, texts: all, question: fromUser ? parts.texts.join(' ') : null };
}

function readParts(content: unknown, path: string, grammar: Grammar): Conversation {
  if (typeof content === 'string') return silent([content]);
  if (!Array.isArray(content)) throw badField(path, 'must be a string or a list of content parts');
  const read = { texts: [] as string[], question: null, toolResult: null as string | null, images: 0, files: 0 };
  for (const [index, part] of content.entries()) {
    const at = `${path}[${index}]`;
    const type: unknown = isObject(part) ? part['type'] : undefined;
    const kind = typeof type === 'string' && Object.hasOwn(grammar.parts, type) ? grammar.parts[type] : undefined;
    if (!isObject(part) || kind === undefined) throw badField(`${at}.type`, `must be one of ${Object.keys(grammar.parts).join(', ')}`);
    if (kind === 'image') read.images += 1;
    if (kind === 'file') read.files += 1;
    if (kind === 'text') read.texts.push(partText(part, at));
    if (kind === 'call') read.texts.push(asText(part['name']), JSON.stringify(part['input'] ?? {}));
    if (kind === 'result') {
      const inner = part['content'] === undefined ? silent([]) : readParts(part['content'], `${at}.content`, grammar);
      read.texts.push(...inner.texts);
      read.images += inner.images;
      read.toolResult = inner.texts.join(' ');
    }
  }
  return read;
}

function partText(part: JsonObject, path: string): string {
  const text = part['text'] ?? part['refusal'];
  if (typeof text !== 'string') throw badField(`${path}.text`, 'must be a string');
  return text;
}

function callText(call: unknown): string {
  const target = isObject(call) && isObject(call['function']) ? call['function'] : {};
  return `${asText(target['name'])} ${asText(target['arguments'])}`;
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? '');
}

function silent(texts: readonly string[]): Conversation {
  return { texts, question: null, toolResult: null, images: 0, files: 0 };
}

function result(text: string): Conversation {
  return { texts: [text], question: null, toolResult: text, images: 0, files: 0 };
}
