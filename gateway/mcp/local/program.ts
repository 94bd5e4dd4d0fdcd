import { randomUUID } from 'node:crypto';

import type { Channel } from './channel.ts';
import { Child } from './child.ts';
import type { BridgedServer } from './config.ts';
import { SseChannel } from './sse-channel.ts';
import { LocalSession } from './session.ts';

export interface ProgramLimits {
  /** Sessions, and so processes, of one server. @default 32 */
  readonly sessions: number;
  /** A session that nobody used or listened to for so long is stopped. @default 600000 */
  readonly idleMs: number;
  /** Before a process is started after one that crashed; doubled for each further one. @default 250 */
  readonly backOffMs: number;
  /** The longest such time. @default 30000 */
  readonly mostBackOffMs: number;
}

export const DEFAULT_LIMITS: ProgramLimits = { sessions: 32, idleMs: 600_000, backOffMs: 250, mostBackOffMs: 30_000 };

/** A process that ran for so long did not fail at its start. */
const STEADY_MS = 10_000;

export type Log = (level: 'info' | 'warn', message: string) => void;

/**
 * The processes of one server: one for each session. Servers of standard input and output are written for one client: what a client
 * set (log level, subscriptions, roots, what it can do) holds for the whole process, and ids of two clients would clash. A shared one
 * would show one user what another one did. So a session has a process, their number has a bound, and one that is not used ends.
 * A client whose session ended so is not told: the gateway opens another one for it.
 */
export class Program {
  readonly name: string;
  readonly #server: BridgedServer;
  readonly #limits: ProgramLimits;
  readonly #log: Log;
  readonly #sessions = new Map<string, LocalSession>();
  /** Started before anybody asks: what is wrong with a server is told at the start, and its first session need not wait. */
  #spare: Channel | undefined;
  readonly #ending = new Set<Promise<void>>();
  #crashes = 0;
  #notBefore = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(server: BridgedServer, limits: ProgramLimits, log: Log) {
    this.name = server.name;
    this.#server = server;
    this.#limits = limits;
    this.#log = log;
    this.#spare = this.#start();
    this.#spare.listen({
      line: () => undefined,
      ended: (why) => {
        this.#spare = undefined;
        this.#crashed(why, 0);
      },
    });
    this.#timer = setInterval(() => this.#stopIdle(), Math.min(limits.idleMs, 10_000)).unref();
  }

  session(id: string): LocalSession | undefined {
    return this.#sessions.get(id);
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  /** @returns milliseconds after which to ask again, when there is no room or the server crashes at each start */
  open(): LocalSession | number {
    const wait = this.#notBefore - Date.now();
    if (wait > 0) return wait;
    if (this.#sessions.size >= this.#limits.sessions && !this.#makeRoom()) return BUSY_MS;
    const child = this.#spare ?? this.#start();
    this.#spare = undefined;
    const startedAt = Date.now();
    const session: LocalSession = new LocalSession(randomUUID(), this.name, child, {
      ended: ({ id }, why) => {
        this.#sessions.delete(id);
        if (why !== undefined) this.#crashed(why, Date.now() - startedAt);
      },
      nonsense: () => this.#nonsense(),
    });
    // One that has ended by now is not there any more.
    if (!child.isOver) this.#sessions.set(session.id, session);
    return session;
  }

  async stop(session: LocalSession): Promise<void> {
    this.#sessions.delete(session.id);
    const ending = session.stop();
    this.#ending.add(ending);
    await ending;
    this.#ending.delete(ending);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([this.#spare?.stop(), ...this.#ending, ...[...this.#sessions.values()].map((session) => this.stop(session))]);
  }

  #start(): Channel {
    return 'url' in this.#server ? new SseChannel(this.#server) : new Child(this.#server, (line) => this.#log('info', line));
  }

  #crashed(why: string | undefined, ranMs: number): void {
    if (why === undefined) return;
    this.#crashes = ranMs >= STEADY_MS ? 0 : this.#crashes + 1;
    const { backOffMs, mostBackOffMs } = this.#limits;
    const wait = this.#crashes === 0 ? 0 : Math.min(mostBackOffMs, backOffMs * 2 ** (this.#crashes - 1));
    this.#notBefore = Date.now() + wait;
    this.#log('warn', `MCP server ${this.name}: ${why}; it is started again when it is asked, in ${wait} ms at the earliest`);
  }

  #nonsense(): void {
    this.#log('warn', `MCP server ${this.name} wrote a line to standard output that is no message of JSON-RPC; it was left out`);
  }

  /** Stops the session that was not used for the longest time, of those that wait for nothing. */
  #makeRoom(): boolean {
    const quiet = [...this.#sessions.values()].filter(({ isQuiet, isListenedTo }) => isQuiet && !isListenedTo);
    const oldest = quiet.sort((one, other) => one.usedAt - other.usedAt)[0];
    if (oldest === undefined) return false;
    void this.stop(oldest);
    return true;
  }

  #stopIdle(): void {
    const before = Date.now() - this.#limits.idleMs;
    for (const session of this.#sessions.values())
      if (session.isQuiet && !session.isListenedTo && session.usedAt < before) void this.stop(session);
  }
}

const BUSY_MS = 1000;
