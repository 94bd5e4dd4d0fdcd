import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

import { type End, type Report, sayEnd } from './events.ts';
import { LastLines, readLines, readLogLine } from './lines.ts';
import { untilReady } from './probe.ts';

/** What to run, and how to see that it is ready. */
export interface ProcessSpec {
  readonly name: string;
  /** A script that Node runs, and the script's arguments. */
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** URLs; the process is ready when all have answered 200. */
  readonly probes: readonly string[];
}

/** Times are in milliseconds. */
export interface SupervisorSettings {
  /** Whether a process that ends is started again. @default true */
  readonly restart: boolean;
  /** Between two questions whether it is ready. @default 50 */
  readonly probeMs: number;
  /** A process that is not ready by then is ended, and counts as crashed. @default 60 s */
  readonly readyMs: number;
  /** Before the first start after a crash; doubles with each further one. @default 1 s */
  readonly backoffMs: number;
  /** @default 30 s */
  readonly mostBackoffMs: number;
  /** A process that was ready for so long begins anew with the shortest wait. @default 60 s */
  readonly healthyMs: number;
  /** So many crashes in a row before it was ever ready are final. @default 5 */
  readonly attempts: number;
  /** From SIGTERM to SIGKILL. @default 12 s */
  readonly killMs: number;
}

export const SUPERVISOR: SupervisorSettings = {
  restart: true,
  probeMs: 50,
  readyMs: 60_000,
  backoffMs: 1000,
  mostBackoffMs: 30_000,
  healthyMs: 60_000,
  attempts: 5,
  killMs: 12_000,
};

/** By this exit code a command says that it does not understand its arguments: no further start would. */
const NOT_UNDERSTOOD = 2;

const ORPHAN = new URL('orphan.ts', import.meta.url).href;

/** What one run of the program came to. */
interface Life extends End {
  /** Undefined: it was never ready. */
  readonly readyForMs: number | undefined;
}

/**
 * One child process: started, watched until it is ready, started again when it crashes, stopped.
 * It leads a process group of its own, so that a Ctrl-C in the terminal reaches only this process, which then stops all in order.
 */
export class SupervisedProcess {
  readonly name: string;
  /** Whether it was ready in the end; false when it gave up or was stopped before. */
  readonly ready: Promise<boolean>;
  readonly #spec: ProcessSpec;
  readonly #settings: SupervisorSettings;
  readonly #report: Report;
  readonly #gaveUp: (why: string) => void;
  readonly #lines = new LastLines();
  readonly #stopping = new AbortController();
  readonly #resolveReady: (ready: boolean) => void;
  #everReady = false;
  #child: ChildProcess | undefined;
  #running: Promise<void> | undefined;

  /** @param gaveUp called once, when it will not be started again */
  constructor(spec: ProcessSpec, settings: SupervisorSettings, report: Report, gaveUp: (why: string) => void) {
    this.name = spec.name;
    this.#spec = spec;
    this.#settings = settings;
    this.#report = report;
    this.#gaveUp = gaveUp;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.ready = promise;
    this.#resolveReady = resolve;
  }

