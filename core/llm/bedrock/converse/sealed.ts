import { markedSeal, unmarkedSeal } from '../../sealed.ts';

/** `redactedContent` is bytes: what another provider sealed as a text goes along marked. */
export function redactedContent(sealed: string): string {
  const isBase64 = Buffer.from(sealed, 'base64').toString('base64') === sealed;
  return isBase64 ? sealed : markedSeal(sealed);
}

export function sealedIn(redacted: string): string {
  return unmarkedSeal(redacted) ?? redacted;
}
