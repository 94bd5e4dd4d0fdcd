import type { IncomingMessage, ServerResponse } from 'node:http';

import { Lifecycle } from '#core/lifecycle';
import type { Sources } from '#core/resources/load';
import { InvalidResources } from '#core/resources/problem';
import { FolderWatch } from '#core/resources/watch';
import { Metrics } from '#core/telemetry/metrics';

import { adminApp, type ReloadState } from '#core/serve/admin';
import { App } from './app.ts';
import { type Candidate, Configuration } from '#core/serve/configuration';
import type { Extension } from './extensions/extension.ts';
import { Hooks } from './extensions/hooks.ts';
import { Listeners } from '#core/serve/listeners';
import { EndpointTable, type EndpointPrefixes } from '#core/read/endpoints';
import type { LogRequest } from '#core/serve/settle';

/** What a process of tier one is started with. */
export interface TierOneOptions {
  readonly sources: Sources;
  /** Address to listen on. @default 127.0.0.1 */
  readonly host: string;
  /** Port of the first listener; further ones follow, in the order of their ports in the Gateways. 0: any free ones. */
  readonly port: number;
  /** 0: any free one. */
  readonly adminPort: number;
  /** Address of the admin listener; others than this machine's own are for probes and scrapers in a cluster. @default 127.0.0.1 */
  readonly adminHost?: string;
  /** Time from {@link TierOne.stop} on in which running requests may end. */
  readonly drainMs: number;
  readonly prefixes?: EndpointPrefixes;
  readonly extensions?: readonly Extension[];
  readonly debugHeaders?: boolean;
  /** Takes a line of the access log; undefined: none. */
  readonly accessLog: LogRequest | undefined;
  /** Takes what an operator should read. */
  readonly log: (level: 'info' | 'warn' | 'error', message: string, detail?: object) => void;
}

/** Time between the end of readiness and the end of listening, in which load balancers take notice. */
const UNREADY_MS = 500;
const FILE_CHANGED = 'a file changed';

/** A running tier one. */
export class TierOne {
  readonly configuration: Configuration;
  readonly metrics = new Metrics();
  readonly lifecycle = new Lifecycle();
  readonly reloadState: ReloadState = { lastError: undefined, lastAttemptAt: undefined };
  readonly #options: TierOneOptions;
  readonly #app: App;
  readonly #watch: FolderWatch;
  readonly #admin;
  readonly #listeners: Listeners;
  #adminPort = 0;
  /** Reloads come one after the other. */
  #reloading: Promise<boolean> = Promise.resolve(false);
  #stopped: Promise<void> | undefined;

  constructor(options: TierOneOptions) {
    this.#options = options;
    const { log } = options;
    this.configuration = new Configuration(options.sources, (message) => log('warn', message));
    const hooks = new Hooks(options.extensions ?? [], (error) => log('error', 'extension', describe(error)));
    this.#app = new App({
      snapshot: () => this.configuration.current,
      endpoints: new EndpointTable(options.prefixes),
      hooks,
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
  }

  /** Ports that are listened on, by the port of the Gateway's listener. */
  get ports(): ReadonlyMap<number, number> {
    return this.#listeners.ports;
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
    void this.#app.handle(request, response, target, port);
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
function describe(error: unknown): object {
  if (!(error instanceof Error)) return { error: typeof error };
  return { error: error.message, stack: error.stack, cause: error.cause instanceof Error ? error.cause.message : undefined };
}
