import { hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { Refreshed } from '../refreshed.ts';
import { awsCredential } from './aws-credential.ts';
import type { AwsKeys } from './sigv4.ts';

const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret-canary', sessionToken: 'session-canary' };
const NO_OVERRIDE = { headers: [], fallback: true };
const OVERRIDE = { headers: ['x-id', 'x-secret', 'x-token'], fallback: true };
const NOW = Date.parse('2026-01-01T00:00:00Z');

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
});

afterEach(() => {
  vi.useRealTimers();
});

type Body = Parameters<ReturnType<typeof awsCredential>['authorize']>[0]['body'];

function signed(
  credential: ReturnType<typeof awsCredential>,
  client: IncomingHttpHeaders = {},
  body: Body = Buffer.from('{}'),
  more: string[] = [],
) {
  const headers = [
    'content-type',
    'application/json',
    'user-agent',
    'x',
    'host',
    'vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com',
    ...more,
  ];
  const sent = credential.authorize({ method: 'POST', path: '/model/a%3A1/converse', headers, body }, client).headers;
  return Object.fromEntries(sent.flatMap((name, at) => (at % 2 === 0 ? [[name, sent[at + 1]!]] : [])));
}

const code = (act: () => unknown): unknown => {
  try {
    return act();
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

describe('a signed request', () => {
  test('has its date, the hash of its body, the session and a signature of them, of its host and its type', () => {
    const headers = signed(awsCredential('us-east-1', KEYS, NO_OVERRIDE));
    expect(headers).toMatchObject({
      'x-amz-date': '20260101T000000Z',
      'x-amz-content-sha256': hash('sha256', '{}'),
      'x-amz-security-token': 'session-canary',
      'user-agent': 'x',
    });
    expect(headers['authorization']).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/20260101\/us-east-1\/bedrock\/aws4_request, SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token, Signature=[0-9a-f]{64}$/,
    );
  });

  test('has nothing left of what a client put into these headers, in any case of letters', () => {
    const forged = ['Authorization', 'x', 'X-Amz-Date', 'x', 'x-amz-security-token', 'x', 'X-Amz-Content-SHA256', 'x'];
    const credential = awsCredential('us-east-1', { ...KEYS, sessionToken: undefined }, NO_OVERRIDE);
    const sent = credential.authorize({ method: 'GET', path: '/', headers: ['host', 'h', ...forged], body: null }, {}).headers;
    expect(sent.filter((_value, at) => at % 2 === 0)).toEqual(['host', 'x-amz-date', 'x-amz-content-sha256', 'authorization']);
    expect(sent).toContain(hash('sha256', ''));
  });

  test('changes with the host that is really called, with the body and with the path', () => {
    const credential = awsCredential('us-east-1', KEYS, NO_OVERRIDE);
    const of = (host: string, path: string, body: string) =>
      credential.authorize({ method: 'POST', path, headers: ['host', host], body: Buffer.from(body) }, {}).headers.at(-1);
    const all = [of('a', '/', ''), of('b', '/', ''), of('a', '/x', ''), of('a', '/', 'x')];
    expect(new Set(all).size).toBe(4);
    expect(of('a', '/', '')).toBe(all[0]);
  });

  test('cannot have a body that arrives while it is sent', () => {
    expect(code(() => signed(awsCredential('r', KEYS, NO_OVERRIDE), {}, Readable.from(['x'])))).toBe('TK_UNSUPPORTED');
  });

  test('says where Bedrock is called, and holds its secrets apart', () => {
    const credential = awsCredential('eu-west-1', KEYS, NO_OVERRIDE, ['oidc-secret']);
    expect(credential.aws).toEqual({ region: 'eu-west-1' });
    for (const text of ['a secret-canary', 'a session-canary', 'an oidc-secret']) expect(credential.leaks(Buffer.from(text))).toBe(true);
    // The provider's own messages name it.
    expect(credential.leaks(Buffer.from('the key AKIDEXAMPLE'))).toBe(false);
    expect('state' in credential).toBe(false);
  });
});

const dateAt = (credential: ReturnType<typeof awsCredential>) => signed(credential)['x-amz-date'];

describe('a clock that is wrong', () => {
  test('by ten minutes is corrected by what the answer says, and back again', () => {
    const credential = awsCredential('r', KEYS, NO_OVERRIDE);
    credential.noteDate!('Thu, 01 Jan 2026 00:10:00 GMT', Date.now());
    expect(dateAt(credential)).toBe('20260101T001000Z');
    vi.setSystemTime(NOW + 5000);
    expect(dateAt(credential)).toBe('20260101T001005Z');
    credential.noteDate!('Thu, 01 Jan 2026 00:00:05 GMT', Date.now());
    expect(dateAt(credential)).toBe('20260101T000005Z');
  });

  test.each([undefined, '', 'yesterday', 'Thu, 01 Jan 2026 00:03:59 GMT'])('is not corrected by %j', (date) => {
    const credential = awsCredential('r', KEYS, NO_OVERRIDE);
    credential.noteDate!(date, Date.now());
    expect(dateAt(credential)).toBe('20260101T000000Z');
  });

  test('that is ahead of theirs across midnight signs for their day', () => {
    const credential = awsCredential('r', KEYS, NO_OVERRIDE);
    credential.noteDate!('Wed, 31 Dec 2025 23:50:00 GMT', Date.now());
    expect(signed(credential)['authorization']).toContain('/20251231/');
  });
});

describe('credentials of the client', () => {
  const id = { 'x-id': 'CLIENT', 'x-secret': 'client-secret' };

  test('sign instead of the configured ones, with their own session or none', () => {
    const credential = awsCredential('r', KEYS, OVERRIDE);
    const without = signed(credential, id);
    expect(without['authorization']).toContain('Credential=CLIENT/');
    expect(without['x-amz-security-token']).toBeUndefined();
    expect(signed(credential, { ...id, 'x-token': 't' })['x-amz-security-token']).toBe('t');
    expect(credential.isClients(id)).toBe(true);
    expect(credential.isClients({})).toBe(false);
    expect(signed(credential)['authorization']).toContain('Credential=AKIDEXAMPLE/');
  });

  test.each([
    { 'x-id': 'CLIENT' },
    { 'x-secret': 's' },
    { 'x-token': 't' },
    { 'x-id': 'CLIENT', 'x-token': 't' },
    { 'x-id': 'a b', 'x-secret': 's' },
  ])('of which a part is missing or broken are refused: %j', (client) => {
    expect(code(() => signed(awsCredential('r', KEYS, OVERRIDE), client))).toBe('TK_CREDENTIAL_MISSING');
  });

  test('are asked for where the configured ones do not stand in', () => {
    const credential = awsCredential('r', KEYS, { ...OVERRIDE, fallback: false });
    expect(code(() => signed(credential))).toBe('TK_CREDENTIAL_MISSING');
    expect(signed(credential, id)['authorization']).toContain('Credential=CLIENT/');
  });
});

test('keys that are fetched are those of the moment; without any another backend is tried', async () => {
  let turn = 0;
  const refreshed = new Refreshed<AwsKeys>('p', () => {
    turn++;
    const value = { accessKeyId: `ID${turn}`, secretAccessKey: `secret${turn}`, sessionToken: `session${turn}` };
    return Promise.resolve({ value, expiresAt: Date.now() + 600_000 });
  });
  const credential = awsCredential('r', refreshed, OVERRIDE);
  expect(code(() => signed(credential))).toBe('TK_UPSTREAM_CREDENTIAL');
  // A client with keys of its own needs none of ours.
  expect(signed(credential, { 'x-id': 'C', 'x-secret': 's' })['authorization']).toContain('Credential=C/');
  expect(credential.state!().status).toBe('starting');
  refreshed.start();
  await vi.advanceTimersByTimeAsync(0);
  const first = signed(credential);
  expect(first).toMatchObject({ 'x-amz-security-token': 'session1', authorization: expect.stringContaining('Credential=ID1/') });
  await vi.advanceTimersByTimeAsync(500_000);
  expect(signed(credential)).toMatchObject({
    'x-amz-security-token': 'session2',
    authorization: expect.stringContaining('Credential=ID2/'),
  });
  // An answer to a request of before may hold the old ones.
  expect(['session1', 'secret2'].map((text) => credential.leaks(Buffer.from(text)))).toEqual([true, true]);
  refreshed.close();
});
