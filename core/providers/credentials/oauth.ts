import { jwtExpiry } from '../../telemetry/metrics/expiry.ts';
import { type Ask, ask, membersOf, textIn } from './ask.ts';
import type { Fetched } from './refreshed.ts';
import { isKey } from './sendable-key.ts';
import { FetchFailed } from './fetch-failed.ts';

/** Of a token that does not say how long it lives (RFC 6749, section 5.1: it should). */
const UNSAID_LIFE_MS = 600_000;

/** RFC 6749, section 5.2, and RFC 8693, section 2.2.2. A server's own words could be anything, even what it was sent. */
const CODES: ReadonlySet<unknown> = new Set([
  'access_denied',
  'invalid_client',
  'invalid_grant',
  'invalid_request',
  'invalid_scope',
  'invalid_target',
  'server_error',
  'temporarily_unavailable',
  'unauthorized_client',
  'unsupported_grant_type',
]);

/** The error of a token endpoint. */
export function oauthCode(text: string): string | undefined {
  try {
    const { error } = membersOf(text, 'an error');
    return CODES.has(error) ? (error as string) : undefined;
  } catch {
    return undefined;
  }
}

export interface TokenAsk extends Pick<Ask, 'url' | 'headers' | 'elsewhere' | 'proxy'> {
  readonly form: Readonly<Record<string, string>> | URLSearchParams;
}

/** A token of an OAuth 2.0 token endpoint. @see RFC 6749, section 5.1 */
export async function askToken({ form, headers, ...to }: TokenAsk, signal: AbortSignal): Promise<Fetched<string>> {
  const text = await ask(
    {
      ...to,
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form).toString(),
      codeOf: oauthCode,
    },
    signal,
  );
  return tokenOf(text, new URL(to.url).host);
}

/** @param of whose answer it is */
export function tokenOf(text: string, of: string): Fetched<string> {
  const answer = `the answer of ${of}`;
  const members = membersOf(text, answer);
  const value = textIn(members, 'access_token', answer);
  if (!isKey(value)) throw new FetchFailed(`${answer} has an access_token that a header cannot carry`);
  const { token_type: type, expires_in: lives } = members;
  if (typeof type === 'string' && type !== '' && !/^(bearer|n_a)$/i.test(type)) throw new FetchFailed(`${answer} is no bearer token`);
  // Microsoft's older endpoints write the number as a text.
  const seconds = typeof lives === 'string' && /^\d{1,9}$/.test(lives) ? Number(lives) : lives;
  if (typeof seconds === 'number' && Number.isFinite(seconds)) return { value, expiresAt: Date.now() + seconds * 1000 };
  const exp = jwtExpiry(value);
  return { value, expiresAt: exp === undefined ? Date.now() + UNSAID_LIFE_MS : exp * 1000 };
}
