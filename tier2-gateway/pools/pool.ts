import type { Endpoint } from '#core/attempt/backend';
import { DEFAULT_HEALTH_CHECK, EndpointHealth, type FailureSort, type PassiveHealthCheck } from '#core/attempt/health';
import { type ConnectionSettings, DEFAULT_CONNECTIONS } from '#core/http/client';
import { hostHeader, type Origin, type OriginTls } from '#core/http/origin';
import type { InferencePool } from '#core/resources/inference/inference-pool';

import type { EndpointSource, PoolEndpoint } from './endpoint.ts';
import type { EndpointMetrics } from './engine-metrics.ts';
import { Link } from './link.ts';
import { Scraper, type ScrapeRound, type ScraperOptions, type ScrapeSettings } from './scrape.ts';

/** What a picker hears of a pool. */
export interface PoolListener {
  /** The list has changed. It has the endpoints that take no new requests as well. */
  onEndpoints?(endpoints: readonly PoolEndpoint[]): void;
  onMetrics?(id: string, metrics: EndpointMetrics, at: number): void;
  /** Nothing is known from this scrape: the endpoint is neither idle nor busy because of it. */
  onMetricsFailed?(id: string, at: number): void;
}

/** How long requests wait at most for the first list of endpoints of a pool that is new. */
const FIRST_LIST_MS = 3000;

/** An endpoint with what is known of it from our own calls. Lives as long as the engine behind it: a pod's restart is another member. */
export interface PoolMember extends Endpoint {
  /** As its source last described it. */
  readonly endpoint: PoolEndpoint;
  /** When it began to take requests: the beginning of its slow start. Undefined while it takes none. */
  readonly readySince: number | undefined;
}

export interface PoolOptions {
  readonly source: EndpointSource;
  readonly check?: PassiveHealthCheck;
  readonly connections?: ConnectionSettings;
  /** For model servers that serve TLS: their metrics are read over it as well, unless `scrape` says otherwise. */
  readonly tls?: OriginTls;
  /** For model servers that speak HTTP/2 without TLS, metrics included (`appProtocol: kubernetes.io/h2c`). @default false */
  readonly h2c?: boolean;
  readonly scrape?: Partial<ScrapeSettings>;
  /** Shared by all pools of a process. */
  readonly round?: ScrapeRound | undefined;
  readonly now?: () => number;
  /** For tests. */
  readonly scraper?: Pick<ScraperOptions, 'fetchPage' | 'setTimer' | 'random'>;
}

/** The last scrape of an endpoint, for those who look for the reason of a choice. */
export interface LastScrape {
  readonly metrics: EndpointMetrics | undefined;
  /** Of {@link metrics}. */
  readonly at: number | undefined;
  /** Why the last scrape failed, if it did. */
  readonly failure: string | undefined;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type State = Mutable<Omit<PoolMember, 'pool'>> & { link: Link; readonly pool: PoolMember['pool'] };

/** The endpoints of one InferencePool: which there are, how they are, what their engines say. */
export class Pool {
  /** `namespace/name`. */
  readonly name: string;
  readonly resource: InferencePool;
  readonly #options: PoolOptions;
  readonly #check: PassiveHealthCheck;
  readonly #now: () => number;
  readonly #scraper: Scraper;
  readonly #listeners = new Set<PoolListener>();
  readonly #scrapes = new Map<string, LastScrape>();
  #members = new Map<string, State>();
  /** Gone from the list with requests still running: one that comes back has not lost count of them. */
  readonly #departed = new Map<string, State>();
  #endpoints: readonly PoolEndpoint[] = [];
  #ready = 0;
  /** Whether a list has come: what is on the first one ran before. */
  #listed = false;
  readonly #first = Promise.withResolvers<void>();
  /** Ends the wait for the first list. */
  #giveUp: NodeJS.Timeout | undefined;

