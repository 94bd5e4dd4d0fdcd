import type { Families, Metrics } from '#core/telemetry/metrics';
import type { Counter, Histogram } from '#core/telemetry/metrics/instruments';
import type { LabelCap } from '#core/telemetry/metrics/label-cap';

import type { DropReason } from '../flow/drop.ts';
import type { FlowOutcome } from '../flow/flow-control.ts';
import type { PickRequest, RankedEndpoint } from '../picker/policy.ts';
import type { PoolEndpoint } from '../pools/endpoint.ts';

/** Name and namespace of a pool, as its metrics have them. */
export type PoolLabels = readonly [name: string, namespace: string];

/** @param fullName `namespace/name` */
export function poolLabels(fullName: string): PoolLabels {
  const slash = fullName.indexOf('/');
  return [fullName.slice(slash + 1), fullName.slice(0, Math.max(0, slash))];
}

/** llm-d's words for what came of a request's turn. Those that never waited were rejected, those that did were evicted. */
const OUTCOMES: Readonly<Record<DropReason, readonly [atOnce: string, afterWaiting: string]>> = {
  'rejected-saturated': ['RejectedCapacity', 'RejectedCapacity'],
  'rejected-no-endpoints': ['RejectedNoEndpoints', 'EvictedNoEndpoints'],
  'rejected-ttl-expired': ['EvictedTTL', 'EvictedTTL'],
  'rejected-context-cancelled': ['EvictedContextCancelled', 'EvictedContextCancelled'],
  'rejected-shutting-down': ['RejectedOther', 'EvictedOther'],
  'evicted-queue-pressure': ['EvictedOther', 'EvictedOther'],
};

/** One choice of a pod. */
export interface Pick {
  readonly request: PickRequest;
  /** The best, as the picker values it; undefined where there was none to choose from. */
  readonly first: RankedEndpoint | undefined;
  /** Where the request goes; undefined: nowhere. */
  readonly at: PoolEndpoint | undefined;
  readonly ms: number;
  /** The gateway, the picker that the pool names, or the gateway in its place. */
  readonly chosenBy: 'own' | 'picker' | 'fallback';
}

/** What is measured of the picks and the queue of one pool, bound once. */
export class PoolSeries {
  readonly labels: PoolLabels;
  readonly #families: Families;
  readonly #models: LabelCap;
  readonly #duration: Histogram;
  readonly #hitRatio: Histogram;
  readonly #estimate: Histogram;
  readonly #failed: Counter;
  /** By endpoint and model. */
  readonly #picked = new Map<string, Counter>();
  /** By outcome and priority. */
  readonly #turns = new Map<string, { readonly requests: Counter; readonly wait: Histogram }>();

  /** @param fullName `namespace/name` of the pool */
  constructor({ families, models }: Metrics, fullName: string) {
    this.#models = models;
    const labels = poolLabels(fullName);
    this.labels = labels;
    this.#families = families;
    this.#duration = families.schedulerDuration.with(...labels);
    this.#hitRatio = families.prefixHitRatio.with(...labels);
    this.#estimate = families.estimatedFirstToken.with(...labels);
    // Alerts look at the first one as well: it has to be an increase.
    for (const who of ['own', 'picker', 'fallback']) families.picksBy.with(...labels, who);
    this.#failed = families.schedulerAttempts.with('failure', '', '', '', ...labels);
  }

  /** A choice was made. */
  picked({ first, at, request: { inputTokens, model }, ms, chosenBy }: Pick): void {
    this.#duration.observe(ms / 1000);
    this.#families.picksBy.with(...this.labels, chosenBy).inc();
    if (first === undefined || at === undefined) {
      this.#failed.inc();
      return;
    }
    const target = this.#models.of(model, performance.now(), false);
    const key = `${at.id} ${target}`;
    (this.#picked.get(key) ?? this.#endpoint(key, target, at)).inc();
    if (inputTokens > 0) this.#hitRatio.observe(Math.min(1, first.matchedTokens / inputTokens));
    if (first.estTtftMs !== undefined) this.#estimate.observe(first.estTtftMs / 1000);
  }

  /** No pod was chosen. */
  failed(): void {
    this.#failed.inc();
  }

  readonly turn = ({ priority, result, waitedMs }: FlowOutcome): void => {
    const outcome = result === 'admitted' ? 'Dispatched' : OUTCOMES[result][waitedMs > 0 ? 1 : 0];
    const key = `${outcome} ${priority}`;
    const { requests, wait } = this.#turns.get(key) ?? this.#bind(key, outcome, String(priority));
    requests.inc();
    wait.observe(waitedMs / 1000);
  };

  #endpoint(key: string, target: string, { pod, port }: PoolEndpoint): Counter {
    const counter = this.#families.schedulerAttempts.with('success', target, pod, String(port), ...this.labels);
    // Addresses of pods come and go.
    if (this.#picked.size >= 1000) this.#picked.clear();
    this.#picked.set(key, counter);
    return counter;
  }

  #bind(key: string, outcome: string, priority: string) {
    const { flowRequests, flowWait } = this.#families;
    const series = {
      requests: flowRequests.with(outcome, priority, ...this.labels),
      wait: flowWait.with(priority, outcome, ...this.labels),
    };
    if (this.#turns.size >= 100) this.#turns.clear();
    this.#turns.set(key, series);
    return series;
  }
}
