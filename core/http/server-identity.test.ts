import { X509Certificate } from 'node:crypto';

import { expect, it } from 'vitest';

import { checkAltNames, type SubjectAltName } from './server-identity.ts';

/** Common name common.test; one of its URIs has a comma, and what looks like another name behind it. */
const CERTIFICATE = new X509Certificate(`
-----BEGIN CERTIFICATE-----
MIIBrTCCAVOgAwIBAgIUMOOYFdSg2b7l9CZA1XzZDf2R9PAwCgYIKoZIzj0EAwIw
FjEUMBIGA1UEAwwLY29tbW9uLnRlc3QwIBcNMjYxMTI1MjAzNTMwWhgPMjEyNjEx
MDEyMDM1MzBaMBYxFDASBgNVBAMMC2NvbW1vbi50ZXN0MFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAEhTMOjbHy1/rxNJb2B9zBYcoI2hGAK7l1P+iVtlSasbzV2qS8
fszkfW/xoCfHDvpivveV51p7cd7dItYO+28XKqN9MHswWgYDVR0RBFMwUYINYS5l
eGFtcGxlLmNvbYILKi53aWxkLnRlc3SGEXNwaWZmZTovL2EudGVzdC9ihiBzcGlm
ZmU6Ly9hLnRlc3QvYywgRE5TOmV2aWwudGVzdDAdBgNVHQ4EFgQUNE/LoLbfjOrc
oztj8GMzJrySI0owCgYIKoZIzj0EAwIDSAAwRQIhALPbqhdXeKgA2E6mVb0NVXhw
G+dbdLRRbyq93jgvyDc7AiB1FBp5/g1CFVG8fD1bzvggdsXiUCQ5+Ag9UiHZdBKM
gg==
-----END CERTIFICATE-----
`);
const hostname = (value: string): SubjectAltName => ({ type: 'Hostname', value });
const uri = (value: string): SubjectAltName => ({ type: 'URI', value });

it.each<[string, SubjectAltName[], boolean]>([
  ['its host name', [hostname('a.example.com')], true],
  ['a name that its wildcard covers', [hostname('x.wild.test')], true],
  ['its wildcard', [hostname('*.wild.test')], true],
  ['a wildcard that covers its name', [hostname('*.example.com')], true],
  ['its URI', [uri('spiffe://a.test/b')], true],
  ['a URI with a comma', [uri('spiffe://a.test/c, DNS:evil.test')], true],
  ['one of several', [uri('spiffe://other'), hostname('a.example.com')], true],
  ['its common name', [hostname('common.test')], false],
  ['another host name', [hostname('b.example.com')], false],
  ['the end of its name', [hostname('*.ple.com')], false],
  ['what a URI only contains', [hostname('evil.test')], false],
  ['the beginning of its URI', [uri('spiffe://a.test')], false],
  ['its host name as a URI', [uri('a.example.com')], false],
])('a certificate is asked for %s', (_name, names, isGood) => {
  const error = checkAltNames(names)('a.example.com', { raw: CERTIFICATE.raw });
  expect(error?.message.includes(names[0]!.value)).toBe(isGood ? undefined : true);
});
