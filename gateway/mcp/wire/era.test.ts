import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';

import { checkLegacyHeader, checkModernHeaders, eraOf, modernHeaders } from './era.ts';
import { encodeHeaderValue } from './header-value.ts';
import { edit, readMessage, type RpcMessage } from './message.ts';
import { METHODS } from './methods.ts';

const META = '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}';

function request(method: string, params = ''): RpcMessage {
  return readMessage(Buffer.from(`{"jsonrpc":"2.0","id":9,"method":${JSON.stringify(method)},"params":{${params}}}`));
}

function modern(method: string, params = ''): RpcMessage {
  return request(method, params === '' ? META : `${params},${META}`);
}

const HEADERS = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'get' };
const CALL = modern('tools/call', '"name":"get"');

describe('eraOf', () => {
  test.each<[string, Record<string, string>, RpcMessage, string]>([
    ['a version in _meta', {}, CALL, 'modern'],
    ['a version in _meta that is of no era', {}, request('x', '"_meta":{"io.modelcontextprotocol/protocolVersion":"1"}'), 'modern'],
    ['initialize', {}, request('initialize'), 'legacy'],
    ['initialize under a modern header', { 'mcp-protocol-version': '2026-07-28' }, request('initialize'), 'legacy'],
    ['nothing', {}, request('tools/list'), 'legacy'],
    ['an old header', { 'mcp-protocol-version': '2025-11-25' }, request('tools/list'), 'legacy'],
    ['a modern header', { 'mcp-protocol-version': '2026-07-28' }, request('tools/list'), 'modern'],
    ['a header of the future', { 'mcp-protocol-version': '2027-01-01' }, request('tools/list'), 'modern'],
    ['a header that is no date', { 'mcp-protocol-version': 'DRAFT-2026' }, request('tools/list'), 'legacy'],
    ['a session', { 'mcp-session-id': 'x' }, request('tools/list'), 'legacy'],
  ])('%s', (_, headers, message, era) => {
    expect(eraOf(headers, message)).toBe(era);
  });

  it('takes a response for one of the era of its header', () => {
    const response = readMessage(
      Buffer.from('{"jsonrpc":"2.0","id":1,"result":{"_meta":{"io.modelcontextprotocol/protocolVersion":"x"}}}'),
    );
    expect(eraOf({ 'mcp-protocol-version': '2025-06-18' }, response)).toBe('legacy');
  });
});

test('the header of the legacy era', () => {
  expect(checkLegacyHeader({})).toBe('2025-03-26');
  expect(checkLegacyHeader({ 'mcp-protocol-version': ' 2025-06-18 ' })).toBe('2025-06-18');
  for (const version of ['2024-11-05', '2025-11-25, 2025-06-18', '', 'x', '2026-07-28'])
    expect(() => checkLegacyHeader({ 'mcp-protocol-version': version }, '1')).toThrow(
      expect.objectContaining({ code: -32022, httpStatus: 400, id: '1' }),
    );
});

