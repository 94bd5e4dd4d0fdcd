import { BadExpression, compileExpression } from '../../limits/cel.ts';
import type { Report } from '../kind.ts';
import { object, oneOf, type Static, Type } from '../schema.ts';
import { reportDuplicates } from './unique.ts';

/** A number that is worked out of a request's usage and named for limits and logs. */
export const LLMRequestCost = object({
  metadataKey: Type.String(),
  type: oneOf(['InputToken', 'CachedInputToken', 'CacheCreationInputToken', 'OutputToken', 'ReasoningToken', 'TotalToken', 'CEL']),
  cel: Type.Optional(Type.String()),
});
export type LLMRequestCost = Static<typeof LLMRequestCost>;

/** Type CEL is nothing without its expression, and a key has one cost. */
export function checkRequestCosts(costs: readonly LLMRequestCost[] | undefined, path: string, report: Report): void {
  reportDuplicates(costs, (cost) => cost.metadataKey, path, 'metadataKey', report);
  for (const [index, { type, cel = '' }] of (costs ?? []).entries()) {
    if (type !== 'CEL') continue;
    if (cel === '') report(`${path}[${index}].cel`, 'is required when type is CEL');
    else checkExpression(cel, `${path}[${index}].cel`, report);
  }
}

/** Reports what is no cost in CEL; an empty text is none, as in Envoy AI Gateway. */
export function checkExpression(cel: string | undefined, path: string, report: Report): void {
  if (cel === undefined || cel === '') return;
  try {
    compileExpression(cel);
  } catch (error) {
    if (!(error instanceof BadExpression)) throw error;
    report(path, `${JSON.stringify(cel.length > 200 ? `${cel.slice(0, 200)}…` : cel)} is no cost: ${error.message}`);
  }
}
