import { generateKeyPairSync } from 'node:crypto';
import type { RequestListener } from 'node:http';

import { Agent } from 'undici';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { type Running, serve } from './identify.fixture.ts';
import { KeySetUnavailable } from './key-set.ts';
import { RemoteKeySet } from './remote-key-set.ts';
import { SharedIdentify } from './shared-identify.ts';

const agent = new Agent();
const keySetText = (kid: string): string => {
  const { publicKey } = generateKeyPairSync('ed25519');
  return JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid }] });
};

let server: Running;
let answer: RequestListener;
let body: string;
const warnings: string[] = [];

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  warnings.length = 0;
  body = keySetText('one');
  answer = (_, response) => response.end(body);
  server = await serve((request, response) => {
    answer(request, response);
  });
});
afterEach(async () => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  await server.close();
});

const open = (maxAgeMs = 100_000): RemoteKeySet =>
  new RemoteKeySet(new URL(`${server.url}/keys?tenant=1`), { dispatcher: agent, maxAgeMs }, (message) => warnings.push(message));
const fail: RequestListener = (_, response) => response.writeHead(500).end('canary-upstream-text');
/** Waits for what goes on in the background. */
const until = (condition: () => boolean): Promise<void> => vi.waitFor(() => expect(condition()).toBe(true), { timeout: 2000, interval: 5 });

it('fetches once for many who wait, then not again while the keys are fresh', async () => {
  const set = open();
  expect(set.peek()).toBeUndefined();
  const all = await Promise.all(Array.from({ length: 50 }, () => set.current()));
  expect(new Set(all).size).toBe(1);
  vi.advanceTimersByTime(79_000);
  expect(set.peek()).toBe(all[0]);
  expect(server.seen).toHaveLength(1);
  expect(server.seen[0]!.url).toBe('/keys?tenant=1');
});

it('renews in the background before the keys are too old, and keeps the same object for the same keys', async () => {
  const set = open();
  const keys = await set.current();
  vi.advanceTimersByTime(80_000);
  expect(set.peek()).toBe(keys);
  await until(() => server.seen.length === 2);
  await set.renewed();
  vi.advanceTimersByTime(79_000);
  expect(set.peek()).toBe(keys);
  body = keySetText('two');
  vi.advanceTimersByTime(21_001);
  expect(set.peek()).toBeUndefined();
  expect((await set.current()).list[0]!.kid).toBe('two');
});

it('uses the last keys while the URI is down, asks ever more rarely, and gives up after a day', async () => {
  const set = open();
  const keys = await set.current();
  answer = fail;
  vi.advanceTimersByTime(100_000);
  expect(await set.current()).toBe(keys);
  expect(server.seen).toHaveLength(2);
  expect(set.peek()).toBe(keys);
  vi.advanceTimersByTime(999);
  for (let index = 0; index < 100; index++) expect(set.peek()).toBe(keys);
  expect(server.seen).toHaveLength(2);
  vi.advanceTimersByTime(1);
  for (let index = 0; index < 100; index++) expect(set.peek()).toBe(keys);
  await until(() => server.seen.length === 3);
  // The server has seen the fetch; this waits until the set has seen its answer.
  await set.renewed();
  expect(warnings).toEqual([`key set ${server.url}/keys: answered with status 500; the last keys go on being used`]);
  vi.advanceTimersByTime(24 * 3_600_000);
  await expect(set.current()).rejects.toThrow(KeySetUnavailable);
  answer = (_, response) => response.end(body);
  vi.advanceTimersByTime(30_000);
  expect((await set.current()).list).toHaveLength(1);
  // The next outage is told again, and tried again after one second.
  answer = fail;
  vi.advanceTimersByTime(100_000);
  await set.current();
  vi.advanceTimersByTime(1000);
  await set.current();
  await until(() => server.seen.length === 7);
  expect(warnings).toHaveLength(2);
});

