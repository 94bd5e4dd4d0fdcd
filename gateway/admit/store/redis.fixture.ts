// For tests: redis-server as a process, on a free port, in a folder of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePorts, partPath } from '#core/real-part.fixture';

/** The binary: `TIERKIT_REDIS_SERVER`, or `redis-server` on PATH. */
export const REDIS_SERVER = partPath('TIERKIT_REDIS_SERVER', 'redis-server');
export const REDIS_MISSING =
  'skipped: real Redis. TIERKIT_REDIS_SERVER names the binary redis-server, or it is on PATH (apt-get install redis-server)';

export interface RedisProcess {
  readonly port: number;
  readonly url: string;
  readonly pid: number;
  signal(name: NodeJS.Signals): void;
  /** Ends it at once and waits for it. */
  kill(): Promise<void>;
  /** Starts it again on its port, with its data where it was told to keep any. */
  restart(): Promise<void>;
  /** Ends it and removes its folder. */
  close(): Promise<void>;
}

/** @throws Error when `REQUIRE_REAL` is set and there is no binary */
export function requireRedis(): string {
  if (REDIS_SERVER === undefined) throw new Error(`REQUIRE_REAL is set, and there is no redis-server: ${REDIS_MISSING}`);
  return REDIS_SERVER;
}

/** @param lines of its configuration, in addition; `sentinel` makes it a sentinel */
export async function startRedis(
  lines: readonly string[] = [],
  mode: 'server' | 'sentinel' = 'server',
  port?: number,
): Promise<RedisProcess> {
  const binary = requireRedis();
  const at = port ?? (await freePorts(1))[0]!;
  const folder = mkdtempSync(join(tmpdir(), 'redis-'));
  const config = join(folder, 'redis.conf');
  const storage = mode === 'server' ? ['save ""', ...(lines.some((line) => line.startsWith('appendonly')) ? [] : ['appendonly no'])] : [];
  writeFileSync(config, [`port ${at}`, 'bind 127.0.0.1', `dir ${folder}`, 'daemonize no', ...storage, ...lines, ''].join('\n'));
  let child: ChildProcess;
  const start = async (): Promise<void> => {
    child = spawn(binary, [config, ...(mode === 'sentinel' ? ['--sentinel'] : [])], { stdio: 'ignore' });
    await listening(at, child);
  };
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  await start();
  return {
    port: at,
    url: `redis://127.0.0.1:${at}`,
    get pid() {
      return child.pid!;
    },
    signal: (name) => void child.kill(name),
    kill,
    restart: async () => {
      await kill();
      await start();
    },
    close: async () => {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Waits until something holds, looking every 10 ms. @throws Error after the time */
export async function until(what: string, holds: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  await until(`redis-server on port ${port}`, async () => {
    if (child.exitCode !== null) throw new Error(`redis-server on port ${port} ended with status ${child.exitCode}`);
    const socket = connect(port, '127.0.0.1');
    return await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    }).finally(() => socket.destroy());
  });
}
