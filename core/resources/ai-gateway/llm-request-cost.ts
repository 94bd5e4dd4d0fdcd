import type { Report } from '../kind.ts';
import { object, oneOf, type Static, Type } from '../schema.ts';

/** A number that is worked out of a request's usage and named for limits and logs. */
export const LLMRequestCost = object({
  metadataKey: Type.String(),
  type: oneOf(['InputToken', 'CachedInputToken', 'CacheCreationInputToken', 'OutputToken', 'ReasoningToken', 'TotalToken', 'CEL']),
  cel: Type.Optional(Type.String()),
});
export type LLMRequestCost = Static<typeof LLMRequestCost>;

/** Type CEL is nothing without its expression. */
export function checkRequestCosts(costs: readonly LLMRequestCost[] | undefined, path: string, report: Report): void {
  for (const [index, cost] of (costs ?? []).entries()) {
    if (cost.type === 'CEL' && (cost.cel ?? '') === '') report(`${path}[${index}].cel`, 'is required when type is CEL');
  }
}
