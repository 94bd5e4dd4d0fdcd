import { type RequestListener, createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { GatewayError } from '#core/errors';
import type { OAuth } from '#core/resources/ai-gateway/mcp-oauth';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { type Issuers, newIssuers } from './issuers.ts';
import { type MetadataAnswer, metadataAnswer } from './metadata.ts';

let server: Server;
let issuer: string;
let seen: string[];
let answer: RequestListener;
let issuers: Issuers;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  seen = [];
  issuers = newIssuers();
  answer = (_, response) => response.end(JSON.stringify({ issuer, token_endpoint: `${issuer}/token`, more: 1 }));
  server = createServer((request, response) => {
    seen.push(request.url!);
    answer(request, response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}/realm`;
});
afterEach(async () => {
  vi.useRealTimers();
  server.closeAllConnections();
  await new Promise((resolve) => {
    server.close(resolve);
  });
});

const oauth = (of: Partial<OAuth['protectedResourceMetadata']> = {}): OAuth => ({
  issuer,
  protectedResourceMetadata: { resource: 'https://gw.example/mcp', ...of },
});
const ask = (name: string, { method = 'GET', of = oauth(), path = '/mcp', elsewhere = false } = {}): Promise<MetadataAnswer | undefined> =>
  metadataAnswer({ method, path: `/.well-known/${name}${path === '/' ? '' : path}` }, { path, oauth: of, elsewhere }, issuers);
const jsonOf = (found: MetadataAnswer | undefined): unknown => JSON.parse(found!.body.toString());
const failure = async (promise: Promise<unknown>): Promise<GatewayError> => {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof GatewayError)) throw new Error('did not fail as it should', { cause: error });
  return error;
};

it('says of the resource what the route says, and no more', async () => {
  const found = await ask('oauth-protected-resource', {
    of: oauth({
      resourceName: 'Tools',
      scopesSupported: ['read'],
      resourceSigningAlgValuesSupported: ['RS256'],
      resourceDocumentation: 'https://docs.example',
      resourcePolicyUri: 'https://docs.example/policy',
    }),
  });
  expect(found).toMatchObject({ status: 200, headers: { 'content-type': 'application/json', 'access-control-allow-origin': '*' } });
  expect(jsonOf(found)).toEqual({
    resource: 'https://gw.example/mcp',
    authorization_servers: [issuer],
    bearer_methods_supported: ['header'],
    resource_name: 'Tools',
    scopes_supported: ['read'],
    resource_signing_alg_values_supported: ['RS256'],
    resource_documentation: 'https://docs.example',
    resource_policy_uri: 'https://docs.example/policy',
  });
  const little = await ask('oauth-protected-resource', { path: '/', of: oauth({ resourceName: '', scopesSupported: [] }) });
  expect(Object.keys(jsonOf(little) as object)).toEqual(['resource', 'authorization_servers', 'bearer_methods_supported']);
  expect(seen).toEqual([]);
});

it.each([
  ['oauth-authorization-server', '/.well-known/oauth-authorization-server/realm'],
  ['openid-configuration', '/realm/.well-known/openid-configuration'],
])('gives %s of the issuer', async (name, url) => {
  const found = await ask(name);
  expect(found).toMatchObject({ status: 200, headers: { 'content-type': 'application/json', 'access-control-allow-origin': '*' } });
  expect(jsonOf(found)).toEqual({ issuer, token_endpoint: `${issuer}/token`, more: 1 });
  expect(seen).toEqual([url]);
});

it('asks the issuer once for many, and again after a while', async () => {
  await Promise.all(Array.from({ length: 20 }, () => ask('openid-configuration')));
  vi.advanceTimersByTime(299_000);
  await ask('openid-configuration');
  expect(seen).toHaveLength(1);
  vi.advanceTimersByTime(2000);
  await ask('openid-configuration');
  expect(seen).toHaveLength(2);
});

it('says that the issuer cannot be asked, and soon asks again', async () => {
  const good = answer;
  answer = (_, response) => response.writeHead(500).end('canary');
  const error = await failure(ask('openid-configuration'));
  expect(error).toMatchObject({ code: 'TK_UPSTREAM', status: 502, headers: { 'access-control-allow-origin': '*' } });
  expect(error.message).toMatch(/^the metadata of the issuer cannot be had now: 127\.0\.0\.1:\d+ answered with status 500$/);
  const asked = seen.length;
  await failure(ask('openid-configuration'));
  expect(seen).toHaveLength(asked);
  answer = good;
  vi.advanceTimersByTime(5001);
  expect((await ask('openid-configuration'))?.status).toBe(200);
});

it('asks nothing of this machine in a cluster', async () => {
  const error = await failure(ask('openid-configuration', { elsewhere: true }));
  expect(error.message).toBe('the metadata of the issuer cannot be had now: 127.0.0.1 is a loopback address');
  expect(seen).toEqual([]);
});

it('forgets the issuers that were asked for longest ago', async () => {
  for (let index = 0; index <= 100; index++)
    await failure(issuers.metadata(`http://127.0.0.1:1/${index}`, 'openid-configuration', true).catch(toError));
  await issuers.metadata(issuer, 'openid-configuration', false);
  await issuers.metadata(issuer, 'openid-configuration', false);
  expect(seen).toHaveLength(1);
  for (let index = 0; index < 100; index++)
    await failure(issuers.metadata(`http://127.0.0.1:1/x${index}`, 'openid-configuration', true).catch(toError));
  await issuers.metadata(issuer, 'openid-configuration', false);
  expect(seen).toHaveLength(2);
});
const toError = (cause: unknown): never => {
  throw new GatewayError('TK_UPSTREAM', 'x', { cause });
};

it('lets pages of any origin ask', async () => {
  const found = await ask('oauth-protected-resource', { method: 'OPTIONS' });
  expect(found).toMatchObject({
    status: 204,
    headers: { 'access-control-allow-origin': '*', 'access-control-allow-headers': expect.stringContaining('mcp-protocol-version') },
  });
  expect(await failure(ask('oauth-protected-resource', { method: 'POST' }))).toMatchObject({
    code: 'TK_METHOD',
    headers: { allow: 'GET, HEAD, OPTIONS', 'access-control-allow-origin': '*' },
  });
});

it('answers at no other path, and where there is no issuer at none', async () => {
  const rule = { path: '/mcp', oauth: oauth(), elsewhere: false };
  for (const path of ['/mcp', '/.well-known/oauth-protected-resource', '/.well-known/oauth-protected-resource/mcp/x', '/.well-known/x/mcp'])
    expect(await metadataAnswer({ method: 'GET', path }, rule, issuers)).toBeUndefined();
  const path = '/.well-known/oauth-protected-resource/mcp';
  expect(await metadataAnswer({ method: 'GET', path }, { ...rule, oauth: undefined }, issuers)).toBeUndefined();
});
