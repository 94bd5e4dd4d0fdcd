import type { KindDefinition } from './kind.ts';

/** Definitions by group and kind. */
export class KindRegistry {
  readonly #byName = new Map<string, KindDefinition[]>();

  /** @throws Error when two definitions have one group and kind */
  constructor(definitions: readonly KindDefinition[]) {
    for (const definition of definitions) {
      const { group, kind } = definition;
      if (this.get(group, kind) !== undefined) throw new Error(`two definitions of ${kind} of ${group === '' ? 'the core group' : group}`);
      this.#byName.set(kind, [...this.named(kind), definition]);
    }
  }

  get(group: string, kind: string): KindDefinition | undefined {
    return this.#byName.get(kind)?.find((definition) => definition.group === group);
  }

  /** The kinds of one name, whatever their group, in the order in which they were given. */
  named(kind: string): readonly KindDefinition[] {
    return this.#byName.get(kind) ?? [];
  }

  /** Names of kinds, each once. */
  names(): string[] {
    return [...this.#byName.keys()];
  }
}
