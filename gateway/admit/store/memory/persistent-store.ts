import { createReadStream } from 'node:fs';
import { open, rename } from 'node:fs/promises';

import { MemoryStore, type MemoryStoreOptions, type SavedCount } from './memory-store.ts';

export interface PersistentStoreOptions extends MemoryStoreOptions {
  /** Where counts are written to. Its folder must exist. */
  readonly file: string;
  /** @default 10,000 ms */
  readonly saveEveryMs?: number;
  /** Told when a file cannot be read or written: what, where and why. */
  readonly onProblem: (problem: string) => void;
}

const FORMAT = 'tierkit-counts-1';
/** Lines that are made at once, before other work gets its turn. */
const CHUNK = 2000;

/**
 * A memory store whose used units survive a restart. They are written every few seconds and on close, beside the file and then in its place:
 * a process that is killed forgets what was used since the last time, at most {@link PersistentStoreOptions.saveEveryMs} and the time that
 * writing takes. What was only set aside is not written: its requests have died with the process.
 *
 * The file: a line that names the format, a line for each count, and a line that says how many there are.
 */
export class PersistentMemoryStore extends MemoryStore {
  readonly #options: PersistentStoreOptions;
  readonly #timer: NodeJS.Timeout;
  #saving: Promise<void> | undefined;

  /** Reads the file. One that is broken or of another format is told and ignored; so are counts whose windows have passed, silently. */
  static async open(options: PersistentStoreOptions): Promise<PersistentMemoryStore> {
    const saved = await read(options.file, options.onProblem);
    return new PersistentMemoryStore(options, saved);
  }

  private constructor(options: PersistentStoreOptions, saved: readonly SavedCount[]) {
    super(options);
    this.#options = options;
    for (const count of saved) this.restore(count);
    this.#timer = setInterval(() => void this.save(), options.saveEveryMs ?? 10_000).unref();
  }

  /** Writes the file; once at a time. */
  save(): Promise<void> {
    this.#saving ??= this.#write().finally(() => (this.#saving = undefined));
    return this.#saving;
  }

  override async close(): Promise<void> {
    clearInterval(this.#timer);
    // One that is being written may have begun before the last settlement.
    await this.#saving;
    await this.save();
  }

  async #write(): Promise<void> {
    const { file, onProblem } = this.#options;
    const beside = `${file}.${process.pid}.new`;
    try {
      await using handle = await open(beside, 'w', 0o600);
      let count = 0;
      let lines = [FORMAT];
      for (const { key, slotMs, end, used } of this.saved()) {
        lines.push(JSON.stringify([key, slotMs, end, used]));
        count++;
        if (lines.length < CHUNK) continue;
        await handle.write(`${lines.join('\n')}\n`);
        lines = [];
      }
      lines.push(String(count), '');
      await handle.write(lines.join('\n'));
      await handle.sync();
      await rename(beside, file);
    } catch (error) {
      onProblem(`counts cannot be written to ${file}: ${reason(error)}`);
    }
  }
}

async function read(file: string, onProblem: (problem: string) => void): Promise<SavedCount[]> {
  const counts: SavedCount[] = [];
  let end: number | undefined;
  let lineNumber = 0;
  try {
    for await (const lines of linesOf(file)) {
      for (const line of lines) {
        lineNumber++;
        if (lineNumber === 1) {
          if (line !== FORMAT) throw new SyntaxError(`line 1 is not ${FORMAT}`);
          continue;
        }
        const value: unknown = JSON.parse(line);
        if (typeof value === 'number') end = value;
        else counts.push(countOf(value, lineNumber));
      }
    }
    if (end !== counts.length) throw new SyntaxError(`it ends after ${counts.length} counts, and ${end ?? 'more'} are expected`);
    return counts;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    onProblem(`counts in ${file} are ignored: ${reason(error)}`);
    return [];
  }
}

/** Lines, many at a time: one by one, a large file would take several times as long. What follows the last line break was cut off. */
async function* linesOf(file: string): AsyncGenerator<string[]> {
  let rest = '';
  for await (const chunk of createReadStream(file, { encoding: 'utf8', highWaterMark: 1 << 18 })) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    yield lines;
  }
}

function countOf(value: unknown, line: number): SavedCount {
  if (!Array.isArray(value)) throw new SyntaxError(`line ${line} is no count`);
  const [key, slotMs, end, used] = value as unknown[];
  const well = typeof key === 'string' && isCount(slotMs) && isCount(end) && Array.isArray(used) && used.every(isSlot);
  if (!well) throw new SyntaxError(`line ${line} is no count`);
  return { key, slotMs, end, used };
}

function isSlot(value: unknown): value is readonly [number, number] {
  return Array.isArray(value) && value.length === 2 && value.every(isCount);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
