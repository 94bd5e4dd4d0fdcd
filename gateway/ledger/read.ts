import { createReadStream } from 'node:fs';
import { glob, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { codeOf, dayOfFile } from './file.ts';
import { type LedgerRow, ROW_VERSION } from './row.ts';

/** Files of a ledger cannot be found or read: what, where and why. */
export class LedgerReadError extends Error {
  override readonly name = 'LedgerReadError';
}

/**
 * Files of a ledger in the order of their names.
 * @param paths files, folders (their `*.jsonl`, not those of folders in them), and patterns such as `ledger/*-gateway-1.jsonl`
 * @throws LedgerReadError where a path leads to no file
 */
export async function ledgerFiles(paths: readonly string[]): Promise<string[]> {
  const files = new Set<string>();
  for (const path of paths) {
    const found = await filesAt(path);
    if (found.length === 0) throw new LedgerReadError(`there is no file of a ledger at ${path}`);
    for (const file of found) files.add(file);
  }
  return [...files].sort((a, b) => compare(basename(a), basename(b)) || compare(a, b));
}

async function filesAt(path: string): Promise<string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    return (await readdir(path)).filter((name) => name.endsWith('.jsonl')).map((name) => join(path, name));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw unreadable(path, error);
    if (!/[*?[{]/.test(path)) return [];
    const found: string[] = [];
    for await (const file of glob(path)) found.push(file);
    return found;
  }
}

export interface ReadOptions {
  readonly files: readonly string[];
  /** Files that were begun before this day, `2026-01-31`, are left out: they have nothing later. */
  readonly since?: string | undefined;
  /** Takes each row, in the order of the files. */
  readonly row: (row: LedgerRow) => void;
  /** Told once a file of lines that are left out, and why. */
  readonly note: (note: string) => void;
}

/** Reads files line by line, in little memory. @throws LedgerReadError where a file cannot be read */
export async function readLedger({ files, since = '', row, note }: ReadOptions): Promise<void> {
  for (const file of files) {
    const day = dayOfFile(basename(file));
    if (day === undefined || day >= since) await readFile(file, row, note);
  }
}

/** Rows are far shorter. A file without line breaks is no ledger. */
const LONGEST_LINE = 1_048_576;
const NEWLINE = 10;

async function readFile(file: string, take: (row: LedgerRow) => void, note: (note: string) => void): Promise<void> {
  const left = new LeftOut();
  let line = 0;
  let rest: Buffer[] = [];
  let restBytes = 0;
  const end = (bytes: Buffer): void => {
    line++;
    if (bytes.length > LONGEST_LINE) {
      left.add('no row', line);
      return;
    }
    const read = rowIn(bytes);
    if (typeof read === 'string') left.add(read, line);
    else if (read !== undefined) take(read);
  };
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 262_144 }) as AsyncIterable<Buffer>) {
      let from = 0;
      for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
        const piece = chunk.subarray(from, at);
        end(rest.length === 0 ? piece : Buffer.concat([...rest, piece]));
        rest = [];
        restBytes = 0;
        from = at + 1;
      }
      // One piece beyond the longest is kept: enough to see that it is too long.
      if (from < chunk.length && restBytes <= LONGEST_LINE) {
        rest.push(chunk.subarray(from));
        restBytes += chunk.length - from;
      }
    }
  } catch (error) {
    throw unreadable(file, error);
  }
  if (restBytes > 0) left.add('torn', line + 1);
  for (const text of left.notes()) note(`${file}:${text}`);
}

type Fault = 'no row' | 'newer' | 'torn';

const WHY: Readonly<Record<Fault, string>> = {
  'no row': 'no row of a ledger',
  newer: `written by a newer version than this one, which knows ${ROW_VERSION}`,
  // Without its line break even a line that looks whole is written again by a writer that lives.
  torn: 'the last line has no end: its process was killed, or is writing',
};

/** Lines that are left out. */
class LeftOut {
  readonly #faults = new Map<Fault, { first: number; count: number }>();

  add(fault: Fault, line: number): void {
    const known = this.#faults.get(fault);
    if (known === undefined) this.#faults.set(fault, { first: line, count: 1 });
    else known.count++;
  }

  *notes(): Generator<string> {
    for (const [fault, { first, count }] of this.#faults) {
      const more = count === 1 ? '' : ` and ${count - 1} more`;
      yield `${first}${more}: left out: ${WHY[fault]}`;
    }
  }
}

function rowIn(bytes: Buffer): LedgerRow | Fault | undefined {
  if (bytes.length === 0) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch {
    return 'no row';
  }
  if (typeof value !== 'object' || value === null) return 'no row';
  const { v } = value as { v?: unknown };
  if (!isCount(v)) return 'no row';
  if (v > ROW_VERSION) return 'newer';
  return isRow(value) ? value : 'no row';
}

const NAMES = [
  'client_id',
  'model',
  'tool',
  'backend_model',
  'response_model',
  'backend',
  'route',
] as const satisfies readonly (keyof LedgerRow)[];

/** Whether what sums are made of is what it should be. */
function isRow(value: object): value is LedgerRow {
  const { time, tokens, cost, receipt, ...named } = value as Readonly<Record<string, unknown>>;
  if (typeof time !== 'string' || !/^\d{4}-\d{2}-\d{2}T/.test(time)) return false;
  if (tokens !== undefined && !(isObject(tokens) && Object.values(tokens).every(isCount))) return false;
  if (cost !== undefined && !(isObject(cost) && isCount(cost['nanos']) && typeof cost['currency'] === 'string')) return false;
  if (NAMES.some((name) => named[name] !== undefined && typeof named[name] !== 'string')) return false;
  return receipt === undefined || (isObject(receipt) && [receipt['input'], receipt['output']].every(isCountOrUnknown));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function isCountOrUnknown(value: unknown): boolean {
  return value === undefined || isCount(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function unreadable(path: string, error: unknown): LedgerReadError {
  return new LedgerReadError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
}
