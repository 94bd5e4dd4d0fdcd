import type { IncomingMessage, ServerResponse } from 'node:http';

import type { FastifyInstance } from 'fastify';

import { Lifecycle } from '../lifecycle.ts';
import type { Sources } from '../resources/load.ts';
import { InvalidResources } from '../resources/problem.ts';
import { FolderWatch } from '../resources/watch.ts';
import type { Metrics } from '../telemetry/metrics.ts';

import { adminApp, type ReloadState } from './admin.ts';
import { type Candidate, Configuration } from './configuration.ts';
import { Listeners } from './listeners.ts';
import { Pipeline, type Stages } from './pipeline.ts';
import type { Pools } from '../route/scope.ts';
import { EndpointTable, type EndpointPrefixes } from '../read/endpoints.ts';
import type { LogRequest } from './settle.ts';
import type { Snapshot } from './snapshot.ts';

/** What a process of either tier is started with. */
export interface TierOptions {
  readonly sources: Sources;
  /** Address to listen on. @default 127.0.0.1 */
  readonly host: string;
  /** Port of the first listener; further ones follow, in the order of their ports in the Gateways. 0: any free ones. */
  readonly port: number;
  /** 0: any free one. */
  readonly adminPort: number;
  /** Address of the admin listener; others than this machine's own are for probes and scrapers in a cluster. @default 127.0.0.1 */
  readonly adminHost?: string;
  /** Time from {@link Tier.stop} on in which running requests may end. */
  readonly drainMs: number;
  readonly prefixes?: EndpointPrefixes;
  readonly debugHeaders?: boolean;
  /** Takes a line of the access log; undefined: none. */
  readonly accessLog: LogRequest | undefined;
  /** Takes what an operator should read. */
  readonly log: (level: 'info' | 'warn' | 'error', message: string, detail?: object) => void;
}

/** Time between the end of readiness and the end of listening, in which load balancers take notice. */
const UNREADY_MS = 500;
const FILE_CHANGED = 'a file changed';

/** What makes a tier out of what both have in common. */
export interface TierParts {
  readonly stages: Stages;
  /** Where InferencePools are served. */
  readonly pools?: Pools;
  /** Further questions that the admin listener answers. */
  readonly admin?: (app: FastifyInstance) => void;
  /** Lines to be told at the start, with those of the configuration. */
  readonly notices?: (snapshot: Snapshot) => readonly string[];
}

/** A running tier: loads, listens, reloads, drains. */
export class Tier {
  readonly configuration: Configuration;
  readonly metrics: Metrics;
  readonly lifecycle = new Lifecycle();
  readonly reloadState: ReloadState = { lastError: undefined, lastAttemptAt: undefined };
  readonly #options: TierOptions;
  readonly #notices: TierParts['notices'];
  readonly #pipeline: Pipeline;
  readonly #watch: FolderWatch;
  readonly #admin;
  readonly #listeners: Listeners;
  #adminPort = 0;
  /** Reloads come one after the other. */
  #reloading: Promise<boolean> = Promise.resolve(false);
  #stopped: Promise<void> | undefined;

