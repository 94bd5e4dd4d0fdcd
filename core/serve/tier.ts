import type { IncomingMessage, ServerResponse } from 'node:http';

import { type ApiEndpoint, EndpointTable, type EndpointPrefixes } from '../read/endpoints.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Tracing } from '../telemetry/trace/tracing.ts';
import { Listeners } from './listeners.ts';
import { watchTracing } from './measured.ts';
import { Pipeline, type Stages } from './pipeline.ts';
import { describe, type Front, Service, type ServiceOptions, type ServiceParts } from './service.ts';
import type { LogRequest } from './settle.ts';

export { describe } from './service.ts';

/** What a process of either tier is started with. */
export interface TierOptions extends ServiceOptions {
  /** Address to listen on. @default 127.0.0.1 */
  readonly host: string;
  /** Port of the first listener; further ones follow, in the order of their ports in the Gateways. 0: any free ones. */
  readonly port: number;
  readonly prefixes?: EndpointPrefixes;
  readonly debugHeaders?: boolean;
  /** Takes a line of the access log; undefined: none. */
  readonly accessLog: LogRequest | undefined;
  /** Where traces of model calls go; what waits is sent before the tier has stopped. @default nowhere */
  readonly tracing?: Tracing | undefined;
}

/** What makes a tier out of what both have in common. */
export interface TierParts extends ServiceParts {
  readonly stages: Stages;
  /** Endpoints beside those of the model APIs, for {@link Stages.own}. */
  readonly own?: readonly ApiEndpoint[];
  /** Ends what would only wait until the time to drain is over. */
  readonly leaving?: () => void;
  /** Says goodbye to backends: after the last request, and while they still can be called. */
  readonly farewell?: () => Promise<void>;
}

/** Time for the last spans, once everything else has ended. */
const FLUSH_MS = 3000;

/** A running tier: a service of HTTP requests by the Gateways and routes of its resources. */
export class Tier extends Service {
  protected readonly front: Front;
  readonly #pipeline: Pipeline;
  readonly #listeners: Listeners;
  readonly #tracing: Tracing | undefined;

  constructor(options: TierOptions, metrics: Metrics, { stages, own, leaving, farewell, ...parts }: TierParts) {
    super(options, metrics, parts);
    const { log } = options;
    this.#tracing = options.tracing;
    if (options.tracing !== undefined) watchTracing(options.tracing, metrics);
    this.#pipeline = new Pipeline({
      stages,
      snapshot: () => this.configuration.current,
      endpoints: new EndpointTable(options.prefixes, own),
      metrics: this.metrics,
      recent: this.recent,
      log: options.accessLog,
      tracing: options.tracing,
      onError: (error, requestId) => log('error', 'request failed', { requestId, ...describe(error) }),
      debugHeaders: options.debugHeaders ?? false,
    });
    const listeners = new Listeners(options.host, options.port, (request, response, target, port) =>
      this.#handle(request, response, target, port),
    );
    this.#listeners = listeners;
    this.front = {
      prepare: ({ ports }) => listeners.prepare(ports),
      stop: (drainMs) => {
        leaving?.();
        return listeners.stop(drainMs);
      },
      close: async () => {
        await listeners.close();
        await farewell?.();
      },
    };
  }

  /** Ports that are listened on, by the port of the Gateway's listener. */
  get ports(): ReadonlyMap<number, number> {
    return this.#listeners.ports;
  }

  override async stop(): Promise<void> {
    await super.stop();
    await this.#tracing?.close(FLUSH_MS);
  }

  #handle(request: IncomingMessage, response: ServerResponse, target: string, port: string): void {
    response.once('close', this.configuration.hold());
    // The client's next request then comes by another connection, and not just when this one is closed.
    if (this.lifecycle.draining) response.shouldKeepAlive = false;
    void this.#pipeline.handle(request, response, target, port);
  }
}
