import type { JsonObjectScan } from '../json/scan.ts';

/** Members by which a client bounds the answer, in chat (new and old name), responses, completions and messages. */
const NAMES = ['max_completion_tokens', 'max_output_tokens', 'max_tokens'] as const;

export type OutputLimitName = (typeof NAMES)[number];

/** The bound on the tokens of the answer that a request has; of several, the first of the API's newest name. */
export function outputLimitOf(scan: JsonObjectScan): { readonly name: OutputLimitName; readonly tokens: number } | undefined {
  for (const name of NAMES) {
    const tokens = scan.type(name) === 'number' ? scan.number(name) : undefined;
    if (tokens !== undefined && tokens > 0) return { name, tokens };
  }
  return undefined;
}

/** The member that bounds the answer of an operation; undefined where the answer is no text. */
export function outputLimitName(operation: string): OutputLimitName | undefined {
  switch (operation) {
    case 'chat':
      return 'max_completion_tokens';
    case 'responses':
      return 'max_output_tokens';
    case 'completion':
    case 'messages':
      return 'max_tokens';
    default:
      return undefined;
  }
}
