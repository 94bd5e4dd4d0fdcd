import { isUtf8 } from 'node:buffer';

/**
 * Bytes that are not the JSON that was asked for. The message names the byte offset and what stood there (one
 * character at most: bodies carry prompts, and messages reach logs).
 */
export class JsonSyntaxError extends SyntaxError {
  override readonly name = 'JsonSyntaxError';
  /** Offset of the offending byte, from 0; the length of the input when it ended too early. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(`${message} at byte ${offset}`);
    this.offset = offset;
  }
}

/** The error for "`expected` was due at `offset`", naming what is there instead. */
export function unexpected(bytes: Buffer, offset: number, expected: string): JsonSyntaxError {
  const byte = bytes[offset];
  if (byte === undefined) return new JsonSyntaxError(`expected ${expected}, found the end`, offset);
  const found = byte > 0x20 && byte < 0x7f ? `'${String.fromCharCode(byte)}'` : `0x${byte.toString(16).padStart(2, '0')}`;
  return new JsonSyntaxError(`expected ${expected}, found ${found}`, offset);
}

export function tooDeep(maxDepth: number, offset: number): JsonSyntaxError {
  return new JsonSyntaxError(`more than ${maxDepth} arrays and objects in each other`, offset);
}

/** Throws for bytes that are not UTF-8 (RFC 8259 §8.1). */
export function requireUtf8(bytes: Buffer): void {
  if (!isUtf8(bytes)) throw new JsonSyntaxError('invalid UTF-8', firstInvalid(bytes));
}

/** Start of the first invalid sequence of bytes known not to be UTF-8; linear, by halving and then stepping. */
function firstInvalid(bytes: Buffer): number {
  let valid = 0;
  let end = bytes.length;
  while (end - valid > 64) {
    let middle = (valid + end) >> 1;
    // Cut between characters: a lead byte has at most three continuation bytes (10xxxxxx) behind it.
    for (let back = 0; back < 3 && (bytes[middle]! & 0xc0) === 0x80; back++) middle--;
    if (isUtf8(bytes.subarray(valid, middle))) valid = middle;
    else end = middle;
  }
  for (;;) {
    const start = valid;
    const length = [1, 2, 3, 4].find((length) => isUtf8(bytes.subarray(start, start + length)));
    if (length === undefined || valid >= bytes.length) return valid;
    valid += length;
  }
}
