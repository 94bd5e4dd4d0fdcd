import type { KubernetesClient } from './client.ts';
import { REAL_CLOCK } from './clock.ts';
import { Gather, type GatherSettings } from './gather.ts';
import type { Keep } from './keep.ts';
import { type Log, Outages } from './outage.ts';
import { Reflector, type ReflectorState, type ReflectorTuning, type Scope } from './reflector.ts';
import type { ResourceType } from './resource.ts';
import type { Change, Held } from './store.ts';

export interface WatchSetOptions<T> {
  readonly client: KubernetesClient;
  readonly type: ResourceType;
  readonly keep: Keep<T>;
  readonly same: (one: T, other: T) => boolean;
  /** Parts at most. */
  readonly limit: number;
  /**
   * Called once for a bunch of changes, with the keys of the parts that changed; not for a first list that {@link WatchSet.synced} waits
   * for.
   */
  readonly onChange: (keys: ReadonlySet<string>) => void;
  readonly log: Log;
  readonly gather?: GatherSettings | undefined;
  readonly tuning?: ReflectorTuning | undefined;
}

interface Part<T> {
  readonly reflector: Reflector<T>;
  readonly scope: string;
  readonly stop: AbortController;
  /** Somebody waits for the first list, and is told in that way. */
  awaited: boolean;
}

/** Parts of one resource type that come and go, each with a list and a watch of its own. */
export class WatchSet<T> {
  readonly #options: WatchSetOptions<T>;
  readonly #parts = new Map<string, Part<T>>();
  readonly #outages: Outages;
  readonly #gather: Gather;
  readonly #running = new Set<Promise<void>>();
  #changed = new Set<string>();
  #stopped = false;

  constructor(options: WatchSetOptions<T>) {
    this.#options = options;
    const { client, log, tuning = {}, gather } = options;
    this.#outages = new Outages(client.server, log, () => {
      for (const { reflector } of this.#parts.values()) reflector.hurry();
    });
    this.#gather = new Gather(() => this.#tell(), { clock: tuning.clock ?? REAL_CLOCK, ...gather });
  }

  /**
   * Watches exactly these parts from now on. A part that was there already, with the same scope, goes on.
   * @returns keys for which there is no room
   */
  want(wanted: ReadonlyMap<string, Scope>): readonly string[] {
    for (const [key, part] of this.#parts) {
      const scope = wanted.get(key);
      if (scope === undefined || JSON.stringify(scope) !== part.scope) this.#end(key, part);
    }
    const left: string[] = [];
    for (const [key, scope] of wanted) {
      if (this.#parts.has(key)) continue;
      if (this.#stopped || this.#parts.size >= this.#options.limit) left.push(key);
      else this.#begin(key, scope);
    }
    return left;
  }

  /**
   * Waits until every part that is wanted now has been read.
   * @returns false when one ends before, or the time is over; then what comes later is told as a change
   */
  async synced(timeoutMs?: number): Promise<boolean> {
    const parts = [...this.#parts.values()];
    const unread: Part<T>[] = [];
    for (const part of parts) {
      if (part.reflector.listed) continue;
      part.awaited = true;
      unread.push(part);
    }
    const all = Promise.all(unread.map(({ reflector }) => reflector.synced())).then((each) => each.every(Boolean));
    if (timeoutMs === undefined) return all;
    let cancel: (() => void) | undefined;
    const late = new Promise<boolean>((resolve) => {
      cancel = (this.#options.tuning?.clock ?? REAL_CLOCK).after(timeoutMs, () => {
        for (const part of unread) part.awaited = false;
        resolve(false);
      });
    });
    return Promise.race([all, late]).finally(() => cancel?.());
  }

  /** @returns undefined for a part that is not wanted */
  part(key: string): Reflector<T> | undefined {
    return this.#parts.get(key)?.reflector;
  }

  all(key: string): readonly Held<T>[] {
    return this.#parts.get(key)?.reflector.all() ?? [];
  }

  states(): ReadonlyMap<string, ReflectorState> {
    return new Map([...this.#parts].map(([key, { reflector }]) => [key, reflector.state]));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#gather.stop();
    for (const [key, part] of this.#parts) this.#end(key, part);
    await Promise.all(this.#running);
  }

  #begin(key: string, scope: Scope): void {
    const { client, type, keep, same, tuning } = this.#options;
    const subject = `${type.plural} ${key}`;
    const stop = new AbortController();
    const reflector: Reflector<T> = new Reflector({
      client,
      type,
      keep,
      same,
      tuning,
      ...scope,
      onChange: (changes) => this.#take(key, part, changes),
      onState: ({ state, lastError }) => {
        if (stop.signal.aborted) this.#outages.forget(subject);
        else this.#outages.report(subject, state === 'failing' ? lastError : undefined);
      },
    });
    const part: Part<T> = { reflector, scope: JSON.stringify(scope), stop, awaited: false };
    this.#parts.set(key, part);
    const running = reflector.run(stop.signal).finally(() => void this.#running.delete(running));
    this.#running.add(running);
  }

  #end(key: string, part: Part<T>): void {
    this.#parts.delete(key);
    part.stop.abort();
  }

  #take(key: string, part: Part<T>, changes: readonly Change<T>[]): void {
    if (part.stop.signal.aborted || !changes.some(({ content }) => content)) return;
    // Whoever waits reads it then.
    if (part.awaited && !part.reflector.listed) return;
    this.#changed.add(key);
    this.#gather.add();
  }

  #tell(): void {
    const changed = this.#changed;
    this.#changed = new Set();
    this.#options.onChange(changed);
  }
}
