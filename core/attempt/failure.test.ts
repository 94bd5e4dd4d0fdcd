import type { IncomingHttpHeaders } from 'node:http';

import { describe, expect, it } from 'vitest';

import { connectionFailure, type Failure, retryAfterMs, sortOf } from './failure.ts';

const NOW = Date.parse('2026-11-24T12:00:00Z');

describe('Retry-After', () => {
  const cases: readonly (readonly [IncomingHttpHeaders, number | undefined])[] = [
    [{}, undefined],
    [{ 'retry-after': '7' }, 7000],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': '1.5' }, 1500],
    [{ 'retry-after': 'Tue, 24 Nov 2026 12:00:30 GMT' }, 30_000],
    [{ 'retry-after': 'Tuesday, 24-Nov-26 12:00:30 GMT' }, 30_000],
    [{ 'retry-after': 'Tue, 24 Nov 2026 11:00:00 GMT' }, 0],
    [{ 'retry-after-ms': '250', 'retry-after': '7' }, 250],
    [{ 'retry-after-ms': 'soon', 'retry-after': '7' }, 7000],
    [{ 'retry-after-ms': '', 'retry-after': '7' }, 7000],
    [{ 'retry-after-ms': '-1' }, undefined],
    [{ 'retry-after-ms': 'Infinity' }, undefined],
    [{ 'retry-after': '' }, undefined],
    [{ 'retry-after': '-5' }, undefined],
    [{ 'retry-after': 'in 2099' }, undefined],
    [{ 'retry-after': '1e9' }, undefined],
    [{ 'retry-after': 'a while' }, undefined],
    [{ 'retry-after': '5 seconds' }, undefined],
    // Undici gives a list where a header comes twice.
    [{ 'retry-after': ['5', '6'] } as unknown as IncomingHttpHeaders, undefined],
  ];
  for (const [headers, expected] of cases)
    it(`${JSON.stringify(headers)} is ${expected}`, () => {
      expect(retryAfterMs(headers, NOW)).toBe(expected);
    });
});

const thrown = (code: string, name = 'Error') => Object.assign(new Error('x'), { code, name });

describe('a failure of the connection', () => {
  it('is told apart by what came before it and by its code', () => {
    for (const code of [
      'ECONNREFUSED',
      'ENOTFOUND',
      'EHOSTUNREACH',
      'UND_ERR_CONNECT_TIMEOUT',
      'ERR_TLS_CERT_ALTNAME_INVALID',
      'CERT_HAS_EXPIRED',
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    ])
      expect(connectionFailure(thrown(code), false).reason).toBe('connect');
    expect(connectionFailure(new AggregateError([thrown('ECONNREFUSED')]), false).reason).toBe('connect');
    for (const code of ['ECONNRESET', 'UND_ERR_SOCKET', 'EPIPE']) {
      expect(connectionFailure(thrown(code), false).reason).toBe('reset');
      expect(connectionFailure(thrown(code), true).reason).toBe('truncated');
    }
    expect(connectionFailure(thrown('HPE_INVALID_CONSTANT', 'HTTPParserError'), false).reason).toBe('malformed');
    expect(connectionFailure(thrown('HPE_INVALID_CHUNK_SIZE', 'HTTPParserError'), true).reason).toBe('truncated');
  });

  it('is not the backend’s when the request could not be written', () => {
    const failure = connectionFailure(thrown('UND_ERR_INVALID_ARG', 'InvalidArgumentError'), false);
    expect([failure.reason, sortOf(failure)]).toEqual(['local', undefined]);
  });
});

const failure = (reason: Failure['reason'], status?: number): Failure => ({
  reason,
  message: '',
  ...(status === undefined ? {} : { answer: { status, headers: {}, body: Buffer.alloc(0) } }),
});

describe('how a failure counts', () => {
  it('depends on its reason and status', () => {
    expect(sortOf(failure('connect'))).toBe('local');
    expect(sortOf(failure('reset'))).toBe('local');
    expect(sortOf(failure('timeout'))).toBe('gateway');
    for (const status of [502, 503, 504]) expect(sortOf(failure('status', status))).toBe('gateway');
    for (const status of [500, 501, 529]) expect(sortOf(failure('status', status))).toBe('server');
    for (const status of [400, 401, 404, 408, 429]) expect(sortOf(failure('status', status))).toBeUndefined();
    for (const reason of ['idle', 'malformed', 'truncated', 'stream_error'] as const) expect(sortOf(failure(reason))).toBe('server');
  });
});
