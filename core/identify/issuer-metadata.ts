import { ask, membersOf, textIn } from '../providers/credentials/ask.ts';
import { FetchFailed } from '../providers/credentials/fetch-failed.ts';

import type { KeySource } from './remote-key-set.ts';

/** Which of its two descriptions an issuer is asked for first. */
export type IssuerDocument = 'oauth-authorization-server' | 'openid-configuration';

/** By which keys are looked for. */
export const DISCOVERED: IssuerDocument = 'oauth-authorization-server';

const TIMEOUT_MS = 5000;
/** As the reference has it for keys that are found this way. */
const KEYS_MAX_AGE_MS = 300_000;

/**
 * Where an issuer says what it is, the likeliest first. Those of OpenID have one document, those of OAuth another, and each says what
 * clients of the other want to know.
 * @throws FetchFailed
 * @see RFC 8414, section 3.1 and section 5, and OpenID Connect Discovery 1.0, section 4
 */
export function metadataUrls(issuer: string, document: IssuerDocument): readonly string[] {
  const { origin, path } = issuerUrl(issuer);
  const appended = `${origin}${path}/.well-known/openid-configuration`;
  if (document === 'openid-configuration') return distinct([appended, `${origin}/.well-known/openid-configuration${path}`]);
  return [`${origin}/.well-known/oauth-authorization-server${path}`, appended];
}

function distinct(urls: readonly string[]): readonly string[] {
  return [...new Set(urls)];
}

function issuerUrl(issuer: string): { readonly origin: string; readonly path: string } {
  const problem = issuerProblem(issuer);
  if (problem !== undefined) throw new FetchFailed(`the issuer ${problem}`);
  const { origin, pathname } = new URL(issuer);
  return { origin, path: pathname.replace(/\/+$/, '') };
}

/** Why an issuer cannot be asked what it is. */
export function issuerProblem(issuer: string): string | undefined {
  const url = URL.parse(issuer);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return 'is no http or https URL';
  if (url.username !== '' || url.password !== '') return 'has a user name or password in it';
  return url.search === '' && url.hash === '' ? undefined : 'has a query or a fragment';
}

/**
 * What an issuer says of itself, as it came. Redirects are not followed.
 * @param elsewhere in a cluster: it is not asked where its name leads to this machine or its neighbours
 * @throws FetchFailed, of the first address that was tried
 */
export async function fetchIssuerMetadata(issuer: string, document: IssuerDocument, elsewhere: boolean): Promise<string> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  let failure: unknown;
  for (const url of metadataUrls(issuer, document)) {
    try {
      const text = await ask({ url, elsewhere }, signal);
      checkIssuer(text, issuer, new URL(url).host);
      return text;
    } catch (error) {
      failure ??= error;
      if (signal.aborted) break;
    }
  }
  throw failure;
}

/** Another's description would lead clients and their credentials to it (RFC 8414, section 3.3). */
function checkIssuer(text: string, issuer: string, host: string): void {
  const named = textIn(membersOf(text, `the metadata of ${host}`), 'issuer', `the metadata of ${host}`);
  if (withoutSlash(named) !== withoutSlash(issuer)) throw new FetchFailed(`the metadata of ${host} is of another issuer`);
}

function withoutSlash(text: string): string {
  return text.endsWith('/') ? text.slice(0, -1) : text;
}

/** The keys of an issuer whose `jwks_uri` nobody has said: it is asked for, each time that they are fetched. */
export function discoveredKeys(issuer: string, elsewhere: boolean): KeySource {
  return {
    maxAgeMs: KEYS_MAX_AGE_MS,
    async download() {
      const of = `the metadata of ${new URL(issuer).host}`;
      const uri = textIn(membersOf(await fetchIssuerMetadata(issuer, DISCOVERED, elsewhere), of), 'jwks_uri', of);
      checkKeysUri(uri, issuer, of);
      return { text: await ask({ url: uri, elsewhere }, AbortSignal.timeout(TIMEOUT_MS)), maxAgeMs: undefined };
    },
  };
}

/** Keys that come without TLS could be anybody's. An issuer without TLS is one for trying things out. */
function checkKeysUri(uri: string, issuer: string, of: string): void {
  const url = URL.parse(uri);
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && issuer.startsWith('http:'))) return;
  throw new FetchFailed(`${of} has a jwks_uri that is no https URL`);
}
