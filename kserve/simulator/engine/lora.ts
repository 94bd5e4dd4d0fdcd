/** The adapters in the machine's memory: a few slots, each with the adapter that uses it or used it last. */
export class LoraSlots {
  readonly slots: number;
  readonly loadMs: number;
  /** Adapter to when its weights are there, in the order of last use. */
  readonly #loaded = new Map<string, number>();
  readonly #users = new Map<string, number>();

  constructor(slots: number, loadMs: number) {
    this.slots = slots;
    this.loadMs = loadMs;
  }

  /**
   * Asks for an adapter. If it has no slot, it takes a free one, or that of the adapter that was not used for longest and has no user now.
   * @returns when its weights are there; undefined if all slots are in use
   */
  request(adapter: string, now: number): number | undefined {
    const readyAt = this.#loaded.get(adapter);
    if (readyAt !== undefined) {
      this.#loaded.delete(adapter);
      this.#loaded.set(adapter, readyAt);
      return readyAt;
    }
    if (this.#loaded.size >= this.slots) {
      const idle = [...this.#loaded].find(([name, at]) => at <= now && !this.#users.has(name));
      if (idle === undefined) return undefined;
      this.#loaded.delete(idle[0]);
    }
    this.#loaded.set(adapter, now + this.loadMs);
    return now + this.loadMs;
  }

  /** Whether an adapter's weights are there. */
  ready(adapter: string, now: number): boolean {
    return (this.#loaded.get(adapter) ?? Infinity) <= now;
  }

  /** A sequence with this adapter starts to run. */
  hold(adapter: string): void {
    this.#users.set(adapter, (this.#users.get(adapter) ?? 0) + 1);
  }

  /** It runs no more. */
  release(adapter: string): void {
    const left = (this.#users.get(adapter) ?? 0) - 1;
    if (left < 0) throw new Error(`adapter "${adapter}" was released more often than held`);
    if (left === 0) this.#users.delete(adapter);
    else this.#users.set(adapter, left);
  }

  /** Adapters in slots, the one that was not used for longest first. */
  get loaded(): readonly string[] {
    return [...this.#loaded.keys()];
  }

  /** Adapters that running sequences use. */
  get running(): readonly string[] {
    return [...this.#users.keys()];
  }

  /** @returns the next time at which an adapter's weights will be there, if one is loading */
  nextReadyAt(now: number): number {
    let next = Infinity;
    for (const at of this.#loaded.values()) if (at > now && at < next) next = at;
    return next;
  }

  /** Takes an adapter out of its slot. @returns false if a sequence uses it */
  unload(adapter: string): boolean {
    if (this.#users.has(adapter)) return false;
    this.#loaded.delete(adapter);
    return true;
  }
}