it('refuses at once while a first fetch has failed a moment ago', async () => {
  answer = fail;
  const set = open();
  for (let index = 0; index < 20; index++) await expect(set.current()).rejects.toThrow('the key set cannot be fetched now');
  expect(server.seen).toHaveLength(1);
  answer = (_, response) => response.end(body);
  vi.advanceTimersByTime(1000);
  expect((await set.current()).list[0]!.kid).toBe('one');
});

it('looks for an unknown key at most once in ten seconds, however many ask', async () => {
  const set = open();
  await set.current();
  vi.advanceTimersByTime(9999);
  for (let index = 0; index < 200; index++) await set.renewed();
  expect(server.seen).toHaveLength(1);
  vi.advanceTimersByTime(1);
  body = keySetText('two');
  const found = await Promise.all(Array.from({ length: 200 }, () => set.renewed()));
  expect(found.every((keys) => keys.list[0]!.kid === 'two')).toBe(true);
  for (let index = 0; index < 200; index++) await set.renewed();
  expect(server.seen).toHaveLength(2);
});

it.each<[string, RequestListener, string]>([
  ['a redirect', (_, response) => response.writeHead(302, { location: '/keys' }).end(), 'status 302, and redirects are not followed'],
  ['too much', (_, response) => response.end(' '.repeat(1_048_577)), 'is larger than 1048576 bytes'],
  ['what is no key set', (_, response) => response.end('<html>canary-upstream-text'), 'the key set is no JSON'],
  [
    'an answer that breaks off',
    (_, response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('{');
      response.socket?.destroy();
    },
    '',
  ],
])('keeps the old keys over %s', async (_, broken, reason) => {
  const set = open();
  const keys = await set.current();
  answer = broken;
  vi.advanceTimersByTime(200_000);
  expect(await set.current()).toBe(keys);
  expect(server.seen).toHaveLength(2);
  expect(warnings).toEqual([expect.stringContaining(reason)]);
  expect(warnings.join()).not.toContain('canary');
});

it('gives a slow URI five seconds', async () => {
  const timeout = vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => {
    const controller = new AbortController();
    setTimeout(() => {
      controller.abort(new DOMException('timed out', 'TimeoutError'));
    }, 30);
    return controller.signal;
  });
  answer = () => undefined;
  await expect(open().current()).rejects.toThrow(KeySetUnavailable);
  expect(timeout).toHaveBeenCalledExactlyOnceWith(5000);
});

it('follows a shorter Cache-Control, but never below ten seconds', async () => {
  for (const [control, fresh, old] of [
    ['public, max-age=50', 39_000, 50_000],
    ['no-store', 7000, 10_000],
    ['max-age=99999', 79_000, 100_000],
  ] as const) {
    answer = (_, response) => response.setHeader('cache-control', control).end(body);
    const set = open();
    await set.current();
    server.seen.length = 0;
    vi.advanceTimersByTime(fresh);
    expect(set.peek()).toBeDefined();
    expect(server.seen).toHaveLength(0);
    vi.advanceTimersByTime(old - fresh);
    expect(set.peek()).toBeUndefined();
    await until(() => server.seen.length === 1);
  }
});

it('is shared by URI across loads, with the shortest age of one load, and forgotten when no policy names it', async () => {
  const shared = new SharedIdentify();
  const url = new URL(server.url);
  const one = shared.keySet(url, { dispatcher: agent, maxAgeMs: 300_000 });
  await one.current();
  shared.keySet(url, { dispatcher: agent, maxAgeMs: 50_000 });
  expect(shared.keySet(url, { dispatcher: agent, maxAgeMs: 200_000 }).maxAgeMs).toBe(50_000);
  shared.begin();
  expect(shared.keySet(new URL(server.url), { dispatcher: agent, maxAgeMs: 200_000 })).toBe(one);
  expect(one.maxAgeMs).toBe(200_000);
  shared.retire();
  expect(shared.keySet(url, { dispatcher: agent, maxAgeMs: 1 }).peek()).toBeDefined();
  shared.begin();
  shared.retire();
  expect(shared.keySet(url, { dispatcher: agent, maxAgeMs: 1 })).not.toBe(one);
  expect(server.seen).toHaveLength(1);
});
