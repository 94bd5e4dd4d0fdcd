import { JsonSyntaxError, tooDeep, unexpected } from './syntax-error.ts';

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const PLAIN = 0;
const STRING_END = 1;
const STRING_ESCAPE = 2;
const STRING_CONTROL = 3;

/** What a byte means inside a string (RFC 8259 §7). */
const inString = new Uint8Array(256);
inString.fill(STRING_CONTROL, 0, SPACE);
inString[QUOTE] = STRING_END;
inString[BACKSLASH] = STRING_ESCAPE;

/** 1 for the letters that may follow a backslash; `u` is apart. */
const isSimpleEscape = new Uint8Array(256);
for (const letter of '"\\/bfnrt') isSimpleEscape[letter.charCodeAt(0)] = 1;

const isHexDigit = new Uint8Array(256);
for (const digit of '0123456789abcdefABCDEF') isHexDigit[digit.charCodeAt(0)] = 1;

/** Bytes of one plain run after which four at a time pays for the view it needs, by measurement. */
const WORDS_AFTER = 16;

/** The first offset from `at` that is not JSON white space. */
export function skipSpace(bytes: Buffer, at: number): number {
  const end = bytes.length;
  while (at < end) {
    const byte = bytes[at]!;
    if (byte > SPACE || (byte !== SPACE && byte !== LINE_FEED && byte !== CARRIAGE_RETURN && byte !== TAB)) return at;
    at++;
  }
  return at;
}

/** The offset behind the string whose opening quote is at `at`. */
export function skipString(bytes: Buffer, at: number): number {
  if (at >= bytes.length || bytes[at] !== QUOTE) throw unexpected(bytes, at, 'a string');
  const end = bytes.length;
  let words: Int32Array | undefined;
  let wordsFrom = 0;
  let runEnd = ++at + WORDS_AFTER;
  while (at < end) {
    const byte = bytes[at]!;
    const meaning = inString[byte]!;
    if (meaning === PLAIN) {
      at++;
      if (at < runEnd) continue;
      // A long run: compare aligned words. Any byte that may be special sends us back to single bytes.
      if (words === undefined) {
        wordsFrom = at + (-(bytes.byteOffset + at) & 3);
        if (wordsFrom >= end) {
          runEnd = end;
          continue;
        }
        words = new Int32Array(bytes.buffer, bytes.byteOffset + wordsFrom, (end - wordsFrom) >> 2);
      }
      if (((at - wordsFrom) & 3) === 0) {
        at = wordsFrom + (skipPlainWords(words, (at - wordsFrom) >> 2) << 2);
        runEnd = at + 4;
      }
      continue;
    }
    if (meaning === STRING_END) return at + 1;
    if (meaning === STRING_CONTROL) throw new JsonSyntaxError('a control character that is not escaped, in the string', at);
    escapes = (escapes + 1) | 0;
    const escape = at + 1 < end ? bytes[at + 1]! : 0;
    if (isSimpleEscape[escape] === 1) at += 2;
    else if (escape === 0x75) at = skipHex(bytes, at + 2);
    else throw unexpected(bytes, at + 1, 'an escape (one of " \\ / b f n r t u)');
    if (words === undefined) runEnd = at + WORDS_AFTER;
  }
  throw unexpected(bytes, end, `'"'`);
}

/**
 * The first word from `at` that may hold a quote, a backslash or a control character.
 *
 * Per byte, `x - n` borrows into the top bit when x < n, which counts only where x's own top bit is clear. XOR with 2
 * swaps the quote (0x22) and the space (0x20), so one comparison with 0x21 finds quotes and control characters;
 * XOR with a backslash makes it 0, found by comparing with 1. A borrow from a lower byte can only give a false alarm.
 */
function skipPlainWords(words: Int32Array, at: number): number {
  const end = words.length;
  while (at < end) {
    const word = words[at]!;
    const low = ((word ^ 0x02020202) - 0x21212121) | ((word ^ 0x5c5c5c5c) - 0x01010101);
    if ((low & ~word & 0x80808080) !== 0) return at;
    at++;
  }
  return at;
}

/** The offset behind the four hexadecimal digits of a `\u` escape. */
function skipHex(bytes: Buffer, at: number): number {
  for (const end = at + 4; at < end; at++) {
    if (at >= bytes.length || isHexDigit[bytes[at]!] !== 1) throw unexpected(bytes, at, 'a hexadecimal digit');
  }
  return at;
}

