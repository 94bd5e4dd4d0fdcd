import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { BodyReplies } from './body-replies.ts';
import type { CommonResponse } from './messages.ts';

function stream(body: string | Buffer, endOfStream = false): CommonResponse {
  return { bodyMutation: { streamedResponse: { body: Buffer.from(body), endOfStream } } };
}

describe('BodyReplies', () => {
  it('takes one plain reply for one message: original, replaced or cleared', () => {
    const replies = new BodyReplies(1000);
    for (const text of ['a', 'b', 'c']) replies.sent(Buffer.from(text));
    replies.sentEnd();
    const out = [...replies.reply({}), ...replies.reply({ bodyMutation: { body: Buffer.from('B') } })];
    expect(replies.complete).toBe(false);
    out.push(...replies.reply({ bodyMutation: { clearBody: true } }));
    expect(Buffer.concat(out).toString()).toBe('aB');
    expect(replies.complete).toBe(true);
    expect(() => replies.reply({})).toThrow('more body replies than body messages');
  });

  it('refuses a change of dialect and a body after its end', () => {
    const mixed = new BodyReplies(1000);
    mixed.sent(Buffer.from('a'));
    mixed.sent(Buffer.from('b'));
    mixed.reply({});
    expect(() => mixed.reply(stream('b'))).toThrow('a streamed body reply after plain ones');
    const ended = new BodyReplies(1000);
    ended.sent(Buffer.from('a'));
    ended.reply(stream('a', true));
    expect(() => ended.reply(stream('b'))).toThrow('after the end of the body');
  });

  it('goes on without the picker exactly where an unchanged body stopped, for any two splits', () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 8 }), { maxLength: 8 });
    fc.assert(
      fc.property(pieces, fc.nat(), fc.array(fc.nat(7), { maxLength: 30 }), (sent, cutAt, sizes) => {
        const replies = new BodyReplies(10_000);
        const whole = Buffer.concat(sent);
        for (const piece of sent) replies.sent(Buffer.from(piece));
        const echoed = whole.subarray(0, whole.length === 0 ? 0 : cutAt % whole.length);
        const out: Buffer[] = [];
        let at = 0;
        for (const size of [...sizes, echoed.length]) {
          if (sent.length === 0) break;
          out.push(...replies.reply(stream(echoed.subarray(at, at + size))));
          at += size;
        }
        expect(Buffer.concat([...out, ...replies.remaining()!])).toEqual(whole);
      }),
    );
  });

  it('does not guess once the picker has changed something', () => {
    const replies = new BodyReplies(1000);
    replies.sent(Buffer.from('model-a'));
    replies.sent(Buffer.from('more'));
    replies.reply(stream('model-b'));
    expect(replies.remaining()).toBeUndefined();
    // Every message has a reply: nothing is under way.
    replies.reply(stream('more'));
    expect(replies.remaining()).toEqual([]);
  });

  it('keeps no more than its bound', () => {
    const replies = new BodyReplies(10);
    replies.sent(Buffer.alloc(8));
    replies.sent(Buffer.alloc(8));
    expect(replies.remaining()).toBeUndefined();
    expect(() => replies.reply({})).toThrow('no body reply within 10 bytes');
  });
});
