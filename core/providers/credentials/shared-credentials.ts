import { hash } from 'node:crypto';

import { Kept } from '../../kept.ts';
import { type Fetch, type RefreshCounts, Refreshed, type RefreshState, type Source } from './refreshed.ts';

interface Entry {
  readonly policy: string;
  readonly type: string;
  readonly identity: string;
  readonly refreshed: Refreshed<unknown>;
}

/** What metrics tell of the credential of one policy. */
export interface CredentialMeasure extends Pick<Source, 'policy' | 'type'> {
  /** Unix milliseconds; 0: there is none yet; undefined: it does not say. */
  readonly endsAt: number | undefined;
  /** Since the policy has been there. */
  readonly counts: Readonly<RefreshCounts>;
}

/** What is fetched for credentials. It outlives a reload of the configuration as long as nothing that it is fetched with changes. */
export class SharedCredentials {
  readonly kept = new Kept<Entry>(({ refreshed }) => refreshed.close());
  readonly #tell: ((message: string) => void) | undefined;
  /** By policy and type: they go on where a new secret has the value fetched anew. */
  readonly #counts = new Map<string, RefreshCounts>();

  /** @param tell takes one line when a credential cannot be fetched, and when it can again */
  constructor(tell?: (message: string) => void) {
    this.#tell = tell;
  }

  /** A value that {@link start} begins to fetch. */
  refreshed<T>({ name, policy, type, identity, secrets }: Source, fetch: Fetch<T>): Refreshed<T> {
    const who = JSON.stringify([name, identity]);
    const make = (): Entry => {
      const last = this.kept.values().findLast((entry) => entry.identity === who)?.refreshed as Refreshed<T> | undefined;
      const counts = this.#counts.get(countsKey({ policy, type })) ?? { ok: 0, failed: 0 };
      this.#counts.set(countsKey({ policy, type }), counts);
      return { policy, type, identity: who, refreshed: new Refreshed(name, fetch, { tell: this.#tell, counts }, last) };
    };
    return this.kept.get(`${who} ${hash('sha256', JSON.stringify(secrets))}`, make).refreshed as Refreshed<T>;
  }

  start(): void {
    for (const { refreshed } of this.kept.values()) refreshed.start();
  }

  states(): readonly RefreshState[] {
    return this.kept.values().map(({ refreshed }) => refreshed.state());
  }

  /** Of each policy whose credential is fetched. */
  measures(): readonly CredentialMeasure[] {
    const measures = new Map<string, CredentialMeasure>();
    for (const { policy, type, refreshed } of this.kept.values()) {
      const key = countsKey({ policy, type });
      const counts = this.#counts.get(key);
      if (refreshed.started && counts !== undefined) measures.set(key, { policy, type, endsAt: refreshed.endsAt, counts });
    }
    return [...measures.values()];
  }

  close(): void {
    for (const { refreshed } of this.kept.values()) refreshed.close();
  }
}

function countsKey({ policy, type }: Pick<Source, 'policy' | 'type'>): string {
  return `${policy} ${type}`;
}
