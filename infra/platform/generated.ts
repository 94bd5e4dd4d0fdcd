import { generateKeyPairSync, randomInt } from 'node:crypto';

import { publicJwk, signingKey } from '#core/tiers/jws';

import type { Part } from '../charts/part.ts';

/** Key of the stack's configuration that has them, encrypted. */
export const GENERATED_KEY = 'generated';

/** One half of what a tier signs with, as it is kept. */
export interface StoredKey {
  readonly kid: string;
  /** Ed25519, PKCS #8, PEM. */
  readonly pem: string;
}

/** The keys that a signer has had and is still known by. */
export interface KeyRing {
  /** `kid` of the one that signs. */
  readonly signs: string;
  readonly keys: readonly StoredKey[];
  /** Unix milliseconds of the last step of a rotation. */
  readonly changed: number;
}

/** What was generated for a platform, once. */
export interface Generated {
  readonly pairs: Readonly<Record<string, KeyRing>>;
  readonly texts: Readonly<Record<string, string>>;
}

/** Names of values that a platform needs generated. */
export interface GeneratedNames {
  readonly pairs: ReadonlySet<string>;
  readonly texts: ReadonlySet<string>;
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const TEXT_LENGTH = 40;

/** @param text what the configuration has; undefined: nothing yet. @throws Error when it is not ours */
export function parseGenerated(text: string | undefined): Generated {
  if (text === undefined || text === '') return { pairs: {}, texts: {} };
  try {
    const { pairs, texts } = JSON.parse(text) as Partial<Generated>;
    if (typeof pairs === 'object' && typeof texts === 'object') return { pairs, texts };
  } catch {
    // The message of the parser would quote a key.
  }
  throw new Error(
    `${GENERATED_KEY} of the stack's configuration is not what platform:keys writes there; take it from the version before, or remove it`,
  );
}

export function namesNeeded(parts: readonly Part[]): GeneratedNames {
  const pairs = new Set<string>();
  const texts = new Set<string>();
  for (const source of parts.flatMap(({ secrets }) => secrets).flatMap(({ values }) => Object.values(values))) {
    if (source.from === 'private-key') pairs.add(source.pair);
    if (source.from === 'public-keys') for (const pair of source.pairs) pairs.add(pair);
    if (source.from === 'generated') texts.add(source.name);
    if (source.from === 'template') for (const name of source.names) texts.add(name);
  }
  return { pairs, texts };
}

/** Names that have no value yet, sorted. */
export function namesMissing({ pairs, texts }: Generated, needed: GeneratedNames): string[] {
  const missing = [
    ...[...needed.pairs].filter((name) => !Object.hasOwn(pairs, name)),
    ...[...needed.texts].filter((name) => !Object.hasOwn(texts, name)),
  ];
  return missing.sort();
}

/** Makes what is missing; what is there stays as it is. @param now Unix milliseconds */
export function completed({ pairs, texts }: Generated, needed: GeneratedNames, now: number): Generated {
  const newPairs = [...needed.pairs].filter((name) => !Object.hasOwn(pairs, name)).map((name) => [name, newRing(name, now)] as const);
  const newTexts = [...needed.texts].filter((name) => !Object.hasOwn(texts, name)).map((name) => [name, newText()] as const);
  return { pairs: { ...pairs, ...Object.fromEntries(newPairs) }, texts: { ...texts, ...Object.fromEntries(newTexts) } };
}

/** The private key that signs, with its id before it: text outside the armour is no part of a PEM (RFC 7468, section 2). */
export function privatePem({ signs, keys }: KeyRing): string {
  return `kid: ${signs}\n${keys.find(({ kid }) => kid === signs)!.pem}`;
}

/** Public keys by which others know a signer, as a JWK set (RFC 7517). */
export function publicKeys(rings: readonly KeyRing[]): string {
  return JSON.stringify({ keys: rings.flatMap(({ keys }) => keys).map(({ kid, pem }) => publicJwk(signingKey(kid, pem))) });
}

function newRing(name: string, now: number): KeyRing {
  return { signs: name, keys: [newKey(name)], changed: now };
}

export function newKey(kid: string): StoredKey {
  return { kid, pem: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

export function newText(): string {
  return Array.from({ length: TEXT_LENGTH }, () => LETTERS[randomInt(LETTERS.length)]).join('');
}
