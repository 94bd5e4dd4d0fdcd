import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

import type { Environment } from './plan/settings.ts';

/** A k6 that can be run. */
export interface K6 {
  readonly path: string;
  /** As `k6 v2.1.0`. */
  readonly version: string;
  /** Whether it was built with k6/x/sse, and SSE=no does not forbid it. */
  readonly canStream: boolean;
}

export const K6_MISSING =
  'there is no k6: put it on PATH, or name it in K6 (https://grafana.com/docs/k6/latest/set-up/install-k6/; ' +
  'streams need one that was built with k6/x/sse, see loadtests/k6/README.md)';

/** @returns the k6 that K6 names, else the one on PATH; undefined: there is none, or it does not run */
export function findK6(env: NodeJS.ProcessEnv): K6 | undefined {
  const path = env['K6'] ?? onPath(env);
  if (path === undefined) return undefined;
  try {
    const text = execFileSync(path, ['version'], { encoding: 'utf8', env: { ...env, ...QUIET }, stdio: ['ignore', 'pipe', 'ignore'] });
    return { path, version: /^k6 \S+/.exec(text)?.[0] ?? 'k6', canStream: env['SSE'] !== 'no' && /k6\/x\/sse\b/.test(text) };
  } catch {
    return undefined;
  }
}

function onPath(env: NodeJS.ProcessEnv): string | undefined {
  return (env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, 'k6'))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** It downloads no module by itself, and reports to nobody. */
export const QUIET = { K6_AUTO_EXTENSION_RESOLUTION: 'false', K6_NO_USAGE_REPORT: 'true' };

export interface K6Run {
  readonly script: string;
  readonly summary: string;
  readonly env: NodeJS.ProcessEnv;
  /** After this it is told to stop, and ended when it does not. */
  readonly mostMs: number;
}

/** Time to write its summary and to run the teardown. */
const LAST_MS = 15_000;
/** k6's own exit codes: a threshold was crossed; it was stopped from outside. */
export const CROSSED = 99;

/** Of k6, before the script. */
export function argsOf(summary: string, env: Environment): string[] {
  // k6 has no switch in its environment for this one: the address alone does nothing.
  const pushes = (env['K6_PROMETHEUS_RW_SERVER_URL'] ?? '') !== '';
  return ['run', '--quiet', `--summary-export=${summary}`, ...(pushes ? ['--out=experimental-prometheus-rw'] : [])];
}

/** Starts k6; `ended` has its exit code. */
export function startK6({ path, canStream }: K6, { script, summary, env, mostMs }: K6Run): { child: ChildProcess; ended: Promise<number> } {
  const child = spawn(path, [...argsOf(summary, env), script], {
    env: { ...env, ...QUIET, ...(canStream ? {} : { SSE: 'no' }) },
    // Its own summary is long, and cannot be turned off without the file; warnings come on standard error.
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const late = setTimeout(() => child.kill('SIGINT'), mostMs);
  const dead = setTimeout(() => child.kill('SIGKILL'), mostMs + LAST_MS);
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  }).finally(() => {
    clearTimeout(late);
    clearTimeout(dead);
  });
  return { child, ended };
}