/** The offset behind the digits (at least one) that start at `at`. */
function skipDigits(bytes: Buffer, at: number): number {
  const start = at;
  const end = bytes.length;
  while (at < end && bytes[at]! >= ZERO && bytes[at]! <= NINE) at++;
  if (at === start) throw unexpected(bytes, at, 'a digit');
  return at;
}

/** The offset behind the number that starts at `at` (RFC 8259 §6). */
function skipNumber(bytes: Buffer, at: number): number {
  const end = bytes.length;
  if (bytes[at] === MINUS) at++;
  if (at < end && bytes[at] === ZERO) at++;
  else at = skipDigits(bytes, at);
  if (at < end && bytes[at] === 0x2e) at = skipDigits(bytes, at + 1);
  if (at < end && (bytes[at]! | 0x20) === 0x65) {
    at++;
    if (at < end && (bytes[at] === 0x2b || bytes[at] === MINUS)) at++;
    at = skipDigits(bytes, at);
  }
  return at;
}

function skipWord(bytes: Buffer, at: number, word: string): number {
  for (let index = 0; index < word.length; index++, at++) {
    if (at >= bytes.length || bytes[at] !== word.charCodeAt(index)) throw unexpected(bytes, at, `'${word}'`);
  }
  return at;
}

/** The offset behind the string, number, true, false or null at `at`. */
function skipScalar(bytes: Buffer, at: number): number {
  if (at >= bytes.length) throw unexpected(bytes, at, 'a value');
  const byte = bytes[at]!;
  if (byte === QUOTE) return skipString(bytes, at);
  if (byte === MINUS || (byte >= ZERO && byte <= NINE)) return skipNumber(bytes, at);
  if (byte === 0x74) return skipWord(bytes, at, 'true');
  if (byte === 0x66) return skipWord(bytes, at, 'false');
  if (byte === 0x6e) return skipWord(bytes, at, 'null');
  throw unexpected(bytes, at, 'a value');
}

/** Counts the escapes of all strings; skipName compares. */
let escapes = 0;
let escapedName = false;

/** Whether skipValue has met a name written with an escape since the last call of this function. */
export function metEscapedName(): boolean {
  const met = escapedName;
  escapedName = false;
  return met;
}

/** The offset of the member value whose name's opening quote is at `at`. */
function skipName(bytes: Buffer, at: number): number {
  const before = escapes;
  at = skipString(bytes, at);
  if (escapes !== before) {
    escapedName = true;
  }
  return skipColon(bytes, at);
}

/** The offset of the value behind the colon that is due at `at`. */
export function skipColon(bytes: Buffer, at: number): number {
  at = skipSpace(bytes, at);
  if (at >= bytes.length || bytes[at] !== COLON) throw unexpected(bytes, at, "':'");
  return skipSpace(bytes, at + 1);
}

/** Per level, from the outermost: the byte that closes the container there. Only meaningful inside one call of skipValue. */
let closers = new Uint8Array(64);

/**
 * The offset behind the value that starts at `at`, checked in full.
 *
 * @param maxDepth how many arrays and objects may lie in each other, the value and those around it included
 * @param around how many lie around the value
 */
export function skipValue(bytes: Buffer, at: number, maxDepth: number, around: number): number {
  const end = bytes.length;
  let depth = 0;
  let closer = 0;
  for (;;) {
    const byte = at < end ? bytes[at]! : 0;
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      if (around + depth >= maxDepth) throw tooDeep(maxDepth, at);
      if (depth === closers.length) closers = grown(closers);
      closer = byte + 2;
      closers[depth++] = closer;
      at = skipSpace(bytes, at + 1);
      if (at >= end || bytes[at] !== closer) {
        if (byte === OPEN_OBJECT) at = skipName(bytes, at);
        continue;
      }
    } else {
      at = skipScalar(bytes, at);
      if (depth === 0) return at;
      at = skipSpace(bytes, at);
    }
    // Behind a value, or on the closer of an empty container.
    while (at < end && bytes[at] === closer) {
      at++;
      if (--depth === 0) return at;
      closer = closers[depth - 1]!;
      at = skipSpace(bytes, at);
    }
    if (at >= end || bytes[at] !== COMMA) throw unexpected(bytes, at, `',' or '${String.fromCharCode(closer)}'`);
    at = skipSpace(bytes, at + 1);
    if (closer === CLOSE_OBJECT) at = skipName(bytes, at);
  }
}

function grown(levels: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(levels.length * 2);
  larger.set(levels);
  return larger;
}
