import { bearerChallenge } from '#core/identify/challenge';

/**
 * `WWW-Authenticate` of a 403: which scopes a token needs for what was asked.
 * @param metadataUrl where the protected resource says who gives tokens
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/authorization (insufficient scope), RFC 6750, section 3.1
 */
export function insufficientScope(scopes: readonly string[], metadataUrl: string): string {
  return bearerChallenge('insufficient_scope', 'the token lacks scopes', scopes, metadataUrl);
}
