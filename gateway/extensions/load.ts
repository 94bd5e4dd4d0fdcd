import { statSync } from 'node:fs';
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
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() !== true) throw new InvalidExtension(`plugin ${path}: ${stat === undefined ? 'there is no such file' : 'is no file'}`);
  let module: { default?: unknown };
  try {
    module = (await import(pathToFileURL(resolve(path)).href)) as { default?: unknown };
  } catch (error) {
    throw new InvalidExtension(`plugin ${path}${reasonOf(error)}`, { cause: error });
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

/** `:LINE: message`, the line where Node tells it, in one line of text. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return `: threw a value of type ${typeof error} while it was loaded`;
  const line = error.name === 'SyntaxError' ? /^\S+:(\d+)\n/.exec(error.stack ?? '')?.[1] : undefined;
  return `${line === undefined ? '' : `:${line}`}: ${error.message.split('\n', 1)[0]!}`;
}
