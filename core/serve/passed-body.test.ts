import type { IncomingMessage } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';

import { expect, it, vi } from 'vitest';

import { PassedBody, TooFarBehind } from './passed-body.ts';

/** A body whose chunks the test writes. */
function passed(most: number, timeoutMs = 0) {
  const request = new PassThrough({ highWaterMark: 1024 * 1024 * 1024 });
  return { request, body: new PassedBody(request as unknown as IncomingMessage, most, timeoutMs) };
}

async function text(body: Readable): Promise<string> {
  let read = '';
  for await (const chunk of body) read += String(chunk);
  return read;
}

const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));

it('is had again from its first byte while it is small', async () => {
  const { request, body } = passed(10);
  const first = body.attempt();
  first.resume();
  request.write('12345');
  await turn();
  first.destroy();
  expect(body.isKept).toBe(true);
  const second = body.attempt();
  request.end('67890');
  expect(await text(second)).toBe('1234567890');
  expect(await text(body.attempt())).toBe('1234567890');
});

it('is not kept once more has passed', async () => {
  const { request, body } = passed(4);
  body.attempt().resume();
  request.write('12345');
  await turn();
  expect(body.isKept).toBe(false);
});

it('takes nothing more from the client between two attempts than what is on its way, and loses nothing of that', async () => {
  const { request, body } = passed(4);
  const first = body.attempt();
  first.resume();
  request.write('1234');
  await turn();
  first.destroy();
  request.write('5678');
  await turn();
  request.end('9');
  await turn();
  expect(body.isKept).toBe(true);
  expect(await text(body.attempt())).toBe('123456789');
});

it('is shared with copies without being copied, and they do not hold it up', async () => {
  const { request, body } = passed(0);
  const main = body.attempt();
  const copies = [body.copy(), body.copy()];
  const failed = new Promise<Error>((resolve) => void copies[1]!.once('error', resolve));
  const chunk = Buffer.alloc(600 * 1024, 'x');
  main.resume();
  request.write(chunk);
  await turn();
  // The second one is not read.
  expect(copies[0]!.read()).toBe(chunk);
  request.write(chunk);
  expect(await failed).toBeInstanceOf(TooFarBehind);
  request.end();
  expect((await text(copies[0]!)).length).toBe(chunk.length);
});

it('that does not come in time, or breaks off, fails all that read it', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  const late = passed(10, 1000);
  const readers = [late.body.attempt(), late.body.copy()];
  const failures = Promise.all(readers.map((reader) => new Promise<Error>((resolve) => void reader.once('error', resolve))));
  vi.advanceTimersByTime(1000);
  vi.useRealTimers();
  expect((await failures).map((error) => error.message)).toEqual(Array(2).fill('the body did not arrive within 1000 ms'));
  const { request, body } = passed(10);
  const reader = body.attempt();
  const failure = new Promise<Error>((resolve) => void reader.once('error', resolve));
  request.destroy();
  expect((await failure).message).toBe('the request ended before its body was complete');
});

it('goes on to copies when no attempt reads it any more', async () => {
  const { request, body } = passed(10);
  const main = body.attempt();
  const copy = body.copy();
  main.destroy();
  body.release();
  request.resume();
  request.write('first ');
  await turn();
  request.end('second');
  expect(await text(copy)).toBe('first second');
});
