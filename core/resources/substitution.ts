import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';

import type { Environment } from './documents.ts';
import type { Resource } from './kind.ts';
import type { Secret } from './kubernetes/secret.ts';

/** Annotations by which `aigw run` fills the entries of a Secret: `…/env/KEY: VARIABLE`, `…/file/KEY: PATH`. */
const PREFIX = 'substitution.aigw.run/';

export interface Substituted {
  readonly secret: Secret;
  /** Folders of the files that were read. */
  readonly folders: readonly string[];
}

/**
 * A Secret with the entries that its annotations take from the environment or from files.
 * @param report takes the path of an annotation and what is wrong with it; values are never shown
 */
export function substitute(secret: Resource, env: Environment, report: (path: string, message: string) => void): Substituted {
  const original = secret as Secret;
  const entries: Record<string, string> = {};
  const folders: string[] = [];
  for (const [name, value] of Object.entries(secret.metadata.annotations)) {
    if (!name.startsWith(PREFIX)) continue;
    const path = `metadata.annotations["${name}"]`;
    const [source, key] = name.slice(PREFIX.length).split('/', 2);
    if (key === undefined || key === '' || (source !== 'env' && source !== 'file')) {
      report(path, `is no substitution; write ${PREFIX}env/KEY or ${PREFIX}file/KEY`);
    } else if (source === 'env') {
      const given = env[value];
      if (given === undefined || given === '') report(path, `the environment variable ${value} is not set`);
      else entries[key] = given;
    } else {
      folders.push(dirname(value));
      try {
        entries[key] = readFileSync(value, 'utf8').replace(/\r?\n$/, '');
      } catch (error) {
        report(path, `the file ${value} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
      }
    }
  }
  if (Object.keys(entries).length === 0) return { secret: original, folders };
  return { secret: { ...original, body: { ...original.body, stringData: { ...original.body.stringData, ...entries } } }, folders };
}
