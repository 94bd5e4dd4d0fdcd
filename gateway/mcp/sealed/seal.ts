import { randomBytes, timingSafeEqual } from 'node:crypto';

import { type SealKeys, SIGNATURE_BYTES } from './keys.ts';
import { NONCE_BYTES, TAG_BYTES } from './xaes.ts';

/**
 * What a text is for. One purpose's text is none of another one, so a number that changes with the format of the bytes inside makes old
 * texts unreadable rather than misread.
 */
export type Purpose = 'session/1' | 'state/1' | 'cursor/1' | 'event/1' | 'request/1' | 'progress/1';

/**
 * Characters of a text at most. A session and an event id are values of headers: 8 KiB is what one line of a header may have in nginx
 * by default; the others are in bodies.
 * @see https://nginx.org/en/docs/http/ngx_http_core_module.html#large_client_header_buffers
 */
export const MOST_CHARACTERS: Readonly<Record<Purpose, number>> = {
  'session/1': 8192,
  'event/1': 8192,
  'request/1': 8192,
  'progress/1': 8192,
  'cursor/1': 65_536,
  'state/1': 1_048_576,
};

/** Where a text is good, and nowhere else. */
export interface Place {
  /** MCPRoute, `namespace/name`. */
  readonly route: string;
  /** Who the client is, or empty. */
  readonly subject: string;
  /** Name of the session. @default '' for what is good in every session, and where there are none */
  readonly session?: string;
  /** What the text continues, such as a method. @default '' */
  readonly about?: string;
}

/** What was sealed. */
export interface Opened {
  readonly data: Buffer;
  /** Unix seconds. */
  readonly expiresAt: number;
}

const SEALED = 'v1';
const SIGNED = 'm1';
const EXPIRY_BYTES = 6;
const LATEST = 2 ** (8 * EXPIRY_BYTES) - 1;

/**
 * Encrypts and authenticates bytes for one purpose and place.
 * @param expiresAt Unix seconds from which on the text is no longer good
 * @returns `v1.KEY.…`, of base64url characters and dots; undefined where it would be longer than its purpose allows
 */
export function seal(data: Buffer, purpose: Purpose, place: Place, expiresAt: number, keys: SealKeys): string | undefined {
  const { first } = keys;
  const start = `${SEALED}.${first.id}.`;
  const bytes = NONCE_BYTES + EXPIRY_BYTES + data.length + TAG_BYTES;
  if (start.length + charactersOf(bytes) > MOST_CHARACTERS[purpose]) return undefined;
  const nonce = randomBytes(NONCE_BYTES);
  const expiry = Buffer.allocUnsafe(EXPIRY_BYTES);
  expiry.writeUIntBE(Math.min(LATEST, Math.max(0, Math.floor(expiresAt) || 0)), 0, EXPIRY_BYTES);
  const sealed = first.seal(nonce, contextBytes(SEALED, first.id, purpose, place), Buffer.concat([expiry, data]));
  return start + Buffer.concat([nonce, sealed]).toString('base64url');
}

/**
 * Opens what `seal` wrote.
 * @returns undefined for anything else: of another key, purpose or place, changed, cut off, or expired
 */
export function open(text: string, purpose: Purpose, place: Place, keys: SealKeys, nowSeconds: number): Opened | undefined {
  const parts = partsOf(SEALED, text, purpose);
  if (parts === undefined) return undefined;
  const { id, bytes } = parts;
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const opened = keys.keyOf(id).open(nonce, contextBytes(SEALED, id, purpose, place), bytes.subarray(NONCE_BYTES));
  if (opened === undefined || opened.length < EXPIRY_BYTES) return undefined;
  const expiresAt = opened.readUIntBE(0, EXPIRY_BYTES);
  // A time that is no number is before no expiry.
  return nowSeconds < expiresAt ? { data: opened.subarray(EXPIRY_BYTES), expiresAt } : undefined;
}

/**
 * Authenticates bytes that the client may read. Shorter than `seal`, and good until its key goes.
 * @returns `m1.KEY.…`, of base64url characters and dots; undefined where it would be longer than its purpose allows
 */
export function sign(data: Buffer, purpose: Purpose, place: Place, keys: SealKeys): string | undefined {
  const { first } = keys;
  const start = `${SIGNED}.${first.id}.`;
  if (start.length + charactersOf(SIGNATURE_BYTES + data.length) > MOST_CHARACTERS[purpose]) return undefined;
  const signature = first.sign(Buffer.concat([contextBytes(SIGNED, first.id, purpose, place), data]));
  return start + Buffer.concat([signature, data]).toString('base64url');
}

/** The bytes that `sign` was given. @returns undefined for anything that it did not write for this purpose and place */
export function verify(text: string, purpose: Purpose, place: Place, keys: SealKeys): Buffer | undefined {
  const parts = partsOf(SIGNED, text, purpose);
  if (parts === undefined || parts.bytes.length < SIGNATURE_BYTES) return undefined;
  const { id, bytes } = parts;
  const data = bytes.subarray(SIGNATURE_BYTES);
  const expected = keys.keyOf(id).sign(Buffer.concat([contextBytes(SIGNED, id, purpose, place), data]));
  return timingSafeEqual(expected, bytes.subarray(0, SIGNATURE_BYTES)) ? data : undefined;
}

function partsOf(start: string, text: string, purpose: Purpose): { readonly id: string; readonly bytes: Buffer } | undefined {
  if (text.length > MOST_CHARACTERS[purpose]) return undefined;
  const [version, id, encoded, ...more] = text.split('.', 4);
  if (version !== start || id === undefined || encoded === undefined || more.length > 0) return undefined;
  const bytes = Buffer.from(encoded, 'base64url');
  // Node reads over characters that are none of base64url, and over bits behind the last byte: one value would have many texts.
  return bytes.toString('base64url') === encoded ? { id, bytes } : undefined;
}

/** Each part with its length in front. UTF-16, since UTF-8 has one encoding for all lone surrogates, which JSON can carry in a `sub`. */
function contextBytes(start: string, id: string, purpose: Purpose, { route, subject, session = '', about = '' }: Place): Buffer {
  const parts = [start, id, purpose, route, subject, session, about];
  const bytes = Buffer.allocUnsafe(parts.reduce((sum, part) => sum + 4 + 2 * part.length, 0));
  let at = 0;
  for (const part of parts) {
    at = bytes.writeUInt32BE(2 * part.length, at);
    at += bytes.write(part, at, 'utf16le');
  }
  return bytes;
}

/** Of base64url without padding. */
function charactersOf(bytes: number): number {
  return Math.ceil((bytes * 4) / 3);
}
