import { readFile } from 'node:fs/promises';

import { FetchFailed } from './fetch-failed.ts';

/** Variables of the gateway's own process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A variable that is set to something. */
export function setIn(env: Environment, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === '' ? undefined : value;
}

/** A file of the gateway's own machine; read at each fetch, as it is replaced before what is in it ends. @throws FetchFailed */
export async function readOwn(path: string, what: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
    throw new FetchFailed(`${what} cannot be read: ${code}`);
  }
}

/** As {@link readOwn}; undefined where there is no such file. */
export async function readOwnIfThere(path: string, what: string): Promise<string | undefined> {
  try {
    return await readOwn(path, what);
  } catch (error) {
    if (error instanceof FetchFailed && /ENOENT|ENOTDIR/.test(error.message)) return undefined;
    throw error;
  }
}
