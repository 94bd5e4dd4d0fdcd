import { hash } from 'node:crypto';

import { describe, expect, test } from 'vitest';

import { amzDate, authorizationOf, canonicalRequest, rememberedKey, signingKey } from './sigv4.ts';

const SIGNING = {
  keys: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' },
  region: 'us-east-1',
  service: 'service',
  date: '20150830T123600Z',
};
const HOST = ['Host', 'example.amazonaws.com'];
const DATE = ['X-Amz-Date', '20150830T123600Z'];
const UNRESERVED = '-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const FORM = 'application/x-www-form-urlencoded';
const TOKEN =
  'AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==';

const signature = (method: string, path: string, headers: readonly string[], body = '') =>
  authorizationOf({ method, path, headers: [...HOST, ...headers, ...DATE], bodyHash: hash('sha256', body) }, SIGNING);

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html, "Signature Version 4 test suite"
describe('the test suite of AWS', () => {
  test.each([
    ['get-vanilla', '/', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    ['get-vanilla-query-order-key', '/?Param1=value2&Param1=Value1', 'eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1'],
    [
      'get-vanilla-query-order-key-case',
      '/?Param2=value2&Param1=value1',
      'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    ],
    ['get-vanilla-query-order-value', '/?Param1=value2&Param1=value1', '5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694'],
    ['get-vanilla-empty-query-key', '/?Param1=value1', 'a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb'],
    ['get-vanilla-query-unreserved', `/?${UNRESERVED}=${UNRESERVED}`, '9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197'],
    ['get-unreserved', `/${UNRESERVED}`, '07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f'],
    ['get-utf8', '/ሴ', '8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85'],
    ['get-space', '/example space/', '652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741'],
    ['get-slashes', '//example//', '9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84'],
    ['get-relative', '/example/..', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
  ])('%s', (_name, path, expected) => {
    const names = 'SignedHeaders=host;x-amz-date';
    const scope = 'AKIDEXAMPLE/20150830/us-east-1/service/aws4_request';
    expect(signature('GET', path, [])).toBe(`AWS4-HMAC-SHA256 Credential=${scope}, ${names}, Signature=${expected}`);
  });

  test.each([
    ['post-vanilla', '/', [], '', '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
    ['post-vanilla-query', '/?Param1=value1', [], '', '28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11'],
    [
      'post-x-www-form-urlencoded',
      '/',
      ['Content-Type', FORM],
      'Param1=value1',
      'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
    ],
    [
      'post-x-www-form-urlencoded-parameters',
      '/',
      ['Content-Type', `${FORM}; charset=utf8`],
      'Param1=value1',
      '1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe',
    ],
    [
      'post-sts-header-before',
      '/',
      ['X-Amz-Security-Token', TOKEN],
      '',
      '85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead',
    ],
  ])('%s', (_name, path, headers, body, expected) => {
    expect(signature('POST', path, headers, body)).toMatch(new RegExp(`Signature=${expected}$`));
  });

  test('get-header-value-trim and get-header-key-duplicate', () => {
    expect(signature('GET', '/', ['My-Header1', ' value1', 'My-Header2', ' "a   b   c"'])).toMatch(
      /acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736$/,
    );
    expect(signature('GET', '/', ['My-Header1', 'value2', 'My-Header1', 'value2', 'My-Header1', 'value1'])).toMatch(
      /c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea$/,
    );
  });
});

const canonical = (path: string) => canonicalRequest({ method: 'POST', path, headers: [], bodyHash: '' }).canonical.split('\n').slice(1, 3);

describe('a request to Bedrock', () => {
  test.each([
    ['/model/anthropic.claude-v2:1/invoke', '/model/anthropic.claude-v2%3A1/invoke'],
    ['/model/anthropic.claude-v2%3A1/converse-stream', '/model/anthropic.claude-v2%253A1/converse-stream'],
    [
      '/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fp/converse',
      '/model/arn%253Aaws%253Abedrock%253Aus-east-1%253A1%253Ainference-profile%252Fp/converse',
    ],
    ["/a!'()*/b", '/a%21%27%28%29%2A/b'],
  ])('%s has its segments encoded once more', (path, expected) => {
    expect(canonical(path)).toEqual([expected, '']);
  });

  test.each([
    ['/?b=2&a=1&a', 'a=&a=1&b=2'],
    ['/?a=%2f&b=a+b&c=%zz&&d=x=y', 'a=%2F&b=a%2Bb&c=%25zz&d=x%3Dy'],
    ['/?', ''],
    ['/?a=\ud800', 'a=%EF%BF%BD'],
  ])('%s has its query in the one order and form', (path, expected) => {
    expect(canonical(path)[1]).toBe(expected);
  });
});

test('a remembered key is that of its day, region, service and secret', () => {
  const keyOf = rememberedKey();
  const others = [
    SIGNING,
    SIGNING,
    { ...SIGNING, date: '20150831T000000Z' },
    { ...SIGNING, region: 'eu-west-1' },
    { ...SIGNING, keys: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'other' } },
    SIGNING,
  ];
  for (const signing of others) expect(keyOf(signing).equals(signingKey(signing))).toBe(true);
  expect(keyOf(SIGNING)).toBe(keyOf({ ...SIGNING, date: '20150830T235959Z' }));
});

test('a time is written without fractions', () => {
  expect(amzDate(Date.parse('2015-08-30T12:36:00.999Z'))).toBe('20150830T123600Z');
});
