import { describe, expect, it, test } from 'vitest';

import { edit, readMessage, type RpcMessage } from '../wire/message.ts';
import { METHODS } from '../wire/methods.ts';
import { type Naming, passthroughNaming, prefixNaming } from './naming.ts';
import { listenEdits, targetOf } from './request.ts';

const NAMING = prefixNaming(['a', 'a-b']);

function message(method: string, params: string): RpcMessage {
  return readMessage(Buffer.from(`{"jsonrpc":"2.0","id":1,"method":"${method}","params":${params}}`));
}

function target(message: RpcMessage, naming: Naming = NAMING): ReturnType<typeof targetOf> {
  return targetOf(message, METHODS.get(message.method!)!, naming);
}

/** Params of `subscriptions/listen` as each server gets them. */
function edited(params: string, naming: Naming = NAMING): Record<string, string> {
  const request = message('subscriptions/listen', params);
  const head = '{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":'.length;
  const edits = [...listenEdits(request, ['a', 'a-b'], naming)];
  return Object.fromEntries(edits.map(([server, params]) => [server, edit(request, { params }).toString().slice(head, -1)]));
}

test.each([
  ['tools/call', '{"name":"a-b__x","arguments":{"n":1.0}}', 'a-b', '{"name":"x","arguments":{"n":1.0}}'],
  ['prompts/get', '{"name":"a__x"}', 'a', '{"name":"x"}'],
  ['resources/read', '{"uri":"a+file:\\/\\/x","n":1.0}', 'a', '{"uri":"file://x","n":1.0}'],
  ['resources/subscribe', '{"uri":"ui://a/x"}', 'a', '{"uri":"ui://x"}'],
  [
    'completion/complete',
    '{"ref":{"type":"ref/prompt","name":"a__x","title":"T"}}',
    'a',
    '{"ref":{"type":"ref/prompt","name":"x","title":"T"}}',
  ],
  ['completion/complete', '{"ref":{"type":"ref/resource","uri":"a+f:{x}"}}', 'a', '{"ref":{"type":"ref/resource","uri":"f:{x}"}}'],
])('%s %s is for %s', (method, before, server, after) => {
  const request = message(method, before);
  const found = target(request);
  expect(found?.server).toBe(server);
  expect(edit(request, { params: found!.edits }).toString()).toBe(`{"jsonrpc":"2.0","id":1,"method":"${method}","params":${after}}`);
  expect(target(request, passthroughNaming('p'))).toMatchObject({ server: 'p', edits: [] });
});

test.each(['tools/list', 'tasks/get', 'ping', 'subscriptions/listen'])('%s names nothing here', (method) => {
  expect(target(message(method, '{"name":"a__x","taskId":"t"}'))).toBeUndefined();
});

test.each([
  ['tools/call', '{}'],
  ['tools/call', '{"name":1}'],
  ['tools/call', '{"name":"x"}'],
  ['tools/call', '{"name":"c__x"}'],
  ['tools/call', '{"name":"a__x","Name":"a-b__y"}'],
  ['tools/call', '{"name":"a__x","name":"a-b__y"}'],
  ['resources/read', '{"uri":"file:///x"}'],
  ['completion/complete', '{"ref":"a__x"}'],
  ['completion/complete', '{}'],
  ['completion/complete', '{"ref":{"type":"ref/resource","name":"a__x"}}'],
  ['completion/complete', '{"ref":{"type":"ref/prompt","name":"a__x","name":"a-b__x"}}'],
  ['completion/complete', '{"ref":{"type":"ref/prompt","name":"a__x","NAME":"a-b__x"}}'],
])('%s refuses %s', (method, params) => {
  expect(() => target(message(method, params))).toThrow(expect.objectContaining({ code: -32602, id: '1' }));
});

it('has no parameters to look at', () => {
  const request = readMessage(Buffer.from('{"jsonrpc":"2.0","id":1,"method":"tools/call"}'));
  expect(() => target(request)).toThrow(expect.objectContaining({ code: -32602 }));
});

describe('listenEdits', () => {
  it('give each server its own resources, and the rest of the filter as it is', () => {
    expect(edited('{"n":1.0,"notifications":{"x":1.0,"resourceSubscriptions":["a+f:1","ui://a/2","none:3","a-b+f:4"],"y":true}}')).toEqual({
      a: '{"n":1.0,"notifications":{"x":1.0,"resourceSubscriptions":["f:1","ui://2"],"y":true}}',
      'a-b': '{"n":1.0,"notifications":{"x":1.0,"resourceSubscriptions":["f:4"],"y":true}}',
    });
    expect(edited('{"notifications":{"resourceSubscriptions":["a+f:1"]}}')['a-b']).toBe('{"notifications":{}}');
    expect(edited('{"notifications":{"resourceSubscriptions":["\\u0061"]}}', passthroughNaming('a'))['a']).toContain('"\\u0061"');
    expect(edited('{"notifications":{"toolsListChanged":true}}')['a']).toBe('{"notifications":{"toolsListChanged":true}}');
  });

  test.each([
    '{}',
    '{"notifications":[]}',
    '{"notifications":{"resourceSubscriptions":"a+f:1"}}',
    '{"notifications":{"resourceSubscriptions":[1]}}',
    '{"notifications":{"x":1,"x":2}}',
  ])('refuse %s', (params) => {
    expect(() => edited(params)).toThrow(expect.objectContaining({ code: -32602, id: '1' }));
  });
});
