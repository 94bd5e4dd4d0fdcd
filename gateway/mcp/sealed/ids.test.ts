import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  openCursor,
  openEventId,
  openProgressToken,
  openRequestId,
  openState,
  sealCursor,
  sealEventId,
  sealProgressToken,
  sealRequestId,
  sealState,
  type StreamPosition,
} from './ids.ts';
import { ephemeralKeys, type SealKeys } from './keys.ts';
import { sign } from './seal.ts';

const keys = ephemeralKeys();
const PLACE = { route: 'default/mcp', subject: 'alice', session: 'abcdefghijkl', about: 'tools/list' };

const server = fc.oneof(fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/), fc.string({ unit: 'binary' }));
const text = fc.oneof(fc.string({ unit: 'binary' }), fc.uuid(), fc.base64String(), fc.stringMatching(/^[\da-f]{2,20}$/));
const json = fc.oneof(
  fc.integer().map(String),
  text.map((value) => JSON.stringify(value)),
  fc.constantFrom('1.0', '1e2', '"1"', '1'),
);

type Where = typeof PLACE;

/** One kind of text: what it may say, and the parts of a place that it is bound to. */
interface Kind<T> {
  readonly name: string;
  readonly values: fc.Arbitrary<T>;
  readonly bound: readonly (keyof Where)[];
  readonly write: (value: T, place: Where, keys: SealKeys) => string | undefined;
  readonly read: (text: string, place: Where, keys: SealKeys) => T | undefined;
}

function kind<T>(
  name: string,
  values: fc.Arbitrary<T>,
  bound: Kind<T>['bound'],
  write: Kind<T>['write'],
  read: Kind<T>['read'],
): Kind<unknown> {
  return { name, values, bound, write: write as Kind<unknown>['write'], read };
}

const IN_SESSION = ['route', 'subject', 'session'] as const;
const IN_LIST = ['route', 'subject', 'about'] as const;
const ofServer = fc.record({ server, json });

const KINDS = [
  kind(
    'cursor',
    fc.array(fc.record({ server, cursor: fc.option(text, { nil: undefined }) }), { maxLength: 20 }),
    IN_LIST,
    sealCursor,
    openCursor,
  ),
  kind(
    'event id',
    fc.record({ request: fc.option(json, { nil: undefined }), events: fc.array(fc.record({ server, eventId: text }), { maxLength: 20 }) }),
    IN_SESSION,
    sealEventId,
    openEventId,
  ),
  kind('id of a request', ofServer, IN_SESSION, sealRequestId, openRequestId),
  kind('progress token', ofServer, IN_SESSION, sealProgressToken, openProgressToken),
  kind(
    'state',
    fc.record({ server, state: fc.option(text, { nil: undefined }) }),
    IN_LIST,
    (value, place, used) => sealState(value, place, 1000, used),
    (value, place, used) => openState(value, place, used, 999),
  ),
];

describe.each(KINDS)('a $name', (one) => {
  test('says what it was made from, as a string that needs no escapes', () => {
    fc.assert(
      fc.property(one.values, (value) => {
        const made = one.write(value, PLACE, keys)!;
        expect(made).toMatch(/^[\w.-]+$/);
        expect(one.read(made, PLACE, keys)).toEqual(value);
      }),
      { numRuns: 300 },
    );
  });

  test('is bound to its place, and to nothing else that a place may have', () => {
    const made = one.write(fc.sample(one.values, 1)[0], PLACE, keys)!;
    for (const part of ['route', 'subject', 'session', 'about'] as const)
      expect(one.read(made, { ...PLACE, [part]: 'other' }, keys) === undefined).toBe(one.bound.includes(part));
    expect(one.read(made, PLACE, ephemeralKeys())).toBeUndefined();
  });

  test('is refused when it is changed or cut off anywhere', () => {
    const made = one.write(fc.sample(one.values, 1)[0], PLACE, keys)!;
    for (let at = 0; at < made.length; at++) {
      const other = made[at] === 'A' ? 'B' : 'A';
      expect(one.read(made.slice(0, at) + other + made.slice(at + 1), PLACE, keys)).toBeUndefined();
      expect(one.read(made.slice(0, at), PLACE, keys)).toBeUndefined();
    }
  });

  test('is none of the other kinds', () => {
    const made = one.write(fc.sample(one.values, 1)[0], PLACE, keys)!;
    expect(KINDS.filter((other) => other.read(made, PLACE, keys) !== undefined)).toEqual([one]);
  });

  test.each(['', '1', 'abc', 'm1', 'm1..', 'v1.x.y', '{"jsonrpc":"2.0"}', '\0', 'm1.'.repeat(40_000)])(
    'is not what a client makes up: %#',
    (made) => {
      expect(one.read(made, PLACE, keys)).toBeUndefined();
    },
  );
});

