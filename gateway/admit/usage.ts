import type { Outcome } from '#core/attempt/call';
import type { CostFacts } from '#core/limits/rule';
import { NO_DETAILS, type Usage } from '#core/llm/usage';
import { usageOf } from '#core/serve/settle';

import type { TokenEstimates } from './estimates.ts';

/** What is known of a request besides its outcome. */
export interface Sizes {
  /** Model and operation. */
  readonly key: string;
  /** Of text in the request. */
  readonly bytes: number;
  /** Estimated tokens of the request. */
  readonly input: number;
  /** Whether the operation uses tokens: to count them, for instance, uses none. */
  readonly uses: boolean;
  /** Whether the answer is text. */
  readonly writes: boolean;
}

/** How an answer ended, as far as its use depends on it. */
export interface Ended extends Pick<Outcome, 'complete' | 'drained' | 'facts' | 'tokens'> {
  /** Whether the client left while a backend was at work. */
  readonly underWay: boolean;
}

/**
 * What a request used: as reported, and where nothing was reported, estimated from what passed by. Undefined where nothing was used: no
 * backend was asked, or none gave an answer. Learns from what is reported.
 *
 * A client that leaves before the first token has the backend read its prompt all the same.
 */
export function settledUsage(outcome: Ended, sizes: Sizes, answerBytes: number, estimates: TokenEstimates): Usage | undefined {
  if (!sizes.uses) return undefined;
  const usage = usageOf(outcome);
  const { complete, underWay, tokens } = outcome;
  if (usage?.source === 'reported') {
    if (complete) estimates.observe(sizes.key, sizes.bytes, usage, tokens);
    return usage;
  }
  const input = usage?.input ?? sizes.input;
  if (tokens > 0) return estimated(usage, input, Math.max(usage?.output ?? 0, estimates.ofEvents(sizes.key, tokens)));
  if (complete) return estimated(usage, input, sizes.writes ? Math.ceil(answerBytes / USUAL_BYTES_PER_TOKEN) : 0);
  return underWay ? estimated(usage, input, 0) : undefined;
}

const USUAL_BYTES_PER_TOKEN = 4;

function estimated(seen: Usage | undefined, input: number, output: number): Usage {
  return { ...NO_DETAILS, ...seen, input, output, total: input + output, source: 'estimated' };
}

/** Where a usage counts. */
export interface Place {
  /** As the backend calls it. */
  readonly model: string;
  /** `name.namespace`. */
  readonly backend: string;
  /** `name.namespace`. */
  readonly route: string;
}

export function costFacts(usage: Usage | undefined, { model, backend, route }: Place): CostFacts {
  const inputTokens = usage?.input ?? 0;
  const outputTokens = usage?.output ?? 0;
  return {
    inputTokens,
    cachedInputTokens: usage?.cachedInput ?? 0,
    cacheCreationInputTokens: usage?.cacheCreation ?? 0,
    outputTokens,
    totalTokens: usage?.total ?? inputTokens + outputTokens,
    reasoningTokens: usage?.reasoning ?? 0,
    model,
    backend,
    routeName: route,
  };
}
