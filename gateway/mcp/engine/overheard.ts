import type { FollowOptions } from '../upstream/follow.ts';
import type { ServerSession } from '../upstream/initialize.ts';
import type { McpServer } from '../upstream/server.ts';
import { StandingStream } from '../upstream/standing.ts';
import { errorBytes, paramsOf, type RpcMessage } from '../wire/message.ts';
import { METHOD_NOT_FOUND, RpcError } from '../wire/rpc-error.ts';
import { readServer } from './server-messages.ts';

/** So long a stream stays open when no call is under way: the next one need not wait for it. */
const LINGER_MS = 300_000;
/** Messages for one call that wait to be read. */
const MOST_WAITING = 256;

/** A session in which calls are under way. */
export interface OverheardSession {
  readonly server: McpServer;
  readonly session: ServerSession;
  readonly stream: Omit<FollowOptions, 'signal'>;
  /** Clients that nobody can tell apart share it. */
  readonly isShared: boolean;
  /** Answers the server. */
  readonly reply: (body: Buffer) => Promise<void>;
}

/** What one call hears of the stream. */
export class Overheard {
  /** JSON text of its id at the server, and of its token for progress. */
  readonly id: string;
  readonly #leave: (own: Overheard) => void;
  readonly #waiting: RpcMessage[] = [];
  #wake: (() => void) | undefined;

  constructor(id: string, leave: (own: Overheard) => void) {
    this.id = id;
    this.#leave = leave;
  }

  take(): RpcMessage | undefined {
    return this.#waiting.shift();
  }

  /** Waits until there is something to take, or the other one is there. */
  either(other: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      other.then(
        () => resolve(),
        () => resolve(),
      );
    });
  }

  push(message: RpcMessage): void {
    if (this.#waiting.length >= MOST_WAITING) return;
    this.#waiting.push(message);
    this.#wake?.();
  }

  /** The call is over. */
  leave(): void {
    this.#leave(this);
  }
}

/**
 * Servers of the legacy era may ask their client something on the stream of GET, in the middle of a call, and do not say in which one (the SDKs'
 * do, but for what is asked by the call itself). So the stream of a session is open while calls are under way whose client can be asked.
 */
export class OverheardSessions {
  readonly #streams = new WeakMap<ServerSession, SessionStream>();
  readonly #open = new Set<SessionStream>();

  /** A call is about to begin. Resolved when the server would be heard. @param id JSON text of its id */
  async join(session: OverheardSession, id: string): Promise<Overheard> {
    let stream = this.#streams.get(session.session);
    if (stream === undefined || stream.isOver) stream = this.#openAt(session);
    const joined = stream.join(id);
    await stream.opened;
    return joined;
  }

  close(): void {
    for (const stream of this.#open) stream.end();
  }

  #openAt(session: OverheardSession): SessionStream {
    const stream = new SessionStream(session);
    this.#streams.set(session.session, stream);
    this.#open.add(stream);
    void stream.run().finally(() => this.#open.delete(stream));
    return stream;
  }
}

class SessionStream {
  readonly opened: Promise<void>;
  readonly #session: OverheardSession;
  readonly #stream: StandingStream;
  readonly #ended = new AbortController();
  /** The newest last. */
  readonly #calls = new Set<Overheard>();
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(session: OverheardSession) {
    this.#session = session;
    this.#stream = new StandingStream(session.server, { ...session.stream, signal: this.#ended.signal });
    this.opened = this.#stream.opened().catch(() => undefined);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  join(id: string): Overheard {
    clearTimeout(this.#timer);
    const joined = new Overheard(id, (own) => this.#left(own));
    this.#calls.add(joined);
    return joined;
  }

  end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#ended.abort();
  }

  /** Never rejects. */
  async run(): Promise<void> {
    try {
      for await (const { data } of this.#stream.messages()) this.#heard(readServer(data));
    } catch {
      // Calls do without it: it is the server's to have one.
    } finally {
      this.#isOver = !(await this.#lacksStream());
    }
  }

  /** A server without such a stream is not asked for it again in this session. */
  async #lacksStream(): Promise<boolean> {
    return !this.#ended.signal.aborted && !(await this.#stream.isThere().catch(() => true));
  }

  #left(own: Overheard): void {
    this.#calls.delete(own);
    if (this.#calls.size === 0) this.#timer = setTimeout(() => this.end(), LINGER_MS).unref();
  }

  #heard(message: RpcMessage): void {
    if (message.method === 'notifications/progress') {
      const token = paramsOf(message)?.slice('progressToken')?.toString();
      for (const call of this.#calls) if (call.id === token) call.push(message);
      return;
    }
    if (message.kind === 'response') return;
    const owner = this.#owner();
    if (owner !== undefined) owner.push(message);
    else if (message.kind === 'request') {
      const error = new RpcError(METHOD_NOT_FOUND, 'It cannot be told which client is to be asked this');
      void this.#session.reply(errorBytes(message.id, error)).catch(() => undefined);
    }
  }

  /** Whose call it may be about: of one client the newest is as good as any; of several, nobody's. */
  #owner(): Overheard | undefined {
    return this.#session.isShared && this.#calls.size > 1 ? undefined : [...this.#calls].at(-1);
  }
}
