/** What an expression has where it has no value. */
export const FAILED: unique symbol = Symbol('failed');
export type Failed = typeof FAILED;

/** What is left of the work that one evaluation may take, in units of about one step, or ten characters. */
export interface Work {
  left: number;
}

/** @returns whether there was enough left */
export function spend(work: Work, units: number): boolean {
  work.left -= units;
  return work.left >= 0;
}

/** What `.?` and `[?]` have: a value, or none. */
export class Maybe {
  readonly value: unknown;

  /** @param value undefined for none */
  constructor(value: unknown) {
    this.value = value;
  }
}

type Entries = Readonly<Record<string, unknown>>;

/** Beyond this the comparison of two values fails: what a client sends can be nested as deep as it likes. */
const MAX_DEPTH = 100;
const MIN_INT = -(2n ** 63n);
const MAX_INT = 2n ** 63n - 1n;

export function isMap(value: unknown): value is Entries {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Maybe);
}

/** An entry of a map, or an element of a list; undefined where there is none, {@link FAILED} where there cannot be one. */
export function entryOf(value: unknown, key: unknown): unknown {
  if (Array.isArray(value)) {
    const index = typeof key === 'bigint' || typeof key === 'number' ? Number(key) : undefined;
    return index === undefined || !Number.isInteger(index) ? FAILED : (value[index] as unknown);
  }
  if (!isMap(value) || typeof key !== 'string') return FAILED;
  return Object.hasOwn(value, key) ? value[key] : undefined;
}

/** Numbers are compared by value, whatever their types; values of two kinds are not equal. */
export function equal(a: unknown, b: unknown, work: Work, depth = 0): boolean | Failed {
  if (!spend(work, 1) || depth > MAX_DEPTH) return FAILED;
  if (a === b) return true;
  if (isNumber(a) && isNumber(b)) {
    // Of two types.
    // oxlint-disable-next-line eqeqeq
    return a == b;
  }
  if (typeof a === 'string' && typeof b === 'string') return false;
  if (Array.isArray(a) && Array.isArray(b)) return equalLists(a, b, work, depth);
  if (isMap(a) && isMap(b)) return equalMaps(a, b, work, depth);
  return false;
}

function equalLists(a: readonly unknown[], b: readonly unknown[], work: Work, depth: number): boolean | Failed {
  if (a.length !== b.length) return false;
  for (const [index, item] of a.entries()) {
    const same = equal(item, b[index], work, depth + 1);
    if (same !== true) return same;
  }
  return true;
}

function equalMaps(a: Entries, b: Entries, work: Work, depth: number): boolean | Failed {
  const keys = Object.keys(a);
  if (!spend(work, keys.length)) return FAILED;
  if (keys.length !== Object.keys(b).length) return false;
  for (const key of keys) {
    if (!Object.hasOwn(b, key)) return false;
    const same = equal(a[key], b[key], work, depth + 1);
    if (same !== true) return same;
  }
  return true;
}

/** `in`: an element of a list, or a key of a map. */
export function contains(collection: unknown, wanted: unknown, work: Work): boolean | Failed {
  if (isMap(collection)) return typeof wanted === 'string' && Object.hasOwn(collection, wanted) && collection[wanted] !== undefined;
  if (!Array.isArray(collection)) return FAILED;
  let failed = false;
  for (const item of collection) {
    const same = equal(item, wanted, work);
    if (same === true) return true;
    if (same === FAILED) failed = true;
    if (work.left < 0) return FAILED;
  }
  return failed ? FAILED : false;
}

/** @returns less than, equal to or more than 0 */
export function compare(a: unknown, b: unknown, work: Work): number | Failed {
  if (isNumber(a) && isNumber(b)) return a < b ? -1 : a > b ? 1 : Number.isNaN(a) || Number.isNaN(b) ? FAILED : 0;
  if (typeof a === 'string' && typeof b === 'string') {
    if (!spend(work, Math.min(a.length, b.length) / 10)) return FAILED;
    return a < b ? -1 : a > b ? 1 : 0;
  }
  return typeof a === 'boolean' && typeof b === 'boolean' ? Number(a) - Number(b) : FAILED;
}

export type Arithmetic = '+' | '-' | '*' | '/' | '%';

/** CEL does not mix the types of numbers here. */
export function calculate(op: Arithmetic, a: unknown, b: unknown, work: Work): unknown {
  if (typeof a === 'bigint' && typeof b === 'bigint') return ofInts(op, a, b);
  if (typeof a === 'number' && typeof b === 'number') return ofDoubles(op, a, b);
  if (op !== '+') return FAILED;
  if (typeof a === 'string' && typeof b === 'string') return spend(work, (a.length + b.length) / 10) ? a + b : FAILED;
  if (Array.isArray(a) && Array.isArray(b)) return spend(work, a.length + b.length) ? [...(a as unknown[]), ...(b as unknown[])] : FAILED;
  return FAILED;
}

function ofInts(op: Arithmetic, a: bigint, b: bigint): bigint | Failed {
  if (b === 0n && (op === '/' || op === '%')) return FAILED;
  const result = op === '+' ? a + b : op === '-' ? a - b : op === '*' ? a * b : op === '/' ? a / b : a % b;
  return intOf(result);
}

function ofDoubles(op: Arithmetic, a: number, b: number): number | Failed {
  if (op === '%') return FAILED;
  return op === '+' ? a + b : op === '-' ? a - b : op === '*' ? a * b : a / b;
}

/** An integer of 64 bits. */
export function intOf(value: bigint): bigint | Failed {
  return value >= MIN_INT && value <= MAX_INT ? value : FAILED;
}

export function negative(value: unknown): unknown {
  if (typeof value === 'number') return -value;
  return typeof value === 'bigint' ? intOf(-value) : FAILED;
}

/** Characters of a text, elements of a list, entries of a map. */
export function sizeOf(value: unknown, work: Work): bigint | Failed {
  if (typeof value === 'string') return spend(work, value.length / 10) ? BigInt(charactersOf(value)) : FAILED;
  if (Array.isArray(value)) return BigInt(value.length);
  if (!isMap(value)) return FAILED;
  const { length } = Object.keys(value);
  return spend(work, length / 10) ? BigInt(length) : FAILED;
}

function charactersOf(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}
