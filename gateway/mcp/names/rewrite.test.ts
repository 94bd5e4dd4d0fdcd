import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';

import { objectText, valueText } from '#core/json/arbitraries';
import { scanObject } from '#core/json/scan';
import { readMessage } from '../wire/message.ts';
import { METHODS } from '../wire/methods.ts';
import { RpcError } from '../wire/rpc-error.ts';
import { passthroughNaming, prefixNaming } from './naming.ts';
import { rewriteNotification, rewriteResult, type View } from './rewrite.ts';
import { compileToolSelector } from './selector.ts';

const PREFIX: View = { server: 'a', naming: prefixNaming(['a', 'b']) };
const PASS: View = { server: 'a', naming: passthroughNaming('a') };

function rewritten(method: string, text: string, view: View = PREFIX): string {
  return rewriteResult(method, Buffer.from(text), view).bytes.toString();
}

/** Params of the notification that the client gets; undefined where it gets none. */
function notified(method: string, params: string, view: View = PREFIX): string | undefined {
  const head = `{"jsonrpc":"2.0","method":"${method}","params":`;
  return rewriteNotification(readMessage(Buffer.from(`${head}${params}}`)), view)
    ?.toString()
    .slice(head.length, -1);
}

/** Entries of a list: the objects, each with a name in front. */
function listOf(items: readonly (readonly [{ readonly text: string }, string])[], prefix: string): string {
  const entries = items.map(([{ text }, name]) => {
    const open = text.indexOf('{') + 1;
    const comma = text.slice(open).trim() === '}' ? '' : ',';
    return `${text.slice(0, open)}"name" : ${JSON.stringify(prefix + name)}${comma}${text.slice(open)}`.trim();
  });
  return entries.join(',');
}

const TOOL =
  '{ "x":1.0,"name" : "get","inputSchema":{"type":"object","properties":{"n":{"maximum":12345678901234567890,"minimum":-0,"e":1E400,' +
  '"d":"\\u00e9\\/","d":2}}},\n"_meta":{"ui":{"resourceUri":"ui:\\/\\/view","csp":{}},"ui/resourceUri":"ui://view"} }';

describe('lists', () => {
  it('get the names and interfaces of tools in the words of the client, and no other byte changes', () => {
    const text = ` {"tools":[ ${TOOL} , {"name":"set"}],"nextCursor":"c","ttlMs":1.50}\n`;
    expect(rewritten('tools/list', text)).toBe(
      text
        .replace('"get"', '"a__get"')
        .replace('"set"', '"a__set"')
        .replace('"ui:\\/\\/view"', '"ui://a/view"')
        .replace('"ui://view"', '"ui://a/view"'),
    );
  });

  test.each([
    ['prompts/list', '{"prompts":[{"name":"p","arguments":[{"name":"x"}]}]}', '"p"', '"a__p"'],
    ['resources/list', '{"resources":[{"name":"r","uri":"file:///x","size":1.0}]}', '"file:', '"a+file:'],
    ['resources/templates/list', '{"resourceTemplates":[{"name":"r","uriTemplate":"file:///{x}"}]}', '"file:', '"a+file:'],
  ])('%s', (method, text, from, to) => {
    expect(rewritten(method, text)).toBe(text.replace(from, to));
  });

  test.each([
    ['[{"name":"x"}]', '[]'],
    ['[ {"name":"x"} , {"name":"k"} ]', '[ {"name":"k"} ]'],
    ['[ {"name":"k"} , {"name":"x"} ]', '[ {"name":"k"} ]'],
    ['[{"name":"x"},{"name":"k","n":1.0},{"name":"x"},{"name":"k"},{"name":"x"},{"name":"x"}]', '[{"name":"k","n":1.0},{"name":"k"}]'],
    ['[{"name":"k"},7,{},{"name":1},null]', '[{"name":"k"}]'],
    ['[]', '[]'],
  ])('lose what the client may not see: %s', (before, after) => {
    const view = { ...PASS, permits: (name: string) => name === 'k' };
    expect(rewritten('tools/list', `{"tools":${before} }`, view)).toBe(`{"tools":${after} }`);
    expect(rewritten('prompts/list', `{"prompts":${before}}`, view)).toBe(`{"prompts":${after}}`);
  });

  it('are held against the selector and the permission, in the words of the server; the selector is of tools', () => {
    const seen: string[] = [];
    const view = {
      ...PREFIX,
      selector: compileToolSelector({ exclude: ['x'] }),
      permits: (name: string) => (seen.push(name), name !== 'y'),
    };
    const { bytes, hidden } = rewriteResult('tools/list', Buffer.from('{"tools":[{"name":"x"},{"name":"y"},{"name":"z"}]}'), view);
    expect([bytes.toString(), hidden, seen]).toEqual(['{"tools":[{"name":"a__z"}]}', 2, ['y', 'z']]);
    expect(rewritten('prompts/list', '{"prompts":[{"name":"x"}]}', view)).toBe('{"prompts":[{"name":"a__x"}]}');
    expect(rewritten('resources/list', '{"resources":[{"uri":"y"},{"uri":"z:"}]}', view)).toBe('{"resources":[{"uri":"a+z:"}]}');
  });

  it('say which names other servers hide, and which ones clients may refuse', () => {
    const view = { server: 'a', naming: prefixNaming(['a', 'a__b']) };
    const long = 'l'.repeat(70);
    const result = rewriteResult('tools/list', Buffer.from(`{"tools":[{"name":"b__x"},{"name":"ok"},{"name":"${long}"}]}`), view);
    expect(result).toMatchObject({ hidden: 0, unreachable: ['b__x'], awkward: [`a__${long} has 73 characters; some clients take 64`] });
    expect(result.bytes.toString()).toBe(`{"tools":[{"name":"a__ok"},{"name":"a__${long}"}]}`);
  });

  it('that are none are refused where they have to be judged, and results without a list pass', () => {
    expect(() => rewritten('tools/list', '{"tools":{}}')).toThrow(expect.objectContaining({ code: -32603 }));
    expect(rewritten('tools/list', '{"resultType":"input_required"}')).toBe('{"resultType":"input_required"}');
  });
});

