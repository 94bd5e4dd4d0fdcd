import { lstatSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import type { TextFile } from './documents.ts';
import type { Problem } from './problem.ts';

const EXTENSIONS = /\.(ya?ml|json)$/i;
/** A file of resources is text of people or programs; larger ones are mistakes. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

export interface FoundFiles {
  readonly files: readonly TextFile[];
  readonly problems: readonly Problem[];
  /** Folders whose entries can change what a next load finds. */
  readonly folders: readonly string[];
}

/**
 * Reads the files at the given paths; of a folder all `*.yaml`, `*.yml` and `*.json`, sub-folders included, in the order of their
 * names. Names that begin with a dot are passed over: a mounted ConfigMap keeps its versions behind `..data`.
 */
export function readFiles(paths: readonly string[]): FoundFiles {
  const files: TextFile[] = [];
  const problems: Problem[] = [];
  const folders = new Set<string>();
  const seen = new Set<string>();
  const fail = (file: string, message: string) =>
    void problems.push({ source: { file, document: 0, line: 0 }, resource: '', path: '', message });

  const visit = (path: string, named: boolean): void => {
    let stat;
    try {
      const entry = lstatSync(path, { throwIfNoEntry: false });
      // What comes into being, or is put in the place of a link, is an entry of the folder above.
      if (named && entry?.isDirectory() !== true) folders.add(dirname(path));
      stat = statSync(path, { throwIfNoEntry: false });
      if (stat === undefined) {
        // A file of a folder that went away since the folder was listed is as good as one that was never there.
        if (named && entry === undefined) fail(path, 'there is no such file or folder');
        else if (entry?.isSymbolicLink() === true && (named || EXTENSIONS.test(basename(path)))) fail(path, 'is a link to nothing');
        return;
      }
    } catch (error) {
      fail(path, reasonOf(error));
      return;
    }
    if (stat.isDirectory()) {
      const real = realpathSync(path);
      if (seen.has(real)) return;
      seen.add(real);
      folders.add(path);
      try {
        for (const name of readdirSync(path).sort()) if (!name.startsWith('.')) visit(join(path, name), false);
      } catch (error) {
        fail(path, reasonOf(error));
      }
      return;
    }
    if (!named && !EXTENSIONS.test(basename(path))) return;
    if (!stat.isFile()) fail(path, 'is neither a file nor a folder');
    else if (stat.size > MAX_FILE_BYTES) fail(path, `is larger than ${MAX_FILE_BYTES} bytes`);
    else {
      try {
        files.push({ file: path, text: readFileSync(path, 'utf8') });
      } catch (error) {
        fail(path, reasonOf(error));
      }
    }
  };
  for (const path of paths) visit(path, true);
  return { files, problems, folders: [...folders] };
}

function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'EACCES') return 'may not be read (permission denied)';
  return error instanceof Error ? error.message : String(error);
}
