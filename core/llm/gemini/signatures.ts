import type { Fields } from '../fields.ts';

/**
 * What stands for the signature of a call that no model of Google's made, as its newer models refuse one without.
 * @see https://ai.google.dev/gemini-api/docs/thought-signatures
 */
export const NO_SIGNATURE = 'skip_thought_signature_validator';

/** @returns undefined for none, and for what stands for none */
export function signatureIn(part: Fields): string | undefined {
  const signature = part.text('thoughtSignature');
  return signature === NO_SIGNATURE || signature === '' ? undefined : signature;
}
