import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const TIERKIT = join(import.meta.dirname, '..', '..', 'cli', 'main.ts');
const START_MS = 30_000;

/** A tier one as a process of its own. */
export interface Replica {
  readonly url: string;
  readonly adminUrl: string;
  kill(signal: NodeJS.Signals): Promise<void>;
}

export interface ReplicaOptions {
  readonly folder: string;
  /** Resources. */
  readonly yaml: string;
  /** Further options of `tierkit run`. */
  readonly args: readonly string[];
}

/** @throws Error with what it said, when it does not start */
export async function startReplica({ folder, yaml, args }: ReplicaOptions): Promise<Replica> {
  const file = join(folder, 'resources.yaml');
  writeFileSync(file, yaml);
  const start = `import(${JSON.stringify(TIERKIT)}).then((m) => m.main(process.argv.slice(1))).then((code) => process.exit(code))`;
  const child = spawn(process.execPath, ['-e', start, '--', 'run', file, '--port', '0', '--admin-port', '0', '--no-access-log', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const { url, adminUrl } = await ready(child);
  return {
    url,
    adminUrl,
    kill: async (signal) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill(signal);
      await exited;
    },
  };
}

function ready(child: ChildProcess): Promise<{ url: string; adminUrl: string }> {
  return new Promise((resolve, reject) => {
    let said = '';
    const fail = (why: string): void => reject(new Error(`the replica ${why}:\n${said}`));
    const late = setTimeout(() => fail(`was not ready within ${START_MS} ms`), START_MS);
    child.once('exit', (code) => fail(`ended with ${code}`));
    child.stderr!.on('data', (chunk: Buffer) => {
      said = `${said}${chunk.toString()}`.slice(-8192);
      const url = /listening on (http:\/\/\S+)/.exec(said)?.[1];
      const adminUrl = /admin on (http:\/\/\S+)/.exec(said)?.[1];
      if (url === undefined || adminUrl === undefined) return;
      clearTimeout(late);
      resolve({ url, adminUrl });
    });
  });
}
