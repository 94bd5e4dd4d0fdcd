import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { ExchangedTokens, type SubjectToken } from './exchanged-tokens.ts';
import { FetchFailed } from './fetch-failed.ts';
import { SharedExchanges } from './shared-exchanges.ts';
import type { ExchangeSource } from './token-exchange.ts';

const MINUTE = 60_000;

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-01-01T00:00:00Z') });
});
afterEach(() => {
  vi.useRealTimers();
});

const subject = (text: string, lifeMs?: number): SubjectToken => ({
  text,
  digest: `#${text}`,
  expiresAt: lifeMs === undefined ? undefined : Date.now() + lifeMs,
});
const signal = new AbortController().signal;

/** An authorization server whose answers the test gives one by one: a life in milliseconds, an error, or none at all. The last one stays. */
function server(answers: (number | Error | 'hangs')[], most?: number) {
  const asked: string[] = [];
  const told: string[] = [];
  const counts = { ok: 0, failed: 0 };
  const tokens = new ExchangedTokens(
    'TokenExchange n/x',
    (text) => {
      asked.push(text);
      const answer = answers[Math.min(asked.length, answers.length) - 1]!;
      if (answer === 'hangs') return new Promise(() => undefined);
      if (answer instanceof Error) return Promise.reject(answer);
      return Promise.resolve({ value: `${text} ${asked.length}`, expiresAt: Date.now() + answer });
    },
    { counts, tell: (line) => void told.push(line), ...(most !== undefined && { most }) },
  );
  return { tokens, asked, told, counts };
}

const passed = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const refused = (code = 'invalid_grant') => new FetchFailed(`idp answered with status 400 (${code})`, { code });

describe('an exchanged token', () => {
  test('is asked for once for many, and then known at once', async () => {
    const { tokens, asked, counts } = server([60 * MINUTE]);
    const all = await Promise.all(Array.from({ length: 20 }, async () => tokens.of(subject('a'), signal)));
    expect(new Set(all)).toEqual(new Set(['a 1']));
    expect(tokens.of(subject('a'), signal)).toBe('a 1');
    expect(await tokens.of(subject('b'), signal)).toBe('b 2');
    expect(asked).toEqual(['a', 'b']);
    expect(counts).toEqual({ ok: 2, failed: 0 });
  });

  test.each([
    [60 * MINUTE, undefined, 59 * MINUTE],
    [MINUTE, undefined, 48_000],
    [60 * MINUTE, 5 * MINUTE, 5 * MINUTE],
    [0, undefined, 0],
  ])('of %d ms, for one of %s ms, is used for %d ms', async (lifeMs, subjectMs, usedMs) => {
    const { tokens, asked } = server([lifeMs]);
    const who = subject('a', subjectMs);
    await tokens.of(who, signal);
    await passed(Math.max(0, usedMs - 1));
    if (usedMs > 0) await tokens.of(who, signal);
    expect(asked).toHaveLength(1);
    await passed(1);
    expect(await tokens.of(who, signal)).toBe('a 2');
  });

  test('that a server did not take is asked for anew, by whoever finds out first', async () => {
    const { tokens, asked } = server([60 * MINUTE]);
    const first = await tokens.of(subject('a'), signal);
    tokens.forget(subject('a'), first);
    const second = await tokens.of(subject('a'), signal);
    tokens.forget(subject('a'), first);
    expect(await tokens.of(subject('a'), signal)).toBe(second);
    expect(asked).toHaveLength(2);
  });

  test('is kept of so many, those that were used last', async () => {
    const { tokens, asked } = server([60 * MINUTE], 2);
    for (const text of ['a', 'b', 'a', 'c', 'a', 'b']) await tokens.of(subject(text), signal);
    expect(asked).toEqual(['a', 'b', 'c', 'b']);
  });

  test('comes to the others where one who waits leaves', async () => {
    const { tokens, asked } = server([60 * MINUTE]);
    const leaves = new AbortController();
    const gone = Promise.resolve(tokens.of(subject('a'), leaves.signal));
    const stays = tokens.of(subject('a'), signal);
    leaves.abort(new Error('left'));
    await expect(gone).rejects.toThrow('left');
    expect(await stays).toBe('a 1');
    await expect(Promise.resolve(tokens.of(subject('b'), leaves.signal))).rejects.toThrow('left');
    expect(asked).toEqual(['a', 'b']);
  });
});

