// Who may use what: by tokens, by expressions, for calls and in lists.
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { TestGateway } from '../gateway.fixture.ts';
import { startMcp } from './mcp.fixture.ts';
import { askModern, type AskOptions, listenModern, type Reply } from './modern-client.fixture.ts';
import { type Everything, startEverything } from './upstream/everything.fixture.ts';
import { type ModernEverything, startModernEverything } from './upstream/modern-everything.fixture.ts';

const ISSUER = 'https://issuer.example';
let one: Everything;
let two: Everything;
let modernOne: ModernEverything;
let modernTwo: ModernEverything;
let gateway: TestGateway;
/** In front of servers of the modern era. */
let modern: TestGateway;
let sign: (scope: string, audience?: string, subject?: string) => Promise<string>;

beforeAll(async () => {
  [one, two, modernOne, modernTwo] = await Promise.all([
    startEverything({ name: 'one' }),
    startEverything({ name: 'two' }),
    startModernEverything({ name: 'one' }),
    startModernEverything({ name: 'two', pageSize: 1 }),
  ]);
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'RS256' };
  sign = (scope, audience = 'mcp', subject = 'ann') =>
    new SignJWT({ scope })
      .setProtectedHeader({ alg: 'RS256', kid: 'k' })
      .setIssuer(ISSUER)
      .setAudience(audience)
      .setSubject(subject)
      .setExpirationTime('1h')
      .sign(privateKey);
  const jwks = JSON.stringify(JSON.stringify({ keys: [jwk] }));
  const rules = `[
    {source: {jwt: {scopes: [read]}}, target: {tools: [{backend: one, tool: test_simple_text}]}},
    {source: {jwt: {scopes: [write]}}, target: {tools: [{backend: one, tool: test_error_handling}]}},
    {source: {jwt: {scopes: [ask]}}, target: {tools: [{backend: one, tool: test_sampling}, {backend: one, tool: test_input_required_result_request_state}]}},
    {source: {jwt: {scopes: [resources]}}, cel: 'request.mcp.method.startsWith("resources/")'},
    {source: {jwt: {scopes: [prompts]}}, cel: 'request.mcp.method.startsWith("prompts/")'}]`;
  const extra = [
    `, backendSelector: {rules: [{cel: 'request.mcp.backend == "one" || "admin" in request.auth.jwt.scopes'}]}`,
    `, securityPolicy: {oauth: {issuer: '${ISSUER}', audiences: [mcp], jwks: {localJWKS: {type: Inline, inline: ${jwks}}}`,
    `, protectedResourceMetadata: {resource: 'https://gw.example/mcp', scopesSupported: [read, write]}}`,
    `, authorization: {defaultAction: Deny, rules: ${rules}}}`,
  ].join('');
  gateway = await startMcp(
    [
      { name: 'one', port: portOf(one) },
      { name: 'two', port: portOf(two) },
    ],
    extra,
  );
  modern = await startMcp(
    [
      { name: 'one', port: modernOne.port },
      { name: 'two', port: modernTwo.port },
    ],
    extra,
  );
});

afterAll(async () => {
  await Promise.all([gateway.close(), modern.close()]);
  await Promise.all([one.close(), two.close(), modernOne.close(), modernTwo.close()]);
});

const portOf = ({ url }: Everything): number => Number(new URL(url).port);

interface Told {
  readonly status: number;
  readonly headers: Headers;
  readonly body: { readonly result?: Record<string, unknown>; readonly error?: unknown };
}

async function post(token: string, message: object, session?: string, at = gateway): Promise<Told> {
  const answer = await fetch(`${at.url}/mcp`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...(session === undefined ? {} : { 'mcp-session-id': session }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
  });
  const text = await answer.text();
  const data = /^data: (\{.*)$/m.exec(text)?.[1] ?? text;
  return { status: answer.status, headers: answer.headers, body: data === '' ? {} : (JSON.parse(data) as Told['body']) };
}

async function session(token: string, at = gateway): Promise<string> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } };
  const { headers } = await post(token, { id: 0, method: 'initialize', params }, undefined, at);
  return headers.get('mcp-session-id')!;
}

const call = (name: string) => ({ id: 1, method: 'tools/call', params: { name } });
const namesIn = ({ body }: Told, list: string) => (body.result![list] as { name: string }[]).map(({ name }) => name);

