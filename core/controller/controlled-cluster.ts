import type { KubernetesClient } from '../kubernetes/client.ts';
import { LeaderElection } from '../kubernetes/leader-election.ts';
import type { Loaded } from '../resources/load.ts';
import type { Compiled, CompileOptions } from '../route/compile.ts';
import { ClusterSource, type ClusterSourceOptions } from '../serve/cluster-source.ts';
import type { ResourceSource } from '../serve/source.ts';
import { Controller, type ControllerOptions } from './controller.ts';

export interface ControlledClusterOptions extends Omit<ClusterSourceOptions, 'onAnyChange' | 'ownNamespace'> {
  readonly services: Omit<ControllerOptions['services'], 'controllerName'>;
  readonly servesPools: boolean;
  /** Of this process, unlike any other's, such as its pod's name. */
  readonly identity: string;
  readonly log: ControllerOptions['log'];
}

/** Failures to have the Lease that are nearer to one another are one. */
const QUIET_MS = 60_000;

/** The resources of a cluster, and the statuses and Services that come of them: one of all processes that have the same Lease writes these. */
export class ControlledCluster implements ResourceSource {
  readonly changed: string;
  readonly compile: CompileOptions;
  readonly #client: KubernetesClient;
  readonly #source: ClusterSource;
  readonly #controller: Controller;
  readonly #election: LeaderElection;
  #leaseFailedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ControlledClusterOptions) {
    const { client, services, servesPools, controllerName, identity, log } = options;
    this.#client = client;
    this.#source = new ClusterSource({ ...options, ownNamespace: services.namespace, onAnyChange: () => this.#controller.changed() });
    this.changed = this.#source.changed;
    this.compile = this.#source.compile;
    const controller = new Controller({
      client,
      source: this.#source,
      controllerName,
      services: { ...services, controllerName },
      servesPools,
      log,
    });
    this.#controller = controller;
    this.#election = new LeaderElection({
      client,
      identity,
      namespace: services.namespace,
      // A Lease's name has no slash.
      name: controllerName.replaceAll('/', '.').toLowerCase(),
      onStart: () => controller.lead(true),
      onStop: () => controller.lead(false),
      onError: (error) => this.#leaseFailed(error, log),
    });
  }

  open(): Promise<void> {
    return this.#source.open();
  }

  load(): Loaded {
    return this.#source.load();
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

  async close(): Promise<void> {
    await this.#election.stop();
    await this.#controller.stop();
    await this.#source.close();
    await this.#client.close();
  }
}
