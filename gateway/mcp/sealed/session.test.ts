import { randomUUID } from 'node:crypto';

import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { ByteWriter } from './compact.ts';
import { ephemeralKeys } from './keys.ts';
import { MOST_CHARACTERS, seal } from './seal.ts';
import { newSessionId, openSession, type Session, sealSession, sessionName, type SessionServer } from './session.ts';

const keys = ephemeralKeys();
const PLACE = { route: 'default/mcp', subject: 'alice' };

const servers: fc.Arbitrary<SessionServer> = fc.record({
  name: fc.oneof(fc.stringMatching(/^[a-z][a-z0-9-]{0,30}[a-z0-9]$/), fc.string({ unit: 'binary' })),
  sessionId: fc.option(fc.oneof(fc.uuid(), fc.stringMatching(/^[!-~]{1,40}$/), fc.stringMatching(/^[\da-f]{32}$/)), { nil: undefined }),
  protocolVersion: fc.constantFrom('2025-06-18', '2025-11-25', '', 'draft/x'),
  capabilities: fc.nat(2 ** 30 - 1),
});
const sessions: fc.Arbitrary<Session> = fc.record({
  id: fc.constant('').map(newSessionId),
  protocolVersion: fc.constantFrom('2025-06-18', '2025-11-25'),
  clientCapabilities: fc.nat(2 ** 30 - 1),
  servers: fc.array(servers, { maxLength: 20 }),
  startedAt: fc.nat(2 ** 31),
  expiresAt: fc.integer({ min: 1, max: 2 ** 40 }),
});

function sessionOf(count: number, name: (index: number) => string, sessionId: () => string = randomUUID): Session {
  const list = Array.from({ length: count }, (_, index) => ({
    name: name(index),
    sessionId: sessionId(),
    protocolVersion: index % 2 === 0 ? '2025-11-25' : '2025-06-18',
    capabilities: 0x1ff >> (index % 3),
  }));
  return {
    id: newSessionId(),
    protocolVersion: '2025-11-25',
    clientCapabilities: 5,
    servers: list,
    startedAt: 1_800_000_000,
    expiresAt: 1_800_086_400,
  };
}

const numbered = (index: number) => `mcp-server-${String(index).padStart(3, '0')}`;

test('a session is read as it was written', () => {
  fc.assert(
    fc.property(sessions, (session) => {
      const text = sealSession(session, PLACE, keys)!;
      expect(openSession(text, PLACE, keys, session.expiresAt - 1)).toEqual(session);
      expect(openSession(text, PLACE, keys, session.expiresAt)).toBeUndefined();
    }),
    { numRuns: 300 },
  );
});

test('a session of another route, subject or gateway is none', () => {
  const text = sealSession(sessionOf(2, numbered), PLACE, keys)!;
  const now = 1_800_000_001;
  expect(openSession(text, PLACE, keys, now)).toBeDefined();
  expect(openSession(text, { ...PLACE, route: 'default/other' }, keys, now)).toBeUndefined();
  expect(openSession(text, { ...PLACE, subject: 'bob' }, keys, now)).toBeUndefined();
  expect(openSession(text, { ...PLACE, subject: '' }, keys, now)).toBeUndefined();
  expect(openSession(text, PLACE, ephemeralKeys(), now)).toBeUndefined();
  for (let at = 0; at < text.length; at++) {
    const other = text[at] === 'A' ? 'B' : 'A';
    expect(openSession(text.slice(0, at) + other + text.slice(at + 1), PLACE, keys, now)).toBeUndefined();
    expect(openSession(text.slice(0, at), PLACE, keys, now)).toBeUndefined();
  }
});

test('256 servers with UUIDs fit into one line of a header', () => {
  const session = sessionOf(256, numbered);
  const text = sealSession(session, PLACE, keys)!;
  expect(text.length).toBeLessThanOrEqual(MOST_CHARACTERS['session/1']);
  expect(openSession(text, PLACE, keys, session.startedAt)).toEqual(session);
  expect(text).toMatch(/^[\w.-]+$/);
});

test('more servers than a route can have, and more than fits, are refused rather than cut', () => {
  expect(
    sealSession(
      sessionOf(257, numbered, () => ''),
      PLACE,
      keys,
    ),
  ).toBeUndefined();
  expect(
    sealSession(
      sessionOf(256, numbered, () => `${randomUUID()}!`),
      PLACE,
      keys,
    ),
  ).toBeUndefined();
  expect(
    sealSession(
      sessionOf(1, numbered, () => '!'.repeat(7000)),
      PLACE,
      keys,
    ),
  ).toBeUndefined();
});

test('the text shows no session id of a server', () => {
  const text = sealSession(
    sessionOf(1, numbered, () => 'session-of-server'),
    PLACE,
    keys,
  )!;
  expect(Buffer.from(text.split('.')[2]!, 'base64url').includes(Buffer.from('session-of-server', 'base64url').subarray(0, 8))).toBe(false);
});

test('no two sessions are alike, and a name in the log is none of their ids', () => {
  const [one, other] = [sessionOf(0, numbered), sessionOf(0, numbered)];
  expect(sessionName(one)).toMatch(/^[\w-]{12}$/);
  expect(sessionName(one)).not.toBe(sessionName(other));
  expect(one.id).not.toContain(sessionName(one));
  const reopened = openSession(sealSession(one, PLACE, keys)!, PLACE, keys, one.startedAt)!;
  expect(sessionName(reopened)).toBe(sessionName(one));
});

test('bytes of another format under the same key are refused, and nothing is thrown', () => {
  const writer = new ByteWriter();
  writer.text('id');
  for (const bytes of [Buffer.alloc(0), writer.done(), Buffer.alloc(40, 0xff), Buffer.alloc(40)])
    expect(openSession(seal(bytes, 'session/1', PLACE, 1000, keys)!, PLACE, keys, 0)).toBeUndefined();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      openSession(seal(Buffer.from(bytes), 'session/1', PLACE, 1000, keys)!, PLACE, keys, 0);
    }),
  );
});
