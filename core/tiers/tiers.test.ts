import { generateKeyPairSync } from 'node:crypto';

import { describe, expect, test } from 'vitest';

import { InvalidSignature, publicJwk, type SigningKey, signingKey, signText, verificationKeys } from './jws.ts';
import { receiptComment, receiptIn, signReceipt, verifyReceipt } from './receipt.ts';
import { RequestVerifier, signRequest } from './request-token.ts';

function newKey(kid: string): SigningKey {
  return signingKey(kid, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
}

const key = newKey('one');
const keys = verificationKeys(JSON.stringify({ keys: [publicJwk(key)] }));
const claims = { id: 'r1/1', tenant: 'team-a', model: 'm', deadline: 5000, priority: 1 };
const NOW = 1_800_000_000_000;

describe('request tokens', () => {
  test('say what was signed', () => {
    expect(new RequestVerifier(keys, 'cluster-a').verify(signRequest(claims, 'cluster-a', key, NOW), NOW)).toEqual(claims);
  });

  test('are taken once, also after the first generation of ids is gone', () => {
    const verifier = new RequestVerifier(keys, 'a');
    const token = signRequest(claims, 'a', key, NOW);
    verifier.verify(token, NOW);
    expect(() => verifier.verify(token, NOW + 1)).toThrow('used already');
    verifier.verify(signRequest({ ...claims, id: 'r2' }, 'a', key, NOW + 130_000), NOW + 130_000);
    const late = signRequest({ ...claims, id: 'r3' }, 'a', key, NOW + 240_000);
    verifier.verify(late, NOW + 240_000);
    verifier.verify(signRequest({ ...claims, id: 'r4' }, 'a', key, NOW + 260_000), NOW + 260_000);
    expect(() => verifier.verify(late, NOW + 261_000)).toThrow('used already');
  });

  test.each([
    ['another audience', () => signRequest(claims, 'b', key, NOW), 'another tier two'],
    ['an old one', () => signRequest(claims, 'a', key, NOW - 61_000), 'expired'],
    ['one from the future', () => signRequest(claims, 'a', key, NOW + 61_500), 'times'],
    ['an unknown key', () => signRequest(claims, 'a', newKey('two'), NOW), 'not known'],
    ['another key under a known name', () => signRequest(claims, 'a', newKey('one'), NOW), 'signature is wrong'],
    ['a receipt', () => signReceipt({ ...receipt, id: 'r1/1' }, key), 'no tierkit-request+jwt'],
    [
      'a long lifetime',
      () =>
        signText(
          'tierkit-request+jwt',
          { jti: 'x', sub: 't', aud: 'a', iat: NOW / 1000, exp: NOW / 1000 + 3600, model: 'm', priority: 0 },
          key,
        ),
      'times',
    ],
    ['no claims', () => signText('tierkit-request+jwt', { aud: 'a', iat: NOW / 1000, exp: NOW / 1000 + 30 }, key), 'missing'],
    ['noise', () => 'a.b', 'no compact JWS'],
    ['no algorithm', () => unsigned(), 'not EdDSA'],
    ['a huge text', () => 'x'.repeat(5000), 'too long'],
  ])('%s is refused', (_, token, reason) => {
    expect(() => new RequestVerifier(keys, 'a').verify(token(), NOW)).toThrow(reason);
  });

  test('every changed byte is noticed', () => {
    const token = signRequest(claims, 'a', key, NOW);
    for (let at = 0; at < token.length; at += 7) {
      const other = token[at] === 'A' ? 'B' : 'A';
      expect(() => new RequestVerifier(keys, 'a').verify(token.slice(0, at) + other + token.slice(at + 1), NOW)).toThrow(InvalidSignature);
    }
  });

  test('the memory of used ids is bounded', () => {
    const verifier = new RequestVerifier(keys, 'a', 1);
    verifier.verify(signRequest(claims, 'a', key, NOW), NOW);
    expect(() => verifier.verify(signRequest({ ...claims, id: 'r2' }, 'a', key, NOW), NOW)).toThrow('too many');
  });
});

const receipt = {
  id: 'r1',
  model: 'm',
  inputTokens: 10,
  outputTokens: 20,
  cachedTokens: 8,
  source: 'reported',
  queueMs: 3,
  pod: 'p-0',
  reason: 'prefix',
} as const;

describe('receipts', () => {
  test('travel in a comment behind the stream', () => {
    const comment = receiptComment(signReceipt(receipt, key));
    expect(verifyReceipt(receiptIn(comment)!, 'r1', keys)).toEqual(receipt);
    expect(receiptIn(Buffer.from(': keep-alive\n\n'))).toBeUndefined();
  });

  test('are for one request', () => {
    expect(() => verifyReceipt(signReceipt(receipt, key), 'r2', keys)).toThrow('another request');
  });
});

test.each([
  ['{', 'no JSON'],
  ['{}', 'no "keys"'],
  [JSON.stringify({ keys: [{ kty: 'RSA' }] }), 'keys[0]'],
  [JSON.stringify({ keys: [{ ...publicJwk(key), kid: '' }] }), 'no kid'],
  [JSON.stringify({ keys: [{ ...publicJwk(key), d: 'x' }] }), 'private key'],
])('a key set %# is refused with the reason', (text, reason) => {
  expect(() => verificationKeys(text)).toThrow(reason);
});

test('a signing key must be Ed25519', () => {
  expect(() => signingKey('k', 'nonsense')).toThrow('no private key');
  expect(() =>
    signingKey('k', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string),
  ).toThrow('must be Ed25519');
});

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function unsigned(): string {
  return `${part({ alg: 'none', typ: 'tierkit-request+jwt', kid: 'one' })}.${part({ jti: 'x' })}.`;
}
