import type { FastifyInstance } from 'fastify';

import { Lifecycle } from '../lifecycle.ts';
import type { Sources } from '../resources/load.ts';
import { InvalidResources } from '../resources/problem.ts';
import { atOnce, inSlices, type Sliced } from '../resources/slices.ts';
import type { Pools } from '../route/scope.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { adminApp, type ReloadState } from './admin.ts';
import { type Candidate, Configuration } from './configuration.ts';
import type { Snapshot } from './snapshot.ts';
import type { StatusSources } from './status/feed.ts';
import { RecentRequests } from './status/recent.ts';
import { expiryGauges } from './expiry.ts';
import { backendGauges, modelNames } from './measured.ts';
import { showCredentials } from './refreshes.ts';
import { FileSource, type ResourceSource } from './source.ts';

/** What every process is started with that serves resources. */
export interface ServiceOptions {
  /** Files and folders; or a cluster. */
  readonly sources: Sources | ResourceSource;
  /** 0: any free one. */
  readonly adminPort: number;
  /** Address of the admin listener; others than this machine's own are for probes and scrapers in a cluster. @default 127.0.0.1 */
  readonly adminHost?: string;
  /** Time after it in which running requests may end. */
  readonly drainMs: number;
  /**
   * Time from {@link Service.stop} on in which requests are still taken, and clients and load balancers told to look elsewhere.
   * @default 500, but no longer than drainMs
   */
  readonly unreadyMs?: number;
  /** Takes what an operator should read. */
  readonly log: (level: 'info' | 'warn' | 'error', message: string, detail?: object) => void;
}

/** What a service has of its own. */
export interface ServiceParts {
  /** Where InferencePools are served. */
  readonly pools?: Pools;
  /** Further questions that the admin listener answers. */
  readonly admin?: (app: FastifyInstance) => void;
  /** What the status page shows of it. */
  readonly status: StatusSources;
  /** Resolves when what the first configuration needs is known: the service is ready then, and not before. */
  readonly known?: () => Promise<unknown>;
  /** Lines to be told at the start, with those of the configuration. */
  readonly notices?: (snapshot: Snapshot) => readonly string[];
}

/** Where a service answers its clients. */
export interface Front {
  /**
   * Makes ready for a configuration.
   * @returns what makes the change, at once
   * @throws when it cannot be served; then nothing has changed
   */
  prepare(snapshot: Snapshot): Promise<() => void>;
  /** The service is about to stop: clients are to look elsewhere, and those that come all the same are served. */
  unready?(): void;
  /** Takes nothing new; resolves when what runs has ended, or was cut. */
  stop(drainMs: number): Promise<void>;
  /** Closes everything at once; also after `stop`. */
  close(): Promise<void>;
}

/** Time between the end of readiness and the end of listening, in which load balancers take notice. */
const UNREADY_MS = 500;
/** Loads that may follow one another because each asks for more, such as a Secret that names another one. */
const MOST_LOADS = 5;