describe('without a token', () => {
  test('clients are told where to get one', async () => {
    const told = await post('', call('one__test_simple_text'));
    expect(told.status).toBe(401);
    expect(told.headers.get('www-authenticate')).toContain(
      'resource_metadata="https://gw.example/.well-known/oauth-protected-resource/mcp"',
    );
    const metadata = await fetch(`${gateway.url}/.well-known/oauth-protected-resource/mcp`);
    expect(await metadata.json()).toMatchObject({ resource: 'https://gw.example/mcp', authorization_servers: [ISSUER] });
  });

  test('for this audience nobody passes', async () => {
    const told = await post(await sign('read', 'other'), call('one__test_simple_text'));
    expect(told.status).toBe(401);
    expect(told.headers.get('www-authenticate')).toContain('resource_metadata=');
  });
});

describe('with a token', () => {
  test('calls and lists go by the same rules', async () => {
    const token = await sign('read');
    const id = await session(token);
    const tools = await post(token, { id: 1, method: 'tools/list' }, id);
    expect(namesIn(tools, 'tools')).toEqual(['one__test_simple_text']);
    expect((await post(token, call('one__test_simple_text'), id)).body.result).toMatchObject({ content: [{ type: 'text' }] });
    const refused = await post(token, call('one__test_error_handling'), id);
    expect(refused.status).toBe(403);
    expect(refused.headers.get('www-authenticate')).toMatch(/insufficient_scope.*scope="write"/);
  });

  test('prompts and resources are guarded as well', async () => {
    const token = await sign('read');
    const id = await session(token);
    expect(namesIn(await post(token, { id: 1, method: 'prompts/list' }, id), 'prompts')).toEqual([]);
    expect((await post(token, { id: 1, method: 'prompts/get', params: { name: 'one__test_simple_prompt' } }, id)).status).toBe(403);
    expect((await post(token, { id: 1, method: 'resources/read', params: { uri: 'one+test://static-text' } }, id)).status).toBe(403);
    const other = await sign('prompts');
    const theirs = await session(other);
    expect(namesIn(await post(other, { id: 1, method: 'prompts/list' }, theirs), 'prompts')).toContain('one__test_simple_prompt');
  });

  test('servers that a caller does not see are not there', async () => {
    const token = await sign('read');
    const id = await session(token);
    const told = await post(token, call('two__test_simple_text'), id);
    expect(told.body.error).toMatchObject({ code: -32602, message: 'Unknown name: two__test_simple_text' });
    const admin = await sign('prompts admin');
    const theirs = await session(admin);
    const prompts = namesIn(await post(admin, { id: 1, method: 'prompts/list' }, theirs), 'prompts');
    expect(prompts).toContain('two__test_simple_prompt');
  });
});

const as = (token: string, more: AskOptions = {}): AskOptions => ({ ...more, headers: { authorization: `Bearer ${token}` } });
const names = ({ result }: Reply, list: string) => (result[list] as { name: string }[]).map(({ name }) => name);

