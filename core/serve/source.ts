import { Loader, type Loaded, type Sources } from '../resources/load.ts';
import type { Sliced } from '../resources/slices.ts';
import { FolderWatch } from '../resources/watch.ts';
import type { Compiled, CompileOptions } from '../route/compile.ts';

/** Where the resources of a process come from. */
export interface ResourceSource {
  /** How its resources are compiled. */
  readonly compile: CompileOptions;
  /** Resolves when there is something to load. @throws Error why there is not */
  open(): Promise<void>;
  /** Everything as it is now. Reads nothing that could make it wait. */
  load(): Loaded;
  /** As {@link load}, in slices: of the state that it began with. */
  loading?(): Sliced<Loaded>;
  /** Reads what the last load was asked for and did not have. @returns whether another load has more */
  complete(): Promise<boolean>;
  /** Told what is in service now, of its last load. */
  served?(compiled: Compiled): void;
  /** Calls back, once for a bunch of changes, when a load would bring something else. */
  watch(onChange: () => void): void;
  /** What a change is called in the log. */
  readonly changed: string;
  close(): Promise<void>;
}

/** Files and folders. */
export class FileSource implements ResourceSource {
  readonly compile: CompileOptions = {};
  readonly changed = 'a file changed';
  readonly #loader = new Loader();
  readonly #sources: Sources;
  readonly #warn: (message: string, folder: string, error: unknown) => void;
  #watch: FolderWatch | undefined;
  #folders: readonly string[] = [];

  /** @param warn told once of a folder that cannot be watched */
  constructor(sources: Sources, warn: (message: string, folder: string, error: unknown) => void = () => undefined) {
    this.#sources = sources;
    this.#warn = warn;
  }

  open(): Promise<void> {
    return Promise.resolve();
  }

  load(): Loaded {
    const loaded = this.#loader.load(this.#sources);
    this.#folders = loaded.folders;
    this.#watch?.update(this.#folders);
    return loaded;
  }

  complete(): Promise<boolean> {
    return Promise.resolve(false);
  }

  watch(onChange: () => void): void {
    this.#watch = new FolderWatch(onChange, (folder, error) =>
      this.#warn(`changes of ${folder} are not noticed; send SIGHUP after one`, folder, error),
    );
    this.#watch.update(this.#folders);
  }

  close(): Promise<void> {
    this.#watch?.close();
    return Promise.resolve();
  }
}
