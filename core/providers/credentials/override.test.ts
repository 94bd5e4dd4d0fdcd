import type { IncomingHttpHeaders } from 'node:http';

import { describe, expect, test } from 'vitest';

import { apiKeyCredential } from './api-key.ts';
import { bearerCredential } from './bearer.ts';
import { type Credential, withHeaders } from './credential.ts';
import { authorized } from './credential.fixture.ts';
import { Refreshed } from './refreshed.ts';

const of = (header: string, fallback = true) => ({ headers: [header], fallback });
const NONE = { headers: [], fallback: true };

function apiKey(type: Parameters<typeof apiKeyCredential>[0], override = of('x-key')): Credential {
  const credential = apiKeyCredential(type, ' sk-ours\n', override);
  if (typeof credential === 'string') throw new Error(credential);
  return credential;
}

async function token(override = of('x-token')): Promise<Credential> {
  const refreshed = new Refreshed<string>('p', () => Promise.resolve({ value: 'fetched', expiresAt: undefined }));
  refreshed.start();
  await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  return bearerCredential(refreshed, override, ['secret'], { gcp: { project: 'p', region: 'r' } });
}

const code = (credential: Credential, client: IncomingHttpHeaders): unknown => {
  try {
    return authorized(credential, client);
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

describe('the credential of the client', () => {
  test.each([
    ['APIKey', ['authorization', 'Bearer theirs'], ['authorization', 'Bearer sk-ours']],
    ['AnthropicAPIKey', ['x-api-key', 'theirs'], ['x-api-key', 'sk-ours']],
    ['AzureAPIKey', ['api-key', 'theirs'], ['api-key', 'sk-ours']],
  ] as const)('of type %s stands where ours would', (type, theirs, ours) => {
    expect(authorized(apiKey(type), { 'x-key': 'theirs' })).toEqual(theirs);
    expect(authorized(apiKey(type))).toEqual(ours);
    expect(authorized(apiKey(type), { 'x-key': '' })).toEqual(ours);
  });

  test('is a token of its own for a cloud', async () => {
    const credential = await token();
    expect(authorized(credential, { 'x-token': 'theirs' })).toEqual(['authorization', 'Bearer theirs']);
    expect(authorized(credential)).toEqual(['authorization', 'Bearer fetched']);
    expect([credential.isClients({ 'x-token': 'theirs' }), credential.isClients({})]).toEqual([true, false]);
    expect(credential.gcp).toEqual({ project: 'p', region: 'r' });
  });

  test('in the Authorization header goes without its scheme', () => {
    expect(authorized(apiKey('AzureAPIKey', of('authorization')), { authorization: 'bearer  theirs' })).toEqual(['api-key', 'theirs']);
  });

  test('is asked for where ours does not stand in, and where it is none', async () => {
    expect(code(apiKey('APIKey', of('x-key', false)), {})).toBe('TK_CREDENTIAL_MISSING');
    expect(code(await token(of('x-token', false)), {})).toBe('TK_CREDENTIAL_MISSING');
    expect(code(await token(), { 'x-token': 'a b' })).toBe('TK_CREDENTIAL_MISSING');
  });

  test('is nothing where no header is named for it', async () => {
    expect(authorized(apiKey('APIKey', NONE), { 'x-key': 'theirs' })).toEqual(['authorization', 'Bearer sk-ours']);
    expect(apiKey('APIKey', NONE).isClients({ 'x-key': 'theirs' })).toBe(false);
    expect(authorized(await token(NONE), { 'x-token': 'theirs' })).toEqual(['authorization', 'Bearer fetched']);
  });
});

test('a token that is not there yet is this backend’s failure', () => {
  const refreshed = new Refreshed<string>('p', () => Promise.reject(new Error('x')));
  expect(code(bearerCredential(refreshed, NONE, []), {})).toBe('TK_UPSTREAM_CREDENTIAL');
});

test('secrets are found in what a backend says', async () => {
  const credential = await token();
  const leaks = (text: string) => credential.leaks(Buffer.from(text));
  expect([leaks('the token fetched is bad'), leaks('a secret'), leaks('nothing')]).toEqual([true, true, false]);
  expect(apiKey('APIKey').leaks(Buffer.from('key sk-ours'))).toBe(true);
});

test('headers are put in the place of those of their name, in any case of letters', () => {
  const outbound = { method: 'GET', path: '/', headers: ['A', '1', 'b', '2', 'a', '3', 'C', '4'], body: null };
  expect(withHeaders(outbound, ['a', '5'], new Set(['c'])).headers).toEqual(['b', '2', 'a', '5']);
});
