import { describe, expect, it } from 'vitest';

import { selfSigned } from '../../http/self-signed.ts';
import { jwtExpiry, pemExpiry } from './expiry.ts';

const jwt = (claims: unknown): string =>
  ['{"alg":"RS256"}', JSON.stringify(claims), 's'].map((part) => Buffer.from(part).toString('base64url')).join('.');

describe('the end', () => {
  const now = new Date('2026-11-25T12:00:00Z');
  const long = selfSigned(['a.example'], 90, now).cert;
  const short = selfSigned(['b.example'], 10, now).cert;
  const days = (count: number): number => now.getTime() / 1000 + count * 86_400;

  it('of certificates is that of the first one', () => {
    expect(pemExpiry(long)).toBe(days(90));
    expect(pemExpiry(Buffer.from(`${long}${short}`))).toBe(days(10));
    expect(pemExpiry(`${long}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`)).toBe(days(90));
  });

  it('of a text without certificates is none', () => {
    for (const text of ['', 'no', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----']) expect(pemExpiry(text)).toBeUndefined();
  });

  it('of a key is what it says, where it is a JWT', () => {
    expect(jwtExpiry(jwt({ exp: 1_800_000_000 }))).toBe(1_800_000_000);
    for (const key of [jwt({}), jwt({ exp: 'soon' }), jwt(null), 'sk-a.b.c', 'eyJ.%%.x', 'eyJ', 'eyJ.e30', 'eyJ.e30.a.b'])
      expect(jwtExpiry(key)).toBeUndefined();
  });
});
