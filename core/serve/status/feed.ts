import { originUrl } from '../../http/origin.ts';
import type { Lifecycle } from '../../lifecycle.ts';
import type { ReloadState } from '../admin.ts';
import type { Configuration } from '../configuration.ts';
import type { RecentAttempt, RecentRequest, RecentRequests } from './recent.ts';
import { type BackendState, backendStates, type EndpointState, type Served, served } from './served.ts';

/** How one count stands. Numbers are units; `scale` of them are one of `unit`. */
export interface LimitState {
  readonly name: string;
  /** Whose count; empty where all share one. */
  readonly subject: string;
  readonly unit: string;
  readonly scale: number;
  /** Refuses nothing. */
  readonly shadow: boolean;
  readonly limit: number;
  readonly used: number;
  readonly reserved: number;
  readonly remaining: number;
  /** ISO date, or `never`. */
  readonly resets: string;
}

export interface Limits {
  readonly counts: readonly LimitState[];
  readonly leftOff: number;
}

/** A pod as the picker sees it. */
export interface PodState extends Omit<EndpointState, 'url'> {
  /** `ip:port`. */
  readonly id: string;
  readonly pod: string;
  /** Takes new requests, as its source says. */
  readonly ready: boolean;
  /** Requests, streams, and tokens of prompts that are still to be read: of our own requests. */
  readonly requests: number;
  readonly streams: number;
  readonly pendingPrefillTokens: number;
  readonly kvTokens: number;
  readonly kvCapacity: number;
  readonly indexedBlocks: number;
  /** Milliseconds for each token of an answer, as expected now. */
  readonly tpotMs: number | undefined;
  /** What the engine said of itself; undefined before it did. */
  readonly engine: { readonly running: number; readonly waiting: number; readonly kvUsage: number; readonly at: number } | undefined;
  /** Why its metrics could not be read. */
  readonly metricsFailure: string | undefined;
}

export interface PoolState {
  readonly name: string;
  readonly ready: number;
  /** 0–1, above 1 when more is asked for than there is. */
  readonly saturation: number;
  /** Who picks, where it is not this process. */
  readonly externalPicker: boolean;
  readonly queue: { readonly running: number; readonly waiting: number; readonly waitingBytes: number };
  readonly pods: readonly PodState[];
  readonly podsLeftOff: number;
}

/** What a tier has of its own to show. */
export interface StatusSources {
  /** `tier one`. */
  readonly name: string;
  /** Counts whose name or subject contains the text, at most so many. @throws Error when they cannot be had */
  readonly limits?: (filter: string, most: number) => Promise<Limits>;
  /** @param most pods of each pool */
  readonly pools?: (most: number) => readonly PoolState[];
  /** Whether `/explain/REQUEST-ID` tells why a request went where it went. */
  readonly explains?: boolean;
}

/** What the page already has, so that it is not sent again. */
export interface FeedQuestion {
  /** The last request. @default 0 */
  readonly after: number;
  /** The process that told it: another one counts from 1 again. */
  readonly instance: number | undefined;
  /** Generation of the configuration. */
  readonly generation: number | undefined;
  /** Part of the names or subjects of limits. */
  readonly limits: string;
}

/** All that the page shows, in one answer. */
export interface Feed {
  readonly name: string;
  /** Start of the process, milliseconds since 1970, as are `now` and `at`. */
  readonly instance: number;
  readonly now: number;
  readonly state: 'ready' | 'starting' | 'draining';
  readonly configuration: {
    readonly generation: number;
    readonly hash: string;
    readonly loadedAt: number;
    readonly notices: readonly string[];
    readonly ignored: readonly string[];
    readonly reloadAt: number | undefined;
    /** Why the last reload was refused. */
    readonly refused: string | undefined;
  };
  /** Where the page has another configuration. */
  readonly served: Served | undefined;
  readonly backends: readonly BackendState[];
  readonly limits: Limits | { readonly error: string } | undefined;
  readonly pools: readonly PoolState[] | undefined;
  readonly explains: boolean;
  readonly last: number;
  /** The oldest first. */
  readonly requests: readonly WireRequest[];
}

