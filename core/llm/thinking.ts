import type { Fields } from './fields.ts';

/** `thinking` of a request, once it was read. */
export interface Thinking {
  /** 0: none; undefined: left to the model. */
  readonly budgetTokens: number | undefined;
}

/** `thinking` of Anthropic, which clients of chat completions send to it as well. @see https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking */
export function thinkingIn(request: Fields): Thinking | undefined {
  const thinking = request.object('thinking');
  if (thinking === undefined) return undefined;
  const type = thinking.requiredText('type');
  if (type === 'disabled') return { budgetTokens: 0 };
  if (type !== 'enabled' && type !== 'adaptive') throw thinking.wrong('type', `must be enabled, adaptive or disabled, not "${type}"`);
  return { budgetTokens: thinking.number('budget_tokens') };
}
