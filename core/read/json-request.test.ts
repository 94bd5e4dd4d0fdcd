import { describe, expect, test } from 'vitest';

import { GatewayError } from '../errors.ts';

import { type ApiEndpoint, ENDPOINTS } from './endpoints.ts';
import { MAX_DEPTH, readJson } from './json-request.ts';

const named = (operation: string): ApiEndpoint => ENDPOINTS.find((endpoint) => endpoint.operation === operation)!;
const CHAT = named('chat');

function read(text: string | Buffer, endpoint = CHAT) {
  return readJson(Buffer.from(text as string), endpoint);
}

function refusal(text: string | Buffer): GatewayError {
  try {
    read(text);
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error('was taken');
}

const nested = (depth: number) => `{"model":"m","x":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;

describe('readJson', () => {
  test.each([
    ['{"model":"m"}', { model: 'm', stream: false, wantsUsage: false }],
    ['{"model":"m","stream":true}', { stream: true, wantsUsage: false }],
    ['{"model":"m","stream":null}', { stream: false }],
    ['{"model":"m","stream":false,"stream_options":{"include_usage":true}}', { stream: false, wantsUsage: false }],
    ['{"model":"m","stream":true,"stream_options":{"include_usage":true}}', { wantsUsage: true }],
    ['{"model":"m","stream":true,"stream_options":{"include_usage":"true"}}', { wantsUsage: false }],
    ['{"model":"m","stream":true,"stream_options":null}', { wantsUsage: false }],
    ['{"stream":true,"\\u006dodel":"\\u006d"}', { model: 'm', stream: true }],
    ['{"model":"__proto__","__proto__":{"stream":true}}', { model: '__proto__', stream: false }],
    ['{"model":"m","constructor":{"prototype":{"stream":true}}}', { stream: false }],
    ['{"model":"m","messages":[{"model":"n"},{"model":"o"}]}', { model: 'm' }],
    ['{"model":"m","tools":[],"tools":[]}', { model: 'm' }],
    ['\n {"model" : "日本\\n"}\t', { model: '日本\n' }],
  ])('%s', (text, expected) => {
    expect(read(text)).toMatchObject(expected);
    expect(({} as { stream?: boolean }).stream).toBeUndefined();
  });

  test.each([
    ['', 'TK_BAD_JSON', /the body is empty/],
    ['null', 'TK_BAD_JSON', /no JSON object/],
    ['[]', 'TK_BAD_JSON', /no JSON object/],
    ['"model"', 'TK_BAD_JSON', /no JSON object/],
    ['{"model":"m"', 'TK_BAD_JSON', /no JSON object/],
    ['{"model":"m"}{"model":"n"}', 'TK_BAD_JSON', /no JSON object/],
    ['{"model":"m",}', 'TK_BAD_JSON', /no JSON object/],
    ["{'model':'m'}", 'TK_BAD_JSON', /no JSON object/],
    ['{"model":"m"} // c', 'TK_BAD_JSON', /no JSON object/],
    ['{"model":"m","x":NaN}', 'TK_BAD_JSON', /no JSON object/],
    ['\ufeff{"model":"m"}', 'TK_BAD_JSON', /no JSON object/],
    ['model=m', 'TK_BAD_JSON', /no JSON object/],
    ['{"model":"m","model":"n"}', 'TK_BAD_JSON', /"model" twice/],
    ['{"model":"m","\\u006dodel":"n"}', 'TK_BAD_JSON', /"model" twice/],
    ['{"model":"m","model":"m"}', 'TK_BAD_JSON', /"model" twice/],
    ['{"model":"m","stream":false,"stream":true}', 'TK_BAD_JSON', /"stream" twice/],
    ['{"model":"m","stream_options":{},"stream_options":{}}', 'TK_BAD_JSON', /"stream_options" twice/],
    ['{}', 'TK_MODEL_REQUIRED', /has no "model"/],
    ['{"Model":"m"}', 'TK_MODEL_REQUIRED', /has no "model"/],
    ['{"model":""}', 'TK_MODEL_REQUIRED', /must be a string/],
    ['{"model":5}', 'TK_MODEL_REQUIRED', /must be a string/],
    ['{"model":null}', 'TK_MODEL_REQUIRED', /must be a string/],
    ['{"model":["m"]}', 'TK_MODEL_REQUIRED', /must be a string/],
    ['{"model":"m","stream":"true"}', 'TK_BAD_JSON', /"stream" must be true or false/],
    ['{"model":"m","stream":1}', 'TK_BAD_JSON', /"stream" must be true or false/],
    ['{"model":"m","stream":{}}', 'TK_BAD_JSON', /"stream" must be true or false/],
  ])('%s is refused', (text, code, message) => {
    const error = refusal(text);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  test('an error names its field and quotes nothing of the body', () => {
    expect(refusal('{"model":"m","model":"n"}').param).toBe('model');
    expect(refusal('{"model":"m","stream":3}').param).toBe('stream');
    expect(refusal('{"model":"m","messages":[{"content":"top secret prompt}]}').message).not.toContain('secret');
    expect(refusal('{"model":"m","secret":tru}').message).not.toContain('secret');
  });

  test('bytes that are no UTF-8 are refused', () => {
    expect(refusal(Buffer.from('{"model":"m\xff"}', 'latin1')).code).toBe('TK_BAD_JSON');
    expect(refusal(Buffer.from('{"model":"m"}', 'utf16le')).code).toBe('TK_BAD_JSON');
  });

  test('depth is bounded, and a bomb costs no stack', () => {
    expect(read(nested(MAX_DEPTH)).model).toBe('m');
    expect(refusal(nested(MAX_DEPTH + 1)).code).toBe('TK_BAD_JSON');
    expect(refusal(`{"model":"m","x":${'['.repeat(1_000_000)}`).code).toBe('TK_BAD_JSON');
    expect(refusal(`{"a":`.repeat(500_000)).code).toBe('TK_BAD_JSON');
  });

  test('a body with very many members is read', () => {
    const many = Array.from({ length: 50_000 }, (_, index) => `"k${index}":0`).join(',');
    expect(read(`{${many},"model":"m"}`).model).toBe('m');
  });

  test('an operation that does not stream takes "stream" as a member like any other', () => {
    expect(read('{"model":"m","stream":true}', named('embeddings')).stream).toBe(false);
  });

  test('usage is asked for where the API has to be asked', () => {
    const text = '{"model":"m","stream":true,"stream_options":{"include_usage":true}}';
    expect(read(text, named('messages')).wantsUsage).toBe(false);
    expect(read(text, named('responses')).wantsUsage).toBe(false);
  });
});
