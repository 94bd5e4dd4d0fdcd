import { ask, membersOf, textIn } from './ask.ts';
import { authenticate } from './client-authentication.ts';
import { FetchFailed } from './fetch-failed.ts';
import { askToken } from './oauth.ts';
import type { Fetched } from './refreshed.ts';

/** How a token comes from an OpenID provider. */
export interface OidcSource {
  readonly issuer: string;
  /** Undefined: the provider says it. */
  readonly tokenEndpoint: string | undefined;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scopes: readonly string[];
  readonly resources: readonly string[];
  readonly audience: string | undefined;
  readonly elsewhere: boolean;
}

interface Endpoint {
  readonly url: string;
  /** Whether the client's secret stands in the body. */
  readonly inBody: boolean;
}

/**
 * A token by client credentials.
 * @see https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata
 * @see RFC 6749, section 4.4
 */
export async function oidcToken(source: OidcSource, signal: AbortSignal): Promise<Fetched<string>> {
  const { url, inBody } = await endpointOf(source, signal);
  const { clientId, clientSecret, scopes, resources, audience, elsewhere } = source;
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  if (scopes.length > 0) form.set('scope', scopes.join(' '));
  if (audience !== undefined) form.set('audience', audience);
  for (const resource of resources) form.append('resource', resource);
  const headers = authenticate(form, { clientId, clientSecret, inBody });
  return askToken({ url, elsewhere, form, headers }, signal);
}

async function endpointOf({ issuer, tokenEndpoint, elsewhere }: OidcSource, signal: AbortSignal): Promise<Endpoint> {
  if (tokenEndpoint !== undefined && tokenEndpoint !== '') return { url: tokenEndpoint, inBody: false };
  const of = `the discovery document of ${new URL(issuer).host}`;
  const text = await ask({ url: `${issuer.replace(/\/+$/, '')}/.well-known/openid-configuration`, elsewhere }, signal);
  const members = membersOf(text, of);
  // Section 4.3: else a server could speak for another one.
  if (textIn(members, 'issuer', of).replace(/\/+$/, '') !== issuer.replace(/\/+$/, '')) throw new FetchFailed(`${of} is of another issuer`);
  const url = textIn(members, 'token_endpoint', of);
  if (new URL(issuer).protocol === 'https:' && URL.parse(url)?.protocol !== 'https:')
    throw new FetchFailed(`${of} has a token endpoint that is no https URL`);
  const methods = members['token_endpoint_auth_methods_supported'];
  const inBody = Array.isArray(methods) && !methods.includes('client_secret_basic') && methods.includes('client_secret_post');
  return { url, inBody };
}
