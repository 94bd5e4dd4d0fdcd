import { join } from 'node:path';

import { type Configuration, isExample } from './configuration.ts';
import type { Report } from './events.ts';
import { Interrupts } from './interrupts.ts';
import { makeKeys } from './keys.ts';
import { candidates, type Choice, choose } from './observe/choose.ts';
import { findParts } from './observe/find.ts';
import { Observers } from './observe/observers.ts';
import type { PartName } from './observe/parts.ts';
import { type FirstPartPorts, type PartPorts, wantedPartPorts } from './observe/ports.ts';
import { otlpOf, withFeedback } from './observe/runs.ts';
import { partNotes, partServices } from './observe/told.ts';
import { type OwnTraces, ownTraces, projectOf, tracedEnv } from './observe/traces.ts';
import { type LocalSettings, plan, type Ports, wantedPorts } from './plan.ts';
import { LocalPlatform } from './platform.ts';
import { findPorts, type WantedPorts } from './ports.ts';
import { SUPERVISOR, type SupervisorSettings } from './process.ts';
import { curlFor, servicesOf } from './summary.ts';

/** Which programs of others are started beside the platform. */
export interface ObserveOptions {
  /** Undefined: those that are found. */
  readonly wish: readonly PartName[] | undefined;
  readonly ports: FirstPartPorts;
  /** Where their data is kept, absolute; undefined: it goes with the platform. */
  readonly folder: string | undefined;
}

export interface SessionOptions {
  readonly configuration: Configuration;
  /** Ports to begin with; one that is taken shifts to the next free one. 0: any free one. */
  readonly ports: Parameters<typeof wantedPorts>[0];
  readonly observe: ObserveOptions | undefined;
  readonly speed: number;
  /** As `10s`, and in milliseconds. */
  readonly drain: { readonly text: string; readonly ms: number };
  readonly accessLog: boolean;
  readonly restart: boolean;
  readonly report: Report;
}

/** From the end of the time for requests under way to SIGKILL. */
const AFTER_DRAIN_MS = 2000;

const NOTHING: Choice = { parts: {}, missing: [], idle: [] };
const NO_PART_PORTS: PartPorts = { prometheus: 0, phoenix: 0, phoenixGrpc: 0, jaeger: 0, jaegerGrpc: 0, jaegerOtlp: 0 };

/** What watches the platform, as it was chosen. */
interface Watched {
  readonly own: OwnTraces;
  readonly choice: Choice;
  readonly ports: PartPorts;
}

/**
 * Runs a platform until it is told to stop, or cannot go on. Nothing is left behind: no process, no port, no file.
 * @returns why it could not go on; undefined: it was stopped
 * @throws NoPort, NoPart, InvalidTraceSettings
 */
export async function runSession(options: SessionOptions): Promise<string | undefined> {
  const interrupts = new Interrupts();
  try {
    const own = ownTraces(process.env);
    const choice = options.observe === undefined ? NOTHING : await chooseParts(options.observe, own);
    const { ports, partPorts } = await choosePorts(options, choice);
    const keys = makeKeys();
    try {
      const settings = { ...options, ports, keys, drain: options.drain.text };
      return await runPlatform(settings, { own, choice, ports: partPorts }, options, interrupts);
    } finally {
      keys.remove();
    }
  } finally {
    interrupts.dispose();
  }
}

async function runPlatform(
  settings: LocalSettings,
  watched: Watched,
  options: SessionOptions,
  interrupts: Interrupts,
): Promise<string | undefined> {
  const { report, restart, drain } = options;
  const { own, choice, ports } = watched;
  const from = performance.now();
  const supervisor: SupervisorSettings = { ...SUPERVISOR, restart, killMs: drain.ms + AFTER_DRAIN_MS };
  const traced = tracedEnv(withFeedback(process.env, choice, ports), otlpOf(choice.parts, ports), isExample(options.configuration));
  const platform = new LocalPlatform(plan(settings, traced.env), supervisor, report);
  const observerFailed = Promise.withResolvers<string>();
  const observers = new Observers(
    {
      parts: choice.parts,
      ports,
      platform: settings.ports,
      folder: options.observe?.folder ?? join(settings.keys.folder, 'observe'),
      env: process.env,
      keysFolder: settings.keys.folder,
      supervisor: { ...SUPERVISOR, restart },
    },
    report,
    (part, why) => (restart ? report({ event: 'gave-up', process: part, why }) : observerFailed.resolve(why)),
  );
  // Should this process end in the middle of all this. For SIGKILL there is orphan.ts.
  const leaveNothing = () => {
    platform.kill();
    observers.kill();
    settings.keys.remove();
  };
  process.once('exit', leaveNothing);
  const start = async (): Promise<never> => {
    observers.start();
    if (await platform.start()) {
      const curl = await curlFor(settings.ports.tierOne);
      report({
        event: 'up',
        afterMs: Math.round(performance.now() - from),
        services: [
          ...servicesOf(settings),
          ...partServices(choice.parts, ports, projectOf(process.env), (part) => observers.isReady(part)),
        ],
        notes: [...partNotes(choice, own, settings.ports), ...(traced.showsContent ? [CONTENT_NOTE] : [])],
        curl,
      });
    }
    return new Promise<never>(() => undefined);
  };
  const end = await Promise.race([
    interrupts.first.then((interrupt) => ({ interrupt, failure: undefined })),
    Promise.race([platform.failed, observerFailed.promise]).then((failure) => ({ interrupt: undefined, failure })),
    start(),
  ]);
  if (end.failure !== undefined) report({ event: 'failed', why: end.failure });
  report({ event: 'stopping', why: end.interrupt ?? 'it cannot go on' });
  await platform.stop();
  // The last spans are told at the end of the tiers.
  await observers.stop();
  report({ event: 'down' });
  process.off('exit', leaveNothing);
  return end.failure;
}

const CONTENT_NOTE = 'Prompts and answers are in the traces: this is a demo. OPENINFERENCE_HIDE_INPUTS=true hides them.';

async function chooseParts({ wish }: ObserveOptions, own: OwnTraces): Promise<Choice> {
  const { names } = candidates(wish, own);
  return choose(wish, own, await findParts(names, process.env));
}

async function choosePorts(
  { ports, observe, report }: SessionOptions,
  { parts }: Choice,
): Promise<{ readonly ports: Ports; readonly partPorts: PartPorts }> {
  const partWishes = observe === undefined ? {} : wantedPartPorts(parts, observe.ports);
  const wishes: [name: string, wish: WantedPorts][] = Object.entries({ ...wantedPorts(ports), ...partWishes });
  const found = await findPorts(wishes.map(([, wish]) => wish));
  for (const { process, wanted, port, count } of found) {
    if (wanted !== 0 && wanted !== port) report({ event: 'port-shifted', process, wanted, port, count });
  }
  const byName = Object.fromEntries(wishes.map(([name], index) => [name, found[index]!.port]));
  return { ports: byName as Record<keyof Ports, number>, partPorts: { ...NO_PART_PORTS, ...byName } };
}
