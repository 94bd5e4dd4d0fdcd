/** Where a process stands, as its probes see it. */
export class Lifecycle {
  #state: 'starting' | 'ready' | 'draining' = 'starting';

  get ready(): boolean {
    return this.#state === 'ready';
  }

  get draining(): boolean {
    return this.#state === 'draining';
  }

  started(): void {
    if (this.#state === 'starting') this.#state = 'ready';
  }

  drain(): void {
    this.#state = 'draining';
  }
}
