import type { CallRecord } from '../trace/record.ts';

/** `llm.system`: whose API was spoken. */
export function systemOf({ schema, operation }: Pick<CallRecord, 'schema' | 'operation'>): string | undefined {
  if (operation === 'messages' || operation === 'count_tokens') return 'anthropic';
  if (operation === 'rerank') return 'cohere';
  if (schema === 'Anthropic') return 'anthropic';
  return schema === 'Cohere' ? 'cohere' : 'openai';
}

/** Hosts of providers that speak another one's API. */
const HOSTS: readonly (readonly [suffix: string, provider: string])[] = [
  ['api.openai.com', 'openai'],
  ['api.anthropic.com', 'anthropic'],
  ['openai.azure.com', 'azure'],
  ['cohere.com', 'cohere'],
  ['groq.com', 'groq'],
  ['fireworks.ai', 'fireworks'],
  ['together.xyz', 'together'],
  ['mistral.ai', 'mistralai'],
  ['x.ai', 'xai'],
  ['deepseek.com', 'deepseek'],
  ['googleapis.com', 'google'],
  ['amazonaws.com', 'aws'],
];

/** `llm.provider`: who runs the model, where its host is one that we know. */
export function providerOf({ host, schema }: Pick<CallRecord, 'host' | 'schema'>): string | undefined {
  if (schema === 'AzureOpenAI') return 'azure';
  if (host === undefined) return undefined;
  return HOSTS.find(([suffix]) => host === suffix || host.endsWith(`.${suffix}`))?.[1];
}
