import { headerBytes } from './set-headers.ts';

export type Claims = Readonly<Record<string, unknown>>;

/**
 * A claim by name: the claim that is called so (`https://example.com/roles`), or else the one at the path whose steps the dots
 * separate (`organization.department`).
 */
export function claimAt(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let value: unknown = claims;
  for (const step of name.split('.')) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, step)) return undefined;
    value = (value as Claims)[step];
  }
  return value;
}

/** A string, number or boolean claim as a header's value; undefined for what the CRD's claimToHeaders does not carry. */
export function claimAsHeader(value: unknown): string | undefined {
  if (typeof value === 'string') return headerBytes(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return undefined;
}

/** The scopes of a token: `scope` or `scp`, as a list or separated by spaces (RFC 8693, section 4.2). */
export function scopesOf(claims: Claims): ReadonlySet<string> {
  const scopes = new Set<string>();
  for (const claim of [claims['scope'], claims['scp']]) {
    const words = typeof claim === 'string' ? claim.split(' ') : Array.isArray(claim) ? claim : [];
    for (const word of words) if (typeof word === 'string' && word !== '') scopes.add(word);
  }
  return scopes;
}
