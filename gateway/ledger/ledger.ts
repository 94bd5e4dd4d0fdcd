import { access, constants, mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';

import { codeOf, type CreateFile, createFile, fileName, type LedgerFile } from './file.ts';
import type { LedgerRow } from './row.ts';

export interface LedgerOptions {
  /** Made where it is missing. Several processes may share it. */
  readonly folder: string;
  /** Stands in the names of the files: the replica. @default host name and process id */
  readonly name?: string | undefined;
  /** A file ends before it is larger. @default 128 MiB */
  readonly maxFileBytes?: number;
  /** Characters of rows that may wait to be written; beyond them rows are lost. @default 16 Mi */
  readonly maxWaiting?: number;
  /** @default 1000 ms */
  readonly flushEveryMs?: number;
  /** Told of faults and of their end. */
  readonly log: (level: 'info' | 'warn' | 'error', message: string) => void;
  /** @default files on disk */
  readonly create?: CreateFile;
  /** @default Date.now */
  readonly now?: () => number;
}

/** The ledger cannot be opened: what, where and why. */
export class LedgerError extends Error {
  override readonly name = 'LedgerError';
}

/** Rows that are written at once. */
interface Chunk {
  readonly text: string;
  readonly rows: number;
}

/** A chunk on its way. */
interface Batch {
  readonly bytes: Buffer;
  readonly characters: number;
  readonly rows: number;
  /** Bytes that are written. */
  at: number;
}

const CHUNK_CHARACTERS = 65_536;
const TELL_EVERY_MS = 60_000;
const MEBI = 1_048_576;

/**
 * Adds rows to JSONL files. A process writes to files of its own: a new one each UTC day and whenever one is full.
 *
 * {@link write} only puts a row into memory; it goes to the file within a second, and to the disk itself when its file is closed. A process
 * that is killed loses what it had not flushed: at most that second. A fault of the disk loses nothing until memory is full either.
 */
export class Ledger {
  readonly folder: string;
  readonly #name: string;
  readonly #log: LedgerOptions['log'];
  readonly #create: CreateFile;
  readonly #now: () => number;
  readonly #maxFileBytes: number;
  readonly #maxWaiting: number;
  readonly #timer: NodeJS.Timeout;

  #text = '';
  #rows = 0;
  readonly #chunks: Chunk[] = [];
  #batch: Batch | undefined;
  /** Characters of all of these. */
  #waiting = 0;

  #file: LedgerFile | undefined;
  #path = '';
  #fileBytes = 0;
  #fileDay = '';
  #lookedAt = 0;

  #flushing: Promise<void> | undefined;
  #failing = false;
  #closed = false;
  #written = 0;
  #lost = 0;
  #toldLost = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  /** @throws LedgerError where the folder cannot be made or written to: better at the start than with the first row */
  static async open(options: LedgerOptions): Promise<Ledger> {
    const folder = resolve(options.folder);
    try {
      await mkdir(folder, { recursive: true });
      // Without the right to enter a folder nothing in it can be opened.
      await access(folder, constants.W_OK | constants.X_OK);
    } catch (error) {
      throw new LedgerError(`the ledger cannot be written to ${folder}: ${reasonOf(error)}`, { cause: error });
    }
    return new Ledger(options, folder);
  }

  private constructor(options: LedgerOptions, folder: string) {
    this.folder = folder;
    this.#name = (options.name ?? `${hostname()}-${process.pid}`).replaceAll(/[^\w.-]/g, '_').slice(0, 100);
    this.#log = options.log;
    this.#create = options.create ?? createFile;
    this.#now = options.now ?? Date.now;
    this.#maxFileBytes = options.maxFileBytes ?? 128 * MEBI;
    this.#maxWaiting = options.maxWaiting ?? 16 * MEBI;
    this.#timer = setInterval(() => this.#tick(), options.flushEveryMs ?? 1000).unref();
  }

  /** Rows that are in files. */
  get written(): number {
    return this.#written;
  }

  /** Rows that are in no file, and never will be. */
  get lost(): number {
    return this.#lost;
  }

  /** Never fails, never waits. */
  write(row: LedgerRow): void {
    if (this.#closed || this.#waiting >= this.#maxWaiting) {
      this.#lost++;
      return;
    }
    const line = `${JSON.stringify(row)}\n`;
    this.#text += line;
    this.#rows++;
    this.#waiting += line.length;
    if (this.#text.length < CHUNK_CHARACTERS) return;
    this.#endChunk();
    // One that is under way takes the chunk along.
    if (!this.#failing && this.#flushing === undefined) void this.flush();
  }

  /** Resolves when all rows so far are in files, or cannot be written now. */
  async flush(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing;
    this.#flushing = this.#drain().finally(() => (this.#flushing = undefined));
    await this.#flushing;
  }

  /** Writes what waits, down to the disk. Rows that still cannot be written are lost, and told. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closed = true;
    await this.flush();
    const left = this.#rows + (this.#batch?.rows ?? 0) + this.#chunks.reduce((sum, { rows }) => sum + rows, 0);
    this.#lost += left;
    this.#tellLost();
    await this.#endFile();
  }

  #tick(): void {
    if (this.#flushing === undefined) void this.flush();
    if (this.#now() - this.#toldAt >= TELL_EVERY_MS) this.#tellLost();
  }

  #endChunk(): void {
    if (this.#rows === 0) return;
    this.#chunks.push({ text: this.#text, rows: this.#rows });
    this.#text = '';
    this.#rows = 0;
  }

  async #drain(): Promise<void> {
    this.#endChunk();
    for (;;) {
      const next = this.#chunks[0];
      if (this.#batch === undefined) {
        if (next === undefined) return;
        this.#chunks.shift();
        this.#batch = { bytes: Buffer.from(next.text), characters: next.text.length, rows: next.rows, at: 0 };
      }
      const batch = this.#batch;
      try {
        await this.#append(batch);
      } catch (error) {
        await this.#failed(batch, error);
        return;
      }
      this.#batch = undefined;
      this.#waiting -= batch.characters;
      this.#succeeded();
    }
  }

  async #append(batch: Batch): Promise<void> {
    const file = await this.#fileFor(batch.bytes.length - batch.at);
    while (batch.at < batch.bytes.length) {
      const count = await file.write(batch.at === 0 ? batch.bytes : batch.bytes.subarray(batch.at));
      if (count === 0) throw new Error('nothing was written');
      batch.at += count;
      this.#fileBytes += count;
    }
    this.#written += batch.rows;
  }

  async #fileFor(bytes: number): Promise<LedgerFile> {
    const now = this.#now();
    const day = new Date(now).toISOString().slice(0, 10);
    if (this.#file !== undefined && now - this.#lookedAt >= 1000) await this.#lookForFile(now);
    const full = this.#fileBytes > 0 && this.#fileBytes + bytes > this.#maxFileBytes;
    if (this.#file !== undefined && (full || day !== this.#fileDay)) await this.#endFile();
    if (this.#file !== undefined) return this.#file;
    this.#fileBytes = 0;
    this.#fileDay = day;
    this.#lookedAt = now;
    this.#file = await this.#newFile(now);
    return this.#file;
  }

  async #newFile(now: number): Promise<LedgerFile> {
    for (let time = now; ; time++) {
      this.#path = join(this.folder, fileName(time, this.#name));
      try {
        return await this.#create(this.#path);
      } catch (error) {
        if (codeOf(error) !== 'EEXIST' || time === now + MOST_OF_ONE_NAME) throw error;
      }
    }
  }

  /** A file that was deleted takes rows without complaint. */
  async #lookForFile(now: number): Promise<void> {
    this.#lookedAt = now;
    if (!(await this.#file!.gone())) return;
    this.#log('error', `the ledger's file ${this.#path} has been moved or deleted; rows go to a new one`);
    await this.#file!.close();
    this.#file = undefined;
  }

  async #endFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    try {
      await file?.sync();
      await file?.close();
    } catch (error) {
      this.#log('error', `the end of the ledger's file ${this.#path} may be lost: ${reasonOf(error)}`);
    }
  }

  /** The row that was cut is written again, to another file; so is all behind it, and nothing before it. */
  async #failed(batch: Batch, error: unknown): Promise<void> {
    batch.at = batch.at === 0 ? 0 : batch.bytes.lastIndexOf(NEWLINE, batch.at - 1) + 1;
    if (!this.#failing) {
      this.#failing = true;
      const what = `the ledger cannot be written to ${this.folder}: ${reasonOf(error)}`;
      this.#log('error', `${what}; rows wait in memory, and it is tried again every second`);
    }
    const file = this.#file;
    this.#file = undefined;
    try {
      await file?.close();
      if (this.#fileBytes === 0) await file?.remove();
    } catch {
      // What could be told has been told.
    }
  }

  #succeeded(): void {
    if (!this.#failing) return;
    this.#failing = false;
    this.#log('info', `the ledger is written to ${this.folder} again`);
  }

  #tellLost(): void {
    const count = this.#lost - this.#toldLost;
    if (count === 0) return;
    this.#toldLost = this.#lost;
    this.#toldAt = this.#now();
    this.#log('error', `${count} ${count === 1 ? 'row' : 'rows'} of the ledger in ${this.folder} could not be kept, ${this.#lost} so far`);
  }
}

const NEWLINE = 10;
/** Files of one name that are begun at one time. */
const MOST_OF_ONE_NAME = 100;

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
