import { hash } from 'node:crypto';

import type { ToolLock } from '#core/route/mcp-locks';
import { JsonSyntaxError, scanObject } from '#core/json/scan';

import { shown } from '../wire/rpc-error.ts';
import { type ArgumentCheck, newArgumentCheck } from './arguments.ts';
import { textOf } from './definition.ts';
import { differences } from './difference.ts';

/** Tools of a server that are remembered; a lock has no more. */
const MOST_TOOLS = 2000;
/** Places that a warning names. */
const MOST_PLACES = 5;

/** `accepted` by the lock, or without one; `changed` since; `new`: not in it. */
export type Standing = 'accepted' | 'changed' | 'new';

interface SeenTool {
  /** Of the entry, as the server wrote it. */
  readonly digest: string;
  readonly standing: Standing;
  /** JSON text. Undefined: there is none, or nobody asks. */
  readonly inputSchema: Buffer | undefined;
  check?: ArgumentCheck;
}

export interface BookOptions {
  /** For people: `search of MCPRoute default/tools`. */
  readonly server: string;
  readonly lock: ToolLock | undefined;
  readonly checksArguments: boolean;
  /** So old may be what a call is judged by, in ms. */
  readonly freshMs: number;
  readonly warn: (message: string) => void;
}

/** What the gateway knows of the tools of a server that are locked, or whose arguments it checks. */
export class ToolBook {
  readonly checksArguments: boolean;
  readonly #options: BookOptions;
  readonly #seen = new Map<string, SeenTool>();
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;
  /** Times that the server said so. */
  #changes = 0;

  constructor(options: BookOptions) {
    this.#options = options;
    this.checksArguments = options.checksArguments;
  }

  /** Whether clients may see a tool. @param entry of a list of the server */
  shows(name: string, entry: Buffer): boolean {
    return this.#note(name, entry).standing === 'accepted';
  }

  /** How a tool stands; one that was not seen is what the lock says that it is. */
  standing(name: string): Standing {
    const { lock } = this.#options;
    if (lock !== undefined && !lock.has(name)) return 'new';
    return this.#seen.get(name)?.standing ?? 'accepted';
  }

  /** What is wrong with arguments, a line each; none: nothing, or nothing that could be found out. @param args JSON text */
  problemsOf(name: string, args: Buffer | undefined): readonly string[] {
    const seen = this.#seen.get(name);
    if (seen?.inputSchema === undefined) return [];
    seen.check ??= newArgumentCheck(seen.inputSchema, (why) =>
      this.#options.warn(`arguments of ${printable(name)} of ${this.#options.server} are not checked: ${why}`),
    );
    return seen.check(args);
  }

  /** Undefined: what is known is fresh. @param read tells `shows` of all tools */
  fresh(read: () => Promise<ReadonlySet<string>>): Promise<void> | undefined {
    if (performance.now() - this.#readAt < this.#options.freshMs) return undefined;
    this.#reading ??= this.#read(read).finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  /** The server says that its tools have changed. */
  outdated(): void {
    this.#changes++;
    this.#readAt = Number.NEGATIVE_INFINITY;
  }

  async #read(read: () => Promise<ReadonlySet<string>>): Promise<void> {
    const changes = this.#changes;
    const listed = await read();
    for (const name of this.#seen.keys()) if (!listed.has(name)) this.#seen.delete(name);
    // What was read may be what was there before.
    if (changes === this.#changes) this.#readAt = performance.now();
  }

  #note(name: string, entry: Buffer): SeenTool {
    const digest = hash('sha256', entry, 'base64');
    const known = this.#seen.get(name);
    if (known?.digest === digest) return known;
    const seen: SeenTool = { digest, standing: this.#judge(name, entry), inputSchema: this.checksArguments ? schemaIn(entry) : undefined };
    if (known === undefined && this.#seen.size >= MOST_TOOLS) this.#seen.delete(this.#seen.keys().next().value!);
    this.#seen.set(name, seen);
    return seen;
  }

  #judge(name: string, entry: Buffer): Standing {
    const { lock, server, warn } = this.#options;
    if (lock === undefined) return 'accepted';
    const locked = lock.get(name);
    const text = textOf(entry);
    if (locked !== undefined && locked === text) return 'accepted';
    const tool = `tool ${printable(name)} of ${server}`;
    const how = 'tierkit mcp lock --check shows it';
    if (locked === undefined) warn(`${tool} is in no MCPToolLock: it is neither shown nor called (${how})`);
    else {
      const places = differences(JSON.parse(locked), text === undefined ? undefined : JSON.parse(text)).map(({ path }) => path);
      const where = text === undefined ? 'it cannot be locked' : printable(places.slice(0, MOST_PLACES).join(', '));
      warn(`${tool} is not what was locked (${where}): it is neither shown nor called (${how})`);
    }
    return locked === undefined ? 'new' : 'changed';
  }
}

/** Names are the server's, and a line of a log is a line. */
function printable(text: string): string {
  return shown(text).replaceAll(/[^\u0020-\u007e…]/g, '?');
}

function schemaIn(entry: Buffer): Buffer | undefined {
  try {
    const schema = scanObject(entry, { maxDepth: 256 }).slice('inputSchema');
    // A part would keep the whole answer.
    return schema && Buffer.from(schema);
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
}
