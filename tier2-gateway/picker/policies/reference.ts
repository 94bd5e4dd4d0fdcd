import type { Surroundings } from '../policy.ts';
import { prefixAffinityFilter } from './filters.ts';
import type { PrefixAffinityOptions } from './filters.ts';
import { kvScorer, prefixScorer, queueScorer, tokenLoadScorer } from './scorers.ts';
import { WeightedPolicy } from './weighted.ts';

/** The reference's default: queue 2, KV 2, prefix 3, best score. It sees load only in scrapes; feed it one every 50 ms. */
export function referenceDefault(around: Surroundings): WeightedPolicy {
  return new WeightedPolicy(around, {
    filters: [],
    scorers: [
      { score: queueScorer, weight: 2 },
      { score: kvScorer, weight: 2 },
      { score: prefixScorer(), weight: 3 },
    ],
    picker: 'max-score',
  });
}

/** The reference's newest recommendation for workloads bound by prefill: sticky until saturated, then the least tokens in flight. */
export function stickyUntilSaturated(around: Surroundings, options: Partial<PrefixAffinityOptions> = {}): WeightedPolicy {
  return new WeightedPolicy(around, {
    filters: [prefixAffinityFilter(options)],
    scorers: [{ score: tokenLoadScorer(), weight: 1 }],
    picker: 'max-score',
  });
}
