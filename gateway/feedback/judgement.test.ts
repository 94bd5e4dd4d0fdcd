import { expect, it } from 'vitest';

import { GatewayError } from '#core/errors';

import { readJudgement } from './judgement.ts';

const read = (body: unknown) => readJudgement(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));

it('takes what is needed, and fills in the rest', () => {
  expect(read({ request_id: 'r:1/+=', score: -0.5 })).toEqual({
    requestId: 'r:1/+=',
    name: 'user_feedback',
    annotatorKind: 'HUMAN',
    score: -0.5,
    label: undefined,
    explanation: undefined,
    identifier: undefined,
    metadata: undefined,
  });
});

it('takes all there is, metadata as it was written, and null for what is not', () => {
  const metadata = '{ "run": 12345678901234567890, "deep": [1.0, {"a": null}] }';
  const text = `{"request_id":"r","name":"toxicity","label":"no","explanation":"two\\nlines 🙂","annotator_kind":"LLM","identifier":"judge","score":null,"metadata":${metadata}}`;
  expect(read(text)).toEqual({
    requestId: 'r',
    name: 'toxicity',
    annotatorKind: 'LLM',
    score: undefined,
    label: 'no',
    explanation: 'two\nlines 🙂',
    identifier: 'judge',
    metadata,
  });
});

const WRONG: readonly (readonly [what: string, body: unknown, message: string, param: string | undefined])[] = [
  ['nothing', '', 'the body is empty; a JSON object is needed', undefined],
  ['no JSON', '{"request_id":', 'the body is no JSON object: ', undefined],
  ['a list', '[]', 'the body is no JSON object: ', undefined],
  ['bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 'the body is no JSON object: ', undefined],
  [
    'an unknown field',
    { request_id: 'r', scor: 1 },
    'the body has the field "scor", which feedback has not; did you mean "score"?',
    undefined,
  ],
  ['a field twice', '{"request_id":"r","score":1,"score":2}', 'the body has "score" twice', 'score'],
  ['no id', { score: 1 }, 'the body has no "request_id"', 'request_id'],
  ['an id of another type', { request_id: 7, score: 1 }, '"request_id" must be a string, not number', 'request_id'],
  ['an id that none can be', { request_id: 'a b', score: 1 }, '"request_id" must be 1 to 128 of', 'request_id'],
  ['no judgement', { request_id: 'r', name: 'x' }, 'it needs "score", "label" or "explanation"', undefined],
  [
    'nulls alone',
    { request_id: 'r', score: null, label: null, explanation: null },
    'it needs "score", "label" or "explanation"',
    undefined,
  ],
  ['a score in quotes', { request_id: 'r', score: '1' }, '"score" must be a number, not string', 'score'],
  ['an infinite score', '{"request_id":"r","score":1e999}', '"score" is larger than a number can be', 'score'],
  ['an empty label', { request_id: 'r', label: ' ' }, '"label" is empty; leave it out', 'label'],
  ['a long label', { request_id: 'r', label: 'x'.repeat(129) }, '"label" has 129 characters; it may have 128', 'label'],
  ['a label of two lines', { request_id: 'r', label: 'a\nb' }, '"label" must be one line', 'label'],
  ['half a character', '{"request_id":"r","explanation":"\\ud800"}', '"explanation" has half a character in it', 'explanation'],
  ['NUL', { request_id: 'r', explanation: 'a\u0000b' }, '"explanation" has a NUL character in it', 'explanation'],
  [
    'a long explanation',
    { request_id: 'r', explanation: 'ä'.repeat(4097) },
    '"explanation" has 8194 bytes; it may have 8192',
    'explanation',
  ],
  ['the name of notes', { request_id: 'r', score: 1, name: 'note' }, '"name" must not be "note"', 'name'],
  [
    'another kind',
    { request_id: 'r', score: 1, annotator_kind: 'HUMANS' },
    '"annotator_kind" must be HUMAN, LLM or CODE, not "HUMANS"; did you mean "HUMAN"?',
    'annotator_kind',
  ],
  ['metadata that is a list', { request_id: 'r', score: 1, metadata: [] }, '"metadata" must be an object, not array', 'metadata'],
  [
    'much metadata',
    { request_id: 'r', score: 1, metadata: { x: 'x'.repeat(9000) } },
    '"metadata" has 9008 bytes; it may have 8192',
    'metadata',
  ],
  [
    'half a character in metadata',
    '{"request_id":"r","score":1,"metadata":{"a":["\\udfff"]}}',
    '"metadata" has half a character',
    'metadata',
  ],
  ['half a character in a name', '{"request_id":"r","score":1,"metadata":{"\\udfff":1}}', '"metadata" has half a character', 'metadata'],
  ['an infinite number in metadata', '{"request_id":"r","score":1,"metadata":{"a":-1e999}}', '"metadata" has a number that is', 'metadata'],
  [
    'deep metadata',
    `{"request_id":"r","score":1,"metadata":${'{"a":'.repeat(40)}1${'}'.repeat(40)}}`,
    'the body is no JSON object: ',
    undefined,
  ],
];

it.each(WRONG)('refuses %s, and says what and where', (_, body, message, param) => {
  let thrown: unknown;
  try {
    if (Buffer.isBuffer(body)) readJudgement(body);
    else read(body);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(GatewayError);
  expect(thrown).toMatchObject({ code: 'TK_BAD_JSON', status: 400, param, message: expect.stringContaining(message) as string });
});
