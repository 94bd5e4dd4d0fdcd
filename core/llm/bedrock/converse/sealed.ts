/** `redactedContent` is bytes: what another provider sealed as a text goes along marked. */
const MARK = 'tierkit-sealed:';
/** Fifteen bytes are whole in base64, so that what follows does not change it. */
const MARK_BASE64 = Buffer.from(MARK).toString('base64');

export function redactedContent(sealed: string): string {
  const isBase64 = Buffer.from(sealed, 'base64').toString('base64') === sealed;
  return isBase64 ? sealed : Buffer.from(MARK + sealed).toString('base64');
}

export function sealedIn(redacted: string): string {
  return redacted.startsWith(MARK_BASE64) ? Buffer.from(redacted, 'base64').toString().slice(MARK.length) : redacted;
}
