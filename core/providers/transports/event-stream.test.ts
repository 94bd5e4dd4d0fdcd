import { crc32 } from 'node:zlib';

import { array, assert, dictionary, integer, property, string, tuple, uint8Array } from 'fast-check';
import { describe, expect, it } from 'vitest';

import { UnacceptableAnswer } from '../../attempt/failure.ts';
import { awsEvents } from './aws-events.ts';
import { eventMessage } from './event-stream.fixture.ts';
import { type EventMessage, EventStreamBroken, EventStreamScanner } from './event-stream.ts';

function scan(bytes: Buffer, sizes: readonly number[] = [bytes.length], maxBytes?: number): { messages: EventMessage[]; cut: boolean } {
  const messages: EventMessage[] = [];
  const scanner = new EventStreamScanner((message) => void messages.push(message), maxBytes);
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    scanner.push(Buffer.from(bytes.subarray(at, at + size)));
    at += size;
  }
  return { messages, cut: scanner.end() };
}

const said = ({ messages }: { messages: EventMessage[] }) =>
  messages.map(({ headers, payload }) => [Object.fromEntries(headers), payload.toString('hex')]);
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

describe('the messages of an event stream', () => {
  // Of the test vectors that AWS publishes with its SDKs: an empty message, one with a payload and without headers, one with a number as its header.
  it.each<[string, string, object[]]>([
    ['nothing in it', '00000010 00000000 05c248eb 7d98c8ff', [[{}, '']]],
    [
      'a payload',
      '0000001d 00000000 fd528c5a 7b27666f 6f273a27 62617227 7dc36539 36',
      [[{}, Buffer.from("{'foo':'bar'}").toString('hex')]],
    ],
    [
      'a number as a header',
      '0000002d 00000010 41c424b8 0a657665 6e742d74 79706504 0000a00c 7b27666f 6f273a27 62617227 7d36f480 a0',
      [[{}, Buffer.from("{'foo':'bar'}").toString('hex')]],
    ],
  ])('%s', (_, bytes, expected) => {
    expect(said(scan(hex(bytes)))).toEqual(expected);
  });

  it('are the same wherever the bytes are split', () => {
    const message = tuple(
      dictionary(string({ minLength: 1, maxLength: 9 }), string({ maxLength: 30 }), { maxKeys: 3 }),
      uint8Array({ maxLength: 40 }),
    );
    assert(
      property(array(message, { maxLength: 4 }), array(integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 3 }), (messages, sizes) => {
        const bytes = Buffer.concat(messages.map(([headers, payload]) => eventMessage(headers, Buffer.from(payload))));
        const found = scan(bytes, sizes);
        expect(found.cut).toBe(false);
        expect(found.messages.map(({ headers, payload }) => [Object.fromEntries(headers), payload.toString('hex')])).toEqual(
          messages.map(([headers, payload]) => [{ ...headers }, Buffer.from(payload).toString('hex')]),
        );
      }),
    );
  });

  it('skip headers of the other types', () => {
    const head = Buffer.concat([
      ...[
        [0, ''],
        [1, ''],
        [2, '01'],
        [3, '0102'],
        [4, '01020304'],
        [5, '0102030405060708'],
        [6, '0003010203'],
        [8, '0102030405060708'],
        [9, '000102030405060708090a0b0c0d0e0f'],
      ].map(([type, value]) => Buffer.concat([Buffer.from([1, 0x61, type as number]), Buffer.from(value as string, 'hex')])),
      Buffer.from([1, 0x7a, 7, 0, 2, 0x68, 0x69]),
    ]);
    const bytes = Buffer.alloc(16 + head.length);
    bytes.writeUInt32BE(bytes.length, 0);
    bytes.writeUInt32BE(head.length, 4);
    bytes.writeUInt32BE(crc32(bytes.subarray(0, 8)), 8);
    head.copy(bytes, 12);
    bytes.writeUInt32BE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
    expect(said(scan(bytes))).toEqual([[{ z: 'hi' }, '']]);
  });

  it('of changed bytes are refused, and nothing else is thrown', () => {
    const bytes = Buffer.concat([
      eventMessage({ ':message-type': 'event', a: 'b' }, Buffer.from('{"a":1}')),
      eventMessage({}, Buffer.from('x')),
    ]);
    assert(
      property(integer({ min: 0, max: bytes.length - 1 }), integer({ min: 1, max: 255 }), (at, by) => {
        const changed = Buffer.from(bytes);
        changed[at]! ^= by;
        expect(() => scan(changed, [5])).toThrow(EventStreamBroken);
      }),
      { numRuns: 500 },
    );
  });

  it('that are too large, or shorter than what they begin with, are refused at their beginning', () => {
    const bytes = eventMessage({}, Buffer.alloc(1000));
    expect(() => scan(bytes.subarray(0, 12), [12], 500)).toThrow('larger than 500 bytes');
    const short = Buffer.alloc(12);
    short.writeUInt32BE(20, 0);
    short.writeUInt32BE(100, 4);
    short.writeUInt32BE(crc32(short.subarray(0, 8)), 8);
    expect(() => scan(short)).toThrow('shorter than its headers');
  });

  it('that break off are told, wherever', () => {
    const bytes = eventMessage({ a: 'b' }, Buffer.from('hello'));
    for (let length = 1; length < bytes.length; length++) expect(scan(bytes.subarray(0, length)).cut).toBe(true);
  });
});

