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
 * Servers publish their gauges when a step ends, so a fresh scrape tells of some moment lately: a long step, and the one before it that a
 * new request had to wait for.
 */
const GAUGES_OLD_MS = 3_000;
/** What one scrape that cannot be true adds to the doubt, and what one that may be true takes from it. */
const DOUBT = 1;
const RELIEF = 0.2;
const MOST_DOUBT = 6;

/**
 * What scrapes add to the own accounting: requests that other gateways or clients have at the endpoint. Own load is known better and
 * sooner than any scrape tells, so it is subtracted: as much as there was at any moment that the scrape may tell of. A scrape that failed
 * or is old says nothing, nor does one that knows of fewer requests than we had there all the while: then the endpoint counts as average,
 * never as idle.
 */
export class ScrapedLoad {
  readonly foreign: ForeignLoad = { running: 0, waiting: 0, kvTokens: 0 };
  last: EndpointMetrics | undefined;
  #at = 0;
  #failures = 0;
  #doubt = 0;
  /** Own requests at the last scrapes. */
  #own: { readonly at: number; readonly requests: number }[] = [];

  observe(metrics: EndpointMetrics, at: number, own: EndpointLoad, kvCapacity: number): void {
    const weight = this.last === undefined ? 1 : SMOOTHING;
    const { foreign } = this;
    const total = metrics.running + metrics.waiting;
    const [least, most] = this.#ownLately(at, own.requests);
    this.#doubt = total < least ? Math.min(MOST_DOUBT, this.#doubt + DOUBT) : Math.max(0, this.#doubt - RELIEF);
    const foreignTotal = Math.max(0, total - most);
    // Which of our own wait, and what they hold, is not known: the foreign ones do in the same proportion as all.
    const share = total === 0 ? 0 : foreignTotal / total;
    foreign.waiting += weight * (share * metrics.waiting - foreign.waiting);
    foreign.running += weight * (share * metrics.running - foreign.running);
    foreign.kvTokens += weight * (share * metrics.kvUsage * kvCapacity - foreign.kvTokens);
    this.last = metrics;
    this.#at = at;
    this.#failures = 0;
  }

  /** The fewest and the most requests that we had there at any time that a scrape of now may tell of. */
  #ownLately(at: number, requests: number): readonly [number, number] {
    this.#own.push({ at, requests });
    // One before the window stays: it held at the window's beginning.
    while (this.#own.length > 1 && this.#own[1]!.at <= at - GAUGES_OLD_MS) this.#own.shift();
    let least = this.#own[0]!.at <= at - GAUGES_OLD_MS ? Infinity : 0;
    let most = 0;
    for (const { requests: count } of this.#own) {
      least = Math.min(least, count);
      most = Math.max(most, count);
    }
    return [least, most];
  }

  failed(): void {
    this.#failures++;
  }

  /** 1 for a fresh scrape, 0 for none. */
  confidence(now: number, settings: PickerSettings): number {
    if (this.last === undefined) return 0;
    const stale = Math.max(0, now - this.#at - settings.metricsFreshMs);
    return 0.5 ** (stale / settings.metricsHalfLifeMs + this.#failures + this.#doubt);
  }

  forget(): void {
    this.last = undefined;
    this.#failures = 0;
    this.#doubt = 0;
    this.#own = [];
    this.foreign.running = 0;
    this.foreign.waiting = 0;
    this.foreign.kvTokens = 0;
  }
}

/** Mean foreign load, and how far the scrapes of these endpoints are to be believed together. */
export function foreignLoad(endpoints: readonly { readonly scraped: ScrapedLoad }[], now: number, settings: PickerSettings) {
  const normal = { running: 0, waiting: 0, kvTokens: 0 };
  let sum = 0;
  for (const { scraped } of endpoints) {
    const confidence = scraped.confidence(now, settings);
    sum += confidence;
    normal.running += confidence * scraped.foreign.running;
    normal.waiting += confidence * scraped.foreign.waiting;
    normal.kvTokens += confidence * scraped.foreign.kvTokens;
  }
  if (sum > 0) {
    normal.running /= sum;
    normal.waiting /= sum;
    normal.kvTokens /= sum;
  }
  return { normal, confidence: sum / endpoints.length };
}
