// For tests: the real promtool.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { partOf, REQUIRED } from './real-parts.fixture.ts';

const run = promisify(execFile);
const binary = partOf('promtool', 'TIERKIT_PROMTOOL');

/** Whether its tests are to be left out: it is not there, and nobody insists. */
export const WITHOUT_PROMTOOL = binary === undefined && !REQUIRED;

/** What it says. @throws when it finds a fault, with what it said in `stdout` and `stderr` */
export async function promtool(...args: string[]): Promise<string> {
  if (binary === undefined)
    throw new Error('REQUIRE_REAL is set, and there is no promtool: put it on PATH, or name it in TIERKIT_PROMTOOL');
  const { stdout, stderr } = await run(binary, args, { maxBuffer: 64 * 1024 * 1024 });
  return stdout + stderr;
}

/** What promtool says of a file of unit tests; `FAILED` is in it where one fails. */
export async function testRules(file: string): Promise<string> {
  return promtool('test', 'rules', file).catch(
    (error: Error & { stdout?: string; stderr?: string }) => `FAILED: ${error.stdout ?? error.message}${error.stderr ?? ''}`,
  );
}
