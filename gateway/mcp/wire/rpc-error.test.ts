import { expect, test } from 'vitest';

import {
  headerMismatch,
  internalError,
  invalidParams,
  invalidRequest,
  missingClientCapability,
  parseError,
  type RpcError,
  serverUnreachable,
  sessionGone,
  unacceptableAnswer,
  unknownMethod,
  unsupportedVersion,
} from './rpc-error.ts';

test.each<[string, RpcError, number, number]>([
  ['parse error', parseError('x'), -32700, 400],
  ['invalid request', invalidRequest('x'), -32600, 400],
  ['unknown method, legacy', unknownMethod('x', 'legacy'), -32601, 200],
  ['unknown method, modern', unknownMethod('x', 'modern'), -32601, 404],
  ['invalid params', invalidParams('x'), -32602, 200],
  ['unsupported version', unsupportedVersion('x'), -32022, 400],
  ['missing capability', missingClientCapability({ roots: {} }), -32021, 400],
  ['header mismatch', headerMismatch('x'), -32020, 400],
  ['unreachable server', serverUnreachable('a', 'no answer in 5 s'), -32010, 200],
  ['unacceptable answer', unacceptableAnswer('a', 'x'), -32603, 200],
  ['session gone', sessionGone(), -32001, 404],
  ['internal', internalError(), -32603, 500],
])('%s', (_, error, code, httpStatus) => {
  expect(error).toMatchObject({ code, httpStatus });
});

test('errors say what a client needs to go on', () => {
  expect(unsupportedVersion('1900-01-01').data).toEqual({
    supported: ['2026-07-28', '2025-11-25', '2025-06-18'],
    requested: '1900-01-01',
  });
  expect(missingClientCapability({ elicitation: { form: {} } }).data).toEqual({ requiredCapabilities: { elicitation: { form: {} } } });
  expect(unknownMethod('x'.repeat(1000), 'legacy').message.length).toBeLessThan(130);
});
