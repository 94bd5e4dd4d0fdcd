import type { Loss } from './codec.ts';
import type { Fields } from './fields.ts';

/** What a request is written with. */
export interface Writing {
  /** The conversation came as this API says it: what only it has is written back. */
  readonly isOwn: boolean;
  /** What cannot be written. */
  readonly losses: Losses;
}

/** Gathers what a translation cannot say. */
export class Losses {
  readonly #found = new Map<string, Loss>();

  /** @param path in the source, where it is known */
  drop(path: string): void {
    this.#found.set(path, { path, what: 'dropped' });
  }

  /** What nobody asked for. */
  dropLeft(of: Fields): void {
    for (const [name] of of.left()) this.drop(of.at(name));
  }

  /** It is said, but not as it was meant. What is dropped as well stays so. */
  approximate(path: string): void {
    if (!this.#found.has(path)) this.#found.set(path, { path, what: 'approximated' });
  }

  list(): readonly Loss[] {
    return [...this.#found.values()];
  }
}
