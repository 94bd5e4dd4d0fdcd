import { expect, it } from 'vitest';

import { problemsOf } from '../ai-gateway/problems-of.ts';
import { ConfigMap } from './config-map.ts';

it.each([
  ['text and bytes', { data: { 'ca.crt': 'x' }, binaryData: { b: 'AAE=' }, immutable: false }, []],
  ['a number', { data: { port: 8080 } }, ['data.port: must be string, not 8080']],
  [
    'one key in both',
    { data: { a: 'x' }, binaryData: { a: 'AAE=' } },
    ['binaryData.a: is a key of data as well; it may stand in one of them'],
  ],
  ['no base64', { binaryData: { a: 'AAE' } }, ['binaryData.a: is no base64; plain text goes into data']],
  ['a key with a space', { data: { 'a b': '' } }, [expect.stringMatching(/^data\.a b: the key must/)]],
  ['a value under a key with a line break', { data: { 'a\nb': 1 } }, ['data.a\nb: must be string, not 1']],
  ['too many bytes', { data: { a: 'ü'.repeat(524_289) } }, [': holds 1048578 bytes; a ConfigMap may hold 1048576']],
  ['a spec', { spec: {} }, ['spec: unknown field']],
])('%s', (_name, body, problems) => {
  expect(problemsOf(ConfigMap, body)).toEqual(problems);
});
