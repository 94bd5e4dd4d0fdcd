import { randomBytes } from 'node:crypto';

import { expect, test } from 'vitest';

import { NONCE_BYTES, xaes256gcm } from './xaes.ts';

// Test vectors of https://c2sp.org/XAES-256-GCM: one for each value of the highest bit in the subkey's derivation.
test.each([
  [0x01, '', 'ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271'],
  [0x03, 'c2sp.org/XAES-256-GCM', '986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d'],
])('what is sealed is what the specification says, key of bytes %i', (byte, additional, sealed) => {
  const nonce = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWX');
  const key = xaes256gcm(Buffer.alloc(32, byte));
  expect(key.seal(nonce, Buffer.from(additional), Buffer.from('XAES-256-GCM')).toString('hex')).toBe(sealed);
  expect(key.open(nonce, Buffer.from(additional), Buffer.from(sealed, 'hex'))?.toString()).toBe('XAES-256-GCM');
});

test('what is too short for a nonce or a tag is not opened', () => {
  const key = xaes256gcm(randomBytes(32));
  expect(key.open(Buffer.alloc(NONCE_BYTES - 1), Buffer.alloc(0), Buffer.alloc(40))).toBeUndefined();
  expect(key.open(Buffer.alloc(NONCE_BYTES), Buffer.alloc(0), Buffer.alloc(15))).toBeUndefined();
});
