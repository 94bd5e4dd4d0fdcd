import type { Conversation, Effort, Reasoning, ResponseFormat, Sampling } from '../conversation.ts';
import { given, type Json } from '../given.ts';
import type { Writing } from '../losses.ts';
import { ENUM } from './decode-config.ts';
import { generationOf } from './names.ts';

const MOST_STOPS = 5;
const MOST_SEED = 2 ** 31;

/** `generationConfig`. @see https://ai.google.dev/api/generate-content#generationconfig */
export function configOf({ model, sampling, format, reasoning, choices, logprobs }: Conversation, to: Writing): Json {
  if (choices > 1 && !to.isOwn) to.losses.drop('n');
  return given({
    ...samplingOf(sampling, to),
    ...formatOf(format),
    // A stream of several is none that others have.
    candidateCount: choices > 1 && to.isOwn ? choices : undefined,
    responseLogprobs: logprobs === undefined ? undefined : true,
    // The chosen token is told without.
    logprobs: logprobs === 0 ? undefined : logprobs,
    thinkingConfig: reasoning === undefined ? undefined : thinkingOf(reasoning, model, to),
  });
}

function samplingOf(sampling: Sampling, to: Writing): Json {
  const { maxTokens, temperature, topP, topK, stop, seed, presencePenalty, frequencyPenalty } = sampling;
  if (stop.length > MOST_STOPS && !to.isOwn) to.losses.approximate('stop');
  const isSeed = seed === undefined || (seed >= -MOST_SEED && seed < MOST_SEED);
  if (!isSeed) to.losses.drop('seed');
  return {
    maxOutputTokens: maxTokens,
    temperature,
    topP,
    topK,
    stopSequences: stop.length === 0 ? undefined : to.isOwn ? stop : stop.slice(0, MOST_STOPS),
    seed: isSeed ? seed : undefined,
    presencePenalty,
    frequencyPenalty,
  };
}

function formatOf(format: ResponseFormat | undefined): Json {
  if (format === undefined) return {};
  if (format.type === 'choice') return { responseMimeType: ENUM, responseSchema: { type: 'STRING', enum: format.choices } };
  return { responseMimeType: 'application/json', responseJsonSchema: format.type === 'json' ? undefined : format.schema };
}

/** Since then efforts are said by name. */
const WITH_LEVELS = 3;
/** Until then models do not think, and refuse to be told how much. */
const WITH_THOUGHTS = 2.5;

/** @see https://ai.google.dev/gemini-api/docs/thinking */
function thinkingOf(reasoning: Reasoning, model: string, to: Writing): Json | undefined {
  const generation = generationOf(model) ?? WITH_THOUGHTS;
  const { effort, budgetTokens } = reasoning;
  const isOff = budgetTokens === 0 || effort === 'none';
  if (generation < WITH_THOUGHTS && !to.isOwn) {
    if (!isOff) to.losses.drop(effort === undefined ? 'thinking' : 'reasoning_effort');
    return undefined;
  }
  const hasLevels = generation >= WITH_LEVELS && !(to.isOwn && budgetTokens !== undefined);
  const how = isOff ? leastOf(reasoning, model, hasLevels, to) : hasLevels ? levelOf(reasoning, model, to) : budgetOf(reasoning, model, to);
  return { ...how, includeThoughts: !isOff };
}

/** None, where a model can do without: the newer ones cannot, nor can the largest. */
function leastOf({ effort }: Reasoning, model: string, hasLevels: boolean, to: Writing): Json {
  if (!hasLevels && (to.isOwn || !isPro(model))) return { thinkingBudget: 0 };
  to.losses.approximate(effort === 'none' ? 'reasoning_effort' : 'thinking');
  return hasLevels ? { thinkingLevel: isPro(model) ? 'LOW' : 'MINIMAL' } : { thinkingBudget: boundsOf(model)[0] };
}

/** Tokens of thought up to which an effort is the nearest. */
const EFFORT_BY_BUDGET: readonly (readonly [upTo: number, Effort])[] = [
  [2048, 'low'],
  [16_384, 'medium'],
  [Infinity, 'high'],
];

function levelOf({ effort, budgetTokens }: Reasoning, model: string, to: Writing): Json {
  if (effort === undefined && budgetTokens === undefined) return {};
  if (budgetTokens !== undefined) to.losses.approximate('thinking.budget_tokens');
  const wanted = effort ?? EFFORT_BY_BUDGET.find(([upTo]) => budgetTokens! <= upTo)![1];
  const level = nearest(wanted, model);
  if (level !== wanted) to.losses.approximate('reasoning_effort');
  return { thinkingLevel: level.toUpperCase() };
}

function nearest(effort: Effort, model: string): Effort {
  if (effort === 'minimal' && isPro(model)) return 'low';
  return effort === 'xhigh' ? 'high' : effort;
}

function isPro(model: string): boolean {
  return /-pro\b/.test(model);
}

/** As Google's own endpoint of chat completions has it. @see https://ai.google.dev/gemini-api/docs/openai#thinking */
const BUDGETS: Readonly<Record<Effort, number>> = { none: 0, minimal: 1024, low: 1024, medium: 8192, high: 24_576, xhigh: 24_576 };
/** As much as the model sees fit. */
const DYNAMIC = -1;

function budgetOf({ effort, budgetTokens }: Reasoning, model: string, to: Writing): Json {
  if (budgetTokens === undefined) {
    if (effort === 'xhigh') to.losses.approximate('reasoning_effort');
    return { thinkingBudget: effort === undefined ? DYNAMIC : BUDGETS[effort] };
  }
  if (effort !== undefined) to.losses.approximate('reasoning_effort');
  const [least, most] = boundsOf(model);
  const budget = to.isOwn ? budgetTokens : Math.min(most, Math.max(least, budgetTokens));
  if (budget !== budgetTokens) to.losses.approximate('thinking.budget_tokens');
  return { thinkingBudget: budget };
}

/** Tokens of thought that a model takes; none is another matter. */
function boundsOf(model: string): readonly [least: number, most: number] {
  if (isPro(model)) return [128, 32_768];
  return model.includes('flash-lite') ? [512, 24_576] : [1, 24_576];
}
