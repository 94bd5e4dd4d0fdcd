import type { Conversation, Effort } from '../conversation.ts';
import type { Writing } from '../losses.ts';
import { type ThinkingModel, thinkingModel } from './models.ts';

export type Thinking = { readonly type: 'disabled' | 'adaptive' } | { readonly type: 'enabled'; readonly budget_tokens: number };

/** How a request says how much is thought: `thinking`, and `effort` of `output_config`. */
export interface ThinkingFields {
  readonly thinking: Thinking | undefined;
  readonly effort: string | undefined;
}

/** The least that the API takes. */
const LEAST_BUDGET = 1024;
/** Of models that take no effort. */
const BUDGETS: Readonly<Record<Effort, number>> = { none: 0, minimal: 1024, low: 1024, medium: 8192, high: 24_576, xhigh: 24_576 };
const EFFORTS: Readonly<Partial<Record<Effort, string>>> = { minimal: 'low', low: 'low', medium: 'medium', high: 'high', xhigh: 'xhigh' };
const NEWEST: ThinkingModel = { thinks: true, adapts: true, hasEffort: true, hasXhigh: true };

/** As the model knows it; what came from the API itself goes back as it came. */
export function thinkingOf({ model, reasoning, sampling }: Conversation, to: Writing): ThinkingFields {
  if (reasoning === undefined) return { thinking: undefined, effort: undefined };
  const known = to.isOwn ? NEWEST : thinkingModel(model);
  const { effort, budgetTokens } = reasoning;
  const isOff = budgetTokens === 0 || effort === 'none';
  if (!known.thinks) {
    if (!isOff) to.losses.drop(effort === undefined ? 'thinking' : 'reasoning_effort');
    return { thinking: undefined, effort: undefined };
  }
  const said = effortOf(effort, known, budgetTokens !== undefined, to);
  if (isOff) return { thinking: { type: 'disabled' }, effort: said };
  if (budgetTokens !== undefined) return { thinking: enabled(budgetTokens), effort: said };
  if (known.adapts) return { thinking: { type: 'adaptive' }, effort: said };
  return { thinking: enabled(budgetFor(effort ?? 'medium', sampling.maxTokens, to)), effort: said };
}

function enabled(budget: number): Thinking {
  return { type: 'enabled', budget_tokens: Math.max(LEAST_BUDGET, budget) };
}

function effortOf(effort: Effort | undefined, known: ThinkingModel, hasBudget: boolean, to: Writing): string | undefined {
  const said = effort === undefined ? undefined : EFFORTS[effort];
  if (said === undefined) return undefined;
  if (!known.hasEffort) {
    // Without a budget of its own it becomes one.
    if (hasBudget) to.losses.drop('reasoning_effort');
    return undefined;
  }
  if (said !== 'xhigh' || known.hasXhigh) return said;
  to.losses.approximate('reasoning_effort');
  return 'high';
}

/** What is thought is part of the answer: at least half of that is left for what is said. */
function budgetFor(effort: Effort, maxTokens: number | undefined, to: Writing): number {
  const wanted = BUDGETS[effort];
  const most = maxTokens === undefined ? wanted : Math.floor(maxTokens / 2);
  if (wanted <= most && effort !== 'xhigh') return wanted;
  to.losses.approximate('reasoning_effort');
  return Math.min(wanted, most);
}
