import { describe, expect, it } from 'vitest';

import type { Failure, FailureReason } from '../../attempt/failure.ts';
import { ERRORS, type ErrorCode, GatewayError } from '../../errors.ts';
import { ERROR_TYPES, errorTypeOf, failureTypeOf } from './error-type.ts';

const answered = (status: number, body = ''): Failure => ({
  reason: 'status',
  message: '',
  answer: { status, headers: {}, body: Buffer.from(body) },
});
const outcome = (more: object) => ({ complete: false, clientGone: false, failure: undefined, ...more });

describe('the class of a failure', () => {
  it.each([
    [401, 'upstream_credential'],
    [403, 'upstream_credential'],
    [404, 'upstream_not_found'],
    [408, 'upstream_timeout'],
    [422, 'upstream_invalid_request'],
    [429, 'upstream_rate_limited'],
    [500, 'upstream_server_error'],
    [503, 'upstream_overloaded'],
    [504, 'upstream_timeout'],
    [529, 'upstream_overloaded'],
  ])('of an answer with status %d is %s', (status, type) => {
    expect(failureTypeOf(answered(status))).toBe(type);
    expect(errorTypeOf({ status, errorCode: undefined, outcome: outcome({ complete: true }) })).toBe(type);
  });

  it.each([
    ['{"error":{"code":"context_length_exceeded"}}', 'upstream_context_length'],
    ['{"error":{"message":"prompt is too long: 210000 tokens > 200000 maximum"}}', 'upstream_context_length'],
    ['{"error":{"code":"content_filter"}}', 'upstream_content_filter'],
    ['{"error":{"code":"invalid_value"}}', 'upstream_invalid_request'],
  ])('of a 400 is told by its body: %s', (body, type) => {
    expect(failureTypeOf(answered(400, body))).toBe(type);
  });

  it('of every reason is one of the table', () => {
    const reasons: FailureReason[] = ['connect', 'reset', 'timeout', 'idle', 'malformed', 'stream_error', 'truncated', 'local', 'status'];
    for (const reason of reasons) expect(ERROR_TYPES).toHaveProperty(failureTypeOf({ reason, message: '' }));
  });

  it('of every error of ours is one of the table, and internal only where it is', () => {
    for (const errorCode of Object.keys(ERRORS) as ErrorCode[]) {
      const type = errorTypeOf({ status: 500, errorCode, outcome: undefined });
      expect(ERROR_TYPES).toHaveProperty(type!);
      expect(type === 'internal').toBe(errorCode === 'TK_INTERNAL');
    }
    expect(failureTypeOf({ reason: 'local', message: '', cause: new GatewayError('TK_NO_BACKEND', 'x') })).toBe('no_backend');
  });

  it('is what the client met with: its own leaving first, then the last failure, then our answer', () => {
    const failure: Failure = { reason: 'reset', message: '' };
    expect(errorTypeOf({ status: 499, errorCode: 'TK_UPSTREAM', outcome: outcome({ clientGone: true, failure }) })).toBe('client_gone');
    expect(errorTypeOf({ status: 502, errorCode: 'TK_UPSTREAM', outcome: outcome({ failure }) })).toBe('upstream_reset');
    expect(errorTypeOf({ status: 429, errorCode: 'TK_BUDGET', outcome: undefined })).toBe('budget');
    expect(errorTypeOf({ status: 200, errorCode: undefined, outcome: outcome({ complete: true }) })).toBeUndefined();
  });
});
