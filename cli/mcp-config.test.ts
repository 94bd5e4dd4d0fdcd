import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

import { startEverything } from '../gateway/mcp/upstream/everything.fixture.ts';
import { type Env, type Running, start, tierkit } from './command.fixture.ts';

vi.setConfig({ testTimeout: 60_000 });

const FIXTURE = fileURLToPath(new URL('../gateway/mcp/local/server.fixture.ts', import.meta.url));
const SECRET = 'b0xTqW9s0mEr4nd0mBytesThatNobodyKnowsYet123=';
let folder: string;
const started: Running[] = [];
const opened: { close(): Promise<unknown> }[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tierkit-mcp-'));
});
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
  for (const { child } of started) child.kill('SIGKILL');
  await Promise.all(started.splice(0).map(({ ended }) => ended));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, value: unknown): string {
  const path = join(folder, name);
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
}

async function run(args: readonly string[], env: Env = {}): Promise<Running & { readonly url: string }> {
  const running = start(['run', '--port', '0', '--admin-port', '0', ...args], env);
  started.push(running);
  await running.said(/ready; admin on /);
  return { ...running, url: /listening on (http:\S+)/.exec(running.stderr())![1]! };
}

async function client(url: string): Promise<Client> {
  const made = new Client({ name: 'test', version: '1' });
  await made.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`)));
  opened.push(made);
  return made;
}

const adminOf = ({ stderr }: Running): string => /admin on (http:\S+)/.exec(stderr())![1]!;
const textOf = (result: unknown): string => (result as { content: { text: string }[] }).content[0]!.text;
const program = { command: process.execPath, args: [FIXTURE], env: { TOKEN: '${MY_TOKEN}' } };

describe('--mcp-config', () => {
  test('serves a program and a server of the network at one path, and ends the program with itself', async () => {
    const everything = await startEverything({ name: 'remote' });
    opened.push(everything);
    const file = write('mcp.json', { mcpServers: { local: program, remote: { url: everything.url } } });
    const running = await run(['--mcp-config', file], { MY_TOKEN: 'my-own-token' });
    const at = await client(running.url);
    const names = (await at.listTools()).tools.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['local__env', 'remote__test_simple_text']));
    expect(textOf(await at.callTool({ name: 'local__env', arguments: { name: 'TOKEN' } }))).toBe('my-own-token');
    const pid = Number(textOf(await at.callTool({ name: 'local__pid' })));
    await at.callTool({ name: 'local__stderr' });
    await at.close();
    running.child.kill('SIGTERM');
    expect(await running.ended).toBe(0);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(running.stderr()).toContain('MCP server local: the key is [redacted]');
    expect(running.stderr() + running.stdout()).not.toContain('my-own-token');
  });

  test('opens another session for a client whose program crashed', async () => {
    const running = await run(['--mcp-config', write('crash.json', { servers: { local: program } })], { MY_TOKEN: 'my-own-token' });
    const at = await client(running.url);
    const pid = textOf(await at.callTool({ name: 'pid' }));
    await expect(at.callTool({ name: 'crash' })).rejects.toThrow(/MCP server local/);
    await vi.waitFor(async () => expect(textOf(await at.callTool({ name: 'pid' }))).not.toBe(pid), { timeout: 20_000, interval: 200 });
  });

  test('is beside a lock of its tools, which `tierkit mcp lock` makes and checks', async () => {
    const file = write('locked.json', { servers: { local: program } });
    const first = await run(['--mcp-config', file], { MY_TOKEN: 'my-own-token' });
    const lock = await tierkit(['mcp', 'lock', '--admin', adminOf(first)]);
    expect(lock).toMatchObject({ code: 0, stderr: '' });
    const second = await run([write('tools.lock.yaml', lock.stdout), '--mcp-config', file], { MY_TOKEN: 'my-own-token' });
    expect(await tierkit(['mcp', 'lock', '--check', '--admin', adminOf(second)])).toMatchObject({ code: 0 });
    const at = await client(second.url);
    expect((await at.listTools()).tools.map(({ name }) => name)).toContain('env');
  });

  test('is beside other resources, at their Gateway', async () => {
    const yaml = write(
      'gw.yaml',
      `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: mine, namespace: team}
spec: {gatewayClassName: tierkit, listeners: [{name: http, port: 80, protocol: HTTP}]}`,
    );
    const file = write('beside.json', { servers: { local: program } });
    const running = await run([yaml, '--mcp-config', file], { MY_TOKEN: 'my-own-token' });
    expect((await (await client(running.url)).listTools()).tools.map(({ name }) => name)).toContain('env');
  });

  test.each<[string, string[], RegExp]>([
    ['a variable', ['--mcp-config', 'bad.json'], /^tierkit run: --mcp-config: \S+bad\.json: local: env\.TOKEN: MY_TOKEN is not set/],
    ['a file', ['--mcp-config', 'gone.json'], /^tierkit run: --mcp-config: \S+gone\.json cannot be read \(ENOENT\)$/],
    ['a cluster', ['--mcp-config', 'bad.json', '--kubernetes'], /exclude each other|^tierkit run: /],
  ])('tells of %s that is not there', async (_, [option, file, ...more], message) => {
    write('bad.json', { servers: { local: program } });
    const { code, stderr } = await tierkit(['run', option!, join(folder, file!), ...more]);
    expect(code).not.toBe(0);
    expect(stderr.trim()).toMatch(message);
  });
});

describe('--mcp-session-keys', () => {
  test('makes replicas share sessions; a changed file is read at SIGHUP', async () => {
    const keys = write('keys', `one:${SECRET}\n`);
    const config = write('replicas.json', { servers: { local: program } });
    const args = ['--mcp-config', config, '--mcp-session-keys', keys];
    const [one, two] = await Promise.all([run(args, { MY_TOKEN: 'token' }), run(args, { MY_TOKEN: 'token' })]);
    const transport = new StreamableHTTPClientTransport(new URL(`${one.url}/mcp`));
    const at = new Client({ name: 'test', version: '1' });
    await at.connect(transport);
    opened.push(at);
    const ask = () =>
      fetch(`${two.url}/mcp`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-session-id': transport.sessionId!,
          'mcp-protocol-version': '2025-06-18',
        },
        body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
      });
    const shared = await ask();
    expect([shared.status, await shared.text()]).toEqual([200, expect.stringContaining('"echo"')]);
    expect(one.stderr()).not.toContain('no --mcp-session-keys');
    write('keys', 'no secret\n');
    two.child.kill('SIGHUP');
    await two.said(/--mcp-session-keys: \S+keys: line 1: .*stay in use/);
    expect((await ask()).status).toBe(200);
  });

  test('tells what is wrong with them, and not what they are', async () => {
    const { code, stderr } = await tierkit(['run', '--mcp-session-keys', write('short', 'a2V5LXRoYXQtaXMtc2hvcnQ='), 'x.yaml']);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^tierkit run: --mcp-session-keys: \S+short: line 1: the secret has \d+ bytes/),
    ]);
  });

  test('is asked for where there is an MCPRoute', async () => {
    const running = await run(['--mcp-config', write('own.json', { servers: { local: program } })], { MY_TOKEN: 'token' });
    expect(running.stderr()).toMatch(/warn no --mcp-session-keys: sessions of MCP are those of this process alone/);
  });
});
