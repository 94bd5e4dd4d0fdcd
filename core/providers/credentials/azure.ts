import { type Environment, setIn } from './environment.ts';
import { askToken } from './oauth.ts';
import type { Fetched } from './refreshed.ts';

const SCOPE = 'https://cognitiveservices.azure.com/.default';
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** An application of Entra ID. */
export interface AzureApplication {
  readonly tenantId: string;
  readonly clientId: string;
  /** What proves that it is the application: a secret, or the token of a provider that it trusts. */
  readonly proof: { readonly secret: string } | { readonly assertion: string };
}

/**
 * A token for Azure OpenAI.
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
 */
export function azureToken(
  { tenantId, clientId, proof }: AzureApplication,
  env: Environment,
  signal: AbortSignal,
): Promise<Fetched<string>> {
  const authority = setIn(env, 'AZURE_AUTHORITY_HOST') ?? 'https://login.microsoftonline.com';
  const url = `${authority.replace(/\/+$/, '')}/${encodeURIComponent(tenantId)}/oauth2/v2.0/token`;
  const proven: Record<string, string> =
    'secret' in proof ? { client_secret: proof.secret } : { client_assertion: proof.assertion, client_assertion_type: ASSERTION };
  const form = { grant_type: 'client_credentials', client_id: clientId, scope: SCOPE, ...proven };
  return askToken({ url, form, proxy: setIn(env, 'AI_GATEWAY_AZURE_PROXY_URL') }, signal);
}
