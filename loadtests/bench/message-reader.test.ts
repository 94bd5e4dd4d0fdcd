import { array, assert, nat, property } from 'fast-check';
import { describe, expect, test } from 'vitest';

import { MessageReader } from './message-reader.ts';

interface Message {
  head: string;
  body: string;
  ended: boolean;
}

function read(bytes: Buffer, cuts: readonly number[] = []): { messages: Message[]; idle: boolean } {
  const messages: Message[] = [];
  const last = () => messages.at(-1) as Message;
  const reader = new MessageReader({
    head: (head) => messages.push({ head, body: '', ended: false }),
    body: (piece) => {
      last().body += piece.toString('latin1');
    },
    end: () => {
      last().ended = true;
    },
  });
  let from = 0;
  for (const cut of [...new Set(cuts)].toSorted((a, b) => a - b)) {
    if (cut > from && cut < bytes.length) {
      reader.push(bytes.subarray(from, cut));
      from = cut;
    }
  }
  reader.push(bytes.subarray(from));
  return { messages, idle: reader.idle };
}

const LENGTH = 'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n\r\n\r\nbody 0\r\n';
const EMPTY = 'HTTP/1.1 204 No Content\r\ndate: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n';
const CHUNKED = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nA;x=1\r\n0\r\n\r\n12345\r\n1\r\nz\r\n0\r\nX-Trailer: 1\r\n\r\n';

describe('MessageReader', () => {
  test('reads bodies with a length, without a body, and chunked, one after another', () => {
    const { messages, idle } = read(Buffer.from(LENGTH + EMPTY + CHUNKED + LENGTH));
    expect(messages.map(({ body }) => body)).toEqual(['\r\n\r\nbody 0\r\n', '', '', '0\r\n\r\n12345z', '\r\n\r\nbody 0\r\n']);
    expect(messages.every(({ ended }) => ended)).toBe(true);
    expect(messages[0]?.head).toBe('HTTP/1.1 200 OK\r\nContent-Length: 12');
    expect(idle).toBe(true);
  });

  test('reads the same however the bytes are split', () => {
    const bytes = Buffer.from(LENGTH + CHUNKED + EMPTY + CHUNKED);
    const whole = read(bytes);
    expect(read(bytes, Array.from(bytes.keys()))).toEqual(whole);
    assert(
      property(array(nat(bytes.length)), (cuts) => {
        expect(read(bytes, cuts)).toEqual(whole);
      }),
    );
  });

  test('a message that is cut has not ended', () => {
    for (const text of [LENGTH, CHUNKED]) {
      const { messages, idle } = read(Buffer.from(text.slice(0, -1)));
      expect(messages.at(-1)?.ended).toBe(false);
      expect(idle).toBe(false);
    }
  });

  test('refuses a chunk size that is none', () => {
    expect(() => read(Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'))).toThrow('size of a chunk');
  });
});
