import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { didYouMean } from '#core/resources/nearest';

import type { Extension } from './extension.ts';

const HOOKS = ['authorize', 'attempt', 'settled'] as const;

export class InvalidExtension extends Error {
  override readonly name = 'InvalidExtension';
}

/** Loads the extensions at the given paths, in their order. @throws InvalidExtension with the file and what is wrong with it */
export async function loadExtensions(paths: readonly string[]): Promise<Extension[]> {
  return Promise.all(paths.map(load));
}

async function load(path: string): Promise<Extension> {
  let module: { default?: unknown };
  try {
    module = (await import(pathToFileURL(resolve(path)).href)) as { default?: unknown };
  } catch (error) {
    throw new InvalidExtension(`plugin ${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  const extension = module.default;
  if (typeof extension !== 'object' || extension === null)
    throw new InvalidExtension(`plugin ${path}: has no default export that is an object with name and hooks`);
  const { name, ...hooks } = extension as Record<string, unknown>;
  if (typeof name !== 'string' || name === '') throw new InvalidExtension(`plugin ${path}: the default export has no name`);
  for (const [key, value] of Object.entries(hooks)) {
    if (!(HOOKS as readonly string[]).includes(key))
      throw new InvalidExtension(`plugin ${path}: there is no hook "${key}"${didYouMean(key, HOOKS)}`);
    if (typeof value !== 'function') throw new InvalidExtension(`plugin ${path}: "${key}" must be a function`);
  }
  return extension as Extension;
}
