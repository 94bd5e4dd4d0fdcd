import type { Fields } from '../fields.ts';
import type { Json } from '../given.ts';
import type { Losses } from '../losses.ts';

/**
 * The signature of the thought before a call or a text, as Google's own endpoint of this API has it.
 * @see https://ai.google.dev/gemini-api/docs/thought-signatures
 */
export function signatureIn(of: Fields, losses: Losses): string | undefined {
  const extra = of.object('extra_content');
  const google = extra?.object('google');
  const signature = google?.text('thought_signature');
  if (google !== undefined) losses.dropLeft(google);
  if (extra !== undefined) losses.dropLeft(extra);
  return signature;
}

/** What {@link signatureIn} reads. */
export function signed(signature: string | undefined): Json {
  return signature === undefined ? {} : { extra_content: { google: { thought_signature: signature } } };
}
