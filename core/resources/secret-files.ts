import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { Secret } from './kubernetes/secret.ts';
import type { Resource } from './kind.ts';
import type { Problem } from './problem.ts';

/** A Secret is a megabyte at most, as in a cluster. */
const MAX_BYTES = 1024 * 1024;

export interface SecretFiles {
  readonly secrets: readonly Resource[];
  readonly problems: readonly Problem[];
  /** Folders whose entries can change what a next load finds. */
  readonly folders: readonly string[];
}

/**
 * Secrets from mounted files: `DIR/NAME/KEY` in the namespace `default`, `DIR/NAMESPACE/NAME/KEY` in others. Names that begin with a
 * dot are the versions of a mounted Secret, not its entries.
 */
export function readSecretFiles(dir: string): SecretFiles {
  const secrets: Resource[] = [];
  const problems: Problem[] = [];
  const folders: string[] = [];
  /** What does not work is this path's problem: the other Secrets are read all the same. */
  const attempt = (path: string, read: () => void): void => {
    try {
      read();
    } catch (error) {
      problems.push({ source: { file: path, document: 0, line: 0 }, resource: '', path: '', message: reasonOf(error) });
    }
  };
  const secretAt = (path: string, namespace: string, name: string): void => {
    const data: Record<string, string> = {};
    for (const key of list(path)) {
      const file = join(path, key);
      attempt(file, () => {
        const stat = statSync(file);
        if (!stat.isFile()) return;
        if (stat.size > MAX_BYTES) throw new Error(`is larger than ${MAX_BYTES} bytes`);
        data[key] = readFileSync(file).toString('base64');
      });
    }
    secrets.push({
      apiVersion: 'v1',
      kind: Secret.kind,
      metadata: { name, namespace, labels: {}, annotations: {}, creationTimestamp: undefined },
      body: { data, type: 'Opaque' },
      source: { file: path, document: 0, line: 0 },
    });
  };
  const visit = (path: string, name: string): void => {
    if (!statSync(path).isDirectory()) return;
    folders.push(path);
    const inside = list(path);
    if (inside.some((each) => isFile(join(path, each)))) {
      secretAt(path, 'default', name);
      return;
    }
    for (const each of inside) {
      const folder = join(path, each);
      attempt(folder, () => {
        folders.push(folder);
        secretAt(folder, name, each);
      });
    }
  };
  // Where there is no such folder, it is its parent that will get it.
  if (!isThere(dir)) folders.push(dirname(dir));
  attempt(dir, () => {
    const names = list(dir);
    folders.push(dir);
    for (const name of names) attempt(join(dir, name), () => visit(join(dir, name), name));
  });
  return { secrets, problems, folders };
}

function list(dir: string): string[] {
  return readdirSync(dir)
    .filter((name) => !name.startsWith('.'))
    .sort();
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'there is no such file or folder';
  if (code === 'ENOTDIR') return 'is no folder';
  if (code === 'EACCES') return 'may not be read (permission denied)';
  return error instanceof Error ? error.message : String(error);
}
