// For tests: runs the official conformance suite.
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const SUITE = join(import.meta.dirname, '../../node_modules/@modelcontextprotocol/conformance/dist/index.js');

export interface Conformance {
  /** What the suite prints of each scenario: `✓ tools-list: 2 passed, 0 failed`. In its order. */
  readonly scenarios: readonly string[];
  /** Checks of all scenarios. */
  readonly passed: number;
  readonly failed: number;
  readonly output: string;
}

/** @param requirements a revision: `2025-11-25` */
export async function runConformance(url: string, requirements: string): Promise<Conformance> {
  const child = spawn(process.execPath, [SUITE, 'server', '--url', url, '--requirements', requirements], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await new Promise((resolve) => child.on('close', resolve));
  const [, passed, failed] = /^Total: (\d+) passed, (\d+) failed/m.exec(output) ?? [];
  const scenarios = output.split('\n').filter((line) => /^[✓✗] \S+: \d+ passed, \d+ failed/.test(line));
  return { scenarios, passed: Number(passed), failed: Number(failed), output };
}
