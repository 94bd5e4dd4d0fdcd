import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly err: string;
}

/** Variables of this machine that would decide where a load goes. */
const DECIDING = /^(K6|LOAD_|BASE_URL|TIER_|POD_URLS|TENANT|API_KEY|SSE)/;

/** For tests: `npm run load`, as a process. @param started gets the process, and what it has written on standard error so far */
export function runLoad(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  started: (child: ChildProcess, said: string) => void = () => undefined,
): Promise<Ended> {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !DECIDING.test(name)));
  const child = spawn(process.execPath, [join(import.meta.dirname, 'run.ts'), ...args], { env: { ...inherited, ...env } });
  let stdout = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
    started(child, err);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, err }));
  });
}