/** A running process that serves resources: loads, answers, reloads, drains. */
export abstract class Service {
  readonly configuration: Configuration;
  readonly metrics: Metrics;
  readonly lifecycle = new Lifecycle();
  readonly reloadState: ReloadState = { lastError: undefined, lastAttemptAt: undefined };
  /** For the status page. */
  protected readonly recent = new RecentRequests();
  readonly #options: ServiceOptions;
  readonly #notices: ServiceParts['notices'];
  readonly #known: ServiceParts['known'];
  readonly #source: ResourceSource;
  readonly #admin;
  #adminPort = 0;
  /** Reloads come one after the other. */
  #reloading: Promise<boolean> = Promise.resolve(false);
  /** The one for changes that waits for another: those that come meanwhile are in it. */
  #waiting: Promise<boolean> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: ServiceOptions, metrics: Metrics, { pools, admin, known, notices, status }: ServiceParts) {
    this.#options = options;
    this.metrics = metrics;
    this.#notices = notices;
    this.#known = known;
    const { log } = options;
    const { sources } = options;
    this.#source =
      'load' in sources ? sources : new FileSource(sources, (message, _folder, error) => log('warn', message, describe(error)));
    this.configuration = new Configuration(this.#source, (message) => log('warn', message), pools);
    metrics.families.reloadOk.with().set(1);
    metrics.onCollect(() => backendGauges(this.configuration.current, metrics.families));
    metrics.onCollect(() => showCredentials(this.configuration.credentialMeasures, metrics.families));
    const { configuration, lifecycle, reloadState: reload, recent } = this;
    this.#admin = adminApp({ configuration, lifecycle, metrics, reload, recent, sources: status });
    admin?.(this.#admin);
  }

  protected abstract readonly front: Front;

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
    await this.#source.open();
    // Nobody waits for an answer yet; in slices, each of thousands of endpoints that begins to be read would come before the next.
    const first = (await this.#prepare(atOnce))!;
    this.configuration.take(first);
    await this.#inService(first);
    this.metrics.collectProcess();
    try {
      await this.#admin.listen({ host: this.#options.adminHost ?? '127.0.0.1', port: this.#options.adminPort });
      this.#adminPort = (this.#admin.server.address() as { port: number }).port;
      (await this.front.prepare(this.configuration.current))();
    } catch (error) {
      await this.#close();
      throw error;
    }
    this.#source.watch(() => this.#reloadChanged());
    await this.#known?.();
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

  /** What changed is seen by a reload that has not begun. */
  #reloadChanged(): void {
    if (this.#waiting !== undefined) return;
    const waiting = this.#reloading.then(() => {
      this.#waiting = undefined;
      return this.#reload(this.#source.changed);
    });
    this.#waiting = waiting;
    this.#reloading = waiting;
  }

  /** Never throws. */
  async #reload(reason: string): Promise<boolean> {
    if (this.lifecycle.draining) return false;
    this.reloadState.lastAttemptAt = Date.now();
    try {
      const candidate = await this.#prepare();
      if (candidate !== undefined) {
        const change = await this.front.prepare(candidate.snapshot).catch((error: unknown) => {
          this.configuration.drop();
          throw error;
        });
        this.configuration.take(candidate);
        change();
        const { generation, hash } = candidate.snapshot;
        this.#reloaded('ok');
        await this.#inService(candidate);
        this.#options.log('info', `configuration ${generation} (${hash}) is in service: ${reason}`);
      }
      this.reloadState.lastError = undefined;
      return candidate !== undefined;
    } catch (error) {
      this.#refused(error, reason);
      return false;
    }
  }

  #reloaded(result: 'ok' | 'refused'): void {
    const { reloads, reloadOk } = this.metrics.families;
    reloads.with(result).inc();
    reloadOk.with().set(result === 'ok' ? 1 : 0);
  }

  async #inService({ snapshot, compiled }: Candidate): Promise<void> {
    this.#source.served?.(compiled);
    const { generation, loadedAt } = this.metrics.families;
    generation.with().set(snapshot.generation);
    loadedAt.with().set(snapshot.loadedAt / 1000);
    await inSlices(expiryGauges(snapshot, this.metrics.families));
    this.metrics.models.keep(await inSlices(modelNames(snapshot)));
  }

  async #prepare(
    run: (work: Sliced<Candidate | undefined>) => Candidate | undefined | Promise<Candidate | undefined> = inSlices,
  ): Promise<Candidate | undefined> {
    let candidate: Candidate | undefined;
    for (let loads = 1; ; loads++) {
      candidate = await run(this.configuration.preparing(candidate));
      if (candidate === undefined || loads === MOST_LOADS || !(await this.#source.complete())) return candidate;
    }
  }

  #refused(error: unknown, reason: string): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#reloaded('refused');
    // Changes come in bunches: the same text is not told again and again.
    const told = reason === this.#source.changed && this.reloadState.lastError === message;
    this.reloadState.lastError = message;
    if (told) return;
    this.#options.log(
      'error',
      `the new configuration is refused, the old one stays in service: ${message}`,
      error instanceof InvalidResources ? {} : describe(error),
    );
  }

  /** Unready, then no new connections, then the end of what runs or of the time to drain. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const { drainMs, unreadyMs = Math.min(UNREADY_MS, drainMs) } = this.#options;
    this.lifecycle.drain();
    this.front.unready?.();
    await this.#source.close();
    await this.#reloading;
    if (unreadyMs > 0) await sleep(unreadyMs);
    await this.front.stop(drainMs);
    await this.#close();
  }

  async #close(): Promise<void> {
    await this.front.close();
    await this.#admin.close();
    await this.#source.close();
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
