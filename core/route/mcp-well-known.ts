/** What is told below `/.well-known/` of an MCPRoute that asks for tokens of OAuth. */
export const WELL_KNOWN = ['oauth-protected-resource', 'oauth-authorization-server', 'openid-configuration'] as const;
export type WellKnown = (typeof WELL_KNOWN)[number];

/**
 * Where it is told for a path.
 * @see RFC 9728, section 3.1, RFC 8414, section 3.1 and section 5
 */
export function wellKnownPath(name: WellKnown, path: string): string {
  return `/.well-known/${name}${path === '/' ? '' : path}`;
}
