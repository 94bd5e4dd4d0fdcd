import { NO_DETAILS, type Usage } from '../usage.ts';

/** Of an operation that has no tokens for an output. @param tokens undefined for what is no count */
export function inputUsage(tokens: unknown): Usage | undefined {
  if (typeof tokens !== 'number' || !Number.isSafeInteger(tokens) || tokens < 0) return undefined;
  return { ...NO_DETAILS, input: tokens, output: undefined, total: tokens };
}
