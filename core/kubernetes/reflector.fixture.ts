// For tests: reflectors of one type of a server in memory.
import { FakeApiServer } from './api-server.fixture.ts';
import { keepObject, sameContent } from './keep.ts';
import { Reflector, type ReflectorOptions, type ReflectorState } from './reflector.ts';
import type { KubernetesObject, ResourceType } from './resource.ts';
import type { Change } from './store.ts';
import { fastClock, ManualClock } from './time.fixture.ts';

export const ROUTE: ResourceType = { group: 'g.dev', version: 'v1', kind: 'Route', plural: 'routes', namespaced: true };

/** A server with reflectors, for one test. */
export class ReflectorBench {
  readonly server: FakeApiServer;
  readonly running: Promise<void>[] = [];
  readonly #stop = new AbortController();

  private constructor(server: FakeApiServer) {
    this.server = server;
  }

  static async start(): Promise<ReflectorBench> {
    return new ReflectorBench(await FakeApiServer.start(ROUTE));
  }

  put(name: string, spec: object = {}, namespace = 'a', rest: object = {}): void {
    this.server.table.put(ROUTE, { metadata: { name, namespace }, spec, ...rest });
  }

  async reflect(options: Partial<ReflectorOptions<KubernetesObject>> = {}) {
    const changes: Change<KubernetesObject>[] = [];
    const bunches: number[] = [];
    const states: ReflectorState[] = [];
    const reflector = new Reflector({
      client: await this.server.client(),
      type: ROUTE,
      keep: keepObject,
      same: sameContent,
      onChange: (bunch) => {
        changes.push(...bunch);
        bunches.push(bunch.length);
      },
      onState: (state) => states.push(state),
      tuning: { clock: fastClock(100) },
      ...options,
    });
    this.running.push(reflector.run(this.#stop.signal));
    return { reflector, changes, bunches, states };
  }

  /** On a clock that stands still, with a given jitter. */
  async reflectSlowly(random: () => number) {
    const clock = new ManualClock();
    const started = await this.reflect({ tuning: { clock, backoff: { random }, silentMs: 90_000 } });
    return { clock, ...started };
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.running);
  }

  async end(): Promise<void> {
    await this.stop();
    await this.server.leave();
  }
}

export const names = (reflector: Reflector<KubernetesObject>) => reflector.all().map(({ key }) => key);

/** `+` new, `-` deleted, `~` another content, `=` another version only. */
export const told = (changes: readonly Change<KubernetesObject>[]) =>
  changes.map(({ key, before, after, content }) => `${before === undefined ? '+' : after === undefined ? '-' : content ? '~' : '='}${key}`);

export const expired = { act: 'status', status: 410, body: { code: 410, reason: 'Expired' } } as const;
export const gone = JSON.stringify({ type: 'ERROR', object: { code: 410, reason: 'Expired' } });
