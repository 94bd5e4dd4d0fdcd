// The example as a newcomer runs it: the official client logs in by its own means. The everything server of npm where it is installed, ours in its place otherwise.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { type OAuthClientProvider, UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { InvalidGrantError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import type { OAuthClientInformationMixed, OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { freePorts, partPath } from '#core/real-part.fixture';

import { type Running, start } from '../../../cli/command.fixture.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 180_000 });

const HERE = import.meta.dirname;
const MEMORY = fileURLToPath(new URL('../../../gateway/mcp/local/server.fixture.ts', import.meta.url));
const EVERYTHING = fileURLToPath(new URL('../../../gateway/mcp/upstream/everything.fixture.ts', import.meta.url));
const REDIRECT = 'http://127.0.0.1:6274/oauth/callback';

const programs = { everything: partPath('', 'mcp-server-everything'), memory: partPath('', 'mcp-server-memory') };
const isThere = programs.everything !== undefined && programs.memory !== undefined;
if (!isThere) process.stderr.write('examples/mcp/oauth: programs of ours in place of the servers of npm, which are not on PATH\n');

const folder = mkdtempSync(join(tmpdir(), 'tierkit-oauth-'));
const children: ChildProcess[] = [];
let running: Running;
let issuer: string;
let open: string;
let secured: string;

function run(command: string, args: readonly string[], env: Readonly<Record<string, string>>): void {
  children.push(spawn(command, args, { env: { ...process.env, ...env }, stdio: 'ignore' }));
}

beforeAll(async () => {
  if (!isThere && process.env['REQUIRE_REAL'] === '1') throw new Error('mcp-server-everything and mcp-server-memory must be on PATH');
  const [port, issuerPort, everythingPort] = (await freePorts(3)).map(String) as [string, string, string];
  [issuer, open, secured] = [`http://127.0.0.1:${issuerPort}`, `http://127.0.0.1:${port}/mcp`, `http://127.0.0.1:${port}/private/mcp`];
  const env = { ISSUER: issuer, RESOURCE: secured, EVERYTHING_PORT: everythingPort, MEMORY_FILE: join(folder, 'memory.jsonl') };
  run(process.execPath, [join(HERE, 'authorization-server.ts')], { PORT: issuerPort, RESOURCE: secured });
  if (isThere) run(programs.everything!, ['streamableHttp'], { PORT: everythingPort });
  else run(process.execPath, [EVERYTHING, everythingPort], {});
  const memory = isThere ? { command: programs.memory } : { command: process.execPath, args: [MEMORY] };
  const config = join(folder, 'mcp.json');
  writeFileSync(config, JSON.stringify({ mcpServers: { memory: { ...memory, env: { MEMORY_FILE_PATH: '${MEMORY_FILE}' } } } }));
  running = start(['run', join(HERE, 'gateway.yaml'), '--mcp-config', config, '--port', port, '--admin-port', '0', '--drain', '0s'], env);
  await running.said(/ready; admin on /);
  for (const url of [`${issuer}/jwks`, `http://127.0.0.1:${everythingPort}/mcp`])
    await vi.waitUntil(() => answers(url), { timeout: 60_000, interval: 100 });
});

