import type { EndpointLoad } from './load.ts';
import type { EndpointMetrics } from './policy.ts';
import type { PickerSettings } from './settings.ts';

/** Load that is not ours, as far as the last scrapes tell. */
export interface ForeignLoad {
  running: number;
  waiting: number;
  kvTokens: number;
}

/** Weight of a new scrape: one that raced with our own starts and ends is half forgotten at the next. */
const SMOOTHING = 0.5;

/**
 * What scrapes add to the own accounting: requests that other gateways or clients have at the endpoint. Own load is known better and
 * sooner than any scrape tells, so it is subtracted at the time of the scrape. A scrape that failed or is old says nothing: then the
 * endpoint counts as average, never as idle.
 */
export class ScrapedLoad {
  readonly foreign: ForeignLoad = { running: 0, waiting: 0, kvTokens: 0 };
  last: EndpointMetrics | undefined;
  #at = 0;
  #failures = 0;

  /** @param ownKv KV tokens of own requests at the time */
  observe(metrics: EndpointMetrics, at: number, own: EndpointLoad, ownKv: number, kvCapacity: number): void {
    const weight = this.last === undefined ? 1 : SMOOTHING;
    const { foreign } = this;
    const total = metrics.running + metrics.waiting;
    // Which of our own wait is not known: the foreign ones wait in the same proportion as all.
    const foreignTotal = Math.max(0, total - own.requests);
    const waiting = total === 0 ? 0 : (foreignTotal * metrics.waiting) / total;
    foreign.waiting += weight * (waiting - foreign.waiting);
    foreign.running += weight * (foreignTotal - waiting - foreign.running);
    foreign.kvTokens += weight * (Math.max(0, metrics.kvUsage * kvCapacity - ownKv) - foreign.kvTokens);
    this.last = metrics;
    this.#at = at;
    this.#failures = 0;
  }

  failed(): void {
    this.#failures++;
  }

  /** 1 for a fresh scrape, 0 for none. */
  confidence(now: number, settings: PickerSettings): number {
    if (this.last === undefined) return 0;
    const stale = Math.max(0, now - this.#at - settings.metricsFreshMs);
    return 0.5 ** (stale / settings.metricsHalfLifeMs + this.#failures);
  }

  forget(): void {
    this.last = undefined;
    this.#failures = 0;
    this.foreign.running = 0;
    this.foreign.waiting = 0;
    this.foreign.kvTokens = 0;
  }
}
