import type { EndpointMetrics } from './policy.ts';

export type LoraPlace = 'resident' | 'free-slot' | 'swap' | 'full';

/** Which adapters an endpoint has loaded: from own requests, which are known at once, and from scrapes. */
export class LoraSlots {
  /** Own requests in flight per adapter. */
  readonly #active = new Map<string, number>();
  /** Adapters that were used here, least recently first. A request more than fits pushes out the first. */
  readonly #recent = new Set<string>();

  start(adapter: string, slots: number): void {
    this.#active.set(adapter, (this.#active.get(adapter) ?? 0) + 1);
    this.#recent.delete(adapter);
    this.#recent.add(adapter);
    for (const old of this.#recent) {
      if (this.#recent.size <= Math.max(slots, this.#active.size)) break;
      if (!this.#active.has(old)) this.#recent.delete(old);
    }
  }

  end(adapter: string): void {
    const left = (this.#active.get(adapter) ?? 0) - 1;
    if (left > 0) this.#active.set(adapter, left);
    else this.#active.delete(adapter);
  }

  /** Own requests in flight, of all adapters. */
  get requests(): number {
    let sum = 0;
    for (const count of this.#active.values()) sum += count;
    return sum;
  }

  /** The pod restarted: nothing is loaded but what requests in flight will load. */
  reset(): void {
    this.#recent.clear();
    for (const adapter of this.#active.keys()) this.#recent.add(adapter);
  }

  /** What it takes to serve the adapter: nothing, a load, a load in place of an idle adapter, or a wait for a slot. */
  place(adapter: string, slots: number, scraped: EndpointMetrics | undefined): LoraPlace {
    if (this.#active.has(adapter) || this.#recent.has(adapter) || scraped?.runningLoras.includes(adapter) === true) return 'resident';
    const busy = new Set(this.#active.keys());
    for (const name of scraped?.runningLoras ?? []) busy.add(name);
    for (const name of scraped?.waitingLoras ?? []) busy.add(name);
    if (busy.has(adapter)) return 'free-slot';
    if (busy.size >= slots) return 'full';
    for (const name of this.#recent) busy.add(name);
    return busy.size < slots ? 'free-slot' : 'swap';
  }
}
