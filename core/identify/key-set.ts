import { createPublicKey, createSecretKey, type JsonWebKey, type KeyObject } from 'node:crypto';

/** One key of a key set, with the algorithms that it may verify. */
export interface VerificationKey {
  readonly kid: string | undefined;
  /** `alg` values; by the type of the key and its own `alg`, never by what a token says. */
  readonly algorithms: ReadonlySet<string>;
  readonly key: KeyObject;
}

/** The usable keys of one reading of a key set. A new reading with other keys is another object. */
export interface Keys {
  readonly list: readonly VerificationKey[];
}

/** Where a provider's keys come from. */
export interface KeySet {
  /** The keys when they are at hand and fresh enough. */
  peek(): Keys | undefined;
  /** @throws KeySetUnavailable */
  current(): Promise<Keys>;
  /** The keys after a look for new ones, as far as the cool-down allows one: for a token whose key is unknown. */
  renewed(): Promise<Keys>;
}

/** The keys of a remote set have never arrived, or not for too long. */
export class KeySetUnavailable extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'KeySetUnavailable';
  }
}

/** A key set that stands in the policy or in a ConfigMap. */
export class LocalKeySet implements KeySet {
  readonly #keys: Keys;

  constructor(keys: Keys) {
    this.#keys = keys;
  }

  peek(): Keys {
    return this.#keys;
  }

  current(): Promise<Keys> {
    return Promise.resolve(this.#keys);
  }

  renewed(): Promise<Keys> {
    return Promise.resolve(this.#keys);
  }
}

const RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
const CURVES: Readonly<Record<string, readonly string[]>> = { 'P-256': ['ES256'], 'P-384': ['ES384'], 'P-521': ['ES512'] };
/** RFC 7518, section 3.2: a key has at least as many bytes as its hash. */
const HMAC: readonly (readonly [string, number])[] = [
  ['HS256', 32],
  ['HS384', 48],
  ['HS512', 64],
];
/** Bounds the signatures that one token can make us check. */
const MAX_KEYS = 100;

/**
 * Reads a JSON Web Key Set (RFC 7517, section 5). Keys for other uses and of other types are left out.
 * @param symmetric whether HMAC keys count: only in a local set, as what a remote set publishes is no secret.
 * @throws Error in words for the person who wrote the set
 */
export function parseKeySet(text: string, symmetric: boolean): Keys {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which may hold a secret key.
    throw new Error('the key set is no JSON');
  }
  const entries = typeof document === 'object' && document !== null && 'keys' in document ? document.keys : undefined;
  if (!Array.isArray(entries)) throw new Error('the key set has no list "keys" (RFC 7517)');
  if (entries.length > MAX_KEYS) throw new Error(`the key set has ${entries.length} keys; at most ${MAX_KEYS} are read`);
  const list: VerificationKey[] = [];
  const reasons: string[] = [];
  for (const [index, entry] of entries.entries()) {
    const key = readKey(entry, symmetric);
    if (typeof key === 'string') reasons.push(`keys[${index}]: ${key}`);
    else list.push(key);
  }
  if (list.length === 0)
    throw new Error(`the key set has no key that verifies signatures${reasons.length === 0 ? '' : `: ${reasons.join('; ')}`}`);
  return { list };
}

/** @returns the key, or why it is left out. */
function readKey(entry: unknown, symmetric: boolean): VerificationKey | string {
  if (typeof entry !== 'object' || entry === null) return 'is no object';
  const jwk = entry as JsonWebKey & { kid?: unknown; use?: unknown; key_ops?: unknown; alg?: unknown };
  if (jwk.use !== undefined && jwk.use !== 'sig') return 'is not for signatures (use)';
  if (Array.isArray(jwk.key_ops) && !jwk.key_ops.includes('verify')) return 'is not for verifying (key_ops)';
  const key = jwk.kty === 'oct' ? secretKey(jwk, symmetric) : publicKey(jwk);
  if (typeof key === 'string') return key;
  const able = algorithmsOf(jwk, key);
  if (typeof able === 'string') return able;
  const algorithms = jwk.alg === undefined ? able : able.filter((name) => name === jwk.alg);
  if (algorithms.length === 0) return 'its alg does not go with its type or size';
  return { kid: typeof jwk.kid === 'string' ? jwk.kid : undefined, algorithms: new Set(algorithms), key };
}

function secretKey(jwk: JsonWebKey, symmetric: boolean): KeyObject | string {
  if (!symmetric) return 'is symmetric, which only a local key set may have';
  if (typeof jwk.k !== 'string' || jwk.k === '') return 'has no k';
  return createSecretKey(Buffer.from(jwk.k, 'base64url'));
}

function publicKey(jwk: JsonWebKey): KeyObject | string {
  const { kty, n, e, crv, x, y } = jwk;
  // Only the public members: a private key in the set is of no use here.
  const members = { kty, n, e, crv, x, y };
  const given = Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as JsonWebKey;
  try {
    return createPublicKey({ key: given, format: 'jwk' });
  } catch {
    return 'is no public key that can be read';
  }
}

function algorithmsOf(jwk: JsonWebKey, key: KeyObject): readonly string[] | string {
  if (jwk.kty === 'RSA') return (key.asymmetricKeyDetails?.modulusLength ?? 0) < 2048 ? 'is an RSA key of less than 2048 bits' : RSA;
  if (jwk.kty === 'EC') return CURVES[jwk.crv ?? ''] ?? 'is of a curve without an algorithm for tokens';
  if (jwk.kty === 'OKP') return jwk.crv === 'Ed25519' ? ['EdDSA', 'Ed25519'] : 'is of a curve without an algorithm for tokens';
  if (jwk.kty === 'oct') {
    const able = HMAC.filter(([, bytes]) => (key.symmetricKeySize ?? 0) >= bytes).map(([name]) => name);
    return able.length === 0 ? 'is a secret of less than 32 bytes' : able;
  }
  return 'is of a type without an algorithm for tokens';
}

/** The keys that may have signed a token with this header (RFC 7515): those that verify its alg, and that have its kid or none. */
export function keysFor(keys: Keys, alg: string, kid: string | undefined): readonly VerificationKey[] {
  return keys.list.filter((key) => key.algorithms.has(alg) && (kid === undefined || key.kid === undefined || key.kid === kid));
}