afterAll(async () => {
  running.child.kill('SIGTERM');
  await running.ended;
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

const answers = (url: string): Promise<boolean> =>
  fetch(url).then(
    async (answer) => (await answer.body?.cancel(), true),
    () => false,
  );

/** A client that has nothing at the beginning, and a browser that follows where it is sent. */
class Newcomer implements OAuthClientProvider {
  readonly redirectUrl = REDIRECT;
  readonly clientMetadata = { client_name: 'newcomer', redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none' };
  sentTo: URL | undefined;
  #information: OAuthClientInformationMixed | undefined;
  #tokens: OAuthTokens | undefined;
  #verifier = '';
  clientInformation = () => this.#information;
  saveClientInformation = (information: OAuthClientInformationMixed) => void (this.#information = information);
  tokens = () => this.#tokens;
  saveTokens = (tokens: OAuthTokens) => void (this.#tokens = tokens);
  redirectToAuthorization = (url: URL) => void (this.sentTo = url);
  saveCodeVerifier = (verifier: string) => void (this.#verifier = verifier);
  codeVerifier = () => this.#verifier;
  state = () => 'my state';
}

async function browse(url: URL): Promise<URL> {
  const answer = await fetch(url, { redirect: 'manual' });
  expect(answer.status).toBe(302);
  return new URL(answer.headers.get('location')!);
}

const transportTo = (url: string, authProvider?: OAuthClientProvider) =>
  new StreamableHTTPClientTransport(new URL(url), authProvider === undefined ? {} : { authProvider });

test('a client without a token is told where to get one, registers, logs in and calls', async () => {
  const newcomer = new Newcomer();
  const first = transportTo(secured, newcomer);
  await expect(new Client({ name: 'newcomer', version: '1' }).connect(first)).rejects.toThrow(UnauthorizedError);
  expect(newcomer.clientInformation()).toMatchObject({ client_id: expect.any(String) });
  expect(newcomer.sentTo?.href).toMatch(new RegExp(`^${issuer}/authorize\\?`));
  expect(newcomer.sentTo?.searchParams.get('resource')).toBe(secured);
  const back = await browse(newcomer.sentTo!);
  expect(back.href).toMatch(/^http:\/\/127\.0\.0\.1:6274\/oauth\/callback\?/);
  expect([back.searchParams.get('state'), back.searchParams.get('iss')]).toEqual(['my state', issuer]);
  await first.finishAuth(back.searchParams.get('code')!);
  expect(newcomer.tokens()).toMatchObject({ token_type: 'Bearer', scope: 'tools' });
  const client = new Client({ name: 'newcomer', version: '1' });
  await client.connect(transportTo(secured, newcomer));
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toContain('echo');
  expect(JSON.stringify(await client.callTool({ name: 'echo', arguments: { message: 'hello' } }))).toContain('hello');
  await client.close();
  // A code is good once.
  await expect(first.finishAuth(back.searchParams.get('code')!)).rejects.toBeInstanceOf(InvalidGrantError);
});

test('the other server asks for no token', async () => {
  const client = new Client({ name: 'anybody', version: '1' });
  await client.connect(transportTo(open));
  expect((await client.listTools()).tools).not.toEqual([]);
  await client.close();
});

const form = (path: string, fields: Readonly<Record<string, string>>): Promise<Response> =>
  fetch(`${issuer}${path}`, { method: 'POST', body: new URLSearchParams(fields) });
const register = async (body: object): Promise<Record<string, string>> =>
  (await (await fetch(`${issuer}/register`, { method: 'POST', body: JSON.stringify(body) })).json()) as Record<string, string>;

test('a program logs in by itself, with a secret', async () => {
  const { client_id, client_secret } = await register({ client_name: 'program' });
  const fields = { grant_type: 'client_credentials', client_id: client_id!, client_secret: client_secret!, resource: secured };
  const { access_token: token } = (await (await form('/token', fields)).json()) as Record<string, string>;
  const hello = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'program', version: '1' } };
  const ask = (authorization: string) =>
    fetch(secured, {
      method: 'POST',
      headers: { authorization, accept: 'application/json, text/event-stream', 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: hello }),
    });
  const told = await ask(`Bearer ${token}`);
  expect([told.status, await told.text()]).toEqual([200, expect.stringContaining('"serverInfo"')]);
  const refused = await ask(`Bearer ${token!.slice(0, -4)}AAAA`);
  expect(refused.status).toBe(401);
  expect(refused.headers.get('www-authenticate')).toContain('resource_metadata=');
});

test.each([
  ['another resource', { resource: 'http://127.0.0.1:1/mcp' }, 400, 'invalid_target'],
  ['a wrong secret', { client_secret: 'x' }, 401, 'invalid_client'],
  ['a code that nobody gave', { grant_type: 'authorization_code', code: 'x' }, 400, 'invalid_grant'],
  ['another grant', { grant_type: 'password' }, 400, 'unsupported_grant_type'],
])('the authorization server refuses %s', async (_, changed, status, error) => {
  const { client_id, client_secret } = await register({});
  const fields = { grant_type: 'client_credentials', client_id: client_id!, client_secret: client_secret!, ...changed };
  const answer = await form('/token', fields);
  expect([answer.status, await answer.json()]).toEqual([status, { error }]);
});

test('and sends nobody’s browser away from this machine', async () => {
  expect(await register({ redirect_uris: ['https://example.com/'] })).toEqual({ error: 'invalid_redirect_uri' });
  const { client_id } = await register({ redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none' });
  const asked = new URLSearchParams({ client_id: client_id!, redirect_uri: 'http://127.0.0.1:1/', response_type: 'code' });
  expect((await fetch(`${issuer}/authorize?${asked.toString()}`, { redirect: 'manual' })).status).toBe(400);
  asked.set('redirect_uri', REDIRECT);
  expect((await browse(new URL(`${issuer}/authorize?${asked.toString()}`))).searchParams.get('error')).toBe('invalid_request');
});
