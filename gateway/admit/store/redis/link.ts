import { createHash } from 'node:crypto';

import { StoreUnavailable } from '../store.ts';
import { createClient, type RedisClient } from './client.ts';
import { describeRedis, type RedisSettings } from './settings.ts';

export interface LinkOptions {
  /** A command that takes longer has failed, ms. @default 200 */
  readonly timeoutMs?: number;
  /** Told when Redis cannot be asked any more, with the reason, and when it can again. Never shows a password. */
  readonly onChange?: (up: boolean, message: string) => void;
}

export class Script {
  readonly lua: string;
  readonly sha: string;

  constructor(lua: string) {
    this.lua = lua;
    this.sha = createHash('sha1').update(lua).digest('hex');
  }
}

/** So many failures one after the other open the breaker. */
const FAILURES = 3;
const TICK_MS = 20;
const FIRST_PROBE_MS = 50;
const MOST_PROBE_MS = 1000;
/** A connection on which nothing has come for so long is made anew. Until then late replies still tell what was set aside. */
const SILENT_MS = 10_000;
/** So long a client may try to connect. */
const CONNECT_MS = 10_000;

/**
 * The way to Redis, and its breaker.
 *
 * Closed: commands go out. It opens when the connection is lost, when Redis answers nothing for `timeoutMs` while it is asked (a stopped
 * process looks like that), or after 3 failures one after the other: errors, or commands over the time. So it is open at most `timeoutMs` and
 * two ticks of 20 ms after Redis stalls, provided it is asked. Open: everything fails at once, and a probe, which writes, is sent every 50 ms
 * to 1 s; the first one that is answered in time closes it.
 */
export class RedisLink {
  readonly #settings: RedisSettings;
  #client: RedisClient;
  readonly #probeKey: string;
  readonly #timeoutMs: number;
  readonly #onChange: (up: boolean, message: string) => void;
  /** Commands under way, oldest first. */
  readonly #pending = new Set<Pending>();
  readonly #upListeners: (() => void)[] = [];
  #connectingSince = 0;
  #up = false;
  #closed = false;
  #failures = 0;
  #lastReply = 0;
  #reason = 'it was not reached yet';
  #ticker: NodeJS.Timeout | undefined;
  #tickDue = 0;
  #prober: NodeJS.Timeout | undefined;
  #probeWait = FIRST_PROBE_MS;
  #probeSent = 0;

  constructor(settings: RedisSettings, probeKey: string, { timeoutMs = 200, onChange = () => {} }: LinkOptions) {
    this.#settings = settings;
    this.#probeKey = probeKey;
    this.#timeoutMs = timeoutMs;
    this.#onChange = onChange;
    this.#client = this.#connect();
    this.#prober = setTimeout(() => this.#probe(), FIRST_PROBE_MS).unref();
  }

  get up(): boolean {
    return this.#up;
  }

  /** Called whenever Redis can be asked again. */
  onUp(listener: () => void): void {
    this.#upListeners.push(listener);
  }

  /** Waits for the first contact. @returns whether Redis can be asked */
  async connected(withinMs: number): Promise<boolean> {
    const deadline = performance.now() + withinMs;
    while (!this.#up && !this.#closed && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
    return this.#up;
  }

  unavailable(): StoreUnavailable {
    return new StoreUnavailable(`Redis (${describeRedis(this.#settings)}) cannot be asked: ${this.#reason}`);
  }

  /**
   * Runs a script in one round trip; in two where Redis does not know it yet.
   * @param late gets an answer that comes after the command has failed by time
   * @throws StoreUnavailable
   */
  run(script: Script, keys: readonly string[], args: readonly (string | number)[], late?: (reply: unknown) => void): Promise<unknown> {
    if (!this.#up) return Promise.reject(this.unavailable());
    return new Promise((resolve, reject) => {
      const pending: Pending = { sent: performance.now(), resolve, reject, late };
      this.#pending.add(pending);
      this.#tickSoon();
      this.#client.evalsha(script.sha, keys.length, ...keys, ...args).then(
        (reply) => this.#answered(pending, reply),
        (error: unknown) => {
          if (!messageOf(error).startsWith('NOSCRIPT')) return this.#failed(pending, error);
          this.#client.eval(script.lua, keys.length, ...keys, ...args).then(
            (reply) => this.#answered(pending, reply),
            (again: unknown) => this.#failed(pending, again),
          );
        },
      );
    });
  }

