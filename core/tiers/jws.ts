import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

/** A key that signs, and the name by which verifiers find its other half. */
export interface SigningKey {
  readonly kid: string;
  readonly key: KeyObject;
}

/** Keys that may have signed, by their name. Several are there while keys rotate. */
export type VerificationKeys = ReadonlyMap<string, KeyObject>;

/** What a signed text is not. The message names the fault, never the text. */
export class InvalidSignature extends Error {
  override readonly name = 'InvalidSignature';
}

/** Signed texts are short: a header that is longer holds something else. */
const MAX_LENGTH = 4096;

/** @param pem Ed25519 private key, PKCS #8. @throws InvalidSignature */
export function signingKey(kid: string, pem: string): SigningKey {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    throw new InvalidSignature('the signing key is no private key in PEM', { cause: error });
  }
  if (key.asymmetricKeyType !== 'ed25519') throw new InvalidSignature(`the signing key must be Ed25519, not ${key.asymmetricKeyType}`);
  return { kid, key };
}

/** Keys of a JWK set (RFC 7517); only Ed25519 public keys with a `kid` are taken. @throws InvalidSignature */
export function verificationKeys(jwks: string): VerificationKeys {
  let parsed: { keys?: unknown };
  try {
    parsed = JSON.parse(jwks) as { keys?: unknown };
  } catch (error) {
    throw new InvalidSignature('the key set is no JSON', { cause: error });
  }
  if (!Array.isArray(parsed?.keys) || parsed.keys.length === 0) throw new InvalidSignature('the key set has no "keys"');
  const keys = new Map<string, KeyObject>();
  for (const [index, jwk] of (parsed.keys as Record<string, unknown>[]).entries()) {
    if (jwk['kty'] !== 'OKP' || jwk['crv'] !== 'Ed25519') throw new InvalidSignature(`keys[${index}] must be of kty OKP and crv Ed25519`);
    if (jwk['d'] !== undefined) throw new InvalidSignature(`keys[${index}] is a private key: verifiers get public ones only`);
    if (typeof jwk['kid'] !== 'string' || jwk['kid'] === '') throw new InvalidSignature(`keys[${index}] has no kid`);
    keys.set(jwk['kid'], createPublicKey({ key: jwk, format: 'jwk' }));
  }
  return keys;
}

/** The public half of a signing key, as a member of a JWK set. */
export function publicJwk({ kid, key }: SigningKey): Record<string, unknown> {
  return { ...createPublicKey(key).export({ format: 'jwk' }), kid, alg: 'EdDSA', use: 'sig' };
}

/** A compact JWS (RFC 7515) with EdDSA (RFC 8037). @param type the `typ` of the header, so that one kind of text is never taken for another */
export function signText(type: string, claims: object, { kid, key }: SigningKey): string {
  const head = `${encode({ alg: 'EdDSA', typ: type, kid })}.${encode(claims)}`;
  return `${head}.${sign(null, Buffer.from(head), key).toString('base64url')}`;
}

/** The claims of a text that one of the keys signed. @throws InvalidSignature */
export function verifyText(type: string, text: string, keys: VerificationKeys): Record<string, unknown> {
  if (text.length > MAX_LENGTH) throw new InvalidSignature('it is too long');
  const [header, payload, signature, more] = text.split('.');
  if (header === undefined || payload === undefined || signature === undefined || more !== undefined)
    throw new InvalidSignature('it is no compact JWS');
  const { alg, typ, kid } = decode(header);
  if (alg !== 'EdDSA') throw new InvalidSignature('its algorithm is not EdDSA');
  if (typ !== type) throw new InvalidSignature(`it is no ${type}`);
  const key = typeof kid === 'string' ? keys.get(kid) : undefined;
  if (key === undefined) throw new InvalidSignature('its key is not known');
  if (!verify(null, Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url')))
    throw new InvalidSignature('its signature is wrong');
  return decode(payload);
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(part: string): Record<string, unknown> {
  try {
    const value = JSON.parse(Buffer.from(part, 'base64url').toString()) as unknown;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // The same answer as for JSON that is no object.
  }
  throw new InvalidSignature('it is no compact JWS');
}
