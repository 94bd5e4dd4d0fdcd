import { type FSWatcher, watch } from 'node:fs';

/** Changes come in bunches: an editor writes and renames, a mounted ConfigMap swaps a symbolic link. */
const QUIET_MS = 50;
const LONGEST_MS = 500;

/**
 * Calls back, once for each bunch of changes, when something in the given folders changes. Folders are watched, not files: a
 * file that is replaced, and the `..data` link of a mounted ConfigMap or Secret, are entries of their folder.
 */
export class FolderWatch {
  readonly #onChange: () => void;
  readonly #watchers = new Map<string, FSWatcher>();
  #timer: NodeJS.Timeout | undefined;
  #since = 0;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Watches exactly these folders from now on. */
  update(folders: readonly string[]): void {
    const wanted = new Set(folders);
    for (const [folder, watcher] of this.#watchers) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of wanted) if (!this.#watchers.has(folder)) this.#watch(folder);
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #watch(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#changed());
      watcher.on('error', () => {
        // The folder is gone: whoever puts it back changes its parent, or sends SIGHUP.
        watcher.close();
        this.#watchers.delete(folder);
        this.#changed();
      });
      this.#watchers.set(folder, watcher);
    } catch {
      // It went away since it was read; the load that follows says so.
      this.#changed();
    }
  }

  #changed(): void {
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
