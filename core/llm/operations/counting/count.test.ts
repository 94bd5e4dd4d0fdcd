import { describe, expect, test } from 'vitest';

import { UnacceptableAnswer } from '../../../attempt/failure.ts';
import { scanObject } from '../../../json/scan.ts';
import { counting } from './count.ts';
import { MESSAGES_COUNTED, RESPONSES_COUNTED, TOKENIZED } from './counted.ts';
import { ANTHROPIC_COUNTER, bedrockClaudeCounter, CONVERSE_COUNTER, GEMINI_COUNTER, RESPONSES_COUNTER } from './counters.ts';

const scan = (value: object) => scanObject(Buffer.from(JSON.stringify(value)));
const TOOL = { name: 'weather', input_schema: { type: 'object' } };
const MESSAGES = { model: 'client', system: 'be brief', tools: [TOOL], messages: [{ role: 'user', content: 'hi' }] };

describe('what is counted', () => {
  test.each([
    [ANTHROPIC_COUNTER, ['messages', 'model', 'system', 'tools']],
    [GEMINI_COUNTER, ['contents', 'systemInstruction', 'tools']],
    [RESPONSES_COUNTER, ['input', 'instructions', 'model', 'tools']],
  ])('is the prompt with its tools, and no setting of an answer: $name', (counter, names) => {
    const { body, losses } = counting(MESSAGES_COUNTED, counter).encode(scan(MESSAGES), 'real');
    expect(Object.keys(body).toSorted()).toEqual(names);
    expect(losses).toEqual([]);
    expect(body['model']).toBe(names.includes('model') ? 'real' : undefined);
  });

  test('is it within the request of Converse', () => {
    const { body } = counting(MESSAGES_COUNTED, CONVERSE_COUNTER).encode(scan(MESSAGES), 'real');
    const { converse } = body['input'] as { converse: object };
    expect(Object.keys(converse).toSorted()).toEqual(['messages', 'system', 'toolConfig']);
  });

  test('is the whole body of an InvokeModel, which the API wants in base64', () => {
    const { body } = counting(MESSAGES_COUNTED, bedrockClaudeCounter('v')).encode(scan({ ...MESSAGES, stream: true }), 'real');
    const { invokeModel } = body['input'] as { invokeModel: { body: string } };
    const invoked = JSON.parse(Buffer.from(invokeModel.body, 'base64').toString()) as Record<string, unknown>;
    expect(Object.keys(invoked).toSorted()).toEqual(['anthropic_version', 'max_tokens', 'messages', 'system', 'tools']);
  });

  test('is a prompt as much as messages are', () => {
    const operation = counting(TOKENIZED, GEMINI_COUNTER);
    const said = { contents: [{ role: 'user', parts: [{ text: 'hi' }] }] };
    expect(operation.encode(scan({ model: 'm', prompt: 'hi', add_special_tokens: false }), 'm')).toMatchObject({
      body: said,
      losses: [{ path: 'add_special_tokens', what: 'dropped' }],
    });
    expect(operation.encode(scan({ model: 'm', messages: [{ role: 'user', content: 'hi' }] }), 'm').body).toEqual(said);
  });

  test.each([
    [TOKENIZED, { model: 'm' }, 'prompt is required'],
    [TOKENIZED, { model: 'm', prompt: 7 }, 'prompt must be a text'],
    [MESSAGES_COUNTED, { model: 'm' }, 'messages needs'],
    [RESPONSES_COUNTED, { model: 'm', input: 'x', previous_response_id: 'r' }, 'previous_response_id'],
  ])('is refused where it is nothing to count: %# %j', (counted, body, message) => {
    expect(() => counting(counted, GEMINI_COUNTER).encode(scan(body), 'm')).toThrow(message);
  });
});

describe('the number', () => {
  const prepared = counting(TOKENIZED, GEMINI_COUNTER).encode(scan({ model: 'm', prompt: 'hi' }), 'm');

  test('is told as the client’s API has it, and what nobody can tell is told to be missing', () => {
    const told = prepared.decode(scan({ totalTokens: 3 }), {});
    expect(told).toMatchObject({ body: { count: 3 }, usage: undefined });
    expect(told.losses.map(({ path }) => path)).toEqual(['tokens', 'max_model_len']);
  });

  test.each([{}, { totalTokens: -1 }, { totalTokens: 1.5 }, { totalTokens: '3' }, { totalTokens: null }])('is none in %j', (answer) => {
    expect(() => prepared.decode(scan(answer), {})).toThrow(UnacceptableAnswer);
  });
});
