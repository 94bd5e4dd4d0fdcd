import type { Dispatcher } from 'undici';

import type { Origin } from '../http/origin.ts';
import { EndpointHealth, type FailureSort, type PassiveHealthCheck } from './health.ts';

/** BackendTrafficPolicy circuitBreaker: what one backend may have in flight. */
export interface CircuitLimits {
  /** Requests in flight: maxParallelRequests, or maxConnections + maxPendingRequests where that is less. */
  readonly maxParallelRequests: number;
  readonly maxParallelRetries: number;
  /** Retries in flight as a share of the requests in flight (0–1), but never fewer than the minimum; it replaces maxParallelRetries. */
  readonly retryBudget: { readonly share: number; readonly minimum: number } | undefined;
}

/** Envoy's limits are 1024 each; a gateway for long streams needs more, so no policy means no limit but memory. */
export const NO_LIMITS: CircuitLimits = {
  maxParallelRequests: Number.POSITIVE_INFINITY,
  maxParallelRetries: Number.POSITIVE_INFINITY,
  retryBudget: undefined,
};

/** How a backend's requests are spread over its endpoints. */
export interface Balance {
  readonly type: 'RoundRobin' | 'LeastRequest' | 'Random';
  /** Below this share of healthy endpoints (percent) health is not looked at: the few would not bear the load. */
  readonly panicPercent: number;
}

export const DEFAULT_BALANCE: Balance = { type: 'LeastRequest', panicPercent: 0 };

export interface Endpoint {
  readonly origin: Origin;
  readonly hostHeader: string;
  readonly pool: Dispatcher;
  readonly health: EndpointHealth;
  inFlight: number;
}

/** What the attempts need of a backend: one with fixed endpoints ({@link Backend}), or a pool whose endpoints come and go. */
export interface Serving {
  /** `namespace/name`. */
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
  /** Whether the circuit limits leave room for a request. */
  hasRoom(retry: boolean): boolean;
  /** Whether one of the endpoints may be called. */
  available(now: number): boolean;
  /** The endpoint for the next request, where the call does not pick one itself (`Call.pick`). */
  endpoint(now: number, random: () => number): Endpoint;
  started(endpoint: Endpoint, now: number, retry: boolean): void;
  ended(endpoint: Endpoint, retry: boolean): void;
  failed(endpoint: Endpoint, sort: FailureSort, now: number): void;
}

/** What a backend is made of. */
export interface BackendDefinition {
  /** `namespace/name`. */
  readonly name: string;
  readonly endpoints: readonly Pick<Endpoint, 'origin' | 'hostHeader' | 'pool'>[];
  readonly limits: CircuitLimits;
  readonly balance: Balance;
  readonly check: PassiveHealthCheck;
}

/** A backend and what is known of it. Lives as long as its definition does, across reloads. */
export class Backend implements Serving {
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
  readonly #limits: CircuitLimits;
  readonly #balance: Balance;
  readonly #maxEjectionPercent: number;
  #next = 0;
  #inFlight = 0;
  #retries = 0;

  constructor({ name, endpoints, limits, balance, check }: BackendDefinition) {
    this.name = name;
    this.endpoints = endpoints.map((endpoint) => ({ ...endpoint, health: new EndpointHealth(check), inFlight: 0 }));
    this.#limits = limits;
    this.#balance = balance;
    this.#maxEjectionPercent = check.maxEjectionPercent;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  hasRoom(retry: boolean): boolean {
    if (this.#inFlight >= this.#limits.maxParallelRequests) return false;
    if (!retry) return true;
    const { retryBudget, maxParallelRetries } = this.#limits;
    const most =
      retryBudget === undefined ? maxParallelRetries : Math.max(retryBudget.minimum, Math.floor(retryBudget.share * this.#inFlight));
    return this.#retries < most;
  }

  available(now: number): boolean {
    for (const endpoint of this.endpoints) if (endpoint.health.available(now)) return true;
    return false;
  }

  /** The endpoint for the next request, of those available; of all when none or too few are. */
  endpoint(now: number, random: () => number): Endpoint {
    const { endpoints } = this;
    if (endpoints.length === 1) return endpoints[0]!;
    const available = endpoints.filter((endpoint) => endpoint.health.available(now));
    const panic = available.length === 0 || (available.length / endpoints.length) * 100 < this.#balance.panicPercent;
    const from = panic ? endpoints : available;
    if (this.#balance.type === 'Random') return from[Math.floor(random() * from.length)]!;
    const turn = this.#next++;
    const inTurn = from[turn % from.length]!;
    if (this.#balance.type === 'RoundRobin') return inTurn;
    let least = inTurn;
    for (const endpoint of from) if (endpoint.inFlight < least.inFlight) least = endpoint;
    return least;
  }

  started(endpoint: Endpoint, now: number, retry: boolean): void {
    this.#inFlight++;
    endpoint.inFlight++;
    if (retry) this.#retries++;
    endpoint.health.started(now);
  }

  ended(endpoint: Endpoint, retry: boolean): void {
    this.#inFlight--;
    endpoint.inFlight--;
    if (retry) this.#retries--;
  }

  failed(endpoint: Endpoint, sort: FailureSort, now: number): void {
    const out = this.endpoints.filter((other) => other !== endpoint && other.health.ejected(now)).length;
    const mayEject = out === 0 || ((out + 1) / this.endpoints.length) * 100 <= this.#maxEjectionPercent;
    endpoint.health.failed(sort, now, mayEject);
  }
}