const events = (...messages: Buffer[]): string => {
  const out: string[] = [];
  const scanner = awsEvents((raw) => void out.push(raw.toString()));
  for (const message of messages) scanner.push(message);
  return out.join('');
};
const chunk = (event: object | string) =>
  eventMessage(
    { ':message-type': 'event', ':event-type': 'chunk' },
    Buffer.from(
      JSON.stringify({ bytes: Buffer.from(typeof event === 'string' ? event : JSON.stringify(event)).toString('base64'), p: 'abc' }),
    ),
  );

describe('what Bedrock says in them, as Server-Sent Events', () => {
  it.each<[string, Buffer, string]>([
    [
      'an event',
      eventMessage({ ':message-type': 'event', ':event-type': 'messageStart' }, Buffer.from('{"role":"assistant"}')),
      'event: messageStart\ndata: {"role":"assistant"}\n\n',
    ],
    ['a chunk', chunk({ type: 'message_stop' }), 'event: message_stop\ndata: {"type":"message_stop"}\n\n'],
    ['a chunk of several lines', chunk('{"type":\n"ping"}'), 'event: ping\ndata: {"type": "ping"}\n\n'],
    ['a chunk whose type would be a line', chunk({ type: 'a\nevent: b' }), 'event: message\ndata: {"type":"a\\nevent: b"}\n\n'],
    [
      'an exception',
      eventMessage({ ':message-type': 'exception', ':exception-type': 'throttlingException' }, Buffer.from('{"message":"slow down"}')),
      'event: error\ndata: {"type":"error","error":{"type":"throttlingException","message":"slow down"}}\n\n',
    ],
    [
      'an error',
      eventMessage({ ':message-type': 'error', ':error-code': 'InternalFailure', ':error-message': 'oh' }),
      'event: error\ndata: {"type":"error","error":{"type":"InternalFailure","message":"oh"}}\n\n',
    ],
  ])('%s', (_, message, text) => {
    expect(events(message)).toBe(text);
  });

  it.each<[string, Buffer]>([
    ['bytes of another kind', Buffer.from('<html>not at all</html>')],
    ['a chunk without bytes', eventMessage({ ':message-type': 'event', ':event-type': 'chunk' }, Buffer.from('{}'))],
  ])('%s are no answer', (_, bytes) => {
    expect(() => events(bytes)).toThrow(UnacceptableAnswer);
  });
});
