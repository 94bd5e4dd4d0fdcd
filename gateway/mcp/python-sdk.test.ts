// The official Python SDK sees through the gateway what it sees at the server: of either era, alone and beside another server.
// The SDK is a real part: a Python that has it is named by TIERKIT_PYTHON.
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { startMcp } from './mcp.fixture.ts';
import { closeAfterEach, opening } from './opening.fixture.ts';
import { startEverything } from './upstream/everything.fixture.ts';
import { startModernEverything } from './upstream/modern-everything.fixture.ts';

const SCRIPT = join(import.meta.dirname, 'python_sdk.py');

const python = process.env['TIERKIT_PYTHON'] ?? 'python3';
const isThere = spawnSync(python, ['-c', 'from mcp import Client']).status === 0;
const isWanted = isThere || process.env['REQUIRE_REAL'] === '1';
if (!isWanted)
  process.stderr.write(
    'SKIPPED: the Python SDK of MCP (python3 -m venv V && V/bin/pip install mcp==2.3.0, then TIERKIT_PYTHON=V/bin/python)\n',
  );

closeAfterEach();

type Seen = Readonly<Record<string, unknown>>;

/** @param args mode of the SDK, and the server whose prefix names have */
function look(url: string, ...args: readonly string[]): Promise<Seen> {
  return new Promise((resolve, reject) => {
    const child = spawn(python, [SCRIPT, url, ...args], { env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' } });
    let [output, errors] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(JSON.parse(output) as Seen) : reject(new Error(`ended with ${code}: ${errors}`))));
  });
}

/** What tells that the script saw something, and not twice nothing. */
const SOMETHING = {
  tools: expect.arrayContaining([expect.objectContaining({ name: 'test_simple_text' })]),
  prompts: expect.arrayContaining([expect.objectContaining({ name: 'test_simple_prompt' })]),
  resources: expect.arrayContaining([expect.objectContaining({ uri: 'test://static-text' })]),
  templates: [expect.objectContaining({ uriTemplate: 'test://template/{id}/data' })],
  steps: [0, 50, 100],
  sampling: expect.objectContaining({ content: [{ type: 'text', text: 'LLM response: sampled' }] }),
  asked: [{ sampling: [{ role: 'user', content: { type: 'text', text: 'hello' } }] }, { elicitation: 'who?' }],
  changed: ['test://watched-resource'],
  unknown: ['MCPError', -32602],
};

interface TestServer {
  readonly url: string;
  readonly port: number;
  /** Open ones, of a server that has them. */
  readonly sessions?: number;
  close(): Promise<void>;
}

const SERVERS: Readonly<Record<string, (options: { readonly name: string }) => Promise<TestServer>>> = {
  legacy: startEverything,
  modern: startModernEverything,
};

/** A session ends with its client; those for modern clients are the gateway's own, and stay for a while: calls, a subscription. */
const CASES = [
  { server: 'legacy', mode: 'legacy', version: '2025-11-25', sessions: 0 },
  { server: 'modern', mode: '2026-07-28', version: '2026-07-28', sessions: undefined },
  { server: 'modern', mode: 'auto', version: '2026-07-28', sessions: undefined },
  { server: 'legacy', mode: 'auto', version: '2026-07-28', sessions: 1 },
  { server: 'modern', mode: 'legacy', version: '2025-11-25', sessions: undefined },
] as const;

describe.for(CASES)('mode $mode at a $server server', ({ server, mode, version, sessions }) => {
  test.runIf(isWanted)('one server', { timeout: 120_000 }, async () => {
    const one = await opening(SERVERS[server]!({ name: 'one' }));
    const { url } = await opening(startMcp([{ name: 'one', port: one.port }]));
    const direct = await look(one.url, server === 'legacy' ? 'legacy' : '2026-07-28');
    const through = await look(`${url}/mcp`, mode);
    expect(through).toMatchObject({ version, ...SOMETHING });
    expect(through).toEqual({ ...direct, version });
    await expect.poll(() => one.sessions).toBe(sessions);
  });

  test.runIf(isWanted)('and another server beside it', { timeout: 120_000 }, async () => {
    const one = await opening(SERVERS[server]!({ name: 'one' }));
    const two = await opening(startEverything({ name: 'two' }));
    const servers = [
      { name: 'one', port: one.port },
      { name: 'two', port: two.port },
    ];
    const { url } = await opening(startMcp(servers));
    const direct = await look(one.url, server === 'legacy' ? 'legacy' : '2026-07-28');
    expect(await look(`${url}/mcp`, mode, 'one')).toEqual({ ...direct, version });
    expect(await look(`${url}/mcp`, mode, 'two')).toMatchObject({ version, ...SOMETHING });
  });
});
