import type { Configuration } from './configuration.ts';
import type { Report } from './events.ts';
import { Interrupts } from './interrupts.ts';
import { makeKeys } from './keys.ts';
import { type LocalSettings, plan, type Ports, wantedPorts } from './plan.ts';
import { LocalPlatform } from './platform.ts';
import { findPorts } from './ports.ts';
import { SUPERVISOR, type SupervisorSettings } from './process.ts';
import { curlFor, servicesOf } from './summary.ts';

export interface SessionOptions {
  readonly configuration: Configuration;
  /** Ports to begin with; one that is taken shifts to the next free one. 0: any free one. */
  readonly ports: Parameters<typeof wantedPorts>[0];
  readonly speed: number;
  /** As `10s`, and in milliseconds. */
  readonly drain: { readonly text: string; readonly ms: number };
  readonly accessLog: boolean;
  readonly restart: boolean;
  readonly report: Report;
}

/** From the end of the time for requests under way to SIGKILL. */
const AFTER_DRAIN_MS = 2000;

/**
 * Runs a platform until it is told to stop, or cannot go on. Nothing is left behind: no process, no port, no file.
 * @returns why it could not go on; undefined: it was stopped
 * @throws NoPort
 */
export async function runSession(options: SessionOptions): Promise<string | undefined> {
  const interrupts = new Interrupts();
  try {
    const ports = await choosePorts(options);
    const keys = makeKeys();
    try {
      return await runPlatform({ ...options, ports, keys, drain: options.drain.text }, options, interrupts);
    } finally {
      keys.remove();
    }
  } finally {
    interrupts.dispose();
  }
}

async function runPlatform(settings: LocalSettings, options: SessionOptions, interrupts: Interrupts): Promise<string | undefined> {
  const { report, restart, drain } = options;
  const from = performance.now();
  const supervisor: SupervisorSettings = { ...SUPERVISOR, restart, killMs: drain.ms + AFTER_DRAIN_MS };
  const platform = new LocalPlatform(plan(settings, process.env), supervisor, report);
  // Should this process end in the middle of all this. For SIGKILL there is orphan.ts.
  const leaveNothing = () => {
    platform.kill();
    settings.keys.remove();
  };
  process.once('exit', leaveNothing);
  const start = async (): Promise<never> => {
    if (await platform.start()) {
      const curl = await curlFor(settings.ports.tierOne);
      report({ event: 'up', afterMs: Math.round(performance.now() - from), services: servicesOf(settings), curl });
    }
    return new Promise<never>(() => undefined);
  };
  const end = await Promise.race([
    interrupts.first.then((interrupt) => ({ interrupt, failure: undefined })),
    platform.failed.then((failure) => ({ interrupt: undefined, failure })),
    start(),
  ]);
  if (end.failure !== undefined) report({ event: 'failed', why: end.failure });
  report({ event: 'stopping', why: end.interrupt ?? 'it cannot go on' });
  await platform.stop();
  report({ event: 'down' });
  process.off('exit', leaveNothing);
  return end.failure;
}

async function choosePorts({ ports, report }: SessionOptions): Promise<Ports> {
  const wishes = Object.entries(wantedPorts(ports));
  const found = await findPorts(wishes.map(([, wish]) => wish));
  for (const { process, wanted, port, count } of found) {
    if (wanted !== 0 && wanted !== port) report({ event: 'port-shifted', process, wanted, port, count });
  }
  return Object.fromEntries(wishes.map(([name], index) => [name, found[index]!.port])) as Record<keyof Ports, number>;
}
