import { bearerChallenge } from '#core/identify/challenge';
import type { OAuth } from '#core/resources/ai-gateway/mcp-oauth';
import { metadataUrl } from '#core/route/mcp-security';

/**
 * `WWW-Authenticate` of a 403: which scopes a token needs for what was asked.
 * @param metadataUrl where the protected resource says who gives tokens
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization (insufficient scope), RFC 6750, section 3.1
 */
export function insufficientScope(scopes: readonly string[], metadataUrl: string): string {
  return bearerChallenge('insufficient_scope', 'the token lacks scopes', scopes, metadataUrl);
}

/**
 * `WWW-Authenticate` of a 401: where tokens come from.
 * @param path of the route
 * @see RFC 6750, section 3.1, and RFC 9728, section 5.1
 */
export function tokenWanted(oauth: OAuth, path: string, hasLapsed: boolean): string {
  const [error, description] = hasLapsed ? (['invalid_token', 'it has expired'] as const) : [];
  return bearerChallenge(error, description, oauth.protectedResourceMetadata.scopesSupported ?? [], metadataUrl(oauth, path));
}
