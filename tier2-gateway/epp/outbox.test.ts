import { expect, it } from 'vitest';

import { Outbox } from './outbox.ts';
import { collect } from './picker.fixture.ts';

it('holds the writer back until the reader has caught up', async () => {
  const out = new Outbox(10);
  out.push(Buffer.alloc(11));
  expect(out.full).toBe(true);
  let room = false;
  const waiting = out.room().then(() => (room = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect(room).toBe(false);
  const reader = out.read();
  await reader.next();
  await waiting;
  expect(room).toBe(true);
});

it('frees the writer when the reader stops', async () => {
  const out = new Outbox(10);
  for (let index = 0; index < 4; index++) out.push(Buffer.alloc(11));
  const waiting = out.room();
  for await (const _ of out.read()) break;
  await waiting;
  expect(out.ended).toBe(true);
  out.push(Buffer.alloc(50));
  expect(out.full).toBe(false);
});

it('gives what is there before the error', async () => {
  const out = new Outbox(10);
  out.push(Buffer.from('a'));
  out.fail(new Error('gone'));
  const seen: string[] = [];
  await expect(
    (async () => {
      for await (const chunk of out.read()) seen.push(chunk.toString());
    })(),
  ).rejects.toThrow('gone');
  expect(seen).toEqual(['a']);
});

it('wakes a reader that waits', async () => {
  const out = new Outbox(10);
  const all = collect(out.read());
  await new Promise((resolve) => setImmediate(resolve));
  out.push(Buffer.from('a'));
  out.push(Buffer.from('b'));
  out.end();
  expect((await all).toString()).toBe('ab');
});
