import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { load } from 'js-yaml';

import { at } from '../policies/policy.ts';
import { REQUEST_ANNOTATION } from './names.ts';
import { type OnboardingRequest, requestIn } from './request.ts';

/** The folder of GitOps cannot be read, or would lose what is in it. */
export class FolderTrouble extends Error {
  override readonly name = 'FolderTrouble';
}

/** The teams that a folder has: each in a folder of its own, whose namespace says what was asked for. */
export function requestsIn(folder: string): OnboardingRequest[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => requestOf(folder, name) ?? []);
}

/** @throws FolderTrouble where the namespace does not say what it was made of */
export function requestOf(folder: string, name: string): OnboardingRequest | undefined {
  const file = join(folder, name, 'model', 'namespace.yaml');
  if (!existsSync(file)) return undefined;
  const trouble = (why: string) =>
    new FolderTrouble(`${file} ${why}: what ${name} has is not known; write the file anew, or take it out of the folder`);
  let request;
  try {
    request = requestIn(at(load(readFileSync(file, 'utf8')), 'metadata', 'annotations', REQUEST_ANNOTATION));
  } catch (error) {
    throw trouble(`cannot be read (${(error as Error).message.split('\n')[0]})`);
  }
  if (request === undefined) throw trouble(`has no annotation ${REQUEST_ANNOTATION} with name, model and owner`);
  return request;
}

/** What writing did. Paths from the folder. */
export interface Written {
  readonly written: readonly string[];
  readonly same: readonly string[];
  /** Files that an earlier request made, and this one does not: nothing names them any more. */
  readonly left: readonly string[];
}

/**
 * Writes files, all or none of them.
 * @param files by path from the folder
 * @throws FolderTrouble where one is there that differs, unless it may be overwritten
 */
export function writeFiles(folder: string, files: ReadonlyMap<string, string>, overwrite: boolean): Written {
  const paths = [...files.keys()];
  const present = new Map(
    paths.flatMap((path) => (existsSync(join(folder, path)) ? [[path, readFileSync(join(folder, path), 'utf8')]] : [])),
  );
  const changed = paths.filter((path) => present.get(path) !== files.get(path));
  const differing = changed.filter((path) => present.has(path));
  if (differing.length > 0 && !overwrite)
    throw new FolderTrouble(
      [
        `${folder} has ${differing.length === 1 ? 'a file that differs' : 'files that differ'}; nothing was written:`,
        ...differing.map((path) => `  ${path}`),
        'Look at them, and say --force to overwrite them.',
      ].join('\n'),
    );
  for (const path of changed) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), files.get(path)!);
  }
  const folders = [...new Set(paths.map(dirname))].filter((name) => existsSync(join(folder, name)));
  const left = folders
    .flatMap((name) => readdirSync(join(folder, name)).map((file) => `${name}/${file}`))
    .filter((path) => !files.has(path));
  return { written: changed, same: paths.filter((path) => !changed.includes(path)), left };
}

/**
 * Writes what differs between two versions of a team's files; the others stay as they are, whoever wrote them.
 * @throws FolderTrouble where one that is to change is not what it is taken for
 */
export function changeFiles(folder: string, was: ReadonlyMap<string, string>, is: ReadonlyMap<string, string>): Written {
  const changed = new Map([...is].filter(([path, text]) => was.get(path) !== text));
  const foreign = [...changed.keys()].filter((path) => {
    const text = existsSync(join(folder, path)) ? readFileSync(join(folder, path), 'utf8') : undefined;
    return text !== undefined && text !== was.get(path) && text !== is.get(path);
  });
  if (foreign.length > 0)
    throw new FolderTrouble(
      [
        `${folder} has files that are not as onboard writes them, and would be overwritten; nothing was written:`,
        ...foreign.map((path) => `  ${path}`),
        'They were changed by hand, or written by another version of Tierkit: run onboard with --force first, and look at what it changes.',
      ].join('\n'),
    );
  return writeFiles(folder, changed, true);
}
