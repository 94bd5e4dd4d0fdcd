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

const MARK = 'tierkit-sealed:';
/** Fifteen bytes are whole in base64, so that what follows does not change it. */
const MARK_BASE64 = Buffer.from(MARK).toString('base64');

/** A sealed thought of another provider's model: clients hold signatures to be base64, and give them back. */
export function sealedSignature(sealed: string): string {
  return Buffer.from(MARK + sealed).toString('base64');
}

/** @returns undefined for a signature that is one */
export function unsealed(signature: string | undefined): string | undefined {
  if (signature === undefined || !signature.startsWith(MARK_BASE64)) return undefined;
  return Buffer.from(signature, 'base64').toString().slice(MARK.length);
}