  close(): void {
    this.#closed = true;
    this.#up = false;
    this.#reason = 'it was closed';
    clearTimeout(this.#ticker);
    clearTimeout(this.#prober);
    this.#client.disconnect();
    this.#rejectAll();
  }

  #connect(): RedisClient {
    const client = createClient(this.#settings);
    const note = (error: unknown): void => {
      if (client === this.#client) this.#reason = this.#describe(error);
    };
    client.on('error', note);
    client.on('+node', (node: RedisClient) => node.on('error', note));
    client.on('ready', () => client === this.#client && this.#probeSoon());
    client.on('close', () => client === this.#client && this.#open('the connection was lost'));
    client.connect().catch(note);
    this.#connectingSince = performance.now();
    return client;
  }

  /** With a new client, as one that hangs somewhere does not come back by itself. */
  #connectAnew(): void {
    const old = this.#client;
    this.#client = this.#connect();
    this.#probeSent = 0;
    old.disconnect();
  }

  #answered(pending: Pending, reply: unknown): void {
    this.#lastReply = performance.now();
    if (this.#pending.delete(pending)) {
      this.#failures = 0;
      pending.resolve(reply);
    } else {
      pending.late?.(reply);
    }
  }

  #failed(pending: Pending, error: unknown): void {
    if (!this.#pending.delete(pending)) return;
    this.#reason = this.#describe(error);
    pending.reject(this.unavailable());
    if (++this.#failures >= FAILURES) this.#open(this.#reason);
  }

  #tickSoon(): void {
    if (this.#ticker !== undefined) return;
    this.#tickDue = performance.now() + TICK_MS;
    this.#ticker = setTimeout(() => this.#tick(), TICK_MS).unref();
  }

  /** Fails what takes too long. */
  #tick(): void {
    this.#ticker = undefined;
    const now = performance.now();
    // When this process itself was busy, answers may lie there unread: they come before the next tick.
    if (now - this.#tickDue < TICK_MS) {
      for (const pending of this.#pending) {
        if (now - pending.sent < this.#timeoutMs) break;
        this.#pending.delete(pending);
        this.#reason = `it takes longer than ${this.#timeoutMs} ms`;
        pending.reject(this.unavailable());
        if (this.#lastReply < pending.sent || ++this.#failures >= FAILURES) this.#open(this.#reason);
      }
    }
    if (this.#pending.size > 0) this.#tickSoon();
  }

  #open(reason: string): void {
    if (!this.#up) return;
    this.#up = false;
    this.#failures = 0;
    this.#reason = reason;
    this.#rejectAll();
    this.#onChange(false, this.unavailable().message);
    this.#connectingSince = performance.now();
    this.#probeWait = FIRST_PROBE_MS;
    this.#probeLater();
  }

  #rejectAll(): void {
    for (const pending of this.#pending) pending.reject(this.unavailable());
    this.#pending.clear();
  }

  #probeSoon(): void {
    if (this.#up || this.#closed) return;
    this.#probeSent = 0;
    this.#probe();
  }

  #probeLater(): void {
    clearTimeout(this.#prober);
    if (this.#closed) return;
    this.#prober = setTimeout(() => this.#probe(), this.#probeWait).unref();
    this.#probeWait = Math.min(this.#probeWait * 2, MOST_PROBE_MS);
  }

  #probe(): void {
    if (this.#up || this.#closed) return;
    this.#probeLater();
    const now = performance.now();
    if (this.#client.status !== 'ready') {
      if (now - this.#connectingSince > CONNECT_MS) this.#connectAnew();
      return;
    }
    // One at a time: probes that pile up would keep Redis busy when it comes back.
    if (this.#probeSent !== 0) {
      if (now - this.#probeSent > SILENT_MS) this.#connectAnew();
      return;
    }
    void this.#sendProbe(now);
  }

  async #sendProbe(sent: number): Promise<void> {
    this.#probeSent = sent;
    let inTime = false;
    let answered = false;
    try {
      await this.#client.set(this.#probeKey, '1', 'PX', 60_000);
      answered = true;
      inTime = performance.now() - sent < this.#timeoutMs;
    } catch (error) {
      this.#reason = this.#describe(error);
    }
    const latest = this.#probeSent === sent;
    if (latest) this.#probeSent = 0;
    if (inTime) this.#close();
    // It has come back from a stall: the next answer may be in time.
    else if (answered && latest) this.#probeSoon();
  }

  #close(): void {
    if (this.#up || this.#closed) return;
    this.#up = true;
    this.#failures = 0;
    this.#lastReply = performance.now();
    clearTimeout(this.#prober);
    this.#onChange(true, `Redis (${describeRedis(this.#settings)}) can be asked`);
    for (const listener of this.#upListeners) listener();
  }

  /** Only the message: errors of the client carry the command, and that of the login has the password. */
  #describe(error: unknown): string {
    let text = messageOf(error);
    const { password, sentinelPassword } = this.#settings;
    if (password !== undefined) text = password.hideIn(text);
    return sentinelPassword === undefined ? text : sentinelPassword.hideIn(text);
  }
}

interface Pending {
  readonly sent: number;
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: StoreUnavailable) => void;
  readonly late: ((reply: unknown) => void) | undefined;
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join(', ');
  if (!(error instanceof Error)) return String(error);
  // "Failed to refresh slots cache." says less than why.
  const last = 'lastNodeError' in error ? `: ${messageOf(error.lastNodeError)}` : '';
  return error.message + last;
}
