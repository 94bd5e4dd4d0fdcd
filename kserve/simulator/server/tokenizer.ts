/**
 * A tokenizer without a vocabulary: a token is a piece of at most four bytes of UTF-8, and its id spells these bytes. Text is cut into words
 * (with one space before), numbers, white space and other signs first, and each of those into pieces, so a word gives the same tokens
 * wherever it stands. English text comes out at about 3.3 bytes a token; real tokenizers are near 4. Tokens always are whole characters, and
 * `detokenize(tokenize(text))` is the text.
 *
 * Ids: the bytes as digits 1 to 256 of a number to the base 257, the first byte first. Special tokens lie above all of them.
 */

const BASE = 257;
const SPECIAL_FROM = 2 ** 33;
const PIECE_BYTES = 4;

const SPECIAL_TOKENS = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '<|tool|>', '<|image|>'] as const;
export type SpecialToken = (typeof SPECIAL_TOKENS)[number];

/** Words, numbers, white space, and single other characters; one space sticks to what follows. */
const PARTS = / ?\p{L}[\p{L}\p{M}]*| ?\p{N}+|\s(?!\S)\s*|\s| ?[^\s\p{L}\p{N}]/gu;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** @returns the ids of a text; what looks like a special token in it is ordinary text */
export function tokenize(text: string): number[] {
  const ids: number[] = [];
  const ascii = ASCII.test(text);
  for (const [part] of text.matchAll(PARTS)) {
    if (ascii) ofAscii(part, ids);
    else ofUnicode(part, ids);
  }
  return ids;
}

// oxlint-disable-next-line no-control-regex
const ASCII = /^[\u0000-\u007f]*$/;

function ofAscii(part: string, ids: number[]): void {
  for (let from = 0; from < part.length; from += PIECE_BYTES) {
    const to = Math.min(from + PIECE_BYTES, part.length);
    let id = 0;
    for (let i = from; i < to; i++) id = id * BASE + part.charCodeAt(i) + 1;
    ids.push(id);
  }
}

function ofUnicode(part: string, ids: number[]): void {
  let id = 0;
  let length = 0;
  for (const character of part) {
    const bytes = encoder.encode(character);
    if (length > 0 && length + bytes.length > PIECE_BYTES) {
      ids.push(id);
      id = 0;
      length = 0;
    }
    for (const byte of bytes) id = id * BASE + byte + 1;
    length += bytes.length;
  }
  ids.push(id);
}

export function specialToken(name: SpecialToken): number {
  return SPECIAL_FROM + SPECIAL_TOKENS.indexOf(name);
}

/** The end of an answer, which is not counted. */
export const END_OF_TEXT = specialToken('<|endoftext|>');

/** @returns the text of one token. @throws RangeError if there is no such token */
export function tokenText(id: number): string {
  if (id >= SPECIAL_FROM) {
    const name = SPECIAL_TOKENS[id - SPECIAL_FROM];
    if (name !== undefined) return name;
  } else if (Number.isSafeInteger(id) && id > 0) {
    const bytes: number[] = [];
    for (let rest = id; rest > 0;) {
      const digit = rest % BASE === 0 ? BASE : rest % BASE;
      // Digits run from 1 to 256, so 0 and 257 spell nothing.
      if (digit === BASE) break;
      bytes.unshift(digit - 1);
      rest = (rest - digit) / BASE;
    }
    if (bytes.length > 0 && bytes.length <= PIECE_BYTES && spelled(bytes) === id) return decoder.decode(new Uint8Array(bytes));
  }
  throw new RangeError(`there is no token ${id}`);
}

/** @throws RangeError if an id stands for nothing */
export function detokenize(ids: readonly number[]): string {
  return ids.map(tokenText).join('');
}

function spelled(bytes: readonly number[]): number {
  let id = 0;
  for (const byte of bytes) id = id * BASE + byte + 1;
  return id;
}
