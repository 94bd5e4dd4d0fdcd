import { GatewayError } from '../../errors.ts';
import { type Credential, holds, withHeaders } from './credential.ts';
import { bringsKey, clientKey, type Override } from './override.ts';
import type { Refreshed } from './refreshed.ts';

/** A token that is fetched, in the Authorization header. @param secrets with which it is fetched */
export function bearerCredential(
  token: Refreshed<string>,
  override: Override,
  secrets: readonly string[],
  more: Pick<Credential, 'gcp'> = {},
): Credential {
  return {
    ...more,
    authorize: (outbound, client) => withHeaders(outbound, ['authorization', `Bearer ${clientKey(override, client) ?? fetched(token)}`]),
    isClients: (client) => bringsKey(override, client),
    expiresAt: undefined,
    leaks: (text) => holds(text, token.lately) || holds(text, secrets),
    state: () => token.state(),
  };
}

/** @throws GatewayError TK_UPSTREAM_CREDENTIAL: another backend may have one */
export function fetched<T>(refreshed: Refreshed<T>): T {
  const { current } = refreshed;
  if (current !== undefined) return current;
  throw new GatewayError('TK_UPSTREAM_CREDENTIAL', 'the gateway has no credential for the backend now');
}
