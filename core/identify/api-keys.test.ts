import type * as nodeCrypto from 'node:crypto';
import { connect } from 'node:net';

import { afterEach, expect, it, vi } from 'vitest';

import { caller, compile, headersOf, identify, refusal, type Running, secure, serve } from './identify.fixture.ts';

const calls = vi.hoisted(() => ({ hash: 0, equal: 0 }));
vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof nodeCrypto>();
  return {
    ...crypto,
    hash: (...rest: Parameters<typeof crypto.hash>) => {
      calls.hash++;
      return crypto.hash(...rest);
    },
    timingSafeEqual: (...rest: Parameters<typeof crypto.timingSafeEqual>) => {
      calls.equal++;
      return crypto.timingSafeEqual(...rest);
    },
  };
});

let server: Running | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const credentialRefs = [{ name: 'keys' }];
const extractFrom = [{ headers: ['X-API-Key'] }];
const spec = { apiKeyAuth: { credentialRefs, extractFrom, forwardClientIDHeader: 'X-Client' } };
const keys = { secrets: { keys: { 'team-a': 'canary-key-of-a\n', 'team-b': 'canary-key-of-b' } } };

it('says which client has the key, at once', () => {
  const identity = secure(spec, keys).identify(caller({ 'x-api-key': 'canary-key-of-a' }));
  expect(identity).toEqual({ clientId: 'team-a', headers: ['x-client', 'team-a'] });
});

it('tells keys apart that differ at the very end only', async () => {
  const prefix = `sk-${'a'.repeat(500)}`;
  const security = secure(spec, { secrets: { keys: { one: `${prefix}1`, two: `${prefix}2` } } });
  expect((await identify(security, caller({ 'x-api-key': `${prefix}1` }))).clientId).toBe('one');
  expect((await identify(security, caller({ 'x-api-key': `${prefix}2` }))).clientId).toBe('two');
  for (const wrong of [`${prefix}3`, prefix, `${prefix}11`]) {
    expect((await refusal(security, caller({ 'x-api-key': wrong }))).status).toBe(401);
  }
});

it('does the same work for a known and an unknown key: one hash, one comparison', async () => {
  const security = secure(spec, keys);
  for (const key of ['canary-key-of-a', 'canary-key-of-x', 'x']) {
    calls.hash = 0;
    calls.equal = 0;
    await identify(security, caller({ 'x-api-key': key })).catch(() => undefined);
    expect(calls).toEqual({ hash: 1, equal: 1 });
  }
});

it('says where a key is wanted, and no more', async () => {
  const security = secure(
    {
      apiKeyAuth: { credentialRefs, extractFrom: [{ headers: ['authorization', 'x-api-key'] }, { params: ['key'], cookies: ['session'] }] },
    },
    keys,
  );
  const missing = await refusal(security, caller());
  expect(missing.message).toBe(
    'no API key: send it as header authorization (Bearer …), header x-api-key, query parameter key or cookie session',
  );
  expect(missing).toMatchObject({ code: 'TK_UNAUTHENTICATED', status: 401, headers: { 'www-authenticate': 'Bearer' } });
  for (const who of [
    caller({ authorization: 'Bearer canary-wrong' }),
    caller({ cookie: 'session=canary-wrong' }),
    caller({}, { query: '?key=canary-wrong' }),
  ]) {
    expect((await refusal(security, who)).message).toMatch(/^unknown API key in header authorization/);
  }
  expect((await identify(security, caller({}, { query: '?key=canary-key-of-b' }))).clientId).toBe('team-b');
});

it('does not fall back to another place when the first key is wrong', async () => {
  const security = secure({ apiKeyAuth: { credentialRefs, extractFrom: [{ headers: ['x-api-key'], params: ['key'] }] } }, keys);
  expect((await refusal(security, caller({ 'x-api-key': 'canary-wrong' }, { query: '?key=canary-key-of-a' }))).status).toBe(401);
});

it('refuses a key header that came twice on the wire, whatever the order', async () => {
  const security = secure(spec, keys);
  const codes: string[] = [];
  server = await serve((request, response) => {
    void refusal(security, caller(request.headers)).then((error) => {
      codes.push(error.code);
      response.end();
    });
  });
  const port = Number(new URL(server.url).port);
  for (const [first, second] of [
    ['canary-key-of-a', 'canary-wrong'],
    ['canary-wrong', 'canary-key-of-a'],
  ]) {
    await new Promise<void>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.write(`GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Api-Key: ${first}\r\nx-api-key: ${second}\r\n\r\n`);
      });
      socket.resume().on('close', () => {
        resolve();
      });
    });
  }
  expect(codes).toEqual(['TK_UNAUTHENTICATED', 'TK_UNAUTHENTICATED']);
});

it('never believes the client about its own id', async () => {
  const security = secure(spec, keys);
  expect(security.owned).toEqual(new Set(['x-api-key', 'x-client']));
  const identity = await identify(security, caller({ 'x-api-key': 'canary-key-of-a', 'x-client': 'team-b' }));
  expect(headersOf(identity)).toEqual({ 'x-client': 'team-a' });
});

it('reports what makes keys useless, by client and without the key', () => {
  const secrets = { keys: { a: 'canary-same', b: 'canary-same\n', c: '\n', d: 'canary with space', e: 'canary-ü' }, none: {} };
  const { problems } = compile(
    { apiKeyAuth: { credentialRefs: [...credentialRefs, { name: 'none' }, { name: 'gone' }], extractFrom: [{}] } },
    { secrets },
  );
  expect(problems).toEqual([
    expect.stringMatching(/credentialRefs\[0\]: Secret keys, key b: has the same API key as client a/),
    expect.stringMatching(/key c: the API key is empty/),
    expect.stringMatching(/key d: .*visible ASCII/),
    expect.stringMatching(/key e: .*visible ASCII/),
    'spec.apiKeyAuth.credentialRefs[1]: Secret none has no API key in it',
    'spec.apiKeyAuth.credentialRefs[2]: no Secret gone',
    expect.stringMatching(/^spec.apiKeyAuth.extractFrom: names no header/),
  ]);
  expect(problems.join()).not.toContain('canary');
});

it('keeps the first key of a client that stands in two Secrets', async () => {
  const security = secure(
    { apiKeyAuth: { credentialRefs: [...credentialRefs, { name: 'more' }], extractFrom } },
    { secrets: { ...keys.secrets, more: { 'team-a': 'canary-second' } } },
  );
  expect((await identify(security, caller({ 'x-api-key': 'canary-key-of-a' }))).clientId).toBe('team-a');
  expect((await refusal(security, caller({ 'x-api-key': 'canary-second' }))).status).toBe(401);
});