describe('checkModernHeaders', () => {
  it('takes headers that say what the body says, and keeps the parameters', () => {
    const headers = { ...HEADERS, 'mcp-param-region': 'eu', 'mcp-param-Text': '=?base64?IHBhZGRlZCA=?=', other: 'x' };
    expect(checkModernHeaders(headers, CALL)).toEqual({
      version: '2026-07-28',
      kept: { 'mcp-param-region': 'eu', 'mcp-param-Text': '=?base64?IHBhZGRlZCA=?=' },
    } satisfies ReturnType<typeof checkModernHeaders>);
    expect(checkModernHeaders({ ...HEADERS, 'mcp-name': '  =?base64?Z2V0?= ' }, CALL).version).toBe('2026-07-28');
  });

  test.each<[string, Record<string, string | string[] | undefined>]>([
    ['no version', { 'mcp-protocol-version': undefined }],
    ['another version', { 'mcp-protocol-version': '2025-11-25' }],
    ['two versions', { 'mcp-protocol-version': '2026-07-28, 2026-07-28' }],
    ['no method', { 'mcp-method': undefined }],
    ['another method', { 'mcp-method': 'tools/list' }],
    ['a method in another case', { 'mcp-method': 'Tools/Call' }],
    ['an encoded method', { 'mcp-method': '=?base64?dG9vbHMvY2FsbA==?=' }],
    ['no name', { 'mcp-name': undefined }],
    ['another name', { 'mcp-name': 'set' }],
    ['an empty name', { 'mcp-name': '' }],
    ['two names', { 'mcp-name': ['get', 'get'] }],
    ['a name in bad Base64', { 'mcp-name': '=?base64?Z2V0=?=' }],
    ['a name with bytes above ASCII', { 'mcp-name': 'gét' }],
    ['a parameter with a control', { 'mcp-param-a': 'a\u0001' }],
    ['a parameter in bad Base64', { 'mcp-param-a': '=?base64?*?=' }],
  ])('refuses %s', (_, change) => {
    expect(() => checkModernHeaders({ ...HEADERS, ...change }, CALL)).toThrow(
      expect.objectContaining({ code: -32020, httpStatus: 400, id: '9' }),
    );
  });

  test.each([
    ['', 'no _meta'],
    ['"_meta":{"io.modelcontextprotocol/clientCapabilities":{}}', 'no version'],
    ['"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}', 'no capabilities'],
    ['"_meta":{"io.modelcontextprotocol/protocolVersion":1,"io.modelcontextprotocol/clientCapabilities":{}}', 'a version that is no text'],
  ])('refuses metadata %s', (params) => {
    expect(() => checkModernHeaders({ ...HEADERS, 'mcp-method': 'tools/list' }, request('tools/list', params))).toThrow(
      expect.objectContaining({ code: -32602, httpStatus: 400, id: '9' }),
    );
  });

  it('says which versions it speaks, once header and body agree on another', () => {
    const message = edit(CALL, { meta: [{ set: 'io.modelcontextprotocol/protocolVersion', value: '"v999"' }] });
    expect(() => checkModernHeaders(HEADERS, readMessage(message))).toThrow(expect.objectContaining({ code: -32020 }));
    expect(() => checkModernHeaders({ ...HEADERS, 'mcp-protocol-version': 'v999' }, readMessage(message))).toThrow(
      expect.objectContaining({ code: -32022, data: expect.objectContaining({ requested: 'v999' }) }),
    );
  });

  it('asks no header of a notification, and holds it to those that it has', () => {
    const message = readMessage(Buffer.from('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}'));
    expect(checkModernHeaders({}, message)).toEqual({ version: '2026-07-28', kept: {} });
    expect(() => checkModernHeaders({ 'mcp-method': 'x' }, message)).toThrow(expect.objectContaining({ code: -32020 }));
    expect(() => checkModernHeaders({ 'mcp-protocol-version': '2027-01-01' }, message)).toThrow(expect.objectContaining({ code: -32022 }));
  });

  it('refuses a response', () => {
    const message = readMessage(Buffer.from('{"jsonrpc":"2.0","id":1,"result":{}}'));
    expect(() => checkModernHeaders(HEADERS, message)).toThrow(expect.objectContaining({ code: -32600 }));
  });

  it('asks for no name where the body has none, and keeps the name of a method that it does not know', () => {
    const { 'mcp-name': _, ...headers } = HEADERS;
    expect(checkModernHeaders(headers, modern('tools/call')).version).toBe('2026-07-28');
    expect(() => checkModernHeaders(HEADERS, modern('tools/call'))).toThrow(expect.objectContaining({ code: -32020 }));
    expect(checkModernHeaders({ ...HEADERS, 'mcp-method': 'x/y', 'mcp-name': 'z' }, modern('x/y', '"name":"a"')).kept).toEqual({
      'mcp-name': 'z',
    });
  });
});

describe('modernHeaders', () => {
  it('are what a server takes, whatever the name', () => {
    const subjects = { 'params.name': 'name', 'params.uri': 'uri', 'params.taskId': 'taskId' } as const;
    const named = [...METHODS.values()].filter(({ hasNameHeader }) => hasNameHeader);
    fc.assert(
      fc.property(fc.constantFrom(...named), fc.string({ unit: 'binary' }), ({ name: method, subject }, text) => {
        const name = text.toWellFormed();
        const message = modern(method, `"${subjects[subject as keyof typeof subjects]}":${JSON.stringify(name)}`);
        const headers = modernHeaders(message, { 'mcp-param-a': 'b' });
        expect(headers['mcp-name']).toBe(encodeHeaderValue(name));
        expect(checkModernHeaders(headers, message).kept).toEqual({ 'mcp-param-a': 'b' });
      }),
    );
  });

  it('are those of the message after its name was rewritten', () => {
    const message = readMessage(edit(modern('tools/call', '"name":"a__get"'), { params: [{ set: 'name', value: '"get"' }] }));
    expect(modernHeaders(message)).toEqual(HEADERS);
  });
});
