import { expect, it } from 'vitest';

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
