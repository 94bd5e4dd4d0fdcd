import type { AttemptRecord } from '../../attempt/call.ts';
import type { Families } from '../metrics.ts';
import { failureTypeOf } from './error-type.ts';
import type { Counter, Histogram } from './instruments.ts';

/** Series of one backend, bound once. */
interface BackendSeries {
  readonly ok: Counter;
  readonly duration: Histogram;
  /** Of backends that stream. */
  firstToken?: Histogram;
}

/** Backends that were lately asked; those of the configuration are far fewer. */
const MOST = 1000;

/** What the attempts of requests came to, by backend. */
export class BackendMetrics {
  readonly #families: Families;
  readonly #series = new Map<string, BackendSeries>();

  constructor(families: Families) {
    this.#families = families;
  }

  /** @param firstTokenAt of the last attempt; undefined: it was no stream, or brought no content */
  record(attempts: readonly AttemptRecord[], firstTokenAt: number | undefined, clientGone: boolean): void {
    const last = attempts.length - 1;
    for (let at = 0; at <= last; at++) {
      const attempt = attempts[at]!;
      const { failure, endedAt, endpoint } = attempt;
      const { name } = attempt.target.backend;
      const series = this.#series.get(name) ?? this.#bind(name);
      if (failure !== undefined) this.#families.attempts.with(name, failureTypeOf(failure)).inc();
      else if (clientGone && at === last) this.#families.attempts.with(name, 'client_gone').inc();
      else series.ok.inc();
      const sentAt = attempt.sentAt ?? attempt.startedAt;
      if (endedAt !== undefined && endpoint !== undefined) series.duration.observe((endedAt - sentAt) / 1000);
      if (at === last && firstTokenAt !== undefined)
        (series.firstToken ??= this.#families.upstreamFirstToken.with(name)).observe((firstTokenAt - sentAt) / 1000);
      if (at > 0) this.#again(attempts[at - 1]!, name);
    }
  }

  #again({ target, failure }: AttemptRecord, name: string): void {
    const reason = failure === undefined ? '' : failureTypeOf(failure);
    const from = target.backend.name;
    if (from === name) this.#families.retries.with(name, reason).inc();
    else this.#families.fallbacks.with(from, name, reason).inc();
  }

  #bind(name: string): BackendSeries {
    const { attempts, attemptDuration } = this.#families;
    if (this.#series.size >= MOST) this.#series.clear();
    const series: BackendSeries = { ok: attempts.with(name, 'ok'), duration: attemptDuration.with(name) };
    this.#series.set(name, series);
    return series;
  }
}
