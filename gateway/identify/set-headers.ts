import type { Report } from '#core/resources/kind';

// RFC 9110, section 5.6.2.
const TOKEN = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/;

/** Belong to one connection or to its message framing: a policy that set one could break the request to the backend. */
const OF_CONNECTION = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** The lower-case name of a header that a policy reads or sets; a name that cannot be one is reported. */
export function policyHeader(name: string, path: string, report: Report): string {
  const lower = name.toLowerCase();
  if (!TOKEN.test(name)) report(path, `${JSON.stringify(name)} is no header name`);
  else if (OF_CONNECTION.has(lower)) report(path, `header ${lower} belongs to the connection and cannot be used here`);
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
