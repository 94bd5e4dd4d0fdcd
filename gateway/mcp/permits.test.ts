// Who may use what: by tokens, by expressions, for calls and in lists.
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { TestGateway } from '../gateway.fixture.ts';
import { startMcp } from './mcp.fixture.ts';
import { type Everything, startEverything } from './upstream/everything.fixture.ts';

const ISSUER = 'https://issuer.example';
let one: Everything;
let two: Everything;
let gateway: TestGateway;
let sign: (scope: string, audience?: string) => Promise<string>;

beforeAll(async () => {
  [one, two] = await Promise.all([startEverything({ name: 'one' }), startEverything({ name: 'two' })]);
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'RS256' };
  sign = (scope, audience = 'mcp') =>
    new SignJWT({ scope })
      .setProtectedHeader({ alg: 'RS256', kid: 'k' })
      .setIssuer(ISSUER)
      .setAudience(audience)
      .setSubject('ann')
      .setExpirationTime('1h')
      .sign(privateKey);
  const jwks = JSON.stringify(JSON.stringify({ keys: [jwk] }));
  const rules = `[
    {source: {jwt: {scopes: [read]}}, target: {tools: [{backend: one, tool: test_simple_text}]}},
    {source: {jwt: {scopes: [write]}}, target: {tools: [{backend: one, tool: test_error_handling}]}},
    {source: {jwt: {scopes: [prompts]}}, cel: 'request.mcp.method.startsWith("prompts/")'}]`;
  gateway = await startMcp(
    [
      { name: 'one', port: portOf(one) },
      { name: 'two', port: portOf(two) },
    ],
    [
      `, backendSelector: {rules: [{cel: 'request.mcp.backend == "one" || "admin" in request.auth.jwt.scopes'}]}`,
      `, securityPolicy: {oauth: {issuer: '${ISSUER}', audiences: [mcp], jwks: {localJWKS: {type: Inline, inline: ${jwks}}}`,
      `, protectedResourceMetadata: {resource: 'https://gw.example/mcp', scopesSupported: [read, write]}}`,
      `, authorization: {defaultAction: Deny, rules: ${rules}}}`,
    ].join(''),
  );
});

afterAll(async () => {
  await gateway.close();
  await Promise.all([one.close(), two.close()]);
});

const portOf = ({ url }: Everything): number => Number(new URL(url).port);

interface Told {
  readonly status: number;
  readonly headers: Headers;
  readonly body: { readonly result?: Record<string, unknown>; readonly error?: unknown };
}

async function post(token: string, message: object, session?: string): Promise<Told> {
  const answer = await fetch(`${gateway.url}/mcp`, {
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

async function session(token: string): Promise<string> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } };
  const { headers } = await post(token, { id: 0, method: 'initialize', params });
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
