import { thinkingOf } from '../../anthropic/thinking.ts';
import type { Conversation, Effort } from '../../conversation.ts';
import { given, type Json } from '../../given.ts';
import type { Losses } from '../../losses.ts';
import { effortOf } from '../../openai/effort.ts';
import type { BlockWriting } from './encode-blocks.ts';

interface Config {
  readonly inferenceConfig: Json;
  /** What only some models have. */
  readonly additionalModelRequestFields: Json;
}

/** A model that thinks decides by itself what these would. */
const FREE = ['temperature', 'topP', 'topK'] as const;
const NAMES = { maxTokens: 'max_tokens', temperature: 'temperature', topP: 'top_p', topK: 'top_k' } as const;

interface Reasoned {
  readonly fields: Json;
  /** What a model refuses to be told while it thinks so. */
  readonly refused: readonly (keyof typeof NAMES)[];
  /** Tokens that are thought, which are part of the answer. */
  readonly budget: number;
}

/** @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InferenceConfiguration.html */
export function configOf(conversation: Conversation, to: BlockWriting): Config {
  const { sampling } = conversation;
  const { fields, refused, budget } = reasoningOf(conversation, to);
  tellUnsaid(conversation, to.losses);
  const asked = (name: keyof typeof NAMES): number | undefined => {
    const value = sampling[name];
    if (value === undefined || to.isOwn || !refused.includes(name)) return value;
    to.losses.drop(NAMES[name]);
    return undefined;
  };
  return {
    inferenceConfig: given({
      maxTokens: roomFor(asked('maxTokens'), budget, to),
      temperature: temperatureOf(asked('temperature'), to),
      topP: asked('topP'),
      stopSequences: sampling.stop.length === 0 ? undefined : sampling.stop,
    }),
    additionalModelRequestFields: { ...fields, ...topKOf(asked('topK'), to) },
  };
}

function tellUnsaid({ sampling, choices, logprobs, user }: Conversation, losses: Losses): void {
  const { seed, presencePenalty, frequencyPenalty } = sampling;
  const unsaid = { seed, presence_penalty: presencePenalty, frequency_penalty: frequencyPenalty, logprobs, user };
  for (const [name, value] of Object.entries(unsaid)) if (value !== undefined) losses.drop(name);
  if (choices > 1) losses.drop('n');
}

function roomFor(maxTokens: number | undefined, budget: number, to: BlockWriting): number | undefined {
  if (maxTokens === undefined || maxTokens > budget || to.isOwn) return maxTokens;
  to.losses.approximate('max_tokens');
  return budget + maxTokens;
}

function temperatureOf(temperature: number | undefined, to: BlockWriting): number | undefined {
  if (temperature === undefined || temperature <= 1 || to.isOwn) return temperature;
  to.losses.approximate('temperature');
  return 1;
}

function topKOf(topK: number | undefined, { family, isOwn, losses }: BlockWriting): Json {
  if (topK === undefined) return {};
  // https://docs.aws.amazon.com/nova/latest/userguide/using-converse-api.html
  if (family === 'nova' || family === 'nova-2') return { inferenceConfig: { topK } };
  if (isOwn || family === 'claude' || family === 'mistral') return { top_k: topK };
  losses.drop('top_k');
  return {};
}

const NONE: Reasoned = { fields: {}, refused: [], budget: 0 };

function reasoningOf(conversation: Conversation, to: BlockWriting): Reasoned {
  const { reasoning } = conversation;
  if (reasoning === undefined) return NONE;
  const { effort, budgetTokens } = reasoning;
  const isClaude = to.family === 'claude' || (to.isOwn && to.family === undefined && budgetTokens !== undefined);
  if (isClaude) return claudeReasoning(conversation, to);
  if (to.family === 'nova-2') return novaReasoning(conversation, to);
  if (to.family === 'open' || (to.isOwn && to.family === undefined)) return openReasoning(conversation, to);
  // The others think or do not, and cannot be told.
  if (budgetTokens !== 0 && effort !== 'none') to.losses.drop(effort === undefined ? 'thinking' : 'reasoning_effort');
  return NONE;
}

/** @see https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html */
function claudeReasoning(conversation: Conversation, to: BlockWriting): Reasoned {
  const { thinking, effort } = thinkingOf(conversation, to);
  const fields = given({ thinking, output_config: effort === undefined ? undefined : { effort } });
  if (thinking === undefined || thinking.type === 'disabled') return { ...NONE, fields };
  return { fields, refused: FREE, budget: thinking.type === 'enabled' ? thinking.budget_tokens : 0 };
}

/** @see https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html */
function novaReasoning({ reasoning }: Conversation, { losses }: BlockWriting): Reasoned {
  const effort = effortOf(reasoning, losses);
  if (effort === 'none') return { ...NONE, fields: { reasoningConfig: { type: 'disabled' } } };
  const maxReasoningEffort = nearest(effort ?? 'medium', losses);
  const fields = { reasoningConfig: { type: 'enabled', maxReasoningEffort } };
  return { ...NONE, fields, refused: maxReasoningEffort === 'high' ? ['maxTokens', 'temperature', 'topP', 'topK'] : [] };
}

function openReasoning({ reasoning }: Conversation, { isOwn, losses }: BlockWriting): Reasoned {
  const effort = effortOf(reasoning, losses);
  if (effort === undefined) return NONE;
  return { ...NONE, fields: { reasoning_effort: isOwn ? effort : nearest(effort, losses) } };
}

/** Of low, medium and high. */
function nearest(effort: Effort, losses: Losses): string {
  if (effort === 'low' || effort === 'medium' || effort === 'high') return effort;
  losses.approximate('reasoning_effort');
  return effort === 'xhigh' ? 'high' : 'low';
}
