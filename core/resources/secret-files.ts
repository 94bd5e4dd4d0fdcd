import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { Secret } from './kubernetes/secret.ts';
import type { Resource } from './kind.ts';

/** A Secret is a megabyte at most, as in a cluster. */
const MAX_BYTES = 1024 * 1024;

/**
 * Secrets from mounted files: `DIR/NAME/KEY` in the namespace `default`, `DIR/NAMESPACE/NAME/KEY` in others. Names that begin with a
 * dot are the versions of a mounted Secret, not its entries.
 */
export function readSecretFiles(dir: string): { readonly secrets: Resource[]; readonly folders: string[] } {
  const secrets: Resource[] = [];
  const folders = [dir];
  for (const first of list(dir)) {
    const path = join(dir, first);
    if (!statSync(path).isDirectory()) continue;
    folders.push(path);
    const inside = list(path);
    if (inside.some((name) => statSync(join(path, name)).isFile())) {
      secrets.push(secretAt(path, 'default', first));
      continue;
    }
    for (const second of inside) {
      folders.push(join(path, second));
      secrets.push(secretAt(join(path, second), first, second));
    }
  }
  return { secrets, folders };
}

function secretAt(path: string, namespace: string, name: string): Resource {
  const data: Record<string, string> = {};
  for (const key of list(path)) {
    const file = join(path, key);
    const stat = statSync(file);
    if (stat.isFile() && stat.size <= MAX_BYTES) data[key] = readFileSync(file).toString('base64');
  }
  return {
    apiVersion: 'v1',
    kind: Secret.kind,
    metadata: { name, namespace, labels: {}, annotations: {}, creationTimestamp: undefined },
    body: { data, type: 'Opaque' },
    source: { file: path, document: 0, line: 0 },
  };
}

function list(dir: string): string[] {
  return readdirSync(dir)
    .filter((name) => !name.startsWith('.'))
    .sort();
}