  /** Of the child that runs now. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    this.#running ??= this.#supervise();
  }

  /** Asks the process to end (SIGTERM), and ends it (SIGKILL) when it has not by the time that it has for that. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    if (this.#running === undefined) return this.#resolveReady(false);
    const from = performance.now();
    let killed = false;
    this.#child?.kill('SIGTERM');
    const timer = setTimeout(() => {
      killed = this.#child !== undefined;
      this.kill();
    }, this.#settings.killMs);
    await this.#running;
    clearTimeout(timer);
    this.#report({ event: 'stopped', process: this.name, afterMs: Math.round(performance.now() - from), killed });
  }

  /** Ends the process, and whatever it has started, at once. */
  kill(): void {
    this.#stopping.abort();
    endGroup(this.#child);
  }

  async #supervise(): Promise<void> {
    const { restart, attempts, backoffMs, mostBackoffMs, healthyMs } = this.#settings;
    const stopped = this.#stopping.signal;
    let failures = 0;
    while (!stopped.aborted) {
      const life = await this.#live();
      const { readyForMs, ...end } = life;
      if (stopped.aborted) break;
      this.#report({ event: 'crashed', process: this.name, wasReady: readyForMs !== undefined, lines: this.#lines.take(), ...end });
      if (readyForMs !== undefined && readyForMs >= healthyMs) failures = 0;
      failures++;
      const hopeless = end.code === NOT_UNDERSTOOD || (!this.#everReady && failures >= attempts);
      if (hopeless || !restart) {
        const times = hopeless && failures > 1 ? `${failures} times in a row` : 'by itself';
        this.#gaveUp(`${this.name} ended ${times}${this.#everReady ? '' : ' before it was ready'}, the last time with ${sayEnd(end)}`);
        break;
      }
      const inMs = Math.min(backoffMs * 2 ** (failures - 1), mostBackoffMs);
      this.#report({ event: 'restarting', process: this.name, inMs, failures, most: this.#everReady ? undefined : attempts });
      await delay(inMs, undefined, { signal: stopped }).catch(() => undefined);
    }
    this.#resolveReady(false);
  }

  async #live(): Promise<Life> {
    const { args, env, probes } = this.#spec;
    const { probeMs, readyMs } = this.#settings;
    const from = performance.now();
    const child = startChild(args, env);
    if (child instanceof Error) return { ...failedStart(child), readyForMs: undefined };
    this.#child = child;
    const over = new AbortController();
    const ended = endOf(child).finally(() => over.abort());
    for (const stream of [child.stdout, child.stderr]) if (stream !== null) readLines(stream, (line) => this.#line(line));
    this.#report({ event: 'starting', process: this.name, pid: child.pid });

    const ready = await untilReady(probes, probeMs, AbortSignal.any([over.signal, AbortSignal.timeout(readyMs)]));
    const late = !ready && !over.signal.aborted;
    const readyAt = performance.now();
    if (ready && !over.signal.aborted && !this.#stopping.signal.aborted) {
      this.#everReady = true;
      this.#report({ event: 'ready', process: this.name, afterMs: Math.round(readyAt - from) });
      this.#resolveReady(true);
    }
    if (late) endGroup(child);
    const end = await ended;
    this.#child = undefined;
    return {
      ...end,
      ...(late ? { reason: `no answer from ${probes.join(', ')} in ${readyMs / 1000} s` } : {}),
      readyForMs: ready ? performance.now() - readyAt : undefined,
    };
  }

  #line(line: string): void {
    this.#lines.push(line);
    const { level, text } = readLogLine(line);
    this.#report({ event: 'log', process: this.name, level, line: text });
  }
}

/** The channel (ipc) closes when this process is gone: see orphan.ts. */
function startChild(args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess | Error {
  try {
    return spawn(process.execPath, ['--import', ORPHAN, ...args], { env, detached: true, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  } catch (error) {
    // Some errors of the system are thrown, such as too little memory; the others are events.
    return error instanceof Error ? error : new Error(String(error));
  }
}

function failedStart({ message }: Error): End {
  return { code: null, signal: null, reason: `it could not be started: ${message}` };
}

/** Time for the last lines of a process that has ended, should something else still hold its output open. */
const LAST_WORDS_MS = 250;

function endOf(child: ChildProcess): Promise<End> {
  return new Promise((resolve) => {
    child.on('error', (error) => {
      // It never ran, so it has no exit either. Any other error is about a process that runs, and ends of itself.
      if (child.pid === undefined) resolve(failedStart(error));
    });
    child.on('close', (code, signal) => resolve({ code, signal }));
    child.on('exit', (code, signal) => {
      // What it has started goes with it.
      killGroup(child.pid);
      setTimeout(() => resolve({ code, signal }), LAST_WORDS_MS).unref();
    });
  });
}

function endGroup(child: ChildProcess | undefined): void {
  if (child?.exitCode === null && child.signalCode === null) killGroup(child.pid);
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody is left in it.
  }
}
