import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { didYouMean } from '#core/resources/nearest';

import type { Part, SecretNeed, SecretSource } from '../charts/part.ts';
import type { ReadKey } from './configuration.ts';
import { type Generated, privatePem, publicKeys } from './generated.ts';
import type { ObjectArgs } from './kubernetes-resource.ts';

/** Where the values of Secrets are found. */
export interface SecretPlaces {
  readonly read: ReadKey;
  readonly generated: Generated;
  /** What relative paths begin at. */
  readonly folder: string;
}

/** Tells what is wrong with a secret. */
export type ReportSecret = (path: string, message: string) => void;

/** Everything that is wrong with the secrets of a platform, before anything is made. */
export function secretProblems(parts: readonly Part[], places: SecretPlaces): { readonly path: string; readonly message: string }[] {
  const found = new Map<string, string>();
  for (const need of parts.flatMap(({ secrets }) => secrets)) secretOf(need, places, (path, message) => found.set(path, message));
  return [...found].map(([path, message]) => ({ path, message }));
}

/** The Secret that is needed; undefined where others make it. What has no value is reported, and empty. */
export function secretOf(need: SecretNeed, places: SecretPlaces, report: ReportSecret): ObjectArgs | undefined {
  if (need.existing === true) return undefined;
  const { namespace, name, type, labels, values } = need;
  const data = Object.entries(values).flatMap(([key, source]) => {
    if (source.from === 'existing') return [];
    // The API gives back no stringData: what was written could not be compared.
    return [[key, Buffer.from(valueOf(source, places, report)).toString('base64')] as const];
  });
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace, ...(Object.keys(labels).length === 0 ? {} : { labels }) },
    ...(type === undefined ? {} : { type }),
    data: Object.fromEntries(data),
  };
}

function valueOf(source: Exclude<SecretSource, { from: 'existing' }>, places: SecretPlaces, report: ReportSecret): string {
  const { generated } = places;
  const ring = (name: string) => {
    const found = generated.pairs[name];
    if (found === undefined) report(name, 'this key pair was not generated yet: npm run platform:keys');
    return found;
  };
  const text = (name: string) => {
    const found = generated.texts[name];
    if (found === undefined) report(name, 'this secret was not generated yet: npm run platform:keys');
    return found ?? '';
  };
  switch (source.from) {
    case 'config': {
      const value = places.read(source.key);
      if (value === undefined || value === '')
        report(source.path, `the stack's configuration has no "${source.key}": pulumi config set --secret ${source.key}`);
      return value ?? '';
    }
    case 'file':
      return fileOf(resolve(places.folder, source.file), source.path, report);
    case 'private-key': {
      const found = ring(source.pair);
      return found === undefined ? '' : privatePem(found);
    }
    case 'public-keys':
      return publicKeys(source.pairs.flatMap((pair) => ring(pair) ?? []));
    case 'generated':
      return text(source.name);
    case 'template':
      return source.text.replaceAll(/\$\{([^}]+)\}/g, (whole, name: string) => {
        if (source.names.includes(name)) return text(name);
        report(name, `${whole} of a template is none of its names${didYouMean(name, source.names)}`);
        return whole;
      });
  }
}

function fileOf(file: string, path: string, report: ReportSecret): string {
  try {
    const text = readFileSync(file, 'utf8').trimEnd();
    if (text === '') report(path, `${file} is empty`);
    return text;
  } catch (error) {
    report(path, `${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
    return '';
  }
}
