import { expect, test } from 'vitest';

import { backendError, translatedError } from './dialect.ts';

const failed = (body: object, status = 400) => ({ status, headers: {}, body: Buffer.from(JSON.stringify(body)) });
const told = (body: Buffer) => (JSON.parse(body.toString()) as { error: { message: string; code?: string } }).error;

const fault = (field: string) => ({
  type: 'extra_forbidden',
  loc: ['body', field],
  msg: 'Extra inputs are not permitted',
  input: 'what was sent',
});
const MISTRAL = 'body.store: Extra inputs are not permitted; body.seed: Extra inputs are not permitted';

test.each([
  ['Mistral', { object: 'error', message: { detail: [fault('store'), fault('seed')] }, code: null }, MISTRAL],
  ['Mistral since 2025', { object: 'Error', detail: [fault('store'), fault('seed')], message: [fault('store'), fault('seed')] }, MISTRAL],
  ['FastAPI', { detail: [{ loc: ['body'], msg: 'field required' }] }, 'body: field required'],
  ['Google', [{ error: { code: 400, message: 'Unknown name "store"', status: 'INVALID_ARGUMENT' } }], 'Unknown name "store"'],
  ['xAI', { code: 'Client specified an invalid argument', error: 'Argument not supported: stop' }, 'Argument not supported: stop'],
  ['nobody: a list of anything', { detail: [1, { msg: 2 }] }, 'the backend answered 400'],
])('an error of %s keeps its text, and nothing of what was sent', (_, body, message) => {
  expect(told(backendError('openai', failed(body), 'r')).message).toBe(message);
  for (const dialect of ['openai', 'anthropic'] as const) expect(told(translatedError(dialect, failed(body), 'r')).message).toBe(message);
  expect(backendError('openai', failed(body), 'r').toString()).not.toContain('what was sent');
});

test('what has the shape of the API passes byte for byte', () => {
  const own = failed({ error: { message: 'a', extra: 1 } });
  expect(backendError('openai', own, 'r')).toBe(own.body);
});
