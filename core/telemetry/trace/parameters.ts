import type { Fields } from './content/fields.ts';

/** Members that are what was said, not how it was to be answered. */
const CONTENT = new Set([
  'messages',
  'tools',
  'functions',
  'input',
  'prompt',
  'suffix',
  'instructions',
  'system',
  'prediction',
  'query',
  'documents',
]);

/** Members that never say anything of anybody: told where the content is not. */
const HARMLESS = new Set([
  'model',
  'temperature',
  'top_p',
  'top_k',
  'top_n',
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
  'n',
  'seed',
  'presence_penalty',
  'frequency_penalty',
  'stream',
  'logprobs',
  'top_logprobs',
  'parallel_tool_calls',
  'service_tier',
  'reasoning_effort',
  'encoding_format',
  'dimensions',
  'size',
  'quality',
  'voice',
  'speed',
  'truncation',
]);

/** How a model was asked, as JSON without what it was asked. @param hidden whether the content is hidden: then only numbers and names */
export function parametersOf(body: Fields, hidden: boolean): string {
  const shown = Object.entries(body).filter(([name, value]) => {
    if (CONTENT.has(name)) return false;
    if (!hidden) return true;
    return (
      HARMLESS.has(name) && (typeof value === 'number' || typeof value === 'boolean' || (typeof value === 'string' && value.length <= 128))
    );
  });
  return JSON.stringify(Object.fromEntries(shown));
}
