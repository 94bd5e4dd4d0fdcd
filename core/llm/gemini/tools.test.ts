// Bodies as https://ai.google.dev/gemini-api/docs/function-calling and https://ai.google.dev/gemini-api/docs/thought-signatures have them.
import { describe, expect, it } from 'vitest';

import { scanObject } from '../../json/scan.ts';
import { CODECS } from '../codecs.ts';
import { resultIn, responseOf } from './tool-result.ts';

const scan = (value: object) => scanObject(Buffer.from(JSON.stringify(value)));
const decoded = (value: object) => CODECS.gemini.decodeRequest(scan(value), { model: 'm', stream: false });
const call = (id: string, name: string, text = '{}', more: object = {}) => ({
  id,
  type: 'function',
  function: { name, arguments: text },
  ...more,
});
const CALLS = [
  { role: 'user', content: 'go' },
  { role: 'assistant', content: null, tool_calls: [call('a', 'f', '{"x":1}'), call('b', 'f', '{"x":')] },
  { role: 'tool', tool_call_id: 'b', content: 'second' },
  { role: 'tool', tool_call_id: 'a', content: '{"first": true}' },
  { role: 'user', content: 'and?' },
];

function written(messages: readonly object[], model: string) {
  const { body, losses } = CODECS.gemini.encodeRequest(CODECS['openai-chat'].decodeRequest(scan({ model, messages })));
  return { contents: JSON.parse(JSON.stringify(body['contents'])) as unknown, losses: losses.map(({ path, what }) => `${what} ${path}`) };
}

it('newer models are told ids, and that calls have no signature', () => {
  const { contents, losses } = written(CALLS, 'gemini-3-flash');
  expect(losses).toEqual(['approximated messages[1].tool_calls[1]']);
  expect(contents).toEqual([
    { role: 'user', parts: [{ text: 'go' }] },
    {
      role: 'model',
      parts: [
        { functionCall: { id: 'a', name: 'f', args: { x: 1 } }, thoughtSignature: 'skip_thought_signature_validator' },
        { functionCall: { id: 'b', name: 'f', args: { arguments: '{"x":' } } },
      ],
    },
    {
      role: 'user',
      parts: [
        { functionResponse: { id: 'b', name: 'f', response: { result: 'second' } } },
        { functionResponse: { id: 'a', name: 'f', response: { first: true } } },
        { text: 'and?' },
      ],
    },
  ]);
});

// https://github.com/vercel/ai/issues/15664: Vertex refuses ids with older models.
it('older models are told none, and results in the order of their calls', () => {
  const { contents } = written(CALLS, 'gemini-2.5-flash');
  expect(contents).toMatchObject([
    {},
    { parts: [{ functionCall: { name: 'f', args: { x: 1 } } }, { functionCall: { name: 'f' } }] },
    {
      parts: [
        { functionResponse: { response: { first: true } } },
        { functionResponse: { response: { result: 'second' } } },
        { text: 'and?' },
      ],
    },
  ]);
  expect(JSON.stringify(contents)).not.toMatch(/"id"|thoughtSignature/);
});

it('calls without ids are known by their names and their order, and an answer that nobody asked for by its name', () => {
  const back = decoded({
    contents: [
      { role: 'model', parts: ['f', 'g', 'f'].map((name) => ({ functionCall: { name } })) },
      {
        role: 'function',
        parts: ['f', 'f', 'g', 'h'].map((name, index) => ({ functionResponse: { name, response: { result: `${index}` } } })),
      },
    ],
  });
  expect(back.turns.flatMap(({ blocks }) => blocks.map((block) => ('id' in block ? block.id : '')))).toEqual([
    'call_0',
    'call_1',
    'call_2',
    'call_0',
    'call_2',
    'call_1',
    'h',
  ]);
});

it('media of a result are what the user says next', () => {
  const content = [
    { type: 'text', text: 'see' },
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGk=' } },
  ];
  const request = {
    model: 'gemini-3-flash',
    max_tokens: 1,
    messages: [
      {
        role: 'assistant',
        content: [
          { type: 'tool_use', id: 't', name: 'f', input: {} },
          { type: 'tool_use', id: 'u', name: 'g', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 't', content },
          { type: 'tool_result', tool_use_id: 'u', content: [content[0], content[0]], is_error: true },
        ],
      },
    ],
  };
  const { body } = CODECS.gemini.encodeRequest(CODECS['anthropic-messages'].decodeRequest(scan(request)));
  expect(JSON.parse(JSON.stringify(body['contents']))).toMatchObject([
    { role: 'model' },
    {
      role: 'user',
      parts: [
        { functionResponse: { id: 't', name: 'f', response: { result: 'see' } } },
        {
          functionResponse: {
            id: 'u',
            name: 'g',
            response: {
              content: [
                { type: 'text', text: 'see' },
                { type: 'text', text: 'see' },
              ],
              isError: true,
            },
          },
        },
        { inlineData: { mimeType: 'image/png', data: 'aGk=' } },
      ],
    },
  ]);
});

