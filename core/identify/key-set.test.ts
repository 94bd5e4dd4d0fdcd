import { generateKeyPairSync } from 'node:crypto';

import { expect, it } from 'vitest';

import { keysFor, parseKeySet } from './key-set.ts';

const jwk = (type: 'rsa' | 'ec' | 'ed25519' | 'x25519', options: object = {}): Record<string, unknown> => {
  const generate = generateKeyPairSync as (type: string, options: object) => ReturnType<typeof generateKeyPairSync>;
  const { publicKey } = generate(type, { modulusLength: 2048, ...options }) as unknown as { publicKey: { export(o: object): object } };
  return publicKey.export({ format: 'jwk' }) as Record<string, unknown>;
};
const set = (...keys: unknown[]): string => JSON.stringify({ keys });
const algorithms = (key: unknown, symmetric = false): string[] => [...parseKeySet(set(key), symmetric).list[0]!.algorithms];
const secret = (bytes: number): object => ({ kty: 'oct', k: Buffer.alloc(bytes, 7).toString('base64url') });

it('binds algorithms to the type of the key', () => {
  const rsa = jwk('rsa');
  expect(algorithms(rsa)).toEqual(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']);
  expect(algorithms({ ...rsa, alg: 'PS256' })).toEqual(['PS256']);
  expect(algorithms(jwk('ec', { namedCurve: 'P-256' }))).toEqual(['ES256']);
  expect(algorithms(jwk('ec', { namedCurve: 'P-521' }))).toEqual(['ES512']);
  expect(algorithms(jwk('ed25519'))).toEqual(['EdDSA', 'Ed25519']);
  expect(algorithms(secret(48), true)).toEqual(['HS256', 'HS384']);
});

it.each([
  ['HMAC from afar', secret(32), /only a local key set/],
  ['another alg than the type can do', { ...jwk('rsa'), alg: 'HS256' }, /alg does not go with its type/],
  ['alg none', { ...jwk('rsa'), alg: 'none' }, /alg does not go with its type/],
  ['ES256 on P-384', { ...jwk('ec', { namedCurve: 'P-384' }), alg: 'ES256' }, /alg does not go with its type/],
  ['a weak RSA key', jwk('rsa', { modulusLength: 1024 }), /less than 2048 bits/],
  ['encryption', { ...jwk('rsa'), use: 'enc' }, /\(use\)/],
  ['signing only', { ...jwk('rsa'), key_ops: ['sign'] }, /\(key_ops\)/],
  ['key agreement', jwk('x25519'), /curve without an algorithm/],
  ['a broken key', { kty: 'RSA', n: 'AQAB', e: '' }, /public key that can be read|2048/],
  ['no key', 'x', /is no object/],
])('leaves out a key for %s', (_, key, reason) => {
  expect(() => parseKeySet(set(key), false)).toThrow(reason);
  expect(parseKeySet(set(key, jwk('ed25519')), false).list).toHaveLength(1);
});

it('explains a set that is none, without quoting it', () => {
  expect(() => parseKeySet('{"k": canary', true)).toThrow(/^the key set is no JSON$/);
  expect(() => parseKeySet('[]', true)).toThrow(/no list "keys"/);
  expect(() => parseKeySet('{"keys":[]}', true)).toThrow(/no key that verifies/);
  expect(() => parseKeySet(set(...Array.from({ length: 101 }, () => ({}))), true)).toThrow(/at most 100/);
  expect(() => parseKeySet(set(secret(16)), true)).toThrow(/less than 32 bytes/);
});

it('chooses by algorithm and key id; a key without an id may be any', () => {
  const keys = parseKeySet(set({ ...jwk('ed25519'), kid: 'a' }, jwk('ed25519'), { ...jwk('rsa'), kid: 'a' }), false);
  expect(keysFor(keys, 'EdDSA', 'a')).toEqual([keys.list[0], keys.list[1]]);
  expect(keysFor(keys, 'EdDSA', 'b')).toEqual([keys.list[1]]);
  expect(keysFor(keys, 'EdDSA', undefined)).toHaveLength(2);
  expect(keysFor(keys, 'none', 'a')).toEqual([]);
});
