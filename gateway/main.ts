import { type Listening, listen } from '#core/http/server';
import { Lifecycle } from '#core/lifecycle';
import type { Sources } from '#core/resources/load';
import { InvalidResources } from '#core/resources/problem';
import { FolderWatch } from '#core/resources/watch';
import { Metrics } from '#core/telemetry/metrics';

import { adminApp, type ReloadState } from './admin.ts';
import { App } from './app.ts';
import { Configuration } from './configuration.ts';
import type { Extension } from './extensions/extension.ts';
import { Hooks } from './extensions/hooks.ts';
import { EndpointTable, type EndpointPrefixes } from './read/endpoints.ts';
import type { LogRequest } from './settle/settle.ts';

/** What a process of tier one is started with. */
export interface TierOneOptions {
  readonly sources: Sources;
  /** Address to listen on. @default 127.0.0.1 */
  readonly host: string;
  /** Port of the first listener; further ones follow, in the order of their ports in the Gateways. 0: any free ones. */
  readonly port: number;
  /** 0: any free one. */
  readonly adminPort: number;
  /** Time for running requests to end after {@link TierOne.stop}. */
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
const CLIENT_IDLE_MS = 75_000;

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
  readonly #listening = new Map<number, Listening>();
  #adminPort = 0;

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
    this.#watch = new FolderWatch(() => void this.reload('a file changed'));
    this.#admin = adminApp(this.configuration, this.lifecycle, this.metrics, this.reloadState);
  }

  /** Ports that are listened on, by the port of the Gateway's listener. */
  get ports(): ReadonlyMap<number, number> {
    return new Map([...this.#listening].map(([declared, listening]) => [declared, listening.port]));
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
      await this.#admin.listen({ host: '127.0.0.1', port: this.#options.adminPort });
      this.#adminPort = (this.#admin.server.address() as { port: number }).port;
      await this.#listen();
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
  async reload(reason: string): Promise<boolean> {
    const { log } = this.#options;
    this.reloadState.lastAttemptAt = Date.now();
    try {
      const changed = this.configuration.load();
      this.reloadState.lastError = undefined;
      if (changed) {
        const { generation, hash } = this.configuration.current;
        await this.#listen();
        this.metrics.reloads.inc({ result: 'ok' });
        this.metrics.generation.set(generation);
        log('info', `configuration ${generation} (${hash}) is in service: ${reason}`);
      }
      return changed;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.reloadState.lastError = message;
      this.metrics.reloads.inc({ result: 'refused' });
      log(
        'error',
        `the new configuration is refused, the old one stays in service: ${message}`,
        error instanceof InvalidResources ? {} : describe(error),
      );
      return false;
    } finally {
      this.#watch.update(this.configuration.folders);
    }
  }

  /** Unready, then no new connections, then the end of what runs or of the drain time. */
  async stop(): Promise<void> {
    this.lifecycle.drain();
    this.#watch.close();
    const { drainMs } = this.#options;
    if (drainMs > 0) await sleep(Math.min(UNREADY_MS, drainMs));
    const servers = [...this.#listening.values()];
    const ended = Promise.all(servers.map((server) => server.stop()));
    const cut = setTimeout(() => servers.forEach((server) => server.cut()), drainMs);
    await ended;
    clearTimeout(cut);
    await this.#close();
  }

  /** Listens on the ports of the configuration that are not listened on yet, and leaves those that it has no more. */
  async #listen(): Promise<void> {
    const { host, port } = this.#options;
    const { ports } = this.configuration.current;
    for (const [declared, listening] of this.#listening) {
      if (ports.some((table) => table.port === declared)) continue;
      this.#listening.delete(declared);
      void listening.stop();
    }
    for (const [index, { port: declared, listeners }] of ports.entries()) {
      if (this.#listening.has(declared)) continue;
      const idle = listeners.flatMap(({ client }) => client.idleMs ?? []);
      const limits = listeners.flatMap(({ client }) => client.connectionLimit ?? []);
      const settings = {
        host,
        port: port === 0 ? 0 : port + index,
        keepAliveMs: idle.length === 0 ? CLIENT_IDLE_MS : Math.min(...idle),
        maxConnections: limits.length === 0 ? undefined : Math.min(...limits),
      };
      this.#listening.set(
        declared,
        await listen(settings, (request, response, target) => void this.#app.handle(request, response, target, declared)),
      );
    }
  }

  async #close(): Promise<void> {
    for (const listening of this.#listening.values()) listening.cut();
    await Promise.all([...this.#listening.values()].map((listening) => listening.stop()));
    this.#listening.clear();
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
