import type { Conversation, Effort, Reasoning, ResponseFormat } from '../conversation.ts';
import type { Fields } from '../fields.ts';
import type { Losses } from '../losses.ts';
import { jsonSchemaOf } from './schema.ts';

const LEVELS: Readonly<Record<string, Effort>> = { MINIMAL: 'minimal', LOW: 'low', MEDIUM: 'medium', HIGH: 'high' };

/** One of some texts. @see https://ai.google.dev/gemini-api/docs/structured-output */
export const ENUM = 'text/x.enum';

type Config = Pick<Conversation, 'sampling' | 'format' | 'reasoning' | 'choices' | 'logprobs'>;

/** `generationConfig`. @see https://ai.google.dev/api/generate-content#generationconfig */
export function configIn(config: Fields | undefined, losses: Losses): Config {
  const logprobs = config?.number('logprobs') ?? 0;
  return {
    sampling: {
      maxTokens: config?.number('maxOutputTokens'),
      temperature: config?.number('temperature'),
      topP: config?.number('topP'),
      topK: config?.number('topK'),
      stop: config === undefined ? [] : stopIn(config),
      seed: config?.number('seed'),
      presencePenalty: config?.number('presencePenalty'),
      frequencyPenalty: config?.number('frequencyPenalty'),
    },
    format: config === undefined ? undefined : formatIn(config, losses),
    reasoning: reasoningIn(config?.object('thinkingConfig'), losses),
    choices: config?.number('candidateCount') ?? 1,
    logprobs: config?.boolean('responseLogprobs') === true ? logprobs : undefined,
  };
}

function stopIn(config: Fields): readonly string[] {
  const stop = config.list('stopSequences') ?? [];
  if (!stop.every((each) => typeof each === 'string')) throw config.wrong('stopSequences', 'must be a list of texts');
  return stop;
}

function formatIn(config: Fields, losses: Losses): ResponseFormat | undefined {
  const type = config.text('responseMimeType');
  const own = config.object('responseSchema');
  const schema =
    config.object('responseJsonSchema') === undefined
      ? own && (jsonSchemaOf(config.raw('responseSchema'), own.path, losses) as object)
      : (config.raw('responseJsonSchema') as object);
  if (type === 'application/json' || (type === undefined && schema !== undefined))
    return schema === undefined ? { type: 'json' } : { type: 'json_schema', name: 'answer', schema, strict: undefined };
  if (type === ENUM) {
    const choices: unknown = schema === undefined ? undefined : Reflect.get(schema, 'enum');
    if (Array.isArray(choices) && choices.length > 0 && choices.every((each) => typeof each === 'string'))
      return { type: 'choice', choices, at: config.at('responseSchema') };
  }
  if (type !== undefined && type !== 'text/plain') losses.drop(config.at('responseMimeType'));
  if (schema !== undefined) losses.drop(config.at('responseSchema'));
  return undefined;
}

function reasoningIn(thinking: Fields | undefined, losses: Losses): Reasoning | undefined {
  if (thinking === undefined) return undefined;
  const level = thinking.text('thinkingLevel')?.toUpperCase();
  const budget = thinking.number('thinkingBudget');
  // Others tell what they think unasked.
  if (thinking.boolean('includeThoughts') === false && budget !== 0) losses.approximate(thinking.at('includeThoughts'));
  losses.dropLeft(thinking);
  const effort = level === undefined || level === 'THINKING_LEVEL_UNSPECIFIED' ? undefined : LEVELS[level];
  if (level !== undefined && level !== 'THINKING_LEVEL_UNSPECIFIED' && effort === undefined)
    throw thinking.wrong('thinkingLevel', `must be one of ${Object.keys(LEVELS).join(', ')}, not "${level}"`);
  // Below 0: as much as the model sees fit.
  return { effort, budgetTokens: budget === undefined || budget < 0 ? undefined : budget };
}
