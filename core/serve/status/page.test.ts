import { readdirSync, readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

const FOLDER = new URL('page/', import.meta.url);
const files = readdirSync(FOLDER).map((name) => ({ name, text: readFileSync(new URL(name, FOLDER), 'utf8') }));

interface Row {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly first?: number;
  readonly note?: string;
}
const { stagesOf } = (await import(new URL('request.js', FOLDER).href)) as { stagesOf: (request: object) => Row[] };
const { figuresOf, resultOf } = (await import(new URL('traffic.js', FOLDER).href)) as {
  figuresOf: (requests: object[], now: number, inFlight: number) => [string, string, string?][];
  resultOf: (request: object) => string;
};
const { clean, money, duration } = (await import(new URL('text.js', FOLDER).href)) as {
  clean: (text: unknown) => string;
  money: (value: number, currency: string) => string;
  duration: (ms: number | undefined) => string;
};

describe('the page', () => {
  test.each(files)('$name makes no markup of text, has no inline code, and asks nobody else', ({ text }) => {
    expect(text).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b|new Function|srcdoc/);
    expect(text).not.toMatch(/\son\w+=|<style|style="|javascript:/);
    // The name of SVG's namespace is no address.
    expect(text.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:\/\/|url\(|@import|\/\/[a-z]+\./);
  });

  test('shows no mark that could make one name look like another', () => {
    expect(clean('a\u202Eb\u0000c\u200Bd\n<b>')).toBe('a\uFFFDb\uFFFDc\uFFFDd\uFFFD<b>');
    expect(clean(undefined)).toBe('');
  });

  test('writes small amounts of money with digits that say something', () => {
    expect([0, 0.000_000_1, 0.001_162, 0.25, 3.5, 1234.5].map((value) => money(value, 'USD'))).toEqual([
      '0.00 USD',
      '0.000000100 USD',
      '0.00116 USD',
      '0.250 USD',
      '3.500 USD',
      '1234.50 USD',
    ]);
    expect([undefined, 0.04, 999, 61_000].map(duration)).toEqual(['', '0.0 ms', '999 ms', '1 min 1 s']);
  });
});

const attempt = (startMs: number, endMs: number, failure?: string) => ({
  backend: 'b',
  url: 'http://b',
  status: 200,
  startMs,
  endMs,
  failure,
});
const request = (change: object) => ({ status: 200, complete: true, durationMs: 100, attempts: [], ...change });

describe('the stages of a request', () => {
  test('follow each other: route, admit, attempts, first token, end', () => {
    const attempts = [attempt(3, 20, 'connect'), attempt(25, 99)];
    const rows = stagesOf(request({ identifiedMs: 1, routedMs: 2, firstTokenMs: 60, attempts }));
    expect(rows.map(({ name, from, to, first }) => [name, from, to, first])).toEqual([
      ['identify', 0, 1, undefined],
      ['read, route', 1, 2, undefined],
      ['admit', 2, 3, undefined],
      ['attempt 1', 3, 20, undefined],
      ['attempt 2', 25, 99, 60],
      ['first token', 60, 60, undefined],
      ['end', 100, 100, undefined],
    ]);
    expect(rows[3]!.note).toContain('connect');
  });

  test('end where the request was refused', () => {
    const unknown = stagesOf(request({ status: 404, reason: 'TK_MODEL_NOT_FOUND' }));
    expect(unknown.map(({ name, to, note }) => [name, to, note])).toEqual([
      ['identify, read, route', 100, '404 TK_MODEL_NOT_FOUND'],
      ['end', 100, undefined],
    ]);
    const limited = stagesOf(request({ status: 429, reason: 'TK_RATE_LIMITED', routedMs: 5 }));
    expect(limited[1]).toMatchObject({ name: 'admit', from: 5, to: 100, note: '429 TK_RATE_LIMITED' });
  });

  test('have the queue at tier two', () => {
    const [, queue] = stagesOf(request({ routedMs: 1, attempts: [attempt(31, 99)], details: { queue_ms: 30 } }));
    expect(queue).toMatchObject({ name: 'queue, pick', from: 1, to: 31, note: '30 ms in the queue' });
  });
});

test('a request was answered, refused, failed, or left', () => {
  const results = [{}, { status: 404 }, { status: 502 }, { complete: false, reason: 'reset' }, { status: 499, clientGone: true }];
  expect(results.map((change) => resultOf(request(change)))).toEqual(['ok', 'refused', 'failed', 'failed', 'left']);
});

test('figures are those of the requests that are kept', () => {
  const now = 1_000_000;
  const old = request({ startTime: 0, usage: { output: 1000 } });
  const one = request({
    startTime: now - 30_000,
    stream: true,
    firstTokenMs: 40,
    usage: { output: 600 },
    details: { cost_nanos: 5e8, cost_currency: 'USD' },
  });
  const bad = request({
    startTime: now - 20_000,
    status: 502,
    durationMs: 300,
    attempts: [attempt(0, 1, 'reset'), attempt(2, 3, 'reset')],
  });
  const figures = Object.fromEntries(figuresOf([bad, one, old, old], now, 7).map(([name, value]) => [name, value]));
  expect(figures).toEqual({
    'Requests / min': '2',
    'In flight': '7',
    Failed: '25 %',
    Retried: '25 %',
    'TTFT p50': '40 ms',
    'TTFT p95': '40 ms',
    'Took p50': '100 ms',
    'Took p95': '300 ms',
    'Tokens / s': '10',
    Cost: '0.500 USD',
  });
});
