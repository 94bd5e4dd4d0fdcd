import type { Candidate } from './candidates.ts';
import type { Filter } from './weighted.ts';

export interface PrefixAffinityOptions {
  readonly affinityThreshold: number;
  readonly explorationProbability: number;
  readonly maxTTFTPenaltyMs: number;
  /** Tokens per second. */
  readonly peakPrefillThroughput: number;
}

export const PREFIX_AFFINITY_DEFAULTS: PrefixAffinityOptions = {
  affinityThreshold: 0.8,
  explorationProbability: 0,
  maxTTFTPenaltyMs: 18_000,
  peakPrefillThroughput: 15_928,
};

/** `prefix-cache-affinity-filter`: sticky until saturated. */
export function prefixAffinityFilter(overrides: Partial<PrefixAffinityOptions> = {}): Filter {
  const options = { ...PREFIX_AFFINITY_DEFAULTS, ...overrides };
  const bestTtftMs = (candidates: readonly Candidate[]): number =>
    (Math.min(...candidates.map((candidate) => candidate.tokens)) / options.peakPrefillThroughput) * 1_000;
  return (candidates, weighed) => {
    if (candidates.length <= 1 || options.affinityThreshold <= 0) return candidates;
    if (weighed.random() < options.explorationProbability) return candidates;
    const isSticky = (candidate: Candidate): boolean => {
      const { matched, total } = weighed.match(candidate);
      return total > 0 && matched / total >= options.affinityThreshold;
    };
    const sticky = candidates.filter(isSticky);
    if (sticky.length === 0) return candidates;
    const others = candidates.filter((candidate) => !isSticky(candidate));
    if (options.maxTTFTPenaltyMs > 0 && others.length > 0 && bestTtftMs(sticky) - bestTtftMs(others) > options.maxTTFTPenaltyMs) {
      return candidates;
    }
    return sticky;
  };
}

/** A Kubernetes label selector's requirement. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values?: readonly string[];
}

/** `label-selector-filter` */
export function labelFilter(requirements: readonly LabelRequirement[]): Filter {
  return (candidates) =>
    candidates.filter(({ info }) => requirements.every((requirement) => holds(requirement, info.labels[requirement.key])));
}

function holds({ operator, values = [] }: LabelRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}
