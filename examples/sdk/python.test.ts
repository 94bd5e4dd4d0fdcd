/** The official Python SDKs against the quickstart. They are a real part: a Python that has them is named by TIERKIT_PYTHON. */
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { type Quickstart, startQuickstart } from './quickstart.ts';

const python = process.env['TIERKIT_PYTHON'] ?? 'python3';
const found =
  spawnSync(python, ['-c', 'import openai, anthropic; print(openai.__version__, anthropic.__version__)'], { encoding: 'utf8' }).status ===
  0;
const required = process.env['REQUIRE_REAL'] === '1';
if (!found && !required)
  console.warn('SKIPPED: the Python SDKs (python3 -m venv V && V/bin/pip install openai anthropic, then TIERKIT_PYTHON=V/bin/python)');

let quickstart: Quickstart;
beforeAll(async () => {
  quickstart = await startQuickstart();
});
afterAll(() => quickstart.close());

test.skipIf(!found && !required).each(['openai_sdk.py', 'anthropic_sdk.py'])(
  '%s passes all of its checks',
  async (script) => {
    const { code, output } = await run(fileURLToPath(new URL(script, import.meta.url)), quickstart.url);
    expect(output).toMatch(/: (\d+) of \1 checks passed/);
    expect(code).toBe(0);
  },
  60_000,
);

function run(script: string, baseUrl: string): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(python, [script], { env: { ...process.env, BASE_URL: baseUrl, PYTHONDONTWRITEBYTECODE: '1' } });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}
