import type { KubernetesClient } from '../kubernetes/client.ts';
import { LeaderElection } from '../kubernetes/leader-election.ts';
import type { Loaded } from '../resources/load.ts';
import type { Sliced } from '../resources/slices.ts';
import type { Compiled, CompileOptions } from '../route/compile.ts';
import { ClusterSource, type ClusterSourceOptions } from '../serve/cluster-source.ts';
import type { ResourceSource } from '../serve/source.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { Controller, type ControllerOptions } from './controller.ts';
import { ControllerMeasures } from './measures.ts';

export interface ControlledClusterOptions extends Omit<ClusterSourceOptions, 'onAnyChange' | 'ownNamespace'> {
  readonly services: Omit<ControllerOptions['services'], 'controllerName'>;
  readonly servesPools: boolean;
  /** Of this process, unlike any other's, such as its pod's name. */
  readonly identity: string;
  readonly log: ControllerOptions['log'];
  /** Whether others use the client as well, and close it. @default false */
  readonly sharesClient?: boolean;
}

/** Failures to have the Lease that are nearer to one another are one. */
const QUIET_MS = 60_000;
/** At the end, time for the writes that are under way: then they are cut. */
const LAST_WRITES_MS = 3000;

/**
 * The resources of a cluster, and the statuses and Services that come of them: one of all processes that have the same Lease writes these.
 * The Lease is where the pods of the data plane are, and has the name of the controller: a controller of its own and tiers that write by
 * themselves never write at the same time.
 */
export class ControlledCluster implements ResourceSource {
  readonly changed: string;
  readonly compile: CompileOptions;
  readonly controllerName: string;
  readonly #client: KubernetesClient;
  readonly #sharesClient: boolean;
  readonly #source: ClusterSource;
  readonly #controller: Controller;
  readonly #election: LeaderElection;
  readonly #measures: ControllerMeasures;
  #leaseFailedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ControlledClusterOptions) {
    const { client, services, servesPools, controllerName, identity, log, sharesClient = false } = options;
    this.#client = client;
    this.#sharesClient = sharesClient;
    this.controllerName = controllerName;
    const measures = new ControllerMeasures(controllerName, () => this.#source.watched.states().map(({ state }) => state));
    this.#measures = measures;
    this.#source = new ClusterSource({
      ...options,
      log: (level, message) => {
        if (level === 'warn') measures.watchFailed();
        log(level, message);
      },
      ownNamespace: services.namespace,
      onAnyChange: () => this.#controller.changed(),
    });
    this.changed = this.#source.changed;
    this.compile = this.#source.compile;
    const controller = new Controller({
      client,
      source: this.#source,
      controllerName,
      services: { ...services, controllerName },
      servesPools,
      log,
      measures,
    });
    this.#controller = controller;
    const lead = (leading: boolean): void => {
      measures.leads(leading);
      controller.lead(leading);
    };
    this.#election = new LeaderElection({
      client,
      identity,
      namespace: services.namespace,
      // A Lease's name has no slash.
      name: controllerName.replaceAll('/', '.').toLowerCase(),
      onStart: () => lead(true),
      onStop: () => lead(false),
      onError: (error) => this.#leaseFailed(error, log),
    });
  }

  /** Shows what is written, and by whom. */
  measure(metrics: Metrics): void {
    this.#measures.show(metrics);
  }

  open(): Promise<void> {
    return this.#source.open();
  }

  /** As {@link ClusterSource.opened}. */
  opened(): Promise<void> {
    return this.#source.opened();
  }

  load(): Loaded {
    return this.#source.load();
  }

  loading(): Sliced<Loaded> {
    return this.#source.loading();
  }

  complete(): Promise<boolean> {
    return this.#source.complete();
  }

  served(compiled: Compiled): void {
    this.#controller.served(compiled);
  }

  watch(onChange: () => void): void {
    this.#source.watch(onChange);
    this.#election.start();
  }

  /** It is tried every two seconds: of failures that follow one another only the first is told. */
  #leaseFailed({ message }: Error, log: ControllerOptions['log']): void {
    const now = performance.now();
    if (now - this.#leaseFailedAt > QUIET_MS) log('warn', `no status is written, the Lease for it cannot be had: ${message}`);
    this.#leaseFailedAt = now;
  }

  /** Ends the writes, then gives the Lease back: the next one never writes beside this one. An API server that hangs is not waited for. */
  async close(): Promise<void> {
    await Promise.race([this.#controller.stop(), after(LAST_WRITES_MS)]);
    await this.#election.stop();
    await this.#source.close();
    if (!this.#sharesClient) await this.#client.close();
  }
}

function after(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