const fails = (tokens: ExchangedTokens, text = 'a') =>
  Promise.resolve(tokens.of(subject(text), signal)).then(
    () => 'ok',
    (error: Error) => error.message,
  );

describe('a failure', () => {
  test('is remembered for a moment: a refusal for five seconds, another one for one', async () => {
    const { tokens, asked } = server([refused(), new FetchFailed('idp: ECONNREFUSED'), MINUTE]);
    expect(await fails(tokens)).toContain('(invalid_grant)');
    await passed(4999);
    expect(await fails(tokens)).toContain('(invalid_grant)');
    expect(asked).toHaveLength(1);
    await passed(1);
    expect(await fails(tokens)).toBe('idp: ECONNREFUSED');
    await passed(999);
    expect(await fails(tokens)).toBe('idp: ECONNREFUSED');
    expect(asked).toHaveLength(2);
    await passed(1);
    expect(await fails(tokens)).toBe('ok');
  });

  test('is one also where no answer comes', async () => {
    const { tokens } = server(['hangs']);
    const waiting = fails(tokens);
    await passed(10_000);
    expect(await waiting).toBe('no answer within 10 s');
  });

  test('is told once, and that it is over; a refusal once a minute', async () => {
    const { tokens, told, counts } = server([new FetchFailed('idp: x'), new FetchFailed('idp: x'), MINUTE, refused(), refused()]);
    for (const text of ['a', 'b', 'c', 'd', 'e']) await fails(tokens, text);
    expect(told).toEqual([
      'TokenExchange n/x: no token can be had: idp: x',
      'TokenExchange n/x: tokens can be had again',
      'TokenExchange n/x: a caller’s token was not exchanged: idp answered with status 400 (invalid_grant)',
    ]);
    expect(counts).toEqual({ ok: 1, failed: 4 });
    await passed(MINUTE);
    await fails(tokens, 'f');
    expect(told).toHaveLength(4);
  });
});

test('what is closed forgets all, and tells nobody of what was under way', async () => {
  const { tokens, asked, told } = server([60 * MINUTE, 'hangs', 60 * MINUTE]);
  await tokens.of(subject('a'), signal);
  const waiting = Promise.resolve(tokens.of(subject('b'), signal));
  waiting.catch(() => undefined);
  tokens.close();
  await expect(waiting).rejects.toThrow(/abort/);
  expect(told).toEqual([]);
  // Who still has it goes on.
  for (let each = 0; each < 2; each++) expect(await tokens.of(subject('a'), signal)).toMatch(/^a /);
  expect(asked).toEqual(['a', 'b', 'a', 'a']);
});

test('the tokens of a TokenExchange stay the same as long as nothing changes', () => {
  const exchanges = new SharedExchanges();
  const source = { clientSecret: 'canary', audience: 'a', scopes: ['x'] } as unknown as ExchangeSource;
  const tokens = exchanges.of('n/x', source);
  expect(exchanges.of('n/x', { ...source })).toBe(tokens);
  expect(exchanges.of('n/y', source)).not.toBe(tokens);
  expect(exchanges.of('n/x', { ...source, audience: 'b' })).not.toBe(tokens);
  expect(exchanges.of('n/x', { ...source, clientSecret: 'another' })).not.toBe(tokens);
  expect(exchanges.measures()).toEqual([
    { policy: 'n/x', type: 'TokenExchange', endsAt: undefined, counts: { ok: 0, failed: 0 } },
    { policy: 'n/y', type: 'TokenExchange', endsAt: undefined, counts: { ok: 0, failed: 0 } },
  ]);
});
