import type { Candidate } from './candidates.ts';
import type { Scorer } from './weighted.ts';

// The reference's scorers (llm-d-router 0.10). An endpoint that has never been scraped counts as zero, as it does there.

/** `queue-scorer`: the shortest waiting queue among the candidates has 1, the longest 0. */
export const queueScorer: Scorer = relative((candidate) => candidate.metrics?.waiting ?? 0);

/** `running-requests-size-scorer` */
export const runningScorer: Scorer = relative((candidate) => candidate.metrics?.running ?? 0);

/** `kv-cache-utilization-scorer` */
export const kvScorer: Scorer = (candidates) => candidates.map((candidate) => 1 - (candidate.metrics?.kvUsage ?? 0));

/** `lora-affinity-scorer`; without an adapter the model's own name is looked for, as there. */
export const loraScorer: Scorer = (candidates, { request }) =>
  candidates.map(({ metrics }) => {
    const name = request.lora ?? request.model;
    const running = metrics?.runningLoras ?? [];
    const waiting = metrics?.waitingLoras ?? [];
    if (running.includes(name)) return 1;
    if (running.length + waiting.length < (metrics?.maxLora ?? 0)) return 0.8;
    return waiting.includes(name) ? 0.6 : 0;
  });

/**
 * `prefix-cache-scorer`
 *
 * @param lengthWeight share of the absolute length in the score, 0 to 1
 * @param lengthScale tokens at which the length counts in full
 */
export function prefixScorer(lengthWeight = 0, lengthScale = 8_192): Scorer {
  return (candidates, weighed) =>
    candidates.map((candidate) => {
      const { matched, total, blockTokens } = weighed.match(candidate);
      if (total === 0) return 0;
      return lengthWeight * Math.min(1, (matched * blockTokens) / lengthScale) ** 2 + ((1 - lengthWeight) * matched) / total;
    });
}

/** `load-aware-scorer` */
export function loadAwareScorer(threshold = 128): Scorer {
  return (candidates) => candidates.map((candidate) => 0.5 * (1 - Math.min(candidate.metrics?.waiting ?? 0, threshold) / threshold));
}

/** `active-request-scorer`, on own requests in flight */
export function activeRequestScorer(idleThreshold = 0, maxBusyScore = 1): Scorer {
  return (candidates) => {
    const most = Math.max(...candidates.map((candidate) => candidate.requests));
    return candidates.map(({ requests }) => (requests <= idleThreshold ? 1 : ((most - requests) / most) * maxBusyScore));
  };
}

/** `token-load-scorer`, on own prompt tokens in flight */
export function tokenLoadScorer(threshold = 4_194_304): Scorer {
  return (candidates, weighed) =>
    candidates.map((candidate) => 1 - Math.min(1, (candidate.tokens + weighed.uncached(candidate)) / threshold));
}

/** `no-hit-lru-scorer`: a request that hits nothing goes where the last such went longest ago. */
export const noHitLruScorer: Scorer = (candidates, weighed) => {
  if (candidates.some((candidate) => weighed.match(candidate).matched > 0)) return candidates.map(() => 0.5);
  if (candidates.length === 1) return [1];
  const ranks = candidates.map((candidate) => weighed.coldRank(candidate));
  const unused = ranks.filter((rank) => rank === 0).length;
  const order = [...ranks].filter((rank) => rank > 0).sort((one, other) => one - other);
  return ranks.map((rank) => (rank === 0 ? 1 : 1 - (unused + order.indexOf(rank)) / (candidates.length - 1)));
};

function relative(valueOf: (candidate: Candidate) => number): Scorer {
  return (candidates) => {
    const values = candidates.map(valueOf);
    const least = Math.min(...values);
    const most = Math.max(...values);
    return values.map((value) => (most === least ? 1 : (most - value) / (most - least)));
  };
}
