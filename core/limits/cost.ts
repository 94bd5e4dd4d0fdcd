import type { LLMRequestCost } from '../resources/ai-gateway/llm-request-cost.ts';
import { compileExpression } from './cel.ts';
import type { Cost, CostFacts } from './rule.ts';

const OF_TYPE: Readonly<Record<Exclude<LLMRequestCost['type'], 'CEL'>, (facts: CostFacts) => number>> = {
  InputToken: (facts) => facts.inputTokens,
  CachedInputToken: (facts) => facts.cachedInputTokens,
  CacheCreationInputToken: (facts) => facts.cacheCreationInputTokens,
  OutputToken: (facts) => facts.outputTokens,
  ReasoningToken: (facts) => facts.reasoningTokens,
  TotalToken: (facts) => facts.totalTokens,
};

/** What QuotaPolicies count where they say nothing. */
export const TOTAL_TOKENS: Cost = Object.freeze({ text: 'total_tokens', of: OF_TYPE.TotalToken });

/** @throws BadExpression for CEL that is none */
export function costOf({ type, cel = '' }: Pick<LLMRequestCost, 'type' | 'cel'>): Cost {
  return type === 'CEL' ? compileExpression(cel) : Object.freeze({ text: type, of: OF_TYPE[type] });
}

/** The same for every request. */
export function fixedCost(units: number): Cost {
  return Object.freeze({ text: String(units), of: () => units });
}

/** Costs by their metadata keys; of two lists the later one wins. */
export function costsOf(...lists: readonly (readonly LLMRequestCost[] | undefined)[]): ReadonlyMap<string, Cost> {
  return new Map(lists.flatMap((list) => (list ?? []).map((cost) => [cost.metadataKey, costOf(cost)] as const)));
}
