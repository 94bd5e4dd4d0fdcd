import { type DiscoverOptions, probeEra, type ServerEra } from './discover.ts';
import { ServerFailed } from './failed.ts';
import { keyOf, type McpServer } from './server.ts';

const TTL_MS = 300_000;
const PROBE_MS = 30_000;
const MOST_SERVERS = 4096;

export interface EraMemoryOptions {
  /** How long an era is believed. @default 300000 */
  readonly ttlMs?: number;
  /** Servers that are remembered; the one asked for the longest ago is forgotten first. @default 4096 */
  readonly most?: number;
  /** In ms. @default Date.now */
  readonly now?: () => number;
}

interface Remembered {
  readonly era: Promise<ServerEra>;
  /** Infinity while the probe is under way. */
  until: number;
}

/** The eras of servers: each is probed once, whoever asks. Nothing else of what a probe says is kept, for it was said to one client. */
export class EraMemory {
  readonly #ttlMs: number;
  readonly #most: number;
  readonly #now: () => number;
  readonly #known = new Map<string, Remembered>();

  constructor({ ttlMs = TTL_MS, most = MOST_SERVERS, now = Date.now }: EraMemoryOptions = {}) {
    this.#ttlMs = ttlMs;
    this.#most = most;
    this.#now = now;
  }

  /**
   * @param options of the probe, if there has to be one; its signal ends the wait only, for others may wait for the same
   * @throws ServerFailed; nothing is remembered then
   */
  eraOf(server: McpServer, options: DiscoverOptions): Promise<ServerEra> {
    const { signal } = options;
    if (signal.aborted) return Promise.reject(new ServerFailed('aborted', 'the call was given up'));
    const era = server.token === undefined ? this.#remembered(server, options).era : this.#eraFor(server, options);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(new ServerFailed('aborted', 'the call was given up'));
      signal.addEventListener('abort', onAbort, { once: true });
      era.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });
  }

  /** What was known has turned out wrong. */
  forget(server: McpServer): void {
    this.#known.delete(keyOf(server));
  }

  /** What a server refuses one caller it may grant another: who waited for somebody else's probe makes one of his own. */
  async #eraFor(server: McpServer, options: DiscoverOptions): Promise<ServerEra> {
    for (;;) {
      const before = this.#known.get(keyOf(server));
      const probed = this.#remembered(server, options);
      try {
        return await probed.era;
      } catch (error) {
        if (probed !== before) throw error;
      }
    }
  }

  #remembered(server: McpServer, options: DiscoverOptions): Remembered {
    const key = keyOf(server);
    const known = this.#known.get(key);
    this.#known.delete(key);
    if (known !== undefined && this.#now() < known.until) {
      this.#known.set(key, known);
      return known;
    }
    const fresh: Remembered = { era: probe(server, options), until: Number.POSITIVE_INFINITY };
    this.#known.set(key, fresh);
    if (this.#known.size > this.#most) this.#known.delete(this.#known.keys().next().value!);
    fresh.era.then(
      () => (fresh.until = this.#now() + this.#ttlMs),
      () => this.#known.get(key) === fresh && this.#known.delete(key),
    );
    return fresh;
  }
}

/** A probe that no caller ends: its own time does. */
async function probe(server: McpServer, options: DiscoverOptions): Promise<ServerEra> {
  try {
    return await probeEra(server, { ...options, signal: AbortSignal.timeout(PROBE_MS) });
  } catch (error) {
    if (!(error instanceof ServerFailed) || error.kind !== 'aborted') throw error;
    throw new ServerFailed('timeout', `the server did not say its era within ${PROBE_MS} ms`);
  }
}
