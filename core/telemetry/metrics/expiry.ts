import { X509Certificate } from 'node:crypto';

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** When the first of the certificates in a PEM text ends: Unix seconds; undefined where there is none that can be read. */
export function pemExpiry(pem: string | Buffer): number | undefined {
  let first: number | undefined;
  for (const [text] of pem.toString('latin1').matchAll(PEM)) {
    try {
      const endsAt = Date.parse(new X509Certificate(text).validTo) / 1000;
      if (Number.isFinite(endsAt) && (first === undefined || endsAt < first)) first = endsAt;
    } catch {
      // Whoever uses it says what is wrong with it.
    }
  }
  return first;
}

/** `exp` of a key that is a JWT (RFC 7519, section 4.1.4): Unix seconds; undefined of any other key. It is not verified: it is ours. */
export function jwtExpiry(key: string): number | undefined {
  const [, payload, ...rest] = key.split('.');
  if (payload === undefined || rest.length !== 1 || !key.startsWith('eyJ')) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const exp = typeof claims === 'object' && claims !== null && 'exp' in claims ? claims.exp : undefined;
    return typeof exp === 'number' && Number.isFinite(exp) ? exp : undefined;
  } catch {
    return undefined;
  }
}
