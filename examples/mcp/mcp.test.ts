// The examples run: the servers of npm where they are installed, with a small program of ours in their place otherwise.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';

import { formOf, tokenServer } from '#core/providers/credentials/token-server.fixture';
import { partPath } from '#core/real-part.fixture';

import { type Env, type Running, start, tierkit } from '../../cli/command.fixture.ts';
import { scripted } from '../../gateway/mcp/scripted.fixture.ts';
import { startEverything } from '../../gateway/mcp/upstream/everything.fixture.ts';

vi.setConfig({ testTimeout: 120_000 });

const HERE = import.meta.dirname;
const FIXTURE = fileURLToPath(new URL('../../gateway/mcp/stdio/server.fixture.ts', import.meta.url));
const running: Running[] = [];
const servers: { close(): Promise<void> }[] = [];
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tierkit-example-'));
});
afterEach(async () => {
  for (const { child } of running) child.kill('SIGTERM');
  await Promise.all(running.splice(0).map(({ ended }) => ended));
  await Promise.all(servers.splice(0).map((server) => server.close()));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function run(args: readonly string[], env: Env = {}): Promise<string> {
  const started = start(['run', '--port', '0', '--admin-port', '0', ...args], env);
  running.push(started);
  await started.said(/ready; admin on /);
  return `${/listening on (http:\S+)/.exec(started.stderr())![1]!}/mcp`;
}

test('two servers behind one path', async () => {
  const started = await Promise.all(['git', 'search'].map((name) => startEverything({ name })));
  servers.push(...started);
  const [git, search] = started.map(({ url }) => new URL(url).port);
  const url = await run([join(HERE, 'two-servers.yaml')], { GIT_PORT: git!, SEARCH_PORT: search! });
  const { stdout } = await tierkit(['mcp', 'ls', url]);
  expect(stdout).toMatch(/^tool +git +git__test_simple_text/m);
  expect(stdout).toMatch(/^tool +search +search__test_simple_text/m);
});

test('a server that is called in the name of callers', async () => {
  const { publicKey, privateKey } = await generateKeyPair('RS256');
  const jwks = { keys: [await exportJWK(publicKey)] };
  const [git, search] = await Promise.all(['git', 'search'].map((name) => scripted(name, {}, { tools: {} })));
  const idp = await tokenServer(({ path }) => {
    const metadata = { issuer: idp.url, jwks_uri: `${idp.url}/keys`, token_endpoint: `${idp.url}/token` };
    const given = { access_token: 'for-git', issued_token_type: 'urn:ietf:params:oauth:token-type:access_token', token_type: 'Bearer' };
    return { body: path === '/token' ? given : path === '/keys' ? jwks : metadata };
  });
  servers.push(git!, search!);
  const url = await run([join(HERE, 'token-exchange.yaml')], {
    ISSUER: idp.url,
    GIT_TOKENS: `${idp.url}/token`,
    GIT_PORT: String(git!.port),
    SEARCH_PORT: String(search!.port),
  });
  const signing = new SignJWT({ sub: 'ann', aud: 'tools', iss: idp.url }).setProtectedHeader({ alg: 'RS256' });
  const token = await signing.setExpirationTime('1h').sign(privateKey);
  const { stdout, stderr } = await tierkit(['mcp', 'ls', url, '--header', `authorization: Bearer ${token}`]);
  expect([stderr, stdout]).toEqual(['', expect.stringMatching(/^tool +git +git__echo/m)]);
  expect(stdout).toMatch(/^tool +search +search__echo/m);
  const shown = [git, search].map((server) => new Set(server!.seen.map(({ headers }) => headers.authorization)));
  expect(shown).toEqual([new Set(['Bearer for-git']), new Set([undefined])]);
  const [asked] = idp.asked.filter(({ path }) => path === '/token');
  expect(formOf(asked!)).toMatchObject({ subject_token: token, resource: 'http://127.0.0.1:3001/mcp' });
});

test('the file of programs, with a program of ours in their place', async () => {
  const example = JSON.parse(readFileSync(join(HERE, 'mcp.json'), 'utf8')) as { mcpServers: Record<string, object> };
  const ours = Object.entries(example.mcpServers).map(([name, server]) => [
    name,
    { ...server, command: process.execPath, args: [FIXTURE] },
  ]);
  const file = join(folder, 'mcp.json');
  writeFileSync(file, JSON.stringify({ mcpServers: Object.fromEntries(ours) as object }));
  const url = await run(['--mcp-config', file]);
  const asked = await tierkit(['mcp', 'call', url, 'memory__env', '{"name": "MEMORY_FILE_PATH"}']);
  expect([asked.code, asked.stdout]).toEqual([0, '/tmp/tierkit-memory.jsonl\n']);
});

/** Names of the programs that the packages of the example bring. */
const PROGRAMS = { everything: 'mcp-server-everything', memory: 'mcp-server-memory' };

const isThere = Object.values(PROGRAMS).every((program) => partPath('', program) !== undefined);
const isWanted = isThere || process.env['REQUIRE_REAL'] === '1';
if (!isWanted)
  process.stderr.write(
    'examples/mcp: skipped the official servers; npm install -g @modelcontextprotocol/server-everything @modelcontextprotocol/server-memory brings them\n',
  );

test.runIf(isWanted)('the official servers of npm behind one path', async () => {
  expect(isThere, `${Object.values(PROGRAMS).join(' and ')} must be on PATH`).toBe(true);
  const config = Object.entries(PROGRAMS).map(([name, program]) => [name, { command: partPath('', program) }]);
  const file = join(folder, 'official.json');
  writeFileSync(file, JSON.stringify({ mcpServers: Object.fromEntries(config) as object }));
  const url = await run(['--mcp-config', file]);
  const echoed = await tierkit(['mcp', 'call', url, 'everything__echo', '{"message": "hello"}']);
  expect([echoed.code, echoed.stdout]).toEqual([0, expect.stringContaining('hello')]);
  expect((await tierkit(['mcp', 'ls', url])).stdout).toMatch(/^tool +memory +memory__read_graph/m);
});