  constructor(resource: InferencePool, options: PoolOptions) {
    this.name = `${resource.metadata.namespace}/${resource.metadata.name}`;
    this.resource = resource;
    this.#options = options;
    this.#check = options.check ?? DEFAULT_HEALTH_CHECK;
    this.#now = options.now ?? Date.now;
    this.#scraper = new Scraper({
      settings: { tls: options.tls, protocol: protocolOf(options), ...options.scrape },
      round: options.round,
      now: this.#now,
      ...options.scraper,
      isActive: (id) => (this.#members.get(id)?.inFlight ?? 0) > 0,
      onMetrics: (id, metrics, at) => {
        this.#scrapes.set(id, { metrics, at, failure: undefined });
        for (const listener of this.#listeners) listener.onMetrics?.(id, metrics, at);
      },
      onFailed: (id, at, failure) => {
        const last = this.#scrapes.get(id);
        this.#scrapes.set(id, { metrics: last?.metrics, at: last?.at, failure });
        for (const listener of this.#listeners) listener.onMetricsFailed?.(id, at);
      },
    });
  }

  start(): void {
    this.#giveUp = setTimeout(() => this.#waitNoLonger(), FIRST_LIST_MS).unref();
    this.#options.source.start((endpoints) => this.#update(endpoints));
  }

  /**
   * Resolves with the first list of endpoints, or when it is not worth waiting for any longer. Undefined from then on. Before it, nobody knows
   * that there are none.
   */
  get firstList(): Promise<void> | undefined {
    return this.#giveUp === undefined ? undefined : this.#first.promise;
  }

  /** Whether a list of endpoints has ever come. */
  get listed(): boolean {
    return this.#listed;
  }

  #waitNoLonger(): void {
    clearTimeout(this.#giveUp);
    this.#giveUp = undefined;
    this.#first.resolve();
  }

  /** Ends discovery and scraping, and waits for the requests in flight before their connections close. */
  async stop(): Promise<void> {
    this.#options.source.stop();
    this.#waitNoLonger();
    await this.#scraper.stop();
    for (const { link } of this.#members.values()) link.close();
  }

  /** Tells the listener what there is now, and then what changes. @returns what ends that */
  subscribe(listener: PoolListener): () => void {
    this.#listeners.add(listener);
    listener.onEndpoints?.(this.#endpoints);
    for (const [id, { metrics, at }] of this.#scrapes) if (metrics !== undefined) listener.onMetrics?.(id, metrics, at!);
    return () => void this.#listeners.delete(listener);
  }

  /** All endpoints, those that take no new requests included. */
  endpoints(): readonly PoolEndpoint[] {
    return this.#endpoints;
  }

  /** Endpoints that are ready and not about to end, whatever our own calls met with there. 0: the pool is empty, scaled to zero perhaps. */
  get ready(): number {
    return this.#ready;
  }

  member(id: string): PoolMember | undefined {
    return this.#members.get(id);
  }

  lastScrape(id: string): LastScrape | undefined {
    return this.#scrapes.get(id);
  }

  /**
   * Where a new request may go: ready, not about to end, not ejected, not cooling down. When our own calls speak against every ready one,
   * all of them: a guess beats a certain failure.
   */
  candidates(now: number): PoolMember[] {
    const ready = [...this.#members.values()].filter((member) => member.readySince !== undefined);
    const available = ready.filter((member) => member.health.available(now));
    return available.length > 0 ? available : ready;
  }

  started(member: PoolMember, now: number): void {
    (member as State).inFlight++;
    member.health.started(now);
  }

  ended(member: PoolMember): void {
    (member as State).inFlight--;
    if (member.inFlight === 0) this.#departed.delete(identityOf(member.endpoint));
  }

  /** The call failed, and the endpoint is to blame: `member.health` is told otherwise (succeeded, neutral, coolDown) directly. */
  failed(member: PoolMember, sort: FailureSort, now: number): void {
    let out = 0;
    for (const other of this.#members.values()) if (other !== member && other.readySince !== undefined && other.health.ejected(now)) out++;
    const mayEject = out === 0 || ((out + 1) / this.#ready) * 100 <= this.#check.maxEjectionPercent;
    member.health.failed(sort, now, mayEject);
  }

  #update(listed: readonly PoolEndpoint[]): void {
    const endpoints = withoutTwins(listed);
    if (this.#listed && isSameList(endpoints, this.#endpoints)) return;
    const now = this.#now();
    const members = new Map<string, State>();
    for (const endpoint of endpoints) {
      const present = this.#members.get(endpoint.id);
      members.set(endpoint.id, present?.endpoint === endpoint ? present : this.#memberFor(endpoint, present, now));
    }
    for (const [id, member] of this.#members) {
      const follower = members.get(id);
      if (follower === member) continue;
      // What is gone is closed when its last request has ended.
      if (follower === undefined) member.link.close();
      this.#scrapes.delete(id);
      if (member.inFlight > 0) this.#departed.set(identityOf(member.endpoint), member);
    }
    this.#members = members;
    this.#listed = true;
    this.#endpoints = endpoints;
    const ready = endpoints.filter(takesRequests);
    this.#ready = ready.length;
    this.#scraper.update(ready);
    for (const listener of this.#listeners) listener.onEndpoints?.(endpoints);
    this.#waitNoLonger();
  }

  /** @param present the one that has this address now */
  #memberFor(endpoint: PoolEndpoint, present: State | undefined, now: number): State {
    const identity = identityOf(endpoint);
    const known = present !== undefined && identityOf(present.endpoint) === identity ? present : this.#departed.get(identity);
    this.#departed.delete(identity);
    const takes = takesRequests(endpoint);
    if (known === undefined) {
      // What ran before this gateway began to look is warm.
      const since = this.#listed ? now : (endpoint.startedAt ?? now);
      const readySince = takes ? since : undefined;
      const origin = this.#originOf(endpoint);
      return {
        endpoint,
        origin,
        hostHeader: hostHeader(origin),
        link: present?.link ?? this.#linkTo(origin),
        get pool() {
          return this.link.dispatcher;
        },
        health: new EndpointHealth(this.#check),
        inFlight: 0,
        readySince,
      };
    }
    if (!takes) known.readySince = undefined;
    else known.readySince ??= now;
    known.endpoint = endpoint;
    // One that comes back has had its connections closed.
    if (known !== present) known.link = present?.link ?? this.#linkTo(known.origin);
    return known;
  }

  #originOf({ address, port }: PoolEndpoint): Origin {
    return { host: address, port, tls: this.#options.tls, protocol: protocolOf(this.#options) };
  }

  #linkTo(origin: Origin): Link {
    return new Link(origin, this.#options.connections ?? DEFAULT_CONNECTIONS);
  }
}

function protocolOf({ h2c = false }: PoolOptions): Origin['protocol'] {
  return h2c ? 'h2c' : undefined;
}

function takesRequests({ ready, terminating }: PoolEndpoint): boolean {
  return ready && !terminating;
}

/** Sources hand on the same object for what has not changed, as a rule: then thousands are compared in no time. */
function isSameList(list: readonly PoolEndpoint[], before: readonly PoolEndpoint[]): boolean {
  if (list.length !== before.length) return false;
  return list.every((endpoint, at) => endpoint === before[at] || JSON.stringify(endpoint) === JSON.stringify(before[at]));
}

/** Tells one start of an engine from another under the same address. */
function identityOf({ id, pod, startedAt }: PoolEndpoint): string {
  return `${id} ${pod} ${startedAt ?? ''}`;
}

/** One endpoint for an address: a pod that ends may still be listed beside the one that has its address now. */
function withoutTwins(endpoints: readonly PoolEndpoint[]): PoolEndpoint[] {
  const unique = new Map<string, PoolEndpoint>();
  for (const endpoint of endpoints) {
    const present = unique.get(endpoint.id);
    if (present === undefined || (!takesRequests(present) && takesRequests(endpoint))) unique.set(endpoint.id, endpoint);
  }
  return [...unique.values()];
}