describe.for(['legacy', 'modern'] as const)('clients of the modern era, at servers of the %s era', (era) => {
  const at = () => `${(era === 'legacy' ? gateway : modern).url}/mcp`;
  const ask = (token: string, method: string, params: Readonly<Record<string, unknown>> = {}, more?: AskOptions): Promise<Reply> =>
    askModern(at(), method, params, as(token, more));

  test('get lists of what they may use', async () => {
    const token = await sign('read');
    expect(names(await ask(token, 'tools/list'), 'tools')).toEqual(['one__test_simple_text']);
    expect(names(await ask(token, 'prompts/list'), 'prompts')).toEqual([]);
    expect(names(await ask(token, 'resources/list'), 'resources')).toEqual([]);
    const both = names(await ask(await sign('prompts admin'), 'prompts/list'), 'prompts');
    expect(both).toContain('one__test_simple_prompt');
    expect(both.filter((name) => name.startsWith('two__'))).not.toEqual([]);
  });

  test('get nothing that a cache may show to others', async () => {
    const token = await sign('read resources');
    for (const [method, params] of [
      ['tools/list', {}],
      ['resources/read', { uri: 'one+test://static-text' }],
    ] as const)
      expect([method, (await ask(token, method, params)).result['cacheScope']]).toEqual([method, 'private']);
  });

  test('are refused what they may not use', async () => {
    const token = await sign('read');
    expect((await ask(token, 'tools/call', { name: 'one__test_simple_text', arguments: {} })).result).toMatchObject({
      content: [{ type: 'text' }],
    });
    const ref = { type: 'ref/prompt', name: 'one__test_simple_prompt' };
    for (const [method, params] of [
      ['tools/call', { name: 'one__test_error_handling', arguments: {} }],
      ['prompts/get', { name: 'one__test_simple_prompt' }],
      ['resources/read', { uri: 'one+test://static-text' }],
      ['completion/complete', { ref, argument: { name: 'x', value: 'p' } }],
    ] as const)
      expect([method, (await ask(token, method, params)).status]).toEqual([method, 403]);
    expect((await ask(await sign('write'), 'tools/call', { name: 'one__test_error_handling', arguments: {} })).status).toBe(200);
  });

  test('do not see the servers of others, and those are not asked', async () => {
    const token = await sign('read ask resources');
    const before = era === 'modern' ? modernTwo.methods.length : two.sessions;
    const told = await ask(token, 'tools/call', { name: 'two__test_simple_text', arguments: {} });
    expect(told.error).toMatchObject({ code: -32602, message: 'Unknown name: two__test_simple_text' });
    expect((await ask(token, 'resources/read', { uri: 'two+test://static-text' })).error.code).toBe(-32602);
    expect(JSON.stringify((await ask(token, 'server/discover')).result)).not.toContain('two');
    expect((await ask(token, 'made/up')).error.code).toBe(-32601);
    expect(era === 'modern' ? modernTwo.methods.length : two.sessions).toBe(before);
  });

  test.skipIf(era === 'legacy')('do not get there by cursors either', async () => {
    const wide = await ask(await sign('prompts admin'), 'prompts/list');
    const cursor = wide.result['nextCursor'];
    expect(cursor).toBeTypeOf('string');
    const before = modernTwo.methods.length;
    expect(names(await ask(await sign('prompts'), 'prompts/list', { cursor }), 'prompts')).toEqual([]);
    expect((await ask(await sign('prompts admin', 'mcp', 'bob'), 'prompts/list', { cursor })).error.code).toBe(-32602);
    expect(modernTwo.methods.length).toBe(before);
    expect(names(await ask(await sign('prompts admin'), 'prompts/list', { cursor }), 'prompts')).toHaveLength(1);
  });

  test('hear of the resources that they may read', async () => {
    const asked = { toolsListChanged: true, resourceSubscriptions: ['one+test://watched-resource', 'two+test://watched-resource'] };
    const agreed = async (scope: string): Promise<unknown> => {
      const left = new AbortController();
      const stream = listenModern(at(), asked, as(await sign(scope), { signal: left.signal }));
      const { value } = await stream.next();
      left.abort();
      await stream.next().catch(() => undefined);
      return value?.params?.['notifications'];
    };
    expect(await agreed('read')).toEqual({ toolsListChanged: true });
    expect(await agreed('resources')).toEqual({ toolsListChanged: true, resourceSubscriptions: ['one+test://watched-resource'] });
  });

  test('cannot go on with what another one began', async () => {
    const tool = era === 'legacy' ? 'one__test_sampling' : 'one__test_input_required_result_request_state';
    const params = { name: tool, arguments: { prompt: 'x' } };
    const ann = await sign('ask');
    const asked = await ask(ann, 'tools/call', params);
    const { requestState, inputRequests } = asked.result;
    const [key] = Object.keys(inputRequests as object);
    const answer =
      era === 'legacy'
        ? { role: 'assistant', model: 'm', content: { type: 'text', text: 's' } }
        : { action: 'accept', content: { ok: true } };
    const again = { ...params, requestState, inputResponses: { [key!]: answer } };
    expect((await ask(await sign('ask', 'mcp', 'bob'), 'tools/call', again)).error.code).toBe(-32602);
    expect((await ask(await sign('read'), 'tools/call', again)).status).toBe(403);
    expect((await ask(ann, 'tools/call', again)).result).toMatchObject({ resultType: 'complete' });
  });
});

test('clients with sessions have the same rights at servers of the modern era', async () => {
  const token = await sign('read');
  const id = await session(token, modern);
  expect(namesIn(await post(token, { id: 1, method: 'tools/list' }, id, modern), 'tools')).toEqual(['one__test_simple_text']);
  expect((await post(token, call('one__test_simple_text'), id, modern)).body.result).toMatchObject({ content: [{ type: 'text' }] });
  expect((await post(token, call('one__test_error_handling'), id, modern)).status).toBe(403);
  const params = { uri: 'one+test://watched-resource' };
  expect((await post(token, { id: 1, method: 'resources/subscribe', params }, id, modern)).status).toBe(403);
  expect((await post(token, call('two__test_simple_text'), id, modern)).body.error).toMatchObject({ code: -32602 });
});
