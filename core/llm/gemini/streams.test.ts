// Streams as https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent has them.
import { array, assert, boolean, constantFrom, integer, jsonValue, oneof, property, record, type Arbitrary } from 'fast-check';
import { describe, expect, it } from 'vitest';

import { UnacceptableAnswer } from '../../attempt/failure.ts';
import { SseScanner } from '../../http/sse.ts';
import { scanObject } from '../../json/scan.ts';
import { saidIn } from '../answers.fixture.ts';
import { CODECS, type TranslatedDialect } from '../codecs.ts';
import type { AnswerEvent, Block } from '../conversation.ts';
import { gathered } from '../gathered.fixture.ts';

const scan = (value: object) => scanObject(Buffer.from(JSON.stringify(value)));
const { gemini } = CODECS;

function read(bytes: string, name: TranslatedDialect = 'gemini') {
  const decoder = CODECS[name].decodeStream();
  const events: AnswerEvent[] = [];
  const scanner = new SseScanner({ onEvent: (_, event) => void events.push(...decoder.push(event)) });
  scanner.push(Buffer.from(bytes));
  scanner.end();
  return { events: [...events, ...decoder.end()], losses: decoder.losses.list().map(({ path }) => path) };
}

const ENVELOPE = { modelVersion: 'gemini-3-flash', responseId: 'r1' };
const USAGE = { promptTokenCount: 5, candidatesTokenCount: 2, totalTokenCount: 7 };
const chunk = (parts: readonly object[], more: object = {}) => ({
  candidates: [{ content: { role: 'model', parts }, index: 0, ...more }],
  ...ENVELOPE,
});
const sse = (...chunks: readonly object[]) => chunks.map((each) => `data: ${JSON.stringify(each)}\r\n\r\n`).join('');

const part: Arbitrary<object> = oneof(
  record({ text: constantFrom('', 'a', 'bc'), thought: boolean(), thoughtSignature: constantFrom('', 's', 't') }),
  record({ text: constantFrom('', 'a', 'bc') }),
  record({
    functionCall: record({ name: constantFrom('f', 'g'), args: record({ x: jsonValue({ maxDepth: 1 }) }) }),
    thoughtSignature: constantFrom('', 'c'),
  }),
  constantFrom({ inlineData: { mimeType: 'image/png', data: 'aGk=' } }, { executableCode: { code: '1' } }),
);

it('says what the whole answer says, however its parts are divided', () => {
  assert(
    property(array(part, { maxLength: 8 }), array(integer({ min: 0, max: 3 }), { minLength: 1 }), (parts, sizes) => {
      const chunks: object[] = [];
      for (let at = 0, turn = 0; at < parts.length; turn++) {
        const size = sizes[turn % sizes.length]! + (turn % 2);
        chunks.push(chunk(parts.slice(at, at + size)));
        at += size;
      }
      const end = { ...chunk([], { finishReason: 'STOP' }), usageMetadata: USAGE };
      const whole = gemini.decodeAnswer(scan({ ...chunk(parts, { finishReason: 'STOP' }), usageMetadata: USAGE }));
      const { losses: _, stopSequence: __, ...said } = whole;
      expect(JSON.parse(JSON.stringify(gathered(read(sse(...chunks, end)).events), withoutPlace))).toEqual(saidIn(said as typeof whole));
    }),
    { numRuns: 300 },
  );
});

function withoutPlace(key: string, value: unknown): unknown {
  return key === 'at' ? undefined : value;
}

it('a signature behind its text, tokens bit by bit, and a second candidate', () => {
  const { events, losses } = read(
    sse(
      { ...chunk([{ text: 'he' }]), usageMetadata: { promptTokenCount: 5 } },
      { candidates: [{ index: 1, content: { parts: [{ text: 'other' }] } }, ...chunk([{ text: 'llo' }]).candidates], ...ENVELOPE },
      {
        ...chunk([{ text: '', thoughtSignature: 's' }], { finishReason: 'STOP', groundingMetadata: { imageSearchQueries: ['q'] } }),
        usageMetadata: USAGE,
      },
    ),
  );
  expect(events.map(({ type }) => type)).toEqual([
    'answer_start',
    'block_start',
    'text_delta',
    'text_delta',
    'signature_delta',
    'block_stop',
    'answer_stop',
  ]);
  expect(gathered(events)).toMatchObject({ blocks: [{ text: 'hello', signature: 's' }], finish: 'stop', usage: { input: 5, output: 2 } });
  expect(losses.sort()).toEqual(['candidates[0].groundingMetadata.imageSearchQueries', 'candidates[1]']);
});

