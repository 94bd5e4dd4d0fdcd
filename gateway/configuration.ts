import { Loader, type Sources } from '#core/resources/load';
import { InvalidResources } from '#core/resources/problem';

import { compile, newShared, type Shared } from './route/compile.ts';
import type { Snapshot } from './snapshot.ts';

/** The configuration in service, and how the next one takes its place: at once for new requests, never for those under way. */
export class Configuration {
  readonly #loader = new Loader();
  readonly #sources: Sources;
  readonly #shared: Shared;
  #current: Snapshot | undefined;
  #ignored: readonly string[] = [];
  #folders: readonly string[] = [];

  constructor(sources: Sources, warn: (message: string) => void) {
    this.#sources = sources;
    this.#shared = newShared(warn);
  }

  /** @throws Error before the first load */
  get current(): Snapshot {
    if (this.#current === undefined) throw new Error('no configuration is loaded');
    return this.#current;
  }

  /** What was read and changes nothing here. */
  get ignored(): readonly string[] {
    return this.#ignored;
  }

  /** Folders whose changes call for a {@link load}. */
  get folders(): readonly string[] {
    return this.#folders;
  }

  /**
   * Loads the sources and takes them into service. The same texts as before change nothing.
   * @returns whether a new configuration is in service
   * @throws InvalidResources with every problem; then nothing has changed
   */
  load(): boolean {
    const loaded = this.#loader.load(this.#sources);
    this.#folders = loaded.folders;
    if (loaded.problems.length === 0 && loaded.hash === this.#current?.hash) return false;
    const { connections, backends, identify } = this.#shared;
    connections.kept.begin();
    backends.begin();
    identify.begin();
    const compiled = compile(loaded, this.#shared);
    const problems = [...loaded.problems, ...compiled.problems];
    if (problems.length > 0) {
      connections.kept.rollback();
      backends.rollback();
      throw new InvalidResources(problems);
    }
    this.#current = {
      generation: (this.#current?.generation ?? 0) + 1,
      hash: loaded.hash,
      ports: compiled.ports,
      notices: compiled.notices,
      loadedAt: Date.now(),
    };
    this.#ignored = loaded.ignored;
    connections.kept.commit();
    backends.commit();
    identify.retire();
    return true;
  }

  async close(): Promise<void> {
    await this.#shared.connections.destroy();
  }
}
