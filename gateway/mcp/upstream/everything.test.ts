import { spawn } from 'node:child_process';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { startEverything } from './everything.fixture.ts';

const SUITE = join(import.meta.dirname, '../../../node_modules/@modelcontextprotocol/conformance/dist/index.js');

async function conformance(...args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [SUITE, 'server', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, output };
}

test('the server that the tests stand on passes the official conformance suite, what is not scored included', async () => {
  const everything = await startEverything();
  const { code, output } = await conformance('--url', everything.url, '--requirements', '2025-11-25');
  await everything.close();
  expect(output).toContain('Total: 84 passed, 0 failed');
  expect(code).toBe(0);
}, 60_000);
