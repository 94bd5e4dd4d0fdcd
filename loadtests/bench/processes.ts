import { type ChildProcess, execFileSync, spawn, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';

/** Where the gateway runs, and where all else does. */
export const GATEWAY_CORE = 0;
export const OTHER_CORE = 1;

const running = new Set<ChildProcess>();

// Whatever ends the bench ends its processes: `exit` follows a return, an uncaught error and process.exit alike.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)
  process.on(signal, () => process.exit(code));

/** Why nothing is pinned to a core; undefined: it is. */
export const notPinned: string | undefined = whyNotPinned();

function whyNotPinned(): string | undefined {
  if (availableParallelism() < 2) return 'there is only one core';
  try {
    execFileSync('taskset', ['-p', String(process.pid)], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'taskset (util-linux) is not found';
  }
}

/** Moves this process out of the gateway's way. */
export function pinSelf(): void {
  if (notPinned === undefined) execFileSync('taskset', ['-a', '-c', '-p', String(OTHER_CORE), String(process.pid)], { stdio: 'ignore' });
}

/** Starts a process on one core. taskset replaces itself by the command, so the child's pid is the command's. */
export function start(
  core: number,
  command: string,
  args: readonly string[],
  stdio: StdioOptions,
  env: NodeJS.ProcessEnv = {},
): ChildProcess {
  const whole = notPinned === undefined ? ['taskset', '-c', String(core), command, ...args] : [command, ...args];
  const child = spawn(whole[0] as string, whole.slice(1), { stdio, env: { ...process.env, ...env } });
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.once('error', () => running.delete(child));
  return child;
}

/** Ends a process at once. */
export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** The next message of a process. @throws Error when the process ends before it sends one */
export function message<T>(child: ChildProcess, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const clear = () => {
      child.off('message', onMessage);
      child.off('exit', onExit);
      child.off('error', onError);
    };
    const onMessage = (value: unknown) => {
      clear();
      resolve(value as T);
    };
    const onExit = (code: number | null) => {
      clear();
      reject(new Error(`${what} ended with ${code ?? 'a signal'} before it was done`));
    };
    const onError = (error: Error) => {
      clear();
      reject(error);
    };
    child.on('message', onMessage).on('exit', onExit).on('error', onError);
  });
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
