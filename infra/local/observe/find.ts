import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import type { PartName } from './parts.ts';

/** What this machine has. */
export interface Found {
  readonly programs: Readonly<Partial<Record<PartName, string>>>;
  /** The docker program, where its daemon answers. */
  readonly docker: string | undefined;
}

/** A daemon that hangs is none. */
const DAEMON_MS = 5000;

/** Looks for the parts on PATH, and for docker when one of them is not there. */
export async function findParts(names: readonly PartName[], env: NodeJS.ProcessEnv): Promise<Found> {
  const programs: Partial<Record<PartName, string>> = {};
  for (const name of names) {
    const path = findProgram(name, env);
    if (path !== undefined) programs[name] = path;
  }
  const docker = names.every((name) => name in programs) ? undefined : findProgram('docker', env);
  return { programs, docker: docker !== undefined && (await daemonAnswers(docker, env)) ? docker : undefined };
}

export function findProgram(name: string, env: NodeJS.ProcessEnv): string | undefined {
  return (env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    // A folder is "executable" as well.
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function daemonAnswers(docker: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(docker, ['version', '--format', '{{.Server.Version}}'], { env, timeout: DAEMON_MS, killSignal: 'SIGKILL' }, (error) =>
      resolve(error === null),
    );
  });
}
