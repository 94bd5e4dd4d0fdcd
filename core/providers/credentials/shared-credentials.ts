import { hash } from 'node:crypto';

import { Kept } from '../../kept.ts';
import { type Fetch, Refreshed, type RefreshState, type Source } from './refreshed.ts';

interface Entry {
  readonly identity: string;
  readonly refreshed: Refreshed<unknown>;
}

/** What is fetched for credentials. It outlives a reload of the configuration as long as nothing that it is fetched with changes. */
export class SharedCredentials {
  readonly kept = new Kept<Entry>(({ refreshed }) => refreshed.close());
  readonly #tell: ((message: string) => void) | undefined;

  /** @param tell takes one line when a credential cannot be fetched, and when it can again */
  constructor(tell?: (message: string) => void) {
    this.#tell = tell;
  }

  /** A value that {@link start} begins to fetch. */
  refreshed<T>({ name, identity, secrets }: Source, fetch: Fetch<T>): Refreshed<T> {
    const who = JSON.stringify([name, identity]);
    const make = (): Entry => {
      const last = this.kept.values().findLast((entry) => entry.identity === who)?.refreshed as Refreshed<T> | undefined;
      return { identity: who, refreshed: new Refreshed(name, fetch, { tell: this.#tell }, last) };
    };
    return this.kept.get(`${who} ${hash('sha256', JSON.stringify(secrets))}`, make).refreshed as Refreshed<T>;
  }

  start(): void {
    for (const { refreshed } of this.kept.values()) refreshed.start();
  }

  states(): readonly RefreshState[] {
    return this.kept.values().map(({ refreshed }) => refreshed.state());
  }

  close(): void {
    for (const { refreshed } of this.kept.values()) refreshed.close();
  }
}
