import { hash } from 'node:crypto';

/** Longer texts are hashed. In UTF-8 that is at most 300 bytes. */
const MAX_LENGTH = 100;
/** Of a hash. A text that begins so is hashed as well: nobody is to write the hash of another one. */
const MARK = '#';

/** A value as the name of its count. @param secret hashes it whatever its length */
export function boundSubject(value: string, secret = false): string {
  if (!secret && value.length <= MAX_LENGTH && !value.startsWith(MARK)) return value;
  return MARK + hash('sha256', value, 'base64url');
}

/** Several values that count together: no two lists have one name. */
export function joinSubjects(values: readonly string[]): string {
  let joined = '';
  for (const value of values) joined += `${value.length}:${value} `;
  return boundSubject(joined);
}
