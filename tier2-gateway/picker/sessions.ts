/** Where each session was served last: a bounded memory that forgets the least recently used. */
export class Sessions {
  readonly #places = new Map<string, { readonly endpoint: string; readonly at: number }>();
  readonly #max: number;
  readonly #ttlMs: number;

  constructor(max: number, ttlMs: number) {
    this.#max = max;
    this.#ttlMs = ttlMs;
  }

  get(tenant: string, session: string, now: number): string | undefined {
    const place = this.#places.get(keyOf(tenant, session));
    return place !== undefined && now - place.at <= this.#ttlMs ? place.endpoint : undefined;
  }

  set(tenant: string, session: string, endpoint: string, at: number): void {
    const key = keyOf(tenant, session);
    this.#places.delete(key);
    if (this.#max === 0) return;
    this.#places.set(key, { endpoint, at });
    if (this.#places.size > this.#max) this.#places.delete(this.#places.keys().next().value!);
  }

  sweep(now: number): void {
    for (const [key, place] of this.#places) {
      if (now - place.at <= this.#ttlMs) return;
      this.#places.delete(key);
    }
  }
}

/** Lengths keep `a` + `bc` apart from `ab` + `c`. */
function keyOf(tenant: string, session: string): string {
  return `${tenant.length}:${tenant}${session}`;
}
