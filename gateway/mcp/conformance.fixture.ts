// For tests: runs the official conformance suite.
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SUITE = join(import.meta.dirname, '../../node_modules/@modelcontextprotocol/conformance/dist/index.js');

export interface Conformance {
  /** What the suite says of each check: `tools-list tools-list-valid: SUCCESS`. Sorted. */
  readonly checks: readonly string[];
  /** Checks of all scenarios. */
  readonly passed: number;
  readonly failed: number;
  readonly output: string;
}

/** @param requirements a revision: `2025-11-25` */
export async function runConformance(url: string, requirements: string): Promise<Conformance> {
  const { checks, output } = await inResultsFolder((folder) =>
    runSuite(['server', '--url', url, '--requirements', requirements, '-o', folder]),
  );
  const [, passed, failed] = /^Total: (\d+) passed, (\d+) failed/m.exec(output) ?? [];
  return { checks, passed: Number(passed), failed: Number(failed), output };
}

/** @param run writes results into the folder */
export async function inResultsFolder(
  run: (folder: string) => Promise<string>,
): Promise<{ readonly checks: readonly string[]; readonly output: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'mcp-conformance-'));
  try {
    const output = await run(folder);
    const checks = await Promise.all((await readdir(folder)).map((scenario) => checksOf(folder, scenario)));
    return { checks: checks.flat().toSorted(), output };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What the suite says. */
export async function runSuite(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [SUITE, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await new Promise((resolve) => child.on('close', resolve));
  return output;
}

async function checksOf(folder: string, scenario: string): Promise<string[]> {
  const checks = JSON.parse(await readFile(join(folder, scenario, 'checks.json'), 'utf8')) as {
    id: string;
    name: string;
    status: string;
  }[];
  // The folder is named by the scenario and the time.
  const name = scenario.replace(/^server-/, '').replace(/-\d{4}-\d{2}-\d{2}T.*$/, '');
  return checks.map((check) => `${name} ${check.id} ${check.name}: ${check.status}`);
}
