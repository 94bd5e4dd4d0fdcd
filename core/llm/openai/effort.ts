import type { Effort, Reasoning } from '../conversation.ts';
import type { Losses } from '../losses.ts';

/** @see https://platform.openai.com/docs/guides/reasoning */
export const EFFORTS: readonly Effort[] = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh'];

/** Tokens of thought up to which an effort is the nearest. */
const BUDGETS: readonly (readonly [upTo: number, Effort])[] = [
  [0, 'none'],
  [2048, 'low'],
  [16_384, 'medium'],
  [Infinity, 'high'],
];

/** What stands for a budget, which the APIs of OpenAI do not have. */
export function effortOf(reasoning: Reasoning | undefined, losses: Losses): Effort | undefined {
  if (reasoning === undefined) return undefined;
  const { effort, budgetTokens } = reasoning;
  if (effort !== undefined || budgetTokens === undefined) return effort;
  losses.approximate('thinking.budget_tokens');
  return BUDGETS.find(([upTo]) => budgetTokens <= upTo)![1];
}