type WireAttempt = Omit<RecentAttempt, 'origin'> & { readonly url: string | undefined };
export type WireRequest = Omit<RecentRequest, 'attempts'> & { readonly attempts: readonly WireAttempt[] };

const MOST_COUNTS = 200;
const MOST_PODS = 300;
const MOST_LINES = 50;
const MOST_TEXT = 8000;
const MOST_DETAILS = 40;
/** Counts can be another machine's: they are not asked for more often, however many pages are open. */
const LIMITS_KEPT_MS = 1000;

export interface StatusFeedOptions {
  readonly sources: StatusSources;
  readonly configuration: Configuration;
  readonly lifecycle: Lifecycle;
  readonly reload: ReloadState;
  readonly recent: RecentRequests;
}

/** Answers what the page asks. Nothing is computed, and nothing kept but the last requests, while nobody asks. */
export class StatusFeed {
  readonly #options: StatusFeedOptions;
  readonly #instance = Date.now();
  #limits: { readonly filter: string; readonly at: number; readonly answer: Promise<Feed['limits']> } | undefined;

  constructor(options: StatusFeedOptions) {
    this.#options = options;
  }

  async answer({ after, instance, generation, limits }: FeedQuestion): Promise<Feed> {
    const { sources, configuration, lifecycle, reload, recent } = this.#options;
    const { current, ignored } = configuration;
    const now = Date.now();
    const same = instance === this.#instance;
    const counts = await this.#counts(limits.slice(0, 200), now);
    return {
      name: sources.name,
      instance: this.#instance,
      now,
      state: lifecycle.ready ? 'ready' : lifecycle.draining ? 'draining' : 'starting',
      configuration: {
        generation: current.generation,
        hash: current.hash,
        loadedAt: current.loadedAt,
        notices: current.notices.slice(0, MOST_LINES),
        ignored: ignored.slice(0, MOST_LINES),
        reloadAt: reload.lastAttemptAt,
        refused: reload.lastError?.slice(0, MOST_TEXT),
      },
      served: same && generation === current.generation ? undefined : served(current),
      backends: backendStates(current, now),
      limits: counts,
      pools: sources.pools?.(MOST_PODS),
      explains: sources.explains ?? false,
      last: recent.last,
      requests: recent.since(same ? after : 0).map(wire),
    };
  }

  #counts(filter: string, now: number): Promise<Feed['limits']> | undefined {
    const { limits } = this.#options.sources;
    if (limits === undefined) return undefined;
    const kept = this.#limits;
    if (kept !== undefined && kept.filter === filter && now - kept.at < LIMITS_KEPT_MS) return kept.answer;
    const answer = limits(filter, MOST_COUNTS).catch((error: unknown) => ({ error: error instanceof Error ? error.message : 'unknown' }));
    this.#limits = { filter, at: now, answer };
    return answer;
  }
}

function wire(request: RecentRequest): WireRequest {
  const { attempts, details, identifiedMs, routedMs, firstTokenMs, durationMs, ...rest } = request;
  return {
    ...rest,
    identifiedMs: tenths(identifiedMs),
    routedMs: tenths(routedMs),
    firstTokenMs: tenths(firstTokenMs),
    durationMs: tenths(durationMs)!,
    attempts: attempts.map(({ origin, startMs, endMs, ...attempt }) => ({
      ...attempt,
      url: origin === undefined ? undefined : originUrl(origin),
      startMs: tenths(startMs)!,
      endMs: tenths(endMs),
    })),
    details: details === undefined ? undefined : Object.fromEntries(Object.entries(details).slice(0, MOST_DETAILS).map(detail)),
  };
}

function detail([name, value]: readonly [string, unknown]): [string, unknown] {
  if (typeof value === 'string') return [name, value.slice(0, 500)];
  if (Array.isArray(value)) return [name, value.slice(0, 20).map((item) => String(item).slice(0, 200))];
  return [name, typeof value === 'object' && value !== null ? undefined : value];
}

function tenths(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 10) / 10;
}
