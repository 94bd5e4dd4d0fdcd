import type { JsonObjectScan } from '#core/json/scan';
import { skipColon, skipSpace, skipString, skipValue } from '#core/json/skip';

import { PromptHasher } from './digest.ts';
import type { PromptDigest } from './digest.ts';

/** Between messages, and between a role and its content. JSON text cannot hold them unescaped, prompts hardly ever do. */
const MESSAGE = '\u001e';
const FIELD = '\u001f';
const messageMark = Buffer.from(MESSAGE);
const fieldMark = Buffer.from(FIELD);

/** Members that the model reads, in the order in which chat templates write them. */
const BEFORE = ['tools', 'functions', 'system', 'instructions'];
const CONVERSATIONS = ['messages', 'input'];

/** Types of parts that are text (chat completions and Anthropic, responses in, responses out). */
const TEXT_TYPES = ['text', 'input_text', 'output_text'];

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const COMMA = 0x2c;
/** The scan has already held the text to its own limit. */
const ANY_DEPTH = 1_000_000;

/**
 * The digest of the prompt in a request body (OpenAI chat, completions and responses; Anthropic messages), in one pass, without parsing
 * it. Text counts decoded, and white space, the order of a message's members and string or one-part content make no difference, so that
 * the answer as it streamed and the same answer in the next request's history are the same bytes.
 */
export function digestRequest(body: JsonObjectScan): PromptDigest {
  const conversation = CONVERSATIONS.find((name) => body.has(name));
  const hasher = new PromptHasher(conversation === undefined ? '' : `${MESSAGE}assistant${FIELD}`);
  for (const name of BEFORE) {
    const span = body.value(name);
    if (span !== undefined) {
      feedValue(hasher, body.bytes, span.start);
      hasher.update(messageMark);
    }
  }
  if (conversation !== undefined) feedConversation(hasher, body.bytes, body.value(conversation)!.start);
  const prompt = body.value('prompt');
  if (prompt !== undefined) feedValue(hasher, body.bytes, prompt.start);
  return hasher.digest();
}

function feedConversation(hasher: PromptHasher, bytes: Buffer, start: number): void {
  if (bytes[start] !== OPEN_ARRAY) {
    hasher.text(`${MESSAGE}user${FIELD}`);
    feedValue(hasher, bytes, start);
    return;
  }
  feedElements(bytes, start, (at) => {
    hasher.update(messageMark);
    return bytes[at] === OPEN_OBJECT ? feedMessage(hasher, bytes, at) : feedValue(hasher, bytes, at);
  });
}

// Each feed function returns the offset behind the value: nothing is walked more than three times, however deep it nests.

/** Role, content, then whatever else says something. */
function feedMessage(hasher: PromptHasher, bytes: Buffer, start: number): number {
  let role = -1;
  let content = -1;
  const others: number[] = [];
  let at = skipSpace(bytes, start + 1);
  while (bytes[at] !== CLOSE_OBJECT) {
    const name = at;
    const nameEnd = skipString(bytes, at);
    const value = skipColon(bytes, nameEnd);
    if (isText(bytes, name, nameEnd, 'role')) role = value;
    else if (isText(bytes, name, nameEnd, 'content')) content = value;
    else others.push(name, value);
    at = nextMember(bytes, skipValue(bytes, value, ANY_DEPTH, 0));
  }
  if (role >= 0) feedValue(hasher, bytes, role);
  hasher.update(fieldMark);
  if (content >= 0 && !isEmpty(bytes, content)) {
    if (bytes[content] === OPEN_ARRAY) feedElements(bytes, content, (part) => feedPart(hasher, bytes, part));
    else feedValue(hasher, bytes, content);
  }
  for (let index = 0; index < others.length; index += 2) {
    if (isEmpty(bytes, others[index + 1]!)) continue;
    hasher.update(fieldMark);
    feedString(hasher, bytes, others[index]!);
    feedValue(hasher, bytes, others[index + 1]!);
  }
  return at + 1;
}

/** A part that is text counts as the text alone. */
function feedPart(hasher: PromptHasher, bytes: Buffer, start: number): number {
  if (bytes[start] !== OPEN_OBJECT) return feedValue(hasher, bytes, start);
  let text = -1;
  let isPlain = false;
  let at = skipSpace(bytes, start + 1);
  while (bytes[at] !== CLOSE_OBJECT) {
    const nameEnd = skipString(bytes, at);
    const value = skipColon(bytes, nameEnd);
    const end = skipValue(bytes, value, ANY_DEPTH, 0);
    if (isText(bytes, at, nameEnd, 'text') && bytes[value] === QUOTE) text = value;
    if (isText(bytes, at, nameEnd, 'type')) isPlain = TEXT_TYPES.some((type) => isText(bytes, value, end, type));
    at = nextMember(bytes, end);
  }
  if (!isPlain || text < 0) return feedValue(hasher, bytes, start);
  feedString(hasher, bytes, text);
  return at + 1;
}

