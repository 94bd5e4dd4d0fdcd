import { expect, it } from 'vitest';

import { http2Headers } from './headers.ts';

const line = { method: 'POST', path: '/v1?a=b', authority: 'pod:8000', contentLength: undefined };

it('has a request line in pseudo headers', () => {
  expect({ ...http2Headers({ ...line, contentLength: 5 }, ['accept', '*/*']) }).toEqual({
    ':method': 'POST',
    ':scheme': 'http',
    ':authority': 'pod:8000',
    ':path': '/v1?a=b',
    accept: '*/*',
    'content-length': '5',
  });
});

it('takes the authority from the host', () => {
  const headers = http2Headers(line, ['Host', 'models.example.com']);
  expect(headers[':authority']).toBe('models.example.com');
  expect(headers).not.toHaveProperty('host');
});

it.each(['connection', 'Keep-Alive', 'proxy-connection', 'Transfer-Encoding', 'upgrade', 'http2-settings', 'expect'])(
  'has no %s',
  (name) => {
    expect(Object.keys(http2Headers(line, [name, 'x', 'a', '1']))).toEqual([':method', ':scheme', ':authority', ':path', 'a']);
  },
);

it.each([
  ['trailers', 'trailers'],
  ['gzip, Trailers', 'trailers'],
  ['gzip', undefined],
])('te: %s is %s', (te, expected) => {
  expect(http2Headers(line, ['te', te])['te']).toBe(expected);
});

it.each([
  ['a flat list', ['x-a', '1', 'X-A', '2', 'x-b', '3']],
  ['an object', { 'x-a': ['1', '2'], 'x-b': '3', 'x-c': undefined }],
  [
    'pairs',
    new Map<string, string | string[]>([
      ['x-a', ['1', '2']],
      ['x-b', '3'],
    ]),
  ],
])('reads %s', (_name, headers) => {
  expect({ ...http2Headers(line, headers) }).toMatchObject({ 'x-a': ['1', '2'], 'x-b': '3' });
});

it('says the length that is known, and the claimed one where none is', () => {
  expect(http2Headers({ ...line, contentLength: 3 }, ['content-length', '9'])['content-length']).toBe('3');
  expect(http2Headers(line, ['content-length', '9'])['content-length']).toBe('9');
});

it('keeps a name that every object has to itself', () => {
  expect(Object.keys(http2Headers(line, ['__proto__', 'x', 'constructor', 'y']))).toContain('__proto__');
});
