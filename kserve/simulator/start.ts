import { setTimeout as wait } from 'node:timers/promises';

import { RealTime } from './clock.ts';
import { type Profile, profileOf } from './engine/profile.ts';
import { SimulatedPod, type PodOptions } from './pod.ts';
import type { AnswerLength } from './server/generation.ts';
import { Runner } from './server/run.ts';
import { PodServer } from './server/server.ts';

export interface StartOptions extends Partial<Omit<PodOptions, 'name' | 'profile' | 'step' | 'blockEvents'>> {
  readonly model: string;
  /** Further names of the model. The first name that requests may use is the first of these, then `model`. */
  readonly servedModelNames?: readonly string[];
  /** @default 1 */
  readonly pods?: number;
  /** Port of the first pod; the others follow. 0: any free ones. @default 8000 */
  readonly port?: number;
  /** @default 127.0.0.1 */
  readonly host?: string;
  /** A profile, or the name of one. @default demo */
  readonly profile?: Profile | string;
  /** Pods are called this, a dash and a number. @default pod */
  readonly name?: string;
  /** `ports`: each data-parallel rank has a port of its own, one after the other. `internal`: the pod spreads requests. @default internal */
  readonly dataParallelPorts?: 'internal' | 'ports';
  /** How many times faster than in reality time runs. @default 1 */
  readonly speed?: number;
  /** Tokens of answers that nothing else limits. @default 20 to 200 */
  readonly answerLength?: AnswerLength;
  /** Whether usage tells cached tokens. @default true */
  readonly promptTokensDetails?: boolean;
}

/** A pod that listens. */
export interface PodHandle {
  readonly name: string;
  readonly port: number;
  /** One for each rank where ranks have ports, else one. */
  readonly ports: readonly number[];
  /** Such as `http://127.0.0.1:8000`. */
  readonly url: string;
  readonly pod: SimulatedPod;
  /** The pod's clock: milliseconds. */
  now(): number;
  /** Dies at once: connections are cut, and refused from then on. */
  kill(): Promise<void>;
  /** Takes no more requests, answers those under way, and stops. */
  close(): Promise<void>;
}

/**
 * Starts model servers that behave like vLLM, in this process.
 * @throws RangeError for settings that make no sense, or the system's error, such as EADDRINUSE; nothing listens then
 */
export async function startPods(options: StartOptions): Promise<PodHandle[]> {
  const handles: PodHandle[] = [];
  const { pods = 1, port = 8000 } = options;
  const portsEach = options.dataParallelPorts === 'ports' ? (options.dataParallelSize ?? 1) : 1;
  try {
    for (let index = 0; index < pods; index++) handles.push(await startPod(options, index, port === 0 ? 0 : port + index * portsEach));
  } catch (error) {
    await Promise.all(handles.map((handle) => handle.kill()));
    throw error;
  }
  return handles;
}

const DEFAULT_ANSWER: AnswerLength = { least: 20, most: 200 };

async function startPod(options: StartOptions, index: number, port: number): Promise<PodHandle> {
  const { servedModelNames = [], host = '127.0.0.1', profile = 'demo', name = 'pod', speed = 1, dataParallelPorts = 'internal' } = options;
  const { pods: _pods, ...podOptions } = options;
  const pod = new SimulatedPod({
    ...podOptions,
    name: `${name}-${index}`,
    profile: typeof profile === 'string' ? profileOf(profile) : profile,
  });
  const time = new RealTime(pod, speed);
  const runner = new Runner(pod, time, options.answerLength ?? DEFAULT_ANSWER);
  const ranks = dataParallelPorts === 'ports' ? Array.from({ length: pod.ranks }, (_, rank) => rank) : [undefined];
  const servers = ranks.map(
    (rank) =>
      new PodServer({
        runner,
        host,
        port: port === 0 ? 0 : port + (rank ?? 0),
        served: [...servedModelNames, ...(servedModelNames.includes(options.model) ? [] : [options.model])],
        ...(rank === undefined ? {} : { rank }),
        promptTokensDetails: options.promptTokensDetails ?? true,
      }),
  );
  const stopped = new AbortController();
  // Brings the ports back when the pod is up again.
  const away = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.down()));
    while (!stopped.signal.aborted && !pod.up(time.now())) {
      await wait(Math.max(1, (pod.downUntil - time.now()) / speed), undefined, { signal: stopped.signal }).catch(() => undefined);
    }
    await Promise.all(servers.map((server) => relisten(server, stopped.signal)));
  };
  try {
    for (const server of servers) await server.listen();
  } catch (error) {
    time.stop();
    await Promise.all(servers.map((server) => server.kill()));
    throw error;
  }
  let absence = pod.up(time.now()) ? Promise.resolve() : away();
  pod.onDown(() => {
    absence = absence.then(away);
  });
  const stop = async (how: (server: PodServer) => Promise<void>): Promise<void> => {
    stopped.abort();
    await Promise.all(servers.map(how));
    await absence;
    time.stop();
  };
  return {
    name: pod.name,
    get port() {
      return servers[0]!.port;
    },
    get ports() {
      return servers.map((server) => server.port);
    },
    get url() {
      return `http://${host.includes(':') ? `[${host}]` : host}:${servers[0]!.port}`;
    },
    pod,
    now: () => time.now(),
    kill: () => stop((server) => server.kill()),
    close: () => stop((server) => server.close()),
  };
}

/** Listens on the port from before, even if the system still holds it for a moment. */
async function relisten(server: PodServer, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await server.listen();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      await wait(50, undefined, { signal }).catch(() => undefined);
    }
  }
}