test('ids keep their type', () => {
  for (const value of ['1', '"1"', '1.0', '"\\u0031"']) {
    const made = sealRequestId({ server: 'github', json: value }, PLACE, keys)!;
    expect(openRequestId(made, PLACE, keys)).toEqual({ server: 'github', json: value });
  }
});

test('an id of a server is the same text each time, so that a client can cancel what it names', () => {
  const id = { server: 'github', json: '7' };
  expect(sealRequestId(id, PLACE, keys)).toBe(sealRequestId(id, PLACE, keys));
});

test('an id of a request stays short', () => {
  expect(sealRequestId({ server: 'github', json: '17' }, PLACE, keys)!.length).toBeLessThan(64);
});

function positionOf(eventId: (index: number) => string): StreamPosition {
  const events = Array.from({ length: 256 }, (_, index) => ({ server: `mcp-server-${index}`, eventId: eventId(index) }));
  return { request: undefined, events };
}

test('an event id of 256 servers fits into one line of a header where the servers count, and is refused where it does not fit', () => {
  const position = positionOf((index) => `${index}_${1e6 + index}`);
  const made = sealEventId(position, PLACE, keys)!;
  expect(made.length).toBeLessThanOrEqual(8192);
  expect(openEventId(made, PLACE, keys)).toEqual(position);
  expect(
    sealEventId(
      positionOf(() => '!'.repeat(36)),
      PLACE,
      keys,
    ),
  ).toBeUndefined();
});

test('what is too long is refused, and nothing is thrown', () => {
  const long = '!'.repeat(2_000_000);
  expect(sealCursor([{ server: 'a', cursor: long }], PLACE, keys)).toBeUndefined();
  expect(sealRequestId({ server: 'a', json: long }, PLACE, keys)).toBeUndefined();
  expect(sealState({ server: 'a', state: long }, PLACE, 1000, keys)).toBeUndefined();
  expect(sealState({ server: 'a', state: `${'a'.repeat(8_000_000)}!` }, PLACE, 1000, keys)).toBeUndefined();
});

test('bytes of another format under the same key are refused', () => {
  const { route, subject, session } = PLACE;
  const made = (data: Buffer) => sign(data, 'request/1', { route, subject, session }, keys)!;
  const good = Buffer.from(sealRequestId({ server: 'github', json: '17' }, PLACE, keys)!.split('.')[2]!, 'base64url').subarray(16);
  expect(openRequestId(made(good), PLACE, keys)).toEqual({ server: 'github', json: '17' });
  expect(openRequestId(made(Buffer.concat([good, Buffer.alloc(1)])), PLACE, keys)).toBeUndefined();
  expect(openRequestId(made(good.subarray(1)), PLACE, keys)).toBeUndefined();
});

test('a state expires', () => {
  const made = sealState({ server: 'a', state: 'x' }, PLACE, 1000, keys)!;
  expect(openState(made, PLACE, keys, 999)).toEqual({ server: 'a', state: 'x' });
  expect(openState(made, PLACE, keys, 1000)).toBeUndefined();
});