describe('results', () => {
  test.each([
    [
      'resources/read',
      '{"contents":[{"uri":"file:///x","text":"file:///x"},{"uri":"ui://v","blob":""}]}',
      '{"contents":[{"uri":"a+file:///x","text":"file:///x"},{"uri":"ui://a/v","blob":""}]}',
    ],
    [
      'tools/call',
      '{"content":[{"type":"text","text":"x","uri":"u:"},{"uri":"file:///x","type":"resource_link","size":1.0},{"type":"resource","resource":{"uri":"x:y"}}],"structuredContent":{"uri":"x:y","n":1.0}}',
      '{"content":[{"type":"text","text":"x","uri":"u:"},{"uri":"a+file:///x","type":"resource_link","size":1.0},{"type":"resource","resource":{"uri":"a+x:y"}}],"structuredContent":{"uri":"x:y","n":1.0}}',
    ],
    ['tools/call', '{"content":[],"_meta":{"ui":{"resourceUri":"ui://v"}}}', '{"content":[],"_meta":{"ui":{"resourceUri":"ui://a/v"}}}'],
    ['tasks/result', '{"content":[{"type":"resource_link","uri":"x:y"}]}', '{"content":[{"type":"resource_link","uri":"a+x:y"}]}'],
    [
      'tasks/get',
      '{"status":"completed","result":{"content":[{"type":"resource_link","uri":"x:y"}]}}',
      '{"status":"completed","result":{"content":[{"type":"resource_link","uri":"a+x:y"}]}}',
    ],
    [
      'prompts/get',
      '{"messages":[{"role":"user","content":{"type":"resource","resource":{"uri":"x:y","text":"t"}}},{"role":"user","content":{"type":"text","text":"x:y"}}]}',
      '{"messages":[{"role":"user","content":{"type":"resource","resource":{"uri":"a+x:y","text":"t"}}},{"role":"user","content":{"type":"text","text":"x:y"}}]}',
    ],
    ['completion/complete', '{"completion":{"values":["a"],"total":1.0}}', '{"completion":{"values":["a"],"total":1.0}}'],
    ['x/unknown', '{"uri":"x:y"}', '{"uri":"x:y"}'],
    ['constructor', '{"uri":"x:y"}', '{"uri":"x:y"}'],
  ])('%s', (method, before, after) => {
    expect(rewritten(method, before)).toBe(after);
  });

  test.each([
    ['tools/list', '{"tools":[{"name":"a","n\\u0061me":"b"}]}'],
    ['tools/list', '{"tools":[],"tools":[{"name":"b"}]}'],
    ['resources/read', '{"contents":[{"uri":"a","uri":"b"}]}'],
    ['tools/call', '{"content":[{"type":"text","type":"resource_link","uri":"b"}]}'],
  ])('%s: refuses %s, which two parsers read in two ways', (method, text) => {
    expect(() => rewritten(method, text)).toThrow(expect.objectContaining({ code: -32603 }));
  });

  it('of any method pass untouched where nothing has to change, whatever they are', () => {
    for (const method of METHODS.keys()) {
      const bytes = Buffer.from('no JSON');
      expect(rewriteResult(method, bytes, PASS).bytes).toBe(bytes);
    }
  });

  it('keep every byte but the names, whatever else is in them', () => {
    const item = fc.tuple(objectText, fc.constantFrom('get', 'x"y', 'é', 'hidden')).filter(([{ text }]) => {
      const { members } = scanObject(Buffer.from(text));
      return members.every(({ name }) => name !== 'name' && name !== '_meta');
    });
    fc.assert(
      fc.property(fc.array(item, { maxLength: 5 }), valueText, (items, other) => {
        const make = (inner: string): string => `{"other":${other},"tools":[${inner}],"more":1.0}`;
        const view = { ...PREFIX, selector: (name: string) => name !== 'hidden' };
        const kept = items.filter(([, name]) => name !== 'hidden');
        expect(rewritten('tools/list', make(listOf(items, '')), view)).toBe(make(listOf(kept, 'a__')));
        expect(rewritten('tools/list', make(listOf(items, '')), { ...view, naming: PASS.naming })).toBe(make(listOf(kept, '')));
      }),
      { numRuns: 500 },
    );
  });

  it('throw nothing but RpcError, whatever they are', () => {
    const members = fc.constantFrom(
      'tools',
      'prompts',
      'resources',
      'resourceTemplates',
      'contents',
      'content',
      'messages',
      'result',
      '_meta',
    );
    const entry = fc.oneof(
      valueText,
      fc
        .tuple(valueText, valueText)
        .map(
          ([name, type]) => `{"name":${name},"uri":${name},"type":${type},"content":${type},"resource":{"uri":${name}},"_meta":${type}}`,
        ),
    );
    const text = fc.oneof(
      valueText,
      fc.tuple(members, fc.array(entry, { maxLength: 3 })).map(([name, entries]) => `{"${name}":[${entries.join(',')}]}`),
      fc.tuple(members, entry).map(([name, value]) => `{"${name}":${value}}`),
    );
    fc.assert(
      fc.property(fc.constantFrom(...METHODS.keys()), text, (method, text) => {
        let error: unknown;
        try {
          scanObject(rewriteResult(method, Buffer.from(text), { ...PREFIX, permits: (name) => name.length % 2 === 0 }).bytes);
        } catch (thrown) {
          error = thrown;
        }
        // What comes out is an object where an object went in.
        expect(error === undefined || error instanceof RpcError || !text.trimStart().startsWith('{')).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('notifications', () => {
  test.each([
    ['notifications/resources/updated', '{"uri":"x:y","n":1.0}', '{"uri":"a+x:y","n":1.0}'],
    [
      'notifications/subscriptions/acknowledged',
      '{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["x:y", "ui://v",7]}}',
      '{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["a+x:y", "ui://a/v",7]}}',
    ],
    [
      'notifications/tasks',
      '{"taskId":"t","result":{"content":[{"type":"resource_link","uri":"x:y"}]}}',
      '{"taskId":"t","result":{"content":[{"type":"resource_link","uri":"a+x:y"}]}}',
    ],
    ['notifications/progress', '{"progressToken":1.0,"progress":1,"uri":"x:y"}', '{"progressToken":1.0,"progress":1,"uri":"x:y"}'],
    ['notifications/message', '{"level":"info","data":{"uri":"x:y"}}', '{"level":"info","data":{"uri":"x:y"}}'],
    ['notifications/resources/updated', '[]', '[]'],
  ])('%s', (method, before, after) => {
    expect(notified(method, before)).toBe(after);
    expect(notified(method, before, PASS)).toBe(before);
  });

  it('about what the client may not see are not for it', () => {
    const view = { ...PASS, permits: (uri: string) => uri !== 'x:y' };
    expect(notified('notifications/resources/updated', '{"uri":"x:y"}', view)).toBeUndefined();
    expect(notified('notifications/resources/updated', '{}', view)).toBeUndefined();
    expect(notified('notifications/resources/updated', '{"uri":"x:z"}', view)).toBe('{"uri":"x:z"}');
    expect(notified('notifications/message', '{"level":"info"}', view)).toBe('{"level":"info"}');
  });
});
