import { inSlices } from '../resources/slices.ts';
import { type Compiled, compiling, type Shared } from '../route/compile.ts';
import type { Pools } from '../route/scope.ts';
import type { ControlledCluster } from './controlled-cluster.ts';
import type { ControllerOptions } from './controller.ts';
import { uncalled } from './uncalled.ts';

export interface ControlledTierOptions {
  readonly cluster: Pick<ControlledCluster, 'open' | 'opened' | 'loading' | 'complete' | 'served' | 'watch' | 'close' | 'compile'>;
  /** How the pools of the tier are checked. @default it has none */
  readonly pools?: Pools | undefined;
  readonly log: ControllerOptions['log'];
}

/** Loads until everything that is referred to has been read. */
const MOST_LOADS = 5;

/** One tier of a cluster, as its statuses need it: what would be served is compiled, and nothing of it is ever called. */
export class ControlledTier {
  readonly #options: ControlledTierOptions;
  readonly #shared: Shared;
  #hash: string | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(options: ControlledTierOptions) {
    this.#options = options;
    this.#shared = uncalled(options.pools);
  }

  /**
   * Waits until the cluster has been read, however long that takes: whoever writes of half a cluster says what is not so.
   * @returns false: it was stopped before
   */
  async start(): Promise<boolean> {
    if (!(await this.#read())) return false;
    await this.#pass();
    if (this.#stopped) return false;
    this.#options.cluster.watch(() => this.#changed());
    return true;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#options.cluster.close();
    await this.#running;
  }

  async #read(): Promise<boolean> {
    const { cluster, log } = this.#options;
    let told = '';
    for (let wait = () => cluster.open(); ; wait = () => cluster.opened()) {
      try {
        await wait();
        return !this.#stopped;
      } catch (error) {
        if (this.#stopped) return false;
        const message = error instanceof Error ? error.message : String(error);
        if (message !== told) log('warn', `no status is written: ${message}`);
        told = message;
      }
    }
  }

  #changed(): void {
    if (this.#stopped) return;
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    this.#running = this.#pass().finally(() => {
      this.#running = undefined;
      if (!this.#again) return;
      this.#again = false;
      this.#changed();
    });
  }

  /** Never throws. */
  async #pass(): Promise<void> {
    try {
      const compiled = await this.#compile();
      if (compiled === undefined) return;
      this.#take(compiled);
      if (!this.#stopped) this.#options.cluster.served(compiled);
    } catch (error) {
      this.#drop();
      this.#options.log('warn', `statuses stay as they are: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
  }

  /** @returns undefined where nothing has changed */
  async #compile(): Promise<Compiled | undefined> {
    const { cluster } = this.#options;
    const { connections, backends, identify, pools, memory } = this.#shared;
    let compiled: Compiled | undefined;
    for (let loads = 1; ; loads++) {
      const loaded = await inSlices(cluster.loading());
      if (loaded.hash === this.#hash) {
        this.#drop();
        return undefined;
      }
      pools?.begin();
      connections.kept.begin();
      backends.begin();
      identify.begin();
      compiled = await inSlices(compiling(loaded, this.#shared, cluster.compile, compiled?.memory ?? memory));
      if (this.#stopped || loads === MOST_LOADS || !(await cluster.complete())) {
        this.#hash = loaded.hash;
        return compiled;
      }
    }
  }

  #take(compiled: Compiled): void {
    const { connections, backends, identify, pools } = this.#shared;
    this.#shared.memory = compiled.memory;
    connections.kept.commit();
    pools?.commit((dispose) => dispose());
    backends.commit();
    identify.retire();
  }

  /** Forgets what was prepared. */
  #drop(): void {
    const { connections, backends, pools } = this.#shared;
    connections.kept.rollback();
    backends.rollback();
    pools?.rollback();
  }
}