function feedValue(hasher: PromptHasher, bytes: Buffer, start: number): number {
  const first = bytes[start]!;
  if (first === QUOTE) return feedString(hasher, bytes, start);
  if (first === OPEN_ARRAY) {
    hasher.update(bytes, start, start + 1);
    return feedElements(bytes, start, (at) => {
      const end = feedValue(hasher, bytes, at);
      hasher.update(fieldMark);
      return end;
    });
  }
  if (first !== OPEN_OBJECT) {
    const end = skipValue(bytes, start, ANY_DEPTH, 0);
    hasher.update(bytes, start, end);
    return end;
  }
  hasher.update(bytes, start, start + 1);
  let at = skipSpace(bytes, start + 1);
  while (bytes[at] !== CLOSE_OBJECT) {
    const value = skipColon(bytes, feedString(hasher, bytes, at));
    hasher.update(fieldMark);
    at = nextMember(bytes, feedValue(hasher, bytes, value));
    hasher.update(fieldMark);
  }
  return at + 1;
}

function feedElements(bytes: Buffer, start: number, feed: (at: number) => number): number {
  let at = skipSpace(bytes, start + 1);
  while (bytes[at] !== CLOSE_ARRAY) at = nextMember(bytes, feed(at));
  return at + 1;
}

/** From behind a value to the next member or element, or to the closer. */
function nextMember(bytes: Buffer, end: number): number {
  const at = skipSpace(bytes, end);
  return bytes[at] === COMMA ? skipSpace(bytes, at + 1) : at;
}

function isText(bytes: Buffer, start: number, end: number, text: string): boolean {
  return end - start === text.length + 2 && bytes.toString('latin1', start + 1, end - 1) === text;
}

/** null, "", [] or {}: what clients add to a message without saying anything. */
function isEmpty(bytes: Buffer, value: number): boolean {
  const first = bytes[value];
  if (first === 0x6e) return true;
  if (first === QUOTE) return bytes[value + 1] === QUOTE;
  return (first === OPEN_ARRAY || first === OPEN_OBJECT) && bytes[skipSpace(bytes, value + 1)] === first + 2;
}

const decoded = new Uint8Array(4);
const simpleEscapes = new Uint8Array(256);
for (const [letter, byte] of Object.entries({ '"': 0x22, '\\': 0x5c, '/': 0x2f, b: 8, f: 12, n: 10, r: 13, t: 9 })) {
  simpleEscapes[letter.charCodeAt(0)] = byte;
}

/** The text of the string at `at`, as UTF-8. */
function feedString(hasher: PromptHasher, bytes: Buffer, at: number): number {
  let from = at + 1;
  for (let index = from; ; index++) {
    const byte = bytes[index];
    if (byte === QUOTE || byte === undefined) {
      hasher.update(bytes, from, index);
      return index + 1;
    }
    if (byte !== BACKSLASH) continue;
    if (index > from) hasher.update(bytes, from, index);
    const letter = bytes[++index]!;
    if (letter === 0x75) index = feedUnicode(hasher, bytes, index + 1) - 1;
    else {
      decoded[0] = simpleEscapes[letter]!;
      hasher.update(decoded, 0, 1);
    }
    from = index + 1;
  }
}

/** @returns the offset behind the escape whose hexadecimal digits start at `at`, its second half included (RFC 8259 §7) */
function feedUnicode(hasher: PromptHasher, bytes: Buffer, at: number): number {
  let code = hexadecimal(bytes, at);
  at += 4;
  if (code >= 0xd800 && code < 0xdc00 && bytes[at] === BACKSLASH && bytes[at + 1] === 0x75) {
    const low = hexadecimal(bytes, at + 2);
    if (low >= 0xdc00 && low < 0xe000) {
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      at += 6;
    }
  }
  // Half a character, as TextEncoder writes it.
  if (code >= 0xd800 && code < 0xe000) code = 0xfffd;
  hasher.update(decoded, 0, encodeUtf8(code));
  return at;
}

function hexadecimal(bytes: Buffer, at: number): number {
  let value = 0;
  for (let index = at; index < at + 4; index++) {
    const byte = bytes[index]!;
    value = (value << 4) | ((byte & 0xf) + (byte > 0x39 ? 9 : 0));
  }
  return value;
}

/** Writes into `decoded`. @returns how many bytes */
function encodeUtf8(code: number): number {
  if (code < 0x80) {
    decoded[0] = code;
    return 1;
  }
  if (code < 0x800) {
    decoded[0] = 0xc0 | (code >> 6);
    decoded[1] = 0x80 | (code & 0x3f);
    return 2;
  }
  if (code < 0x10000) {
    decoded[0] = 0xe0 | (code >> 12);
    decoded[1] = 0x80 | ((code >> 6) & 0x3f);
    decoded[2] = 0x80 | (code & 0x3f);
    return 3;
  }
  decoded[0] = 0xf0 | (code >> 18);
  decoded[1] = 0x80 | ((code >> 12) & 0x3f);
  decoded[2] = 0x80 | ((code >> 6) & 0x3f);
  decoded[3] = 0x80 | (code & 0x3f);
  return 4;
}
