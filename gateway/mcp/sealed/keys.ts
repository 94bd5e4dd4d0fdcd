import { createHmac, createSecretKey, hash, hkdfSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { FolderWatch } from '#core/resources/watch';

import { type Aead, xaes256gcm } from './xaes.ts';

/** Bytes that a secret has at least. */
export const LEAST_SECRET_BYTES = 32;
/** Bytes of a signature: HMAC-SHA256, truncated (RFC 2104, section 5). */
export const SIGNATURE_BYTES = 16;

const MOST_KEYS = 16;
const MOST_LINE_CHARACTERS = 1024;
const MOST_TEXT_CHARACTERS = 65_536;

/** One secret's keys. They are in closures alone, so nothing that prints an object prints them. */
export interface SealKey extends Aead {
  /** Goes with what is sealed, in the clear. */
  readonly id: string;
  /** @returns SIGNATURE_BYTES */
  sign(data: Buffer): Buffer;
}

/** Keys of a gateway. While they rotate there are several: the first one seals, all of them open. */
export interface SealKeys {
  readonly first: SealKey;
  /** Ids, the first one's first. */
  readonly ids: readonly string[];
  /** A key for an id. For an unknown id it is one that nothing was sealed with, so that opening takes the same steps. */
  keyOf(id: string): SealKey;
}

/** Keys of a file that is read again when it changes. A file that is bad then changes nothing. */
export interface WatchedKeys {
  readonly current: SealKeys;
  reload(): void;
  close(): void;
}

/**
 * Reads secrets, one a line: `id:secret`, or the secret alone. A secret is base64, base64url or hex of at least 32 random bytes
 * (`openssl rand -base64 32`). An id has up to 32 letters, digits, `-` and `_`; a secret without one is named by a hash of it. What
 * follows `#` is a comment.
 *
 * To rotate under several replicas, add the new secret as the second line first, move it to the top when all replicas have read it, and
 * take the old one out when what it sealed has expired.
 *
 * @returns what is wrong, by line; never any part of a secret, nor an id, which may be a secret in the wrong place
 */
export function parseKeys(text: string): SealKeys | string {
  if (text.length > MOST_TEXT_CHARACTERS) return `it has more than ${MOST_TEXT_CHARACTERS} characters`;
  const keys: SealKey[] = [];
  const lines = new Map<string, number>();
  for (const [index, line] of text.split('\n').entries()) {
    const content = line.split('#', 1)[0]!.trim();
    if (content === '') continue;
    const where = `line ${index + 1}`;
    const read = readLine(content);
    if (typeof read === 'string') return `${where}: ${read}`;
    const digest = hash('sha256', read.secret, 'base64');
    const same = lines.get(digest) ?? lines.get(`id ${read.id}`);
    if (same !== undefined) return `${where}: ${lines.has(digest) ? 'the secret' : 'the id'} is the one of line ${same}`;
    lines.set(digest, index + 1).set(`id ${read.id}`, index + 1);
    keys.push(sealKey(read.id, read.secret));
    if (keys.length > MOST_KEYS) return `it has more than ${MOST_KEYS} secrets`;
  }
  return keys.length === 0 ? 'it has no secret' : sealKeys(keys);
}

/** Keys that only this process knows: what it seals cannot be opened by another replica, nor after a restart. */
export function ephemeralKeys(): SealKeys {
  const secret = randomBytes(LEAST_SECRET_BYTES);
  return sealKeys([sealKey(idOf(secret), secret)]);
}

/**
 * Keys of a file, such as a mounted Secret.
 * @param onProblem hears, while the gateway runs, why a changed file was not taken
 * @returns what is wrong with the file now
 */
export function watchKeys(path: string, onProblem: (message: string) => void): WatchedKeys | string {
  const keys = readKeys(path);
  if (typeof keys === 'string') return keys;
  let current = keys;
  function reload(): void {
    const next = readKeys(path);
    if (typeof next === 'string') onProblem(`${next}; the keys that were read before stay in use`);
    else current = next;
  }
  const watch = new FolderWatch(reload, (folder) => onProblem(`changes of ${folder} are not noticed; send SIGHUP after one`));
  watch.update([dirname(path)]);
  return {
    get current() {
      return current;
    },
    reload,
    close: () => watch.close(),
  };
}

function readKeys(path: string): SealKeys | string {
  let text;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return `${path} cannot be read (${(error as { code?: string }).code ?? 'unknown reason'})`;
  }
  const keys = parseKeys(text);
  return typeof keys === 'string' ? `${path}: ${keys}` : keys;
}

function sealKeys(keys: readonly SealKey[]): SealKeys {
  const byId = new Map(keys.map((key) => [key.id, key]));
  const nobody = sealKey('', randomBytes(LEAST_SECRET_BYTES));
  return { first: keys[0]!, ids: [...byId.keys()], keyOf: (id) => byId.get(id) ?? nobody };
}

function sealKey(id: string, secret: Buffer): SealKey {
  const signing = createSecretKey(derived(secret, 'sign hmac-sha256'));
  return {
    id,
    ...xaes256gcm(derived(secret, 'seal xaes-256-gcm')),
    sign: (data) => createHmac('sha256', signing).update(data).digest().subarray(0, SIGNATURE_BYTES),
  };
}

/** HKDF-SHA256 (RFC 5869) without a salt: the secret is random already. @returns 32 bytes */
function derived(secret: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `tierkit mcp v1 ${purpose}`, 32));
}

function idOf(secret: Buffer): string {
  return hash('sha256', secret, 'buffer').subarray(0, 4).toString('base64url');
}

function readLine(content: string): { readonly id: string; readonly secret: Buffer } | string {
  if (content.length > MOST_LINE_CHARACTERS) return `it has more than ${MOST_LINE_CHARACTERS} characters`;
  const colon = content.indexOf(':');
  const given = colon === -1 ? undefined : content.slice(0, colon).trim();
  if (given !== undefined && !/^[\w-]{1,32}$/.test(given)) return 'the id before the colon needs 1 to 32 letters, digits, - or _';
  const secret = readSecret(content.slice(colon + 1).trim());
  return typeof secret === 'string' ? secret : { id: given ?? idOf(secret), secret };
}

function readSecret(text: string): Buffer | string {
  if (PLACEHOLDER.test(text)) return 'the secret is a placeholder; make one with: openssl rand -base64 32';
  const hex = /^[\da-f]+$/i.test(text);
  if (!hex && !/^(?:[\w-]+|[A-Za-z\d+/]+)={0,2}$/.test(text)) return 'the secret is neither base64url nor hex';
  if (hex && text.length % 2 === 1) return 'the secret is hex with half a byte';
  const secret = Buffer.from(text, hex ? 'hex' : 'base64url');
  if (secret.length < LEAST_SECRET_BYTES) return `the secret has ${secret.length} bytes; at least ${LEAST_SECRET_BYTES} are needed`;
  if (PLACEHOLDER.test(secret.toString('latin1'))) return 'the secret is a placeholder in base64url or hex';
  return isPredictable(secret) ? 'the secret is not random; make one with: openssl rand -base64 32' : secret;
}

// Long words alone: each of them is in a random secret of this length once in more than ten million.
const PLACEHOLDER = /change.?me|placeholder|insecure|example|replace.?(?:me|this)|default|secret|password|your.?key/i;

/** Of 32 random bytes, fewer than 12 different ones are out of reach of chance. */
function isPredictable(secret: Buffer): boolean {
  if (new Set(secret).size < 12) return true;
  const step = (at: number) => (secret[at]! - secret[at - 1]!) & 0xff;
  return secret.every((_, at) => at === 0 || step(at) === step(1));
}
