import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Report } from '../events.ts';
import { KEYS_VARIABLE } from '../keys.ts';
import { type ProcessSpec, SupervisedProcess, type SupervisorSettings } from '../process.ts';
import type { Choice, Source } from './choose.ts';
import { ABOUT, type PartName } from './parts.ts';
import { type Run, RUNS, type RunSettings } from './runs.ts';

const GUARD = fileURLToPath(new URL('guard.ts', import.meta.url));

/** Phoenix makes its database first, and an image may have to be pulled. */
const READY_MS = { program: 180_000, docker: 900_000 } as const;

/** Order of the start; the reverse one is that of the stop: Jaeger hands on to Phoenix until it has ended. */
const ORDER: readonly PartName[] = ['phoenix', 'jaeger', 'prometheus'];

/** Nothing else of the environment: providers' keys are none of their business, and data stays in the session's folder. */
const HANDED_ON = /^(PATH|HOME|USER|LANG|LC_\w+|TZ|LD_LIBRARY_PATH|DYLD_\w+|PYTHON\w*|VIRTUAL_ENV|DOCKER_\w+|XDG_\w+)$/;

export interface ObserverSettings extends Omit<RunSettings, 'forwards'> {
  readonly parts: Choice['parts'];
  readonly env: NodeJS.ProcessEnv;
  /** Folder of the keys, which goes when the platform has gone. */
  readonly keysFolder: string;
  readonly supervisor: SupervisorSettings;
}

/** The parts that watch a platform. It never waits for them, and goes on when one of them gives up. */
export class Observers {
  readonly #processes: readonly SupervisedProcess[];
  readonly #ready = new Set<string>();
  /** How to remove what docker may have left. */
  readonly #containers: readonly (readonly [docker: string, name: string])[];

  /** Writes what the parts read. @param gaveUp told of a part that is not started again */
  constructor(settings: ObserverSettings, report: Report, gaveUp: (part: PartName, why: string) => void) {
    const forwards = settings.parts.phoenix !== undefined;
    const parts = ORDER.flatMap((name) => {
      const source = settings.parts[name];
      return source === undefined ? [] : [{ name, source, run: RUNS[name]({ ...settings, forwards }) }];
    });
    for (const { name, run } of parts) {
      writeFiles(join(settings.folder, name), run.files);
      mkdirSync(temporaryOf(name, settings), { recursive: true });
    }
    this.#containers = parts.flatMap(({ name, source }) => (source.by === 'docker' ? [[source.path, containerOf(name)] as const] : []));
    this.#processes = parts.map(({ name, source, run }) => {
      const times = { ...settings.supervisor, readyMs: READY_MS[source.by], probeMs: 250 };
      return new SupervisedProcess(specOf(name, source, run, settings), times, report, (why) => gaveUp(name, why));
    });
  }

  start(): void {
    for (const process of this.#processes) {
      process.start();
      void process.ready.then((ready) => ready && this.#ready.add(process.name));
    }
  }

  isReady(part: PartName): boolean {
    return this.#ready.has(part);
  }

  async stop(): Promise<void> {
    for (const process of this.#processes.toReversed()) await process.stop();
    this.#removeContainers();
  }

  kill(): void {
    for (const process of this.#processes) process.kill();
    this.#removeContainers();
  }

  #removeContainers(): void {
    for (const [docker, name] of this.#containers) spawnSync(docker, ['rm', '--force', name], { stdio: 'ignore', timeout: 10_000 });
  }
}

/** The process that runs a part. With docker it has the host's network, so that all addresses are the same as without. */
export function specOf(name: PartName, source: Source, run: Run, settings: ObserverSettings): ProcessSpec {
  const inherited = Object.entries(settings.env).filter(([variable]) => HANDED_ON.test(variable));
  const env = { ...Object.fromEntries(inherited), [KEYS_VARIABLE]: settings.keysFolder };
  const probes = [run.probe];
  if (source.by === 'program')
    return { name, args: [GUARD, '', source.path, ...run.args], env: { ...env, ...run.env, TMPDIR: temporaryOf(name, settings) }, probes };
  const user = process.getuid === undefined ? [] : [`--user=${process.getuid()}:${process.getgid!()}`];
  const variables = Object.entries(run.env).map(([variable, value]) => `--env=${variable}=${value}`);
  const docker = [
    'run',
    '--rm',
    `--name=${containerOf(name)}`,
    '--network=host',
    ...user,
    `--volume=${settings.folder}:${settings.folder}`,
  ];
  const args = [...docker, ...variables, ABOUT[name].image, ...(run.imageArgs ?? run.args)];
  return { name, args: [GUARD, containerOf(name), source.path, ...args], env, probes };
}

/** Phoenix leaves a folder behind in the one for temporary files. */
function temporaryOf(name: PartName, { folder }: ObserverSettings): string {
  return join(folder, name, 'tmp');
}

function containerOf(name: PartName): string {
  return `tierkit-${process.pid}-${name}`;
}

function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  // What was said is in there.
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (const [name, text] of Object.entries(files)) {
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}
