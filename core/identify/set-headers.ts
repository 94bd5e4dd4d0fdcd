import { OF_FRAMING } from '../http/headers.ts';
import { isToken } from '../http/sendable.ts';
import type { Report } from '../resources/kind.ts';

/** The lower-case name of a header that a policy reads or sets; a name that cannot be one is reported. */
export function policyHeader(name: string, path: string, report: Report): string {
  const lower = name.toLowerCase();
  if (!isToken(name)) report(path, `${JSON.stringify(name)} is no header name`);
  else if (OF_FRAMING.has(lower) || lower === 'host') report(path, `header ${lower} belongs to the connection and cannot be used here`);
  return lower;
}

// oxlint-disable-next-line no-control-regex -- controls are what it looks for
const UNSENDABLE = /[\u0000-\u0008\u000a-\u001f\u007f]/;

/**
 * Text as a header's value, its UTF-8 bytes as Latin-1 characters: the form in which Node gives and undici takes header values.
 * @returns undefined for text with control characters, which no header can carry (RFC 9110, section 5.5).
 */
export function headerBytes(text: string): string | undefined {
  if (UNSENDABLE.test(text)) return undefined;
  return Buffer.from(text, 'utf8').toString('latin1');
}
