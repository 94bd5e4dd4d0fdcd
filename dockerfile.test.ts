import { readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

import { expect, it } from 'vitest';

const ROOT = import.meta.dirname;
const IMPORT = /(?:from|import)\s*\(?\s*'((?:\.{1,2}|#core)\/[^']+)'/g;

/** Files that a module needs, itself included. */
function needed(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  if (!file.endsWith('.ts')) return found;
  for (const [statement, path] of readFileSync(file, 'utf8').matchAll(IMPORT)) {
    if (statement.startsWith('import type')) continue;
    needed(path!.startsWith('#core/') ? join(ROOT, `${path!.slice(1)}.ts`) : resolve(dirname(file), path!), found);
  }
  return found;
}

it('the image has every file that the command needs', () => {
  const copied = [...readFileSync(join(ROOT, 'Dockerfile'), 'utf8').matchAll(/^COPY ([a-z]\S*) \S+$/gm)].map(([, path]) => path!);
  const files = [...needed(join(ROOT, 'cli/main.ts'))].map((file) => relative(ROOT, file));
  expect(files.length).toBeGreaterThan(300);
  expect(files.filter((file) => !copied.some((path) => file === path || file.startsWith(`${path}/`)))).toEqual([]);
});
