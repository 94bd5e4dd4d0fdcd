/** Marks what another provider's model thought and sealed, where an API holds seals to be bytes. */
const MARK = 'tierkit-sealed:';
/** Fifteen bytes are whole in base64, so that what follows does not change it. */
const MARK_BASE64 = Buffer.from(MARK).toString('base64');

export function markedSeal(sealed: string): string {
  return Buffer.from(MARK + sealed).toString('base64');
}

/** @returns undefined for what is not marked */
export function unmarkedSeal(text: string | undefined): string | undefined {
  return text?.startsWith(MARK_BASE64) === true ? Buffer.from(text, 'base64').toString().slice(MARK.length) : undefined;
}
