import { authenticate, type TokenClient } from './client-authentication.ts';
import { FetchFailed } from './fetch-failed.ts';
import { askToken } from './oauth.ts';
import type { Fetched } from './refreshed.ts';

const GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange';

/** Where a token is exchanged for another one, and for which. */
export interface ExchangeSource extends TokenClient {
  readonly tokenEndpoint: string;
  readonly audience: string | undefined;
  readonly resource: string | undefined;
  readonly scopes: readonly string[];
  readonly subjectTokenType: string;
  readonly requestedTokenType: string;
  /** In a cluster: the endpoint is not called where its name leads to this machine or its neighbours. */
  readonly elsewhere: boolean;
}

/** The answers that are about the token and who has it. Others are about the gateway, or the server itself. */
const REFUSALS: ReadonlySet<string> = new Set(['access_denied', 'invalid_grant', 'invalid_request', 'invalid_scope', 'invalid_target']);

/** The code of an answer that no such token is made out for this subject; undefined: another failure. */
export function refusalOf(error: unknown): string | undefined {
  const code = error instanceof FetchFailed ? error.code : undefined;
  return code !== undefined && REFUSALS.has(code) ? code : undefined;
}

/**
 * A token for somebody else in the name of who has this one.
 * @throws FetchFailed
 * @see RFC 8693, section 2.1 and section 2.2
 */
export function exchangeToken(source: ExchangeSource, subjectToken: string, signal: AbortSignal): Promise<Fetched<string>> {
  const { tokenEndpoint: url, audience, resource, scopes, subjectTokenType, requestedTokenType, elsewhere } = source;
  const form = new URLSearchParams({ grant_type: GRANT });
  if (resource !== undefined) form.set('resource', resource);
  if (audience !== undefined) form.set('audience', audience);
  if (scopes.length > 0) form.set('scope', scopes.join(' '));
  form.set('requested_token_type', requestedTokenType);
  form.set('subject_token', subjectToken);
  form.set('subject_token_type', subjectTokenType);
  const headers = authenticate(form, source);
  return askToken({ url, elsewhere, form, headers }, signal);
}
