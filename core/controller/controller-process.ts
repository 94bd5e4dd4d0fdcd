import type { FastifyInstance } from 'fastify';

import { Lifecycle } from '../lifecycle.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { probesApp } from '../serve/probes.ts';
import type { ControlledTier } from './controlled-tier.ts';

export interface ControllerProcessOptions {
  readonly tiers: readonly Pick<ControlledTier, 'start' | 'stop'>[];
  readonly metrics: Metrics;
  /** Address of the admin listener. */
  readonly adminHost: string;
  /** 0: any free one. */
  readonly adminPort: number;
  /** Called once, after all tiers have stopped. */
  readonly onStopped?: () => Promise<void>;
}

/** A process that writes what a cluster's users see of their resources, and serves nobody: its only listener is the admin port. */
export class ControllerProcess {
  readonly lifecycle = new Lifecycle();
  readonly #options: ControllerProcessOptions;
  readonly #admin: FastifyInstance;
  #adminPort = 0;
  #stopped: Promise<void> | undefined;

  constructor(options: ControllerProcessOptions) {
    this.#options = options;
    this.#admin = probesApp({ lifecycle: this.lifecycle, metrics: options.metrics });
  }

  get adminPort(): number {
    return this.#adminPort;
  }

  /** Opens the admin port, so that probes find it while the cluster is being read. @throws the system's error when it cannot be had */
  async listen(): Promise<void> {
    const { adminHost, adminPort, metrics } = this.#options;
    metrics.collectProcess();
    await this.#admin.listen({ host: adminHost, port: adminPort });
    this.#adminPort = (this.#admin.server.address() as { port: number }).port;
  }

  /** Resolves when the cluster has been read. Whether this process then leads is another question. @returns false: it was stopped before */
  async start(): Promise<boolean> {
    const started = await Promise.all(this.#options.tiers.map((tier) => tier.start()));
    if (!started.every(Boolean)) return false;
    this.lifecycle.started();
    return this.lifecycle.ready;
  }

  /** Ends the writes and gives the Leases back. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.lifecycle.drain();
    await Promise.all(this.#options.tiers.map((tier) => tier.stop()));
    await this.#options.onStopped?.();
    await this.#admin.close();
  }
}
