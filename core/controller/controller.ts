import type { KubernetesClient } from '../kubernetes/client.ts';
import { inParallel } from '../in-parallel.ts';
import { Backoff } from '../kubernetes/backoff.ts';
import { KubernetesError } from '../kubernetes/error.ts';
import type { KubernetesObject, ResourceType } from '../kubernetes/resource.ts';
import { WATCHED_KINDS } from '../resources/cluster-load.ts';
import { type GroupKind, kindKey } from '../resources/kind.ts';
import { inSlices } from '../resources/slices.ts';
import type { Compiled } from '../route/compile.ts';
import type { ClusterSource } from '../serve/cluster-source.ts';
import { Gateway } from '../resources/gateway-api/gateway.ts';
import { gatewayPlaces, gatewayServices, leftServices, says, type ServiceSettings } from './gateway-services.ts';
import { type ControllerMeasures, resultOf } from './measures.ts';
import { RouteStatuses } from './route-statuses.ts';
import { type DesiredStatus, desiringStatuses } from './statuses.ts';

export interface ControllerOptions {
  readonly client: KubernetesClient;
  readonly source: ClusterSource;
  readonly controllerName: string;
  readonly services: ServiceSettings;
  /** Whether the gateway serves InferencePools. */
  readonly servesPools: boolean;
  readonly log: (level: 'info' | 'warn', message: string) => void;
  readonly measures?: ControllerMeasures | undefined;
}

const SERVICE: ResourceType = { group: '', version: 'v1', kind: 'Service', plural: 'services', namespaced: true };
const FIELD_MANAGER = 'tierkit';
/** One write that ought to be made, and of what kind of resource. */
interface Write {
  readonly kind: string;
  readonly write: () => Promise<unknown>;
}

/** Writes under way at one time. */
const PARALLEL = 8;

/**
 * Writes what a cluster's users see of their resources: statuses, and a Service for each Gateway. Only the leader writes, nothing is written
 * that is there already, and what has changed meanwhile is not written over: it comes back as a change.
 */
export class Controller {
  readonly #options: ControllerOptions;
  #compiled: { readonly compiled: Compiled; readonly revision: number } | undefined;
  #leading = false;
  #again = false;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** After writes that failed: at least half of each pause is waited. */
  readonly #backoff = new Backoff({ baseMs: 200, capMs: 30_000, random: () => 0.5 + Math.random() / 2 });
  #lastFailure = '';
  readonly #routes = new RouteStatuses();
  /** Objects of the lists that are held. */
  readonly #held = new WeakMap<readonly unknown[], readonly KubernetesObject[]>();
  #stopped = false;

  constructor(options: ControllerOptions) {
    this.#options = options;
  }

  /** Takes the configuration that was made of the last load. */
  served(compiled: Compiled): void {
    this.#compiled = { compiled, revision: this.#options.source.loadedRevision };
    this.changed();
  }

  /** Something in the cluster is other than it was. */
  changed(): void {
    if (!this.#leading || this.#stopped) return;
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#running = this.#reconcile().finally(() => {
      this.#running = undefined;
      if (this.#again) {
        this.#again = false;
        this.changed();
      }
    });
  }

  lead(leading: boolean): void {
    this.#leading = leading;
    this.#options.log('info', leading ? 'this process writes statuses and Services' : 'another process writes statuses and Services');
    this.changed();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  /** Never throws. */
  async #reconcile(): Promise<void> {
    const { source, services, controllerName, servesPools } = this.#options;
    const { loaded } = source;
    // What is compiled has to be of the objects that are there: else a status would speak of another generation. A load is under way then.
    if (this.#compiled === undefined || loaded === undefined || this.#compiled.revision !== source.watched.revision) return;
    const { measures } = this.#options;
    const startedAt = performance.now();
    const failures: unknown[] = [];
    let pending = 0;
    const attempt = async ({ kind, write }: Write): Promise<void> => {
      try {
        if (!this.#leading || this.#stopped) return;
        await write();
        measures?.wrote(kind, 'ok');
        measures?.pending(--pending);
      } catch (error) {
        measures?.wrote(kind, resultOf(error));
        // Others wrote it or it is gone: the change is on its way here.
        if (!(error instanceof KubernetesError && (error.status === 409 || error.status === 404))) failures.push(error);
        else measures?.pending(--pending);
      }
    };
    const objects = this.#objects();
    const present = objects(SERVICE);
    const wanted = gatewayServices(loaded.set.all(Gateway), present, services);
    const statuses = await inSlices(
      desiringStatuses(
        { controllerName, loaded, compiled: this.#compiled.compiled, objects, places: gatewayPlaces(present, services), servesPools },
        new Date(),
        this.#routes,
      ),
    );
    const writes = [
      ...this.#serviceWrites(wanted, present),
      ...statuses.map((status): Write => ({ kind: status.kind.kind, write: () => this.#write(status) })),
    ];
    pending = writes.length;
    measures?.pending(pending);
    await inParallel(writes, PARALLEL, attempt);
    measures?.reconciled(performance.now() - startedAt);
    this.#settle(failures);
  }

  /** What is watched, as it is now: what changes while statuses are worked out is for the next time. */
  #objects(): (kind: GroupKind) => readonly KubernetesObject[] {
    const byKind = new Map<string, readonly KubernetesObject[]>();
    for (const kind of WATCHED_KINDS) {
      const held = this.#options.source.watched.objects(kind);
      let objects = this.#held.get(held);
      if (objects === undefined) this.#held.set(held, (objects = held.map(({ object }) => object)));
      byKind.set(kindKey(kind), objects);
    }
    return (kind) => byKind.get(kindKey(kind)) ?? [];
  }

  #serviceWrites(wanted: readonly KubernetesObject[], present: readonly KubernetesObject[]): Write[] {
    const { client, services } = this.#options;
    const changed = wanted.filter((service) => {
      const there = present.find(
        ({ metadata }) => metadata.name === service.metadata.name && metadata.namespace === service.metadata.namespace,
      );
      return there === undefined || !says(there, service);
    });
    const left = leftServices(wanted, present, services);
    return [
      ...changed.map((service) => ({ kind: SERVICE.kind, write: () => client.apply(SERVICE, service, { fieldManager: FIELD_MANAGER }) })),
      ...left.map(({ metadata: { name, namespace, uid } }) => ({
        kind: SERVICE.kind,
        write: () => client.delete(SERVICE, { name, namespace }, { uid }),
      })),
    ];
  }

  #write({ kind, namespace, name, resourceVersion, status }: DesiredStatus): Promise<unknown> {
    const { client, source } = this.#options;
    const type = source.typeOf(kind);
    if (type === undefined) return Promise.resolve();
    return client.mergePatch(type, { namespace, name, subresource: 'status' }, { metadata: { resourceVersion }, status });
  }

  #settle(failures: readonly unknown[]): void {
    const { log } = this.#options;
    if (failures.length === 0) {
      if (this.#backoff.failures > 0) log('info', 'statuses and Services are written again');
      this.#backoff.succeeded();
      this.#lastFailure = '';
      return;
    }
    const messages = new Set(failures.map((failure) => (failure instanceof Error ? failure.message : String(failure))));
    const message = `${failures.length} ${failures.length === 1 ? 'write' : 'writes'} failed: ${[...messages].slice(0, 5).join('; ')}`;
    if (message !== this.#lastFailure) log('warn', message);
    this.#lastFailure = message;
    const pause = this.#backoff.failed();
    if (!this.#stopped) this.#timer = setTimeout(() => this.changed(), pause).unref();
  }
}
