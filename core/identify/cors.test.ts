import { expect, it } from 'vitest';

import { compileRouteCors } from './cors.ts';
import { caller, secure } from './identify.fixture.ts';
import type { Cors } from './identity.ts';

const cors = (spec: object): Cors => secure({ cors: spec }).cors!;
const preflight = (origin: string, method = 'POST', headers = 'authorization, x-a') =>
  caller({ origin, 'access-control-request-method': method, 'access-control-request-headers': headers }, { method: 'OPTIONS' });

it.each([
  [
    'https://app.example.com',
    ['https://app.example.com'],
    [
      'http://app.example.com',
      'https://app.example.com:8443',
      'https://appxexample.com',
      'https://app.example.com.evil.com',
      'https://evil.com/https://app.example.com',
      'null',
    ],
  ],
  [
    'https://*.example.com',
    ['https://a.example.com', 'https://a.b.example.com'],
    [
      'https://example.com',
      'https://.example.com',
      'https://evilexample.com',
      'https://a.example.com:1',
      'https://evil.com:1.example.com',
      'https://x@a.example.com',
      'http://a.example.com',
    ],
  ],
  ['http://*.local:3000', ['http://a.local:3000'], ['http://a.local', 'http://a.local:30000']],
  ['https://*', ['https://a.com', 'https://a.com:8443'], ['http://a.com', 'null']],
  ['*', ['https://a.com', 'null'], []],
])('%s allows exactly its origins', (pattern, allowed, foreign) => {
  const compiled = cors({ allowOrigins: [pattern] });
  for (const origin of allowed)
    expect(compiled.headers(caller({ origin }))).toEqual({ 'access-control-allow-origin': origin, vary: 'Origin' });
  for (const origin of foreign) expect([origin, compiled.headers(caller({ origin }))]).toEqual([origin, {}]);
});

it('answers a preflight with what the policy says', () => {
  const compiled = cors({
    allowOrigins: ['https://a.com'],
    allowMethods: ['GET', 'POST'],
    allowHeaders: ['x-a', 'x-b'],
    exposeHeaders: ['x-c'],
    maxAge: '1h30m500ms',
    allowCredentials: true,
  });
  expect(compiled.preflight(preflight('https://a.com'))).toEqual({
    'access-control-allow-origin': 'https://a.com',
    'access-control-allow-credentials': 'true',
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': 'x-a, x-b',
    'access-control-expose-headers': 'x-c',
    'access-control-max-age': '5400',
    vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
  });
  expect(compiled.headers(caller({ origin: 'https://a.com' }))).toEqual({
    'access-control-allow-origin': 'https://a.com',
    'access-control-allow-credentials': 'true',
    'access-control-expose-headers': 'x-c',
    vary: 'Origin',
  });
});

it('repeats what is asked for where the policy says *, as * has no meaning with credentials', () => {
  const compiled = cors({ allowOrigins: ['*'], allowMethods: ['*'], allowHeaders: ['*'], allowCredentials: true });
  expect(compiled.preflight(preflight('https://a.com', 'PATCH'))).toMatchObject({
    'access-control-allow-origin': 'https://a.com',
    'access-control-allow-methods': 'PATCH',
    'access-control-allow-headers': 'authorization, x-a',
  });
});

it('takes nothing else for a preflight', () => {
  const compiled = cors({ allowOrigins: ['https://a.com'] });
  expect(compiled.preflight({ ...preflight('https://a.com'), method: 'GET' })).toBeUndefined();
  expect(compiled.preflight(preflight('https://b.com'))).toBeUndefined();
  expect(compiled.preflight(caller({ origin: 'https://a.com' }, { method: 'OPTIONS' }))).toBeUndefined();
  expect(compiled.preflight(caller({ 'access-control-request-method': 'GET' }, { method: 'OPTIONS' }))).toBeUndefined();
  expect(compiled.headers(caller())).toEqual({});
});

it('tells no header to be read by * with credentials, for which * is the name of a header', () => {
  const any = { allowOrigins: ['*'], exposeHeaders: ['*'] };
  const from = caller({ origin: 'https://a.com' });
  expect(cors(any).headers(from)['access-control-expose-headers']).toBe('*');
  expect(cors({ ...any, allowCredentials: true }).headers(from)).not.toHaveProperty('access-control-expose-headers');
});

it.each([
  ['https://a.com:443', 'https://a.com'],
  ['http://a.com:80', 'http://a.com'],
  ['https://*:443', 'https://a.com'],
])('takes the usual port of %s for what browsers write: %s', (pattern, origin) => {
  expect(cors({ allowOrigins: [pattern] }).headers(caller({ origin }))).toHaveProperty('access-control-allow-origin', origin);
  expect(cors({ allowOrigins: [pattern] }).headers(caller({ origin: `${origin}:8443` }))).toEqual({});
});

it('of a filter answers every preflight, and tells only allowed origins anything', () => {
  const filter = compileRouteCors({ allowOrigins: ['https://*'], allowMethods: ['GET', 'PUT'], maxAge: 5 });
  const vary = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers';
  expect(filter.preflight(preflight('https://a.com'))).toEqual({
    'access-control-allow-origin': 'https://a.com',
    'access-control-allow-methods': 'GET, PUT',
    'access-control-max-age': '5',
    vary,
  });
  expect(filter.preflight(preflight('http://a.com'))).toEqual({ vary });
  // A wildcard is for hosts: another port is another origin.
  expect(filter.preflight(preflight('https://a.com:8443'))).toEqual({ vary });
  expect(filter.headers(caller({ origin: 'http://a.com' }))).toEqual({ vary: 'Origin' });
  expect(filter.preflight(caller({ origin: 'https://a.com' }, { method: 'OPTIONS' }))).toBeUndefined();
});
