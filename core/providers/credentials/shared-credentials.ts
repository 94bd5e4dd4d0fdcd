import { hash } from 'node:crypto';

import { Kept } from '../../kept.ts';
import { type Fetch, Refreshed, type RefreshState } from './refreshed.ts';

/** What is fetched for credentials. It outlives a reload of the configuration as long as nothing that it is fetched with changes. */
export class SharedCredentials {
  readonly kept = new Kept<Refreshed<unknown>>((refreshed) => refreshed.close());
  readonly #tell: ((message: string) => void) | undefined;

  /** @param tell takes one line when a credential cannot be fetched, and when it can again */
  constructor(tell?: (message: string) => void) {
    this.#tell = tell;
  }

  /**
   * A value that {@link start} begins to fetch.
   * @param name whose it is, for the operator
   * @param of all that the value depends on, its type first
   */
  refreshed<T>(name: string, of: readonly [type: string, ...unknown[]], fetch: Fetch<T>): Refreshed<T> {
    // Secrets are among them.
    const key = `${name} ${hash('sha256', JSON.stringify(of))}`;
    return this.kept.get(key, () => new Refreshed(name, fetch, { tell: this.#tell })) as Refreshed<T>;
  }

  start(): void {
    for (const refreshed of this.kept.values()) refreshed.start();
  }

  states(): readonly RefreshState[] {
    return this.kept.values().map((refreshed) => refreshed.state());
  }

  close(): void {
    for (const refreshed of this.kept.values()) refreshed.close();
  }
}