it('a question that was refused', () => {
  expect(gathered(read(sse({ promptFeedback: { blockReason: 'PROHIBITED_CONTENT' }, ...ENVELOPE })).events)).toMatchObject({
    blocks: [],
    finish: 'content_filter',
  });
});

describe('what is not whole is none', () => {
  it.each<[string, string, string]>([
    ['empty', '', 'ended before the answer'],
    ['no reason for its end', sse(chunk([{ text: 'a' }])), 'ended before the answer'],
    [
      'an error',
      sse(chunk([{ text: 'a' }]), { error: { code: 503, message: 'overloaded', status: 'UNAVAILABLE' } }),
      'ended before the answer',
    ],
    ['no JSON', 'data: <html>\n\n', 'an event that is no JSON'],
    ['a list, as without alt=sse', 'data: [{}]\n\n', 'must be an object'],
    ['arguments bit by bit', sse(chunk([{ functionCall: { name: 'f', partialArgs: [] } }])), 'partialArgs cannot be said'],
  ])('%s', (_, bytes, message) => {
    expect(() => read(bytes)).toThrow(UnacceptableAnswer);
    expect(() => read(bytes)).toThrow(message);
  });
});

const SIGNED = [
  chunk([{ text: 'hm', thought: true }]),
  chunk([{ text: 'ok' }]),
  chunk([{ text: '', thoughtSignature: 'dA==' }]),
  chunk([{ functionCall: { id: 'a', name: 'f', args: { x: 1 } }, thoughtSignature: 'Yw==' }]),
  chunk([{ functionCall: { id: 'b', name: 'f', args: {} } }], { finishReason: 'STOP' }),
];

/** A stream of Gemini as one of another API. */
function told(name: TranslatedDialect) {
  const encoder = CODECS[name].encodeStream({ created: 1, usage: true });
  const bytes =
    read(sse(...SIGNED))
      .events.map((event) => encoder.push(event))
      .join('') + encoder.end();
  expect(encoder.losses.list()).toEqual([]);
  return bytes;
}

describe('signatures in a stream go along as in a whole answer', () => {
  it('of chat completions', () => {
    expect(gathered(read(told('openai-chat'), 'openai-chat').events)).toMatchObject({
      blocks: [
        { type: 'reasoning', text: 'hm' },
        { type: 'text', text: 'ok', signature: 'dA==' },
        { type: 'tool_call', id: 'a', arguments: '{"x":1}', signature: 'Yw==' },
        { type: 'tool_call', id: 'b', arguments: '{}' },
      ],
    });
  });

  it('of messages, whose blocks keep their numbers in order', () => {
    const events = told('anthropic-messages')
      .split('\n')
      .filter((line) => line.startsWith('data: '))
      .map((line) => JSON.parse(line.slice('data: '.length)) as { type: string; index?: number });
    const blocks = gathered(read(told('anthropic-messages'), 'anthropic-messages').events) as { blocks: Block[] };
    expect(events.filter(({ type }) => type === 'content_block_start').map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(events.filter(({ type }) => type === 'content_block_stop').map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5]);
    const content = blocks.blocks.map((block) =>
      block.type === 'reasoning'
        ? { type: 'thinking', thinking: block.text, signature: block.signature ?? '' }
        : block.type === 'tool_call'
          ? { type: 'tool_use', id: block.id, name: block.name, input: JSON.parse(block.arguments) as object }
          : block,
    );
    const request = {
      model: 'gemini-3',
      max_tokens: 1,
      messages: [
        { role: 'user', content: 'hi' },
        { role: 'assistant', content },
      ],
    };
    const { body } = gemini.encodeRequest(CODECS['anthropic-messages'].decodeRequest(scan(request)));
    expect(JSON.parse(JSON.stringify(body))).toMatchObject({
      contents: [
        {},
        {
          parts: [
            { text: 'ok', thoughtSignature: 'dA==' },
            { functionCall: { id: 'a', args: { x: 1 } }, thoughtSignature: 'Yw==' },
            { functionCall: { id: 'b' } },
          ],
        },
      ],
    });
  });

  it('of Gemini', () => {
    expect(gathered(read(told('gemini')).events)).toEqual(gathered(read(sse(...SIGNED)).events));
  });
});
