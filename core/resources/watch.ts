import { type FSWatcher, statSync, watch } from 'node:fs';

/** Changes come in bunches: an editor writes and renames, a mounted ConfigMap swaps a symbolic link. */
const QUIET_MS = 30;
const LONGEST_MS = 500;

interface Watched {
  readonly watcher: FSWatcher;
  /** Tells the folder from another one that has taken its name. */
  readonly identity: string;
}

/**
 * Calls back, once for each bunch of changes, when something in the given folders changes. Folders are watched, not files: a
 * file that is replaced, and the `..data` link of a mounted ConfigMap or Secret, are entries of their folder.
 */
export class FolderWatch {
  readonly #onChange: () => void;
  readonly #onFailure: (folder: string, error: unknown) => void;
  readonly #failed = new Set<string>();
  readonly #watched = new Map<string, Watched>();
  #timer: NodeJS.Timeout | undefined;
  #since = 0;
  #closed = false;

  /** @param onFailure called once for a folder that cannot be watched, such as when the system's watches are used up. */
  constructor(onChange: () => void, onFailure: (folder: string, error: unknown) => void = () => undefined) {
    this.#onChange = onChange;
    this.#onFailure = onFailure;
  }

  /**
   * Watches exactly these folders from now on. A folder that was not watched before calls back as well: it may have changed between
   * the moment when it was read and this one.
   */
  update(folders: readonly string[]): void {
    if (this.#closed) return;
    const wanted = new Map(folders.map((folder) => [folder, identityOf(folder)]));
    for (const [folder, { watcher, identity }] of this.#watched) {
      // The system watches the folder, not its name: another folder of that name is another one to watch.
      if (wanted.get(folder) === identity) continue;
      watcher.close();
      this.#watched.delete(folder);
    }
    for (const [folder, identity] of wanted) {
      if (identity !== undefined && !this.#watched.has(folder) && this.#watch(folder, identity)) this.#changed();
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const { watcher } of this.#watched.values()) watcher.close();
    this.#watched.clear();
  }

  #watch(folder: string, identity: string): boolean {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#changed());
      watcher.on('error', () => {
        // The folder is gone: whoever puts it back changes its parent, or sends SIGHUP.
        watcher.close();
        if (this.#watched.get(folder)?.watcher === watcher) this.#watched.delete(folder);
        this.#changed();
      });
      this.#watched.set(folder, { watcher, identity });
      this.#failed.delete(folder);
      return true;
    } catch (error) {
      if (!this.#failed.has(folder)) this.#onFailure(folder, error);
      this.#failed.add(folder);
      return false;
    }
  }

  #changed(): void {
    if (this.#closed) return;
    const now = Date.now();
    if (this.#timer === undefined) this.#since = now;
    clearTimeout(this.#timer);
    const wait = Math.min(QUIET_MS, Math.max(0, this.#since + LONGEST_MS - now));
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#onChange();
    }, wait);
  }
}

/** @returns undefined where there is no such folder */
function identityOf(folder: string): string | undefined {
  try {
    const { dev, ino, birthtimeNs } = statSync(folder, { bigint: true });
    return `${dev} ${ino} ${birthtimeNs}`;
  } catch {
    return undefined;
  }
}
