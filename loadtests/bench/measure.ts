import { fileURLToPath } from 'node:url';

import type { LoadOptions, LoadResult } from './load.ts';
import { clockTicks, readCoreTicks, readCpuTicks, readMemoryKib } from './proc.ts';
import { GATEWAY_CORE, message, notPinned, OTHER_CORE, start, stop } from './processes.ts';
import { runWrk } from './wrk.ts';

const LOAD = fileURLToPath(new URL('./load.ts', import.meta.url));
const TICKS = clockTicks();

export interface Request {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Target {
  readonly port: number;
  /** Whose CPU time and memory to read; undefined for the mock. */
  readonly pid: number | undefined;
}

export interface Times {
  readonly warmupSeconds: number;
  readonly seconds: number;
}

/** CPU time as µs. */
export function ticksToUs(ticks: number): number {
  return (ticks * 1e6) / TICKS;
}

/** A load that runs until it is stopped. */
export interface RunningLoad {
  /** Ends the load after the answers that are under way. */
  finish(): Promise<LoadResult>;
  /** Ends it at once, without a result. */
  abort(): Promise<void>;
}

type Shape = Partial<Pick<LoadOptions, 'expectedEvents' | 'openOverMs'>>;

function options(target: Target, request: Request, connections: number, times: Times | undefined, shape: Shape): LoadOptions {
  return {
    port: target.port,
    connections,
    ...request,
    warmupMs: (times?.warmupSeconds ?? 0) * 1000,
    measureMs: times === undefined ? undefined : times.seconds * 1000,
    watch: target.pid === undefined ? undefined : { pid: target.pid, core: notPinned === undefined ? GATEWAY_CORE : undefined },
    expectedEvents: shape.expectedEvents,
    openOverMs: shape.openOverMs ?? 0,
  };
}

function launch(load: LoadOptions) {
  const child = start(OTHER_CORE, process.execPath, [LOAD], ['ignore', 'inherit', 'inherit', 'ipc']);
  child.send(load);
  return child;
}

/** Load by the client of this folder for a time. */
export async function measure(target: Target, request: Request, connections: number, times: Times, shape: Shape = {}): Promise<LoadResult> {
  const child = launch(options(target, request, connections, times, shape));
  try {
    for (;;) {
      const said = await message<LoadResult | 'running'>(child, 'the load generator');
      if (said !== 'running') return said;
    }
  } finally {
    await stop(child);
  }
}

/**
 * Load by the client of this folder until it is stopped. Resolves when every connection has had its first answer or event.
 * @throws Error when that takes longer than 30 seconds
 */
export async function keepLoading(target: Target, request: Request, connections: number, shape: Shape = {}): Promise<RunningLoad> {
  const child = launch(options(target, request, connections, undefined, shape));
  const tooLate = setTimeout(() => void stop(child), 30_000);
  await message(child, 'the load generator');
  clearTimeout(tooLate);
  return {
    finish: async () => {
      const result = message<LoadResult>(child, 'the load generator');
      child.send('stop');
      return result;
    },
    abort: () => stop(child),
  };
}

/** The same by wrk, which knows nothing of events: for answers that are no streams. */
export async function measureByWrk(
  target: Target,
  request: Request,
  connections: number,
  times: Times,
  folder: string,
): Promise<Pick<LoadResult, 'seconds' | 'requests' | 'errors' | 'p50Ms' | 'p99Ms' | 'cpuTicks' | 'othersShare' | 'rssKib' | 'firstError'>> {
  const { pid, port } = target;
  if (times.warmupSeconds > 0) await runWrk({ ...request, port }, connections, times.warmupSeconds, folder);
  const before = pid === undefined ? undefined : { cpu: readCpuTicks(pid), core: readCoreTicks(GATEWAY_CORE) };
  const result = await runWrk({ ...request, port }, connections, times.seconds, folder);
  const figures = { ...result, firstError: result.errors > 0 ? 'counted by wrk' : undefined };
  if (pid === undefined || before === undefined) return { ...figures, cpuTicks: undefined, othersShare: undefined, rssKib: undefined };
  const core = readCoreTicks(GATEWAY_CORE);
  const cpuTicks = readCpuTicks(pid) - before.cpu;
  const others = Math.max(0, core.busy - before.core.busy - cpuTicks) / (core.all - before.core.all);
  return { ...figures, cpuTicks, othersShare: notPinned === undefined ? others : undefined, rssKib: readMemoryKib(pid).rss };
}
