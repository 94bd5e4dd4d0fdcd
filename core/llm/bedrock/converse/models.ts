/** What is known of a model by its id, be it of a model, of an inference profile (`us.…`) or an ARN with one of them. */
export type Family = 'claude' | 'nova' | 'nova-2' | 'open' | 'mistral';

const FAMILIES: readonly (readonly [RegExp, Family])[] = [
  [/anthropic\.claude/, 'claude'],
  [/amazon\.nova-2/, 'nova-2'],
  [/amazon\.nova/, 'nova'],
  [/openai\.gpt-oss|deepseek\./, 'open'],
  [/mistral\./, 'mistral'],
];

/** @returns undefined where it does not tell, as an application's inference profile */
export function familyOf(model: string): Family | undefined {
  return FAMILIES.find(([pattern]) => pattern.test(model))?.[1];
}
