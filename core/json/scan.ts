import { decodeString, parseEscapedNames } from './parse.ts';
import { metEscapedName, skipColon, skipSpace, skipString, skipValue } from './skip.ts';
import { JsonSyntaxError, requireUtf8, tooDeep, unexpected } from './syntax-error.ts';

export { JsonSyntaxError };

const DEFAULT_MAX_DEPTH = 64;

const QUOTE = 0x22;

/** Members up to which a lookup walks the list; a larger object gets an index. */
const WALKED_MEMBERS = 16;

export interface JsonLimits {
  /**
   * Arrays and objects that may lie in each other, the outermost included.
   *
   * @default 64
   */
  readonly maxDepth?: number;
}

export type JsonType = 'string' | 'number' | 'object' | 'array' | 'true' | 'false' | 'null';

/** Byte offsets of a part of the text: `start` is in it, `end` is behind it. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** One member of the top-level object; offsets in bytes. */
export interface JsonMember {
  /** Decoded: escapes are resolved. */
  readonly name: string;
  /** The opening quote of the name. */
  readonly start: number;
  readonly valueStart: number;
  /** Behind the value, which is behind the member. */
  readonly end: number;
  /** Some object inside the value has a name that is written with an escape. */
  readonly escapedNames: boolean;
}

/**
 * A JSON object of which only the top-level members have been located: the bytes stay as they came, and are parsed
 * where someone asks. Where a name occurs twice, lookups answer with its last value, as JSON.parse does; other
 * parsers take the first, so whoever passes the bytes on looks at `duplicates` and refuses.
 */
export class JsonObjectScan {
  readonly bytes: Buffer;
  /** In the order of the text. */
  readonly members: readonly JsonMember[];
  /** Names that occur more than once at the top level, each listed once. */
  readonly duplicates: readonly string[];
  /** Offset of the object's `{`. */
  readonly open: number;
  /** The limit that the text was held to. */
  readonly maxDepth: number;
  readonly #index: Map<string, JsonMember> | undefined;

  /** Use scanObject, which checks the text. */
  constructor(bytes: Buffer, open: number, members: readonly JsonMember[], maxDepth: number) {
    this.bytes = bytes;
    this.open = open;
    this.members = members;
    this.maxDepth = maxDepth;
    this.#index = members.length > WALKED_MEMBERS ? new Map(members.map((member) => [member.name, member])) : undefined;
    this.duplicates = this.#index?.size === members.length ? none : duplicateNames(members);
  }

  #find(name: string): JsonMember | undefined {
    if (this.#index !== undefined) return this.#index.get(name);
    for (let index = this.members.length - 1; index >= 0; index--) {
      const member = this.members[index]!;
      if (member.name === name) return member;
    }
    return undefined;
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  /** Where the member's value lies. */
  value(name: string): Span | undefined {
    const member = this.#find(name);
    return member && { start: member.valueStart, end: member.end };
  }

  /** The value's bytes, without a copy. */
  slice(name: string): Buffer | undefined {
    const member = this.#find(name);
    return member && this.bytes.subarray(member.valueStart, member.end);
  }

  type(name: string): JsonType | undefined {
    const member = this.#find(name);
    return member && typeOf(this.bytes[member.valueStart]!);
  }

  /** The decoded text, if the member is a string. */
  string(name: string): string | undefined {
    const member = this.#find(name);
    if (member === undefined || this.bytes[member.valueStart] !== QUOTE) return undefined;
    return decodeString(this.bytes, member.valueStart, member.end);
  }

  /** The number, if the member is one, rounded to a double as JSON.parse rounds (1e400 is Infinity). */
  number(name: string): number | undefined {
    const member = this.#find(name);
    if (member === undefined || typeOf(this.bytes[member.valueStart]!) !== 'number') return undefined;
    return Number(this.bytes.toString('latin1', member.valueStart, member.end));
  }

  /** The value, if the member is true or false. */
  boolean(name: string): boolean | undefined {
    const type = this.type(name);
    return type === 'true' ? true : type === 'false' ? false : undefined;
  }

  /** The member's value, parsed; undefined if there is none. */
  parse(name: string): unknown {
    const member = this.#find(name);
    if (member === undefined) return undefined;
    if (member.escapedNames) return parseEscapedNames(this.bytes, member.valueStart);
    return JSON.parse(this.bytes.toString('utf8', member.valueStart, member.end));
  }
}

const none: readonly string[] = [];

function duplicateNames(members: readonly JsonMember[]): readonly string[] {
  if (members.length <= WALKED_MEMBERS) {
    let repeated = false;
    for (let one = 1; one < members.length; one++) {
      for (let other = 0; other < one; other++) repeated ||= members[one]!.name === members[other]!.name;
    }
    if (!repeated) return none;
  }
  const seen = new Set<string>();
  const duplicates = new Set<string>();
  for (const { name } of members) (seen.has(name) ? duplicates : seen).add(name);
  return [...duplicates];
}

function typeOf(first: number): JsonType {
  if (first === QUOTE) return 'string';
  if (first === 0x7b) return 'object';
  if (first === 0x5b) return 'array';
  if (first === 0x74) return 'true';
  if (first === 0x66) return 'false';
  if (first === 0x6e) return 'null';
  return 'number';
}

/**
 * Checks that the bytes are one JSON object (RFC 8259, nothing looser) and locates its top-level members, in one pass.
 * It accepts what JSON.parse accepts, except texts that are not objects or nest beyond the limit. The scan keeps the
 * buffer, so nobody may write to it afterwards.
 *
 * @throws JsonSyntaxError with the offset of the first byte that is wrong
 */
export function scanObject(bytes: Buffer, limits: JsonLimits = {}): JsonObjectScan {
  const maxDepth = limits.maxDepth ?? DEFAULT_MAX_DEPTH;
  requireUtf8(bytes);
  const end = bytes.length;
  const open = skipSpace(bytes, 0);
  if (open >= end || bytes[open] !== 0x7b) throw unexpected(bytes, open, 'an object');
  if (maxDepth < 1) throw tooDeep(maxDepth, open);
  const members: JsonMember[] = [];
  metEscapedName();
  let at = skipSpace(bytes, open + 1);
  if (at < end && bytes[at] === 0x7d) at++;
  else {
    for (;;) {
      const start = at;
      const nameEnd = skipString(bytes, start);
      const valueStart = skipColon(bytes, nameEnd);
      const valueEnd = skipValue(bytes, valueStart, maxDepth, 1);
      members.push({ name: decodeString(bytes, start, nameEnd), start, valueStart, end: valueEnd, escapedNames: metEscapedName() });
      at = skipSpace(bytes, valueEnd);
      const byte = at < end ? bytes[at]! : 0;
      if (byte === 0x7d) break;
      if (byte !== 0x2c) throw unexpected(bytes, at, "',' or '}'");
      at = skipSpace(bytes, at + 1);
    }
    at++;
  }
  at = skipSpace(bytes, at);
  if (at < end) throw unexpected(bytes, at, 'nothing behind the object');
  return new JsonObjectScan(bytes, open, members, maxDepth);
}

/**
 * Checks that the bytes are one JSON value of any type.
 *
 * @throws JsonSyntaxError with the offset of the first byte that is wrong
 */
export function scanValue(bytes: Buffer, limits: JsonLimits = {}): void {
  requireUtf8(bytes);
  const end = skipValue(bytes, skipSpace(bytes, 0), limits.maxDepth ?? DEFAULT_MAX_DEPTH, 0);
  const rest = skipSpace(bytes, end);
  if (rest < bytes.length) throw unexpected(bytes, rest, 'nothing behind the value');
}
