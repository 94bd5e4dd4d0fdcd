import { type ConnectionSettings, DEFAULT_CONNECTIONS } from '#core/http/client';
import type { Origin, OriginTls } from '#core/http/origin';

import type { PoolEndpoint } from './endpoint.ts';
import { ENGINE_LABEL, type EndpointMetrics, readEngineMetrics } from './engine-metrics.ts';
import { fetchPage } from './fetch-page.ts';
import { Link } from './link.ts';

export interface ScrapeSettings {
  readonly path: string;
  /** For model servers that serve TLS. */
  readonly tls: OriginTls | undefined;
  readonly protocol: Origin['protocol'];
  /** Between two scrapes of an endpoint that is at work, and of one that is not. */
  readonly busyMs: number;
  readonly idleMs: number;
  /**
   * Between two scrapes of any endpoints at work, and of any two at rest, of all that share a {@link ScrapeRound}: with thousands of them,
   * each one is asked less often than it would be else.
   */
  readonly spacingMs: number;
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

export const DEFAULT_SCRAPE: ScrapeSettings = {
  path: '/metrics',
  tls: undefined,
  protocol: undefined,
  busyMs: 250,
  idleMs: 1000,
  spacingMs: 2,
  timeoutMs: 1000,
  maxBytes: 4 * 1024 * 1024,
};

/** What scrapers of one process have to scrape, together. */
export class ScrapeRound {
  endpoints = 0;
  /** Of them, those at work. */
  busy = 0;
}

export interface ScraperOptions {
  readonly settings?: Partial<ScrapeSettings>;
  /** Shared with other scrapers. @default one of its own */
  readonly round?: ScrapeRound | undefined;
  readonly onMetrics: (id: string, metrics: EndpointMetrics, at: number) => void;
  /** The scrape failed: nothing is known, which is neither idle nor busy. */
  readonly onFailed: (id: string, at: number, reason: string) => void;
  /** Whether the gateway has requests of its own at the endpoint. */
  readonly isActive?: (id: string) => boolean;
  readonly now?: () => number;
  readonly random?: () => number;
  /** Calls back once; returns what takes the call back. */
  readonly setTimer?: (callback: () => void, ms: number) => () => void;
  /** Instead of a request over HTTP. */
  readonly fetchPage?: (endpoint: PoolEndpoint, signal: AbortSignal) => Promise<string>;
}

/** Engines render the page in Python: one that takes long is asked for less often. */
const REST_PER_WORK = 4;
/** Share of the interval that is taken off at random, so that a hundred endpoints do not answer at the same moment. */
const JITTER = 0.2;

const CONNECTIONS: ConnectionSettings = { ...DEFAULT_CONNECTIONS, maxConnections: 1, connectTimeoutMs: 1000 };

interface Target {
  endpoint: PoolEndpoint;
  intervalMs: number;
  busy: boolean;
  cancelTimer: () => void;
  readonly abort: AbortController;
  readonly link: Link;
}

/**
 * Reads the metrics of each endpoint, again and again: every 250 ms while it is at work, more and more rarely down to once a second while it is
 * not. One scrape at a time for each endpoint, over a connection that is kept.
 */
export class Scraper {
  readonly #options: ScraperOptions;
  readonly #settings: ScrapeSettings;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #setTimer: (callback: () => void, ms: number) => () => void;
  readonly #round: ScrapeRound;
  readonly #targets = new Map<string, Target>();

  constructor(options: ScraperOptions) {
    this.#round = options.round ?? new ScrapeRound();
    this.#options = options;
    this.#settings = { ...DEFAULT_SCRAPE, ...options.settings };
    this.#now = options.now ?? Date.now;
    this.#random = options.random ?? Math.random;
    this.#setTimer = options.setTimer ?? startTimer;
  }

  /** Scrapes exactly these from now on. */
  update(endpoints: readonly PoolEndpoint[]): void {
    const wanted = new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]));
    for (const [id, target] of this.#targets) {
      const endpoint = wanted.get(id);
      if (endpoint === undefined) {
        this.#end(id, target);
      } else {
        target.endpoint = endpoint;
      }
    }
    for (const [id, endpoint] of wanted) {
      if (this.#targets.has(id)) continue;
      const target: Target = {
        endpoint,
        intervalMs: this.#settings.busyMs,
        busy: false,
        cancelTimer: () => undefined,
        abort: new AbortController(),
        link: new Link(this.#originOf(endpoint), CONNECTIONS),
      };
      this.#targets.set(id, target);
      this.#round.endpoints++;
      // At once, but not all in one moment.
      target.cancelTimer = this.#setTimer(() => void this.#scrape(target), this.#random() * this.#roundMs(target));
    }
  }

  /** Time in which all that are as busy can be scraped once. */
  #roundMs({ busy }: Target): number {
    return this.#settings.spacingMs * (busy ? this.#round.busy : this.#round.endpoints);
  }

  #setBusy(target: Target, busy: boolean): void {
    if (target.busy === busy) return;
    target.busy = busy;
    this.#round.busy += busy ? 1 : -1;
  }

  #end(id: string, target: Target): void {
    this.#targets.delete(id);
    this.#setBusy(target, false);
    this.#round.endpoints--;
    target.cancelTimer();
    target.abort.abort(new Error('the endpoint is gone'));
    target.link.close();
  }

  async stop(): Promise<void> {
    const links = [...this.#targets.values()].map(({ link }) => link);
    for (const [id, target] of this.#targets) this.#end(id, target);
    await Promise.all(links.map((link) => link.destroy()));
  }

  async #scrape(target: Target): Promise<void> {
    const { id, labels } = target.endpoint;
    const { busyMs, idleMs } = this.#settings;
    const started = this.#now();
    let metrics: EndpointMetrics | undefined;
    let failure = 'the page has no metrics of a known engine';
    try {
      const { fetchPage: given } = this.#options;
      const page = await (given === undefined ? this.#fetch(target) : given(target.endpoint, target.abort.signal));
      metrics = readEngineMetrics(page, labels[ENGINE_LABEL]);
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
    }
    if (target.abort.signal.aborted) return;
    if (metrics === undefined) this.#options.onFailed(id, this.#now(), failure);
    else this.#options.onMetrics(id, metrics, this.#now());
    // A listener may have taken the endpoint away.
    if (target.abort.signal.aborted) return;
    const isBusy = (metrics !== undefined && metrics.running + metrics.waiting > 0) || (this.#options.isActive?.(id) ?? false);
    this.#setBusy(target, isBusy);
    target.intervalMs = isBusy ? busyMs : Math.min(idleMs, target.intervalMs * 1.5);
    const rest = Math.max(target.intervalMs, REST_PER_WORK * (this.#now() - started));
    const wait = Math.max(Math.min(idleMs, rest), this.#roundMs(target));
    target.cancelTimer = this.#setTimer(() => void this.#scrape(target), wait * (1 - JITTER * this.#random()));
  }

  #fetch({ link, abort }: Target): Promise<string> {
    const { path, timeoutMs, maxBytes } = this.#settings;
    return fetchPage({ dispatcher: link.dispatcher, path, timeoutMs, maxBytes }, abort.signal);
  }

  #originOf({ address, port }: PoolEndpoint): Origin {
    const { tls, protocol } = this.#settings;
    return { host: address, port, tls, protocol };
  }
}

function startTimer(callback: () => void, ms: number): () => void {
  const timer = setTimeout(callback, ms).unref();
  return () => clearTimeout(timer);
}
