import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { FetchFailed } from './fetch-failed.ts';
import { type Fetch, Refreshed } from './refreshed.ts';

const MINUTE = 60_000;

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-01-01T00:00:00Z') });
});

afterEach(() => {
  vi.useRealTimers();
});

/** A source whose answers the test gives one by one: a life in milliseconds, an error, or none at all. */
function source(...answers: (number | Error | 'hangs')[]) {
  const signals: AbortSignal[] = [];
  const fetch: Fetch<string> = (signal) => {
    signals.push(signal);
    const answer = answers[Math.min(signals.length, answers.length) - 1]!;
    if (answer === 'hangs') return new Promise(() => undefined);
    if (answer instanceof Error) return Promise.reject(answer);
    return Promise.resolve({ value: `value ${signals.length}`, expiresAt: Date.now() + answer });
  };
  const told: string[] = [];
  // No jitter, and the longest of all pauses.
  const random = { value: 0 };
  const refreshed = new Refreshed('policy p', fetch, { tell: (line) => void told.push(line), random: () => random.value });
  return { refreshed, told, random, signals };
}

const passed = (ms: number) => vi.advanceTimersByTimeAsync(ms);

describe('a value that is fetched', () => {
  test('is not asked for before it is started, and once however often it is started', async () => {
    const { refreshed, signals } = source(60 * MINUTE);
    expect(refreshed.state()).toMatchObject({ name: 'policy p', status: 'starting' });
    expect(refreshed.current).toBeUndefined();
    expect(signals).toHaveLength(0);
    refreshed.start();
    refreshed.start();
    await passed(0);
    refreshed.start();
    expect(signals).toHaveLength(1);
    expect(refreshed.current).toBe('value 1');
    expect(refreshed.state()).toEqual({
      name: 'policy p',
      status: 'ok',
      failingSince: undefined,
      lastError: undefined,
      expiresAt: '2026-01-01T01:00:00.000Z',
    });
  });

  test.each([
    [60 * MINUTE, 55 * MINUTE, 'five minutes before its end'],
    [10 * MINUTE, 8 * MINUTE, 'after four fifths of a short life'],
    [10_000, 8000, 'after four fifths of a very short life'],
  ])('of %d ms is fetched again at %d ms: %s', async (lifeMs, dueMs) => {
    const { refreshed, signals } = source(lifeMs);
    refreshed.start();
    await passed(dueMs - 1);
    expect(signals).toHaveLength(1);
    await passed(2);
    expect(signals).toHaveLength(2);
    expect(refreshed.current).toBe('value 2');
  });

  test('is fetched up to a tenth earlier, each gateway at its own time', async () => {
    const { refreshed, random, signals } = source(60 * MINUTE);
    random.value = 0.999_999;
    refreshed.start();
    await passed(49 * MINUTE);
    expect(signals).toHaveLength(1);
    await passed(MINUTE);
    expect(signals).toHaveLength(2);
  });

  test('that lives for years is fetched again after a day: a timer cannot count further', async () => {
    const { refreshed, signals } = source(10 * 365 * 1440 * MINUTE);
    refreshed.start();
    await passed(1439 * MINUTE);
    expect(signals).toHaveLength(1);
    await passed(2 * MINUTE);
    expect(signals).toHaveLength(2);
  });

  test('is used until it ends while its source is down, and no longer', async () => {
    const { refreshed, told, random } = source(10 * MINUTE, new FetchFailed('down'));
    refreshed.start();
    await passed(0);
    random.value = 0.9;
    await passed(9 * MINUTE);
    expect(refreshed.state()).toMatchObject({ status: 'failing', failingSince: '2026-01-01T00:08:00.000Z', lastError: 'down' });
    expect(refreshed.current).toBe('value 1');
    await passed(MINUTE - 1);
    expect(refreshed.current).toBe('value 1');
    await passed(1);
    expect(refreshed.current).toBeUndefined();
    expect(refreshed.lately).toEqual(['value 1']);
    expect(told).toEqual(['policy p: its credential cannot be fetched: down; the last one is used until it ends']);
  });

  test('has one line for many failures, and one when it is fetched again', async () => {
    const { refreshed, told } = source(new FetchFailed('a'), new FetchFailed('b'), new FetchFailed('c'), 60 * MINUTE);
    refreshed.start();
    await passed(20_000);
    expect(told).toEqual(['policy p: its credential cannot be fetched: a', 'policy p: its credential is fetched again']);
    expect(refreshed.state()).toMatchObject({ status: 'ok', lastError: undefined });
  });

  test('is asked for after 1 s, 2 s, 4 s … 60 s at most while its source is down', async () => {
    const { refreshed, random, signals } = source(new FetchFailed('down'));
    random.value = 0.999_999_999;
    const at: number[] = [];
    const begin = Date.now();
    refreshed.start();
    for (let second = 0; second < 300; second++) {
      await passed(1000);
      if (signals.length > at.length) at.push(Math.round((Date.now() - begin) / 1000));
    }
    const pauses = at.slice(1).map((time, index) => time - at[index]!);
    expect(pauses.slice(0, 6).map((pause, index) => Math.abs(pause - 2 ** index) <= 1)).toEqual(Array(6).fill(true));
    expect(Math.max(...pauses)).toBeLessThanOrEqual(60);
  });

  test('that does not come within ten seconds is given up, its signal aborted, even where nobody heeds it', async () => {
    const { refreshed, random, signals } = source('hangs', 60 * MINUTE);
    random.value = 0.999;
    refreshed.start();
    await passed(9999);
    expect(refreshed.state().status).toBe('starting');
    await passed(1);
    expect(signals[0]!.aborted).toBe(true);
    expect(refreshed.state()).toMatchObject({ status: 'failing', lastError: 'no answer within 10 s' });
    // Never two at a time.
    expect(signals).toHaveLength(1);
    await passed(1000);
    expect(refreshed.current).toBe('value 2');
  });

  test.each([0, -1000, Number.NaN])('that has ended when it comes (%d ms) is none', async (lifeMs) => {
    const { refreshed } = source(lifeMs);
    refreshed.start();
    await passed(0);
    expect(refreshed.current).toBeUndefined();
    expect(refreshed.state()).toMatchObject({ status: 'failing', lastError: 'what came has ended already' });
    refreshed.close();
  });

  test('is fetched at once when a machine has slept over its end, and the request does not wait', async () => {
    const { refreshed, signals } = source(60 * MINUTE);
    refreshed.start();
    await passed(0);
    // The clock goes on, the timers do not.
    vi.setSystemTime(Date.now() + 120 * MINUTE);
    expect(refreshed.current).toBeUndefined();
    expect(refreshed.current).toBeUndefined();
    expect(signals).toHaveLength(2);
    await passed(0);
    expect(refreshed.current).toBe('value 2');
    expect(refreshed.lately).toEqual(['value 2', 'value 1']);
  });

  test('is asked for no more once it is closed, and what is under way is aborted', async () => {
    const { refreshed, told, signals } = source('hangs');
    refreshed.start();
    refreshed.close();
    await passed(60 * MINUTE);
    expect(signals).toHaveLength(1);
    expect(signals[0]!.aborted).toBe(true);
    expect(told).toEqual([]);
    refreshed.start();
    expect(signals).toHaveLength(1);
  });

  test('without an end is looked at again only where it may change', async () => {
    const fetch = vi.fn<Fetch<string>>(() => Promise.resolve({ value: 'a', expiresAt: undefined, againMs: MINUTE }));
    const again = new Refreshed('p', fetch);
    again.start();
    await passed(3.5 * MINUTE);
    expect(fetch).toHaveBeenCalledTimes(4);
    again.close();
    const once = vi.fn<Fetch<string>>(() => Promise.resolve({ value: 'a', expiresAt: undefined }));
    new Refreshed('p', once).start();
    await passed(10_000 * MINUTE);
    expect(once).toHaveBeenCalledTimes(1);
  });

  test('fails without what a library says, which may quote the secret', async () => {
    const quoting = Object.assign(new Error('invalid header value "Bearer canary"'), { code: 'UND_ERR_INVALID_ARG' });
    for (const [error, said] of [
      [quoting, 'UND_ERR_INVALID_ARG'],
      [new TypeError('canary'), 'TypeError'],
      [Object.assign(new Error('x'), { code: 'a canary' }), 'Error'],
    ] as const) {
      const { refreshed, told } = source(error);
      refreshed.start();
      await passed(0);
      expect(refreshed.state().lastError).toBe(said);
      expect(told.join()).not.toContain('canary');
      refreshed.close();
    }
  });
});