  constructor(options: TierOptions, metrics: Metrics, { stages, pools, admin, notices }: TierParts) {
    this.#options = options;
    this.metrics = metrics;
    this.#notices = notices;
    const { log } = options;
    this.configuration = new Configuration(options.sources, (message) => log('warn', message), pools);
    this.#pipeline = new Pipeline({
      stages,
      snapshot: () => this.configuration.current,
      endpoints: new EndpointTable(options.prefixes),
      metrics: this.metrics,
      log: options.accessLog,
      onError: (error, requestId) => log('error', 'request failed', { requestId, ...describe(error) }),
      debugHeaders: options.debugHeaders ?? false,
    });
    this.#listeners = new Listeners(options.host, options.port, (request, response, target, port) =>
      this.#handle(request, response, target, port),
    );
    this.#watch = new FolderWatch(
      () => void this.reload(FILE_CHANGED),
      (folder, error) => log('warn', `changes of ${folder} are not noticed; send SIGHUP after one`, describe(error)),
    );
    this.#admin = adminApp(this.configuration, this.lifecycle, this.metrics, this.reloadState);
    admin?.(this.#admin);
  }

  /** Ports that are listened on, by the port of the Gateway's listener. */
  get ports(): ReadonlyMap<number, number> {
    return this.#listeners.ports;
  }

  /** What an operator should know of the configuration in service. */
  notices(): readonly string[] {
    const { current } = this.configuration;
    return [...(this.#notices?.(current) ?? []), ...current.notices];
  }

  get adminPort(): number {
    return this.#adminPort;
  }

  /**
   * Loads, listens, and is ready.
   * @throws InvalidResources with every problem of the configuration; the system's error when a port cannot be had
   */
  async start(): Promise<void> {
    this.configuration.load();
    this.metrics.generation.set(1);
    this.metrics.collectProcess();
    try {
      await this.#admin.listen({ host: this.#options.adminHost ?? '127.0.0.1', port: this.#options.adminPort });
      this.#adminPort = (this.#admin.server.address() as { port: number }).port;
      (await this.#listeners.prepare(this.configuration.current.ports))();
    } catch (error) {
      await this.#close();
      throw error;
    }
    this.#watch.update(this.configuration.folders);
    this.lifecycle.started();
  }

  /**
   * Loads the sources again. A bad configuration changes nothing and is told to the log and the admin port.
   * @returns whether a new configuration is in service
   */
  reload(reason: string): Promise<boolean> {
    this.#reloading = this.#reloading.then(() => this.#reload(reason));
    return this.#reloading;
  }

  /** Never throws. */
  async #reload(reason: string): Promise<boolean> {
    if (this.lifecycle.draining) return false;
    this.reloadState.lastAttemptAt = Date.now();
    try {
      const candidate = this.#prepare();
      if (candidate !== undefined) {
        const change = await this.#listeners.prepare(candidate.snapshot.ports).catch((error: unknown) => {
          this.configuration.drop();
          throw error;
        });
        this.configuration.take(candidate);
        change();
        const { generation, hash } = candidate.snapshot;
        this.metrics.reloads.inc({ result: 'ok' });
        this.metrics.generation.set(generation);
        this.#options.log('info', `configuration ${generation} (${hash}) is in service: ${reason}`);
      }
      this.reloadState.lastError = undefined;
      return candidate !== undefined;
    } catch (error) {
      this.#refused(error, reason);
      return false;
    }
  }

  #prepare(): Candidate | undefined {
    try {
      return this.configuration.prepare();
    } finally {
      this.#watch.update(this.configuration.folders);
    }
  }

  #refused(error: unknown, reason: string): void {
    const message = error instanceof Error ? error.message : String(error);
    this.metrics.reloads.inc({ result: 'refused' });
    // Changes come in bunches: the same text is not told again and again.
    const told = reason === FILE_CHANGED && this.reloadState.lastError === message;
    this.reloadState.lastError = message;
    if (told) return;
    this.#options.log(
      'error',
      `the new configuration is refused, the old one stays in service: ${message}`,
      error instanceof InvalidResources ? {} : describe(error),
    );
  }

  /** Unready, then no new connections, then the end of what runs or of the drain time. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { drainMs } = this.#options;
    this.lifecycle.drain();
    this.#watch.close();
    await this.#reloading;
    const unreadyMs = Math.min(UNREADY_MS, drainMs);
    if (unreadyMs > 0) await sleep(unreadyMs);
    await this.#listeners.stop(drainMs - unreadyMs);
    await this.#close();
  }

  #handle(request: IncomingMessage, response: ServerResponse, target: string, port: number): void {
    response.once('close', this.configuration.hold());
    void this.#pipeline.handle(request, response, target, port);
  }

  async #close(): Promise<void> {
    await this.#listeners.close();
    await this.#admin.close();
    await this.configuration.close();
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** What a log may have of an error: our own and the system's texts, never a request's. */
export function describe(error: unknown): object {
  if (!(error instanceof Error)) return { error: typeof error };
  return { error: error.message, stack: error.stack, cause: error.cause instanceof Error ? error.cause.message : undefined };
}