describe('responses of functions', () => {
  it.each<[object, readonly string[], boolean]>([
    [{ result: 'a' }, ['a'], false],
    [{ output: 'a' }, ['a'], false],
    [{ result: '' }, [], false],
    [{ error: 'a' }, ['a'], true],
    [{ error: { code: 1 } }, ['{"code":1}'], true],
    [{ error: null }, ['{"error":null}'], false],
    [{ result: { a: 1 } }, ['{"result":{"a":1}}'], false],
    [{ result: 'a', error: 'b' }, ['{"result":"a","error":"b"}'], false],
    [{ content: [{ type: 'text', text: 'a' }] }, ['a'], false],
    [{ content: [{ type: 'text', text: 'a' }, 'b'] }, ['{"content":[{"type":"text","text":"a"},"b"]}'], false],
    [{}, ['{}'], false],
  ])('%j', (response, texts, isError) => {
    expect(resultIn(response as Record<string, unknown>)).toEqual({ texts, isError });
  });

  it('a number that JavaScript cannot hold stays as it is', () => {
    expect(responseOf({ texts: ['{"id": 12345678901234567890}'], isError: false })).toEqual({ result: '{"id": 12345678901234567890}' });
    expect(responseOf({ texts: ['{"__proto__": {"a": 1}}'], isError: false })).toEqual(JSON.parse('{"__proto__": {"a": 1}}'));
    const { losses } = written([{ role: 'assistant', tool_calls: [call('a', 'f', '{"id": 12345678901234567890}')] }], 'gemini-3');
    expect(losses).toEqual(['approximated messages[0].tool_calls[0]']);
  });
});

it('strict tools are calls that keep to their schemas', () => {
  const tools = [{ type: 'function', function: { name: 'f', strict: true } }];
  const mode = (more: object) =>
    CODECS.gemini.encodeRequest(CODECS['openai-chat'].decodeRequest(scan({ model: 'm', messages: CALLS, tools, ...more }))).body[
      'toolConfig'
    ];
  expect(mode({})).toEqual({ functionCallingConfig: { mode: 'VALIDATED' } });
  expect(mode({ tool_choice: 'required' })).toEqual({ functionCallingConfig: { mode: 'ANY' } });
  expect(mode({ tool_choice: 'none' })).toEqual({ functionCallingConfig: { mode: 'NONE' } });
});

it('schemas of Google’s own become JSON Schema', () => {
  const parameters = {
    type: 'OBJECT',
    properties: {
      type: { type: 'STRING', nullable: true, enum: ['a'] },
      nullable: {
        type: 'ARRAY',
        min_items: '2',
        items: { anyOf: [{ type: 'NUMBER' }, { type: 'TYPE_UNSPECIFIED', title: 't' }], nullable: true },
      },
    },
    propertyOrdering: ['type'],
    required: ['type'],
  };
  const back = decoded({ contents: [{ parts: [{ text: 'a' }] }], tools: { functionDeclarations: { name: 'f', parameters } } });
  expect(back.tools[0]?.parameters).toEqual({
    type: 'object',
    properties: {
      type: { type: ['string', 'null'], enum: ['a', null] },
      nullable: { type: 'array', minItems: 2, items: { anyOf: [{ type: 'number' }, { title: 't' }, { type: 'null' }] } },
    },
    required: ['type'],
  });
  expect(back.losses).toEqual([{ path: 'tools[0].functionDeclarations[0].parameters.propertyOrdering', what: 'dropped' }]);
  const format = decoded({
    contents: [{ parts: [{ text: 'a' }] }],
    generationConfig: { responseMimeType: 'application/json', responseSchema: { type: 'OBJECT' } },
  });
  expect(format.format).toEqual({ type: 'json_schema', name: 'answer', schema: { type: 'object' }, strict: undefined });
});
