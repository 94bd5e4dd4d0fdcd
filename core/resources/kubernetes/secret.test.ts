import { expect, it } from 'vitest';

import { problemsOf } from '../ai-gateway/problems-of.ts';
import { Secret } from './secret.ts';

it.each([
  ['base64 and plain text', { data: { a: 'YQ==' }, stringData: { b: 'plain' }, immutable: true }, []],
  ['base64 over several lines, as YAML blocks give it', { data: { a: 'YWJj\nZGVm\n' } }, []],
  ['nothing', {}, []],
  ['an empty value', { data: { a: '' } }, []],
  ['a type of one’s own', { type: 'example.com/x', stringData: { a: 'b' } }, []],
  ['keys of its type', { type: 'kubernetes.io/tls', data: { 'tls.crt': '' }, stringData: { 'tls.key': '' } }, []],
  ['a password alone', { type: 'kubernetes.io/basic-auth', stringData: { password: 'x' } }, []],
  [
    'a key too few',
    { type: 'kubernetes.io/tls', stringData: { 'tls.crt': '' } },
    ['data: needs tls.key, as the type is kubernetes.io/tls'],
  ],
  [
    'neither user nor password',
    { type: 'kubernetes.io/basic-auth' },
    ['data: needs username or password, as the type is kubernetes.io/basic-auth'],
  ],
  [
    'a way out of the folder',
    { stringData: { '../a': 'b', '': 'c' } },
    [expect.stringMatching(/^stringData\.\.\.\/a: the key must/), expect.stringMatching(/^stringData\.: the key must/)],
  ],
  ['too many bytes', { stringData: { a: 'x'.repeat(1_048_577) } }, [': holds 1048577 bytes; a Secret may hold 1048576']],
  [
    'a key that is written twice counts once',
    { data: { a: Buffer.alloc(1_000_000).toString('base64') }, stringData: { a: 'x'.repeat(1_000_000) } },
    [],
  ],
  ['a misspelt field', { stringdata: {} }, ['stringdata: unknown field; did you mean "stringData"?']],
])('%s', (_name, body, problems) => {
  expect(problemsOf(Secret, body)).toEqual(problems);
});

it.each([
  ['a number', { stringData: { pin: 48_151_623 } }, 'stringData.pin'],
  ['a list', { data: { keys: ['48151623'] } }, 'data.keys'],
  ['no base64', { data: { key: '48151623!' } }, 'data.key'],
  ['no map', { data: '48151623' }, 'data'],
  ['a list for a map', { stringData: ['48151623'] }, 'stringData'],
])('tells of %s without showing it', (_name, body, path) => {
  const problems = problemsOf(Secret, body);
  expect(problems).toEqual([expect.stringMatching(new RegExp(`^${path.replace('.', '\\.')}: `))]);
  expect(problems[0]).not.toContain('48151623');
  expect(problems[0]).toContain('(the value is not shown)');
});

it('is Opaque unless it says more', () => {
  const body = {};
  problemsOf(Secret, body);
  expect(body).toEqual({ type: 'Opaque' });
});
