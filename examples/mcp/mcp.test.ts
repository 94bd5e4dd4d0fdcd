// The examples run: the servers of npm where they are installed, with a small program of ours in their place otherwise.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import { formOf, tokenServer } from '#core/providers/credentials/token-server.fixture';
import { partPath } from '#core/real-part.fixture';

import { type Env, type Running, start, tierkit } from '../../cli/command.fixture.ts';
import { scripted } from '../../gateway/mcp/scripted.fixture.ts';
import { startEverything } from '../../gateway/mcp/upstream/everything.fixture.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const HERE = import.meta.dirname;
const FIXTURE = fileURLToPath(new URL('../../gateway/mcp/local/server.fixture.ts', import.meta.url));
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

test('tools that cost something, and a budget that ends', async () => {
  const both = await Promise.all(['git', 'search'].map((name) => startEverything({ name })));
  servers.push(...both);
  const [git, search] = both.map(({ url }) => new URL(url).port);
  const url = await run([join(HERE, 'two-servers.yaml'), join(HERE, 'prices.yaml')], { GIT_PORT: git!, SEARCH_PORT: search! });
  const call = (name: string): ReturnType<typeof tierkit> => tierkit(['mcp', 'call', url, name, '{}']);
  for (let each = 0; each < 2; each++) expect((await call('search__test_simple_text')).code).toBe(0);
  const refused = await call('search__test_simple_text');
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toMatch(/0\.01 USD until .* \(Budget default\/tools\)/);
  expect((await call('git__test_simple_text')).code).toBe(0);
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

/** Names of the programs that the official packages bring. */
const PROGRAMS = { everything: 'mcp-server-everything', filesystem: 'mcp-server-filesystem', memory: 'mcp-server-memory' };

const isThere = Object.values(PROGRAMS).every((program) => partPath('', program) !== undefined);
const isWanted = isThere || process.env['REQUIRE_REAL'] === '1';
if (!isWanted)
  process.stderr.write(
    'examples/mcp: skipped the official servers; npm install -g @modelcontextprotocol/server-{everything,filesystem,memory} brings them\n',
  );

describe.runIf(isWanted)('the official servers of npm behind one path', () => {
  let url: string;

  beforeEach(async () => {
    if (!isThere) throw new Error(`${Object.values(PROGRAMS).join(', ')} must be on PATH`);
    const files = mkdtempSync(join(folder, 'files-'));
    writeFileSync(join(files, 'note.txt'), 'a note');
    const server = (name: keyof typeof PROGRAMS, more: object = {}) => ({ [name]: { command: partPath('', PROGRAMS[name]), ...more } });
    const mcpServers = {
      ...server('everything'),
      ...server('filesystem', { args: [files] }),
      ...server('memory', { env: { MEMORY_FILE_PATH: join(files, 'memory.jsonl') } }),
    };
    const file = join(files, 'official.json');
    writeFileSync(file, JSON.stringify({ mcpServers }));
    url = await run(['--mcp-config', file]);
  });

  test('are seen and called by our own client', async () => {
    const echoed = await tierkit(['mcp', 'call', url, 'everything__echo', '{"message": "hello"}']);
    expect([echoed.code, echoed.stdout]).toEqual([0, expect.stringContaining('hello')]);
    const { stdout } = await tierkit(['mcp', 'ls', url]);
    expect(stdout).toMatch(/^tool +filesystem +filesystem__read_text_file/m);
    expect(stdout).toMatch(/^tool +memory +memory__read_graph/m);
  });

  test('answer the official client: tools of each, a resource, a prompt', async () => {
    const client = new Client({ name: 'test', version: '1' });
    await client.connect(new StreamableHTTPClientTransport(new URL(url)));
    const { tools, _meta } = await client.listTools();
    expect(_meta).toBeUndefined();
    const owners = [...new Set(tools.map(({ name }) => name.split('__')[0]))];
    expect(owners).toEqual(['everything', 'filesystem', 'memory']);
    const call = async (name: string, args: Record<string, unknown>) => JSON.stringify(await client.callTool({ name, arguments: args }));
    expect(await call('everything__get-sum', { a: 2, b: 3 })).toContain('The sum of 2 and 3 is 5');
    const [files] = /\/\S+files-\w+/.exec(await call('filesystem__list_allowed_directories', {}))!;
    expect(await call('filesystem__read_text_file', { path: join(files, 'note.txt') })).toContain('a note');
    const entities = [{ name: 'Tierkit', entityType: 'gateway', observations: ['it remembers'] }];
    await call('memory__create_entities', { entities });
    expect(await call('memory__search_nodes', { query: 'Tierkit' })).toContain('it remembers');
    const { resources } = await client.listResources();
    const [first] = resources;
    expect(first!.uri).toMatch(/^everything\+/);
    expect((await client.readResource({ uri: first!.uri })).contents).toMatchObject([{ uri: first!.uri }]);
    const { prompts } = await client.listPrompts();
    expect(prompts.map(({ name }) => name)).toContain('everything__simple-prompt');
    expect((await client.getPrompt({ name: 'everything__simple-prompt' })).messages).not.toEqual([]);
    await client.close();
  });
});
