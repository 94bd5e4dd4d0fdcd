import { GatewayError } from '../errors.ts';
import { bearerChallenge } from '../identify/challenge.ts';
import type { Identity, Security } from '../identify/identity.ts';
import type { OAuth } from '../resources/ai-gateway/mcp-oauth.ts';
import type { MCPRoute } from '../resources/ai-gateway/mcp-route.ts';
import type { SecurityPolicy } from '../resources/envoy-gateway/security-policy.ts';

import { wellKnownPath } from './mcp-well-known.ts';

const OWN = 'spec.securityPolicy';

/** As with the reference, pages of any origin may call: they have no cookies here, but the tokens that their users gave them. */
const CORS = {
  allowOrigins: ['*'],
  allowMethods: ['GET', 'POST', 'DELETE'],
  allowHeaders: ['*'],
  exposeHeaders: ['mcp-session-id', 'www-authenticate'],
};

/** What an MCPRoute says of who may call, as the SecurityPolicy that it becomes in a cluster; undefined: nothing. */
export function mcpPolicyOf({ metadata, body, source }: MCPRoute): SecurityPolicy | undefined {
  const { oauth, apiKeyAuth, extAuth } = body.spec.securityPolicy ?? {};
  if (oauth === undefined && apiKeyAuth === undefined && extAuth === undefined) return undefined;
  const spec = {
    cors: CORS,
    ...(oauth === undefined ? {} : { jwt: jwtOf(oauth) }),
    ...(apiKeyAuth && { apiKeyAuth }),
    ...(extAuth && { extAuth }),
  };
  return { kind: 'SecurityPolicy', group: 'gateway.envoyproxy.io', metadata, source, body: { spec } } as unknown as SecurityPolicy;
}

function jwtOf({ issuer, audiences, jwks, claimToHeaders }: OAuth): object {
  return { providers: [{ name: 'oauth', issuer, ...(audiences && { audiences }), ...(claimToHeaders && { claimToHeaders }), ...jwks }] };
}

/** Where a problem of the policy stands in the route. */
export function mcpPath(path: string): string {
  return path
    .replace(/^spec\.jwt\.providers(?:\[0\])?/, `${OWN}.oauth`)
    .replace(/^spec\.jwt/, `${OWN}.oauth`)
    .replace(/^spec\.(?=apiKeyAuth|extAuth)/, `${OWN}.`)
    .replace(/(?<=\.oauth)\.(?=remoteJWKS|localJWKS)/, '.jwks.');
}

/**
 * Tells who is turned away where tokens come from.
 * @see RFC 9728, section 5.1
 */
export function withChallenge(security: Security, oauth: OAuth | undefined, path: string): Security {
  if (oauth === undefined) return security;
  const metadata = metadataUrl(oauth, path);
  const { scopesSupported = [] } = oauth.protectedResourceMetadata;
  const challenged = (error: unknown): never => {
    if (!(error instanceof GatewayError) || error.status !== 401) throw error;
    const [code, description] = refusalIn(error.headers['www-authenticate'] ?? '');
    const challenge = bearerChallenge(code, description, scopesSupported, metadata);
    throw new GatewayError(error.code, error.message, { headers: { ...error.headers, 'www-authenticate': challenge }, cause: error.cause });
  };
  return {
    ...security,
    identify(caller): Identity | Promise<Identity> {
      try {
        const identity = security.identify(caller);
        return identity instanceof Promise ? identity.catch(challenged) : identity;
      } catch (error) {
        return challenged(error);
      }
    },
  };
}

/** What was wrong with a token, as the challenge says it that stands there already. */
function refusalIn(challenge: string): readonly [error: string | undefined, description: string | undefined] {
  const [, error, description] = /^Bearer error="([^"\\]*)", error_description="([^"\\]*)"$/.exec(challenge) ?? [];
  return [error, description];
}

/** @see RFC 9728, section 3.1 */
export function metadataUrl({ protectedResourceMetadata: { resource } }: OAuth, path: string): string {
  return new URL(wellKnownPath('oauth-protected-resource', path), resource).href;
}
