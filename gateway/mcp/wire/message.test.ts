import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';

import { damage, objectText, valueText } from '#core/json/arbitraries';
import { scanObject } from '#core/json/scan';
import {
  edit,
  errorBytes,
  metaOf,
  notificationBytes,
  paramsOf,
  readMessage,
  requestBytes,
  resultBytes,
  resultOf,
  type RpcMessage,
} from './message.ts';
import { RpcError, unknownMethod } from './rpc-error.ts';

function read(text: string): RpcMessage {
  return readMessage(Buffer.from(text));
}

function thrown(call: () => unknown): unknown {
  try {
    call();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The error that the call throws; a test fails where it throws none, or another. */
function refusal(call: () => unknown): RpcError {
  const error = thrown(call);
  if (error instanceof RpcError) return error;
  throw error ?? new Error('nothing was thrown');
}

describe('readMessage', () => {
  test.each([
    ['{"jsonrpc":"2.0","id":1,"method":"ping"}', { kind: 'request', id: '1', method: 'ping' }],
    ['{"jsonrpc":"2.0","id":"a\\u0062","method":"ping"}', { kind: 'request', id: '"a\\u0062"', method: 'ping' }],
    ['{"id":12345678901234567890,"method":"p\\u0069ng","jsonrpc":"2.0"}', { kind: 'request', id: '12345678901234567890', method: 'ping' }],
    ['{"jsonrpc":"2.0","id":1.0,"method":"x"}', { kind: 'request', id: '1.0', method: 'x' }],
    ['{"jsonrpc":"2.0","method":"notifications/x"}', { kind: 'notification', id: undefined, method: 'notifications/x' }],
    ['{"jsonrpc":"2.0","id":1,"result":{}}', { kind: 'response', id: '1', method: undefined }],
    ['{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":""}}', { kind: 'response', id: undefined, method: undefined }],
    ['{"jsonrpc":"2.0","error":{}}', { kind: 'response', id: undefined, method: undefined }],
  ])('%s', (text, expected) => {
    expect(read(text)).toMatchObject(expected);
  });

  test.each([
    ['', -32700],
    ['{', -32700],
    ['{"jsonrpc":"2.0","id":1,"method":"ping"} x', -32700],
    [`{"jsonrpc":"2.0","id":1,"method":"x","params":${'['.repeat(64)}${']'.repeat(64)}}`, -32700],
    ['1', -32600],
    ['"x"', -32600],
    ['[]', -32600],
    ['[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600],
    ['{}', -32600],
    ['{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600],
    ['{"jsonrpc":2.0,"id":1,"method":"ping"}', -32600],
    ['{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600],
    ['{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600],
    ['{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":7}', -32600],
    ['{"jsonrpc":"2.0","id":1}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}', -32600],
    ['{"jsonrpc":"2.0","id":1,"result":{},"error":{}}', -32600],
    ['{"jsonrpc":"2.0","id":1,"result":[]}', -32600],
    ['{"jsonrpc":"2.0","id":1,"error":"x"}', -32600],
    ['{"jsonrpc":"2.0","result":{}}', -32600],
    ['{"jsonrpc":"2.0","id":null,"result":{}}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"a","m\\u0065thod":"b"}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"a","Method":"b"}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"a","paramſ":{}}', -32600],
  ])('refuses %s', (text, code) => {
    expect(refusal(() => read(text))).toMatchObject({ code, httpStatus: 400 });
  });

  it('names the batch, and the id of what it refuses', () => {
    expect(refusal(() => read(' [ ]')).message).toContain('batches');
    expect(refusal(() => read('{"jsonrpc":"1.0","id":"a","method":"x"}')).id).toBe('"a"');
  });

  it('holds messages to the limits', () => {
    const bytes = Buffer.from('{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":{"b":{}}}}');
    expect(readMessage(bytes, { maxBytes: bytes.length, maxDepth: 4 }).kind).toBe('request');
    expect(refusal(() => readMessage(bytes, { maxBytes: bytes.length - 1 }))).toMatchObject({ code: -32600, httpStatus: 413 });
    expect(refusal(() => readMessage(bytes, { maxDepth: 3 })).code).toBe(-32700);
  });

  it('throws nothing but RpcError, whatever the bytes', () => {
    const message = fc
      .tuple(valueText, valueText, fc.constantFrom('id', 'method', 'params', 'result', 'error', '_meta'), fc.boolean())
      .map(([params, other, name, isRequest]) =>
        Buffer.from(`{"jsonrpc":"2.0",${isRequest ? '"id":1,"method":"tools/call",' : ''}"params":${params},"${name}":${other}}`),
      );
    const bytes = fc.oneof(
      message,
      fc.tuple(message, damage).map(([bytes, damaged]) => damaged(bytes)),
      fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array)),
      objectText.map(({ text }) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(bytes, (bytes) => {
        const error = thrown(() => {
          const message = readMessage(bytes);
          metaOf(message);
          edit(message, { id: '7', params: [{ set: 'name', value: '"x"' }], meta: [{ remove: 'a' }] });
        });
        expect(error === undefined || error instanceof RpcError).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('params and _meta', () => {
  it('are located', () => {
    const message = read('{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":1.0,"_meta":{"b":2}}}');
    expect(paramsOf(message)?.slice('a')?.toString()).toBe('1.0');
    expect(metaOf(message)?.number('b')).toBe(2);
    expect(paramsOf(message)).toBe(paramsOf(message));
  });

  it('may be absent', () => {
    const message = read('{"jsonrpc":"2.0","id":1,"method":"x"}');
    expect([paramsOf(message), metaOf(message), resultOf(message)]).toEqual([undefined, undefined, undefined]);
  });

  it('of a response are those of its result', () => {
    expect(metaOf(read('{"jsonrpc":"2.0","id":1,"result":{"_meta":{"b":2}}}'))?.number('b')).toBe(2);
  });

  it('of a response that has a member twice are no message', () => {
    const response = read('{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2}}');
    expect(refusal(() => resultOf(response))).toMatchObject({ code: -32600, id: '1' });
    expect(refusal(() => metaOf(response)).code).toBe(-32600);
  });

  test.each([
    '"params":[]',
    '"params":null',
    '"params":{"_meta":[]}',
    '"params":{"name":"a","name":"b"}',
    '"params":{"name":"a","Name":"b"}',
    '"params":{"_meta":{"a":1,"\\u0061":2}}',
  ])('refuse %s', (member) => {
    expect(refusal(() => metaOf(read(`{"jsonrpc":"2.0","id":3,"method":"x",${member}}`)))).toMatchObject({
      code: -32602,
      httpStatus: 400,
      id: '3',
    });
  });
});

describe('edit', () => {
  const text =
    ' {"jsonrpc" : "2.0", "id":1.0,"method":"tools/call","x":1e400,\n"params": {"name":"a__b" ,"u":"\\u00e9\\/","n":1.0,"_meta":{"t":12345678901234567890,"k":"v"}} }';

  it('keeps every other byte', () => {
    const message = read(text);
    const edited = edit(message, {
      id: '"7"',
      params: [{ set: 'name', value: '"b"' }],
      meta: [{ set: 'k', value: '"w"' }],
    });
    expect(edited.toString()).toBe(text.replace('1.0,"method"', '"7","method"').replace('a__b', 'b').replace('"v"', '"w"'));
    expect(edit(message, {})).toBe(message.scan.bytes);
  });

  it('keeps every other byte of any params', () => {
    fc.assert(
      fc.property(objectText, valueText, ({ text }, other) => {
        const object = scanObject(Buffer.from(text));
        fc.pre(object.duplicates.length === 0 && !object.has('name') && !object.has('_meta'));
        const bytes = `{"jsonrpc":"2.0","id":1,"method":"m","params":${text},"other":${other}}`;
        fc.pre(object.members.every(({ name }) => !/^(name|uri|ref|taskid|arguments|_meta)$/i.test(name)));
        const message = read(bytes);
        expect(edit(message, { id: '1' }).toString()).toBe(bytes);
        const back = read(edit(message, { params: [{ set: 'name', value: '"x"' }], meta: [{ set: 'a', value: '1' }] }).toString());
        expect(paramsOf(back)?.string('name')).toBe('x');
        expect(metaOf(back)?.number('a')).toBe(1);
        expect(edit(back, { params: [{ remove: 'name' }, { remove: '_meta' }] }).toString()).toBe(bytes);
      }),
    );
  });

  it('writes params and _meta where there are none', () => {
    const message = read('{"jsonrpc":"2.0","id":1,"method":"x"}');
    expect(edit(message, { meta: [{ set: 'a', value: '1' }] }).toString()).toBe(
      '{"jsonrpc":"2.0","id":1,"method":"x","params":{"_meta":{"a":1}}}',
    );
  });

  it('changes the result of a response, and gives an error none', () => {
    const meta = [{ set: 'a', value: '1' }];
    expect(edit(read('{"jsonrpc":"2.0","id":1,"result":{"x":1.0}}'), { meta }).toString()).toBe(
      '{"jsonrpc":"2.0","id":1,"result":{"x":1.0,"_meta":{"a":1}}}',
    );
    const failed = '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}';
    expect(edit(read(failed), { id: '2', meta }).toString()).toBe(failed.replace('"id":1', '"id":2'));
  });

  it('refuses to nest a message deeper than it may be', () => {
    const deep = `${'['.repeat(63)}${']'.repeat(63)}`;
    expect(refusal(() => edit(read(text), { params: [{ set: 'deep', value: deep }] })).code).toBe(-32602);
  });
});

it('writes messages that can be read', () => {
  const params = Buffer.from('{"n":1.0}');
  expect(requestBytes('"a"', 'x', params).toString()).toBe('{"jsonrpc":"2.0","id":"a","method":"x","params":{"n":1.0}}');
  expect(requestBytes('1', 'x').toString()).toBe('{"jsonrpc":"2.0","id":1,"method":"x"}');
  expect(notificationBytes('n', { a: 1 }).toString()).toBe('{"jsonrpc":"2.0","method":"n","params":{"a":1}}');
  expect(notificationBytes('n').toString()).toBe('{"jsonrpc":"2.0","method":"n"}');
  expect(resultBytes('1', params).toString()).toBe('{"jsonrpc":"2.0","id":1,"result":{"n":1.0}}');
  expect(resultBytes('1', {}).toString()).toBe('{"jsonrpc":"2.0","id":1,"result":{}}');
  const error = unknownMethod('x', 'modern');
  expect(errorBytes('1', error).toString()).toBe('{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found: x"}}');
  expect(readMessage(errorBytes(undefined, error))).toMatchObject({ kind: 'response', id: undefined });
});
