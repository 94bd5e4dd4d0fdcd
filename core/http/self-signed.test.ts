import { createPrivateKey, X509Certificate } from 'node:crypto';

import { expect, it } from 'vitest';

import { selfSigned } from './self-signed.ts';

it('makes a certificate that other implementations read', () => {
  const { cert, key } = selfSigned(
    ['picker.test', '10.0.0.1', '::1', 'fd00::1:2', '::ffff:10.0.0.1'],
    365,
    new Date('2026-01-01T00:00:00Z'),
  );
  const parsed = new X509Certificate(cert);
  expect(parsed.subject).toBe('CN=picker.test');
  expect(parsed.verify(parsed.publicKey)).toBe(true);
  expect(parsed.checkPrivateKey(createPrivateKey(key))).toBe(true);
  expect(parsed.checkHost('picker.test')).toBe('picker.test');
  expect(parsed.checkHost('other.test')).toBeUndefined();
  const ips = ['10.0.0.1', '::1', 'fd00::1:2', '::ffff:10.0.0.1'];
  expect(ips.filter((ip) => parsed.checkIP(ip) === ip)).toEqual(ips);
  expect(parsed.checkIP('10.0.0.2')).toBeUndefined();
  expect(parsed.ca).toBe(true);
  expect(new Date(parsed.validFrom).toISOString()).toBe('2025-12-31T23:00:00.000Z');
  expect(new Date(parsed.validTo).toISOString()).toBe('2027-01-01T00:00:00.000Z');
});

it('writes years from 2050 in four digits', () => {
  const parsed = new X509Certificate(selfSigned(['a'], 365 * 30, new Date('2026-01-01T00:00:00Z')).cert);
  expect(new Date(parsed.validTo).getUTCFullYear()).toBe(2055);
});

it('never uses a serial or a key twice', () => {
  const [one, two] = [new X509Certificate(selfSigned(['a']).cert), new X509Certificate(selfSigned(['a']).cert)];
  expect(one.serialNumber).not.toBe(two.serialNumber);
  expect(one.publicKey.equals(two.publicKey)).toBe(false);
});
