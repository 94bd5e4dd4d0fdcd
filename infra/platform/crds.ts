import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { loadAll } from 'js-yaml';

import type { ObjectArgs } from './kubernetes-resource.ts';

/** A place of CRDs that has none to give. */
export class NoCrds extends Error {
  override readonly name = 'NoCrds';
}

const KIND = 'CustomResourceDefinition';
const TIMEOUT_MS = 60_000;

/**
 * The CRDs of files, folders and https URLs. Whatever else is there, as in the bundle of a whole controller, is left out.
 * @param folder what relative paths begin at
 * @throws NoCrds
 */
export async function readCrds(places: readonly string[], folder: string): Promise<ObjectArgs[]> {
  const found = new Map<string, ObjectArgs>();
  for (const place of places) {
    const texts = /^https?:\/\//.test(place) ? [await fetched(place)] : textsIn(resolve(folder, place), place);
    const crds = texts.flatMap((text) => crdsIn(text, place));
    if (crds.length === 0) throw new NoCrds(`crds: ${place} has no ${KIND} in it`);
    // Bundles overlap: the later one counts.
    for (const crd of crds) found.set(crd.metadata.name, crd);
  }
  return [...found.values()];
}

/** `gateway.networking.k8s.io/v1/Gateway` of every version of a kind that the CRDs define. */
export function kindsOf(crds: readonly ObjectArgs[]): Set<string> {
  return new Set(
    crds.flatMap(({ spec }) => {
      const { group, names, versions } = spec as { group: string; names: { kind: string }; versions: { name: string }[] };
      return versions.map(({ name }) => `${group}/${name}/${names.kind}`);
    }),
  );
}

async function fetched(url: string): Promise<string> {
  let why;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (response.ok) return await response.text();
    why = `answers ${response.status}`;
  } catch (error) {
    const { message, cause } = error as Error;
    why = `cannot be fetched: ${cause instanceof Error ? cause.message : message}`;
  }
  throw new NoCrds(`crds: ${url} ${why}`);
}

function textsIn(path: string, place: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [readFileSync(path, 'utf8')];
    const files = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((file) => /\.ya?ml$/.test(file));
    return files.sort().map((file) => readFileSync(join(path, file), 'utf8'));
  } catch (error) {
    throw new NoCrds(`crds: ${place} cannot be read (${(error as NodeJS.ErrnoException).code})`, { cause: error });
  }
}

function crdsIn(text: string, place: string): ObjectArgs[] {
  let documents: unknown[];
  try {
    documents = loadAll(text);
  } catch (error) {
    throw new NoCrds(`crds: ${place} is no YAML: ${(error as Error).message.split('\n')[0]}`, { cause: error });
  }
  return documents.flatMap((document) => {
    if (typeof document !== 'object' || document === null || (document as { kind?: unknown }).kind !== KIND) return [];
    // What a server says of it is not for another one.
    const { status: _, ...crd } = document as ObjectArgs;
    return [crd];
  });
}
