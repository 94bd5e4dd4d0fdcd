import { readFileSync } from 'node:fs';

import { didYouMean } from '#core/resources/nearest';
import { load } from 'js-yaml';

import { FolderTrouble } from './folder.ts';
import type { RequestTexts } from './read.ts';
import { InvalidRequest } from './request.ts';

const FIELDS: Readonly<Record<keyof RequestTexts, true>> = {
  name: true,
  model: true,
  owner: true,
  group: true,
  runtime: true,
  source: true,
  replicas: true,
  gpus: true,
  'requests-per-minute': true,
  'tokens-per-minute': true,
  budget: true,
  price: true,
  contact: true,
};

/**
 * A request as a file: YAML whose fields are called as the options are.
 * @throws FolderTrouble where it cannot be read, InvalidRequest with the fields that are none
 */
export function requestFile(file: string): RequestTexts {
  let value: unknown;
  try {
    value = load(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new FolderTrouble(`--request: ${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new FolderTrouble(`--request: ${file} has to be fields such as "name: search", as the options are called`);
  return requestFields(value, file);
}

/**
 * @param place of the fields, for those that are none
 * @throws InvalidRequest
 */
export function requestFields(value: object, place: string): RequestTexts {
  const problems = Object.entries(value).flatMap(([field, content]) => {
    if (!Object.hasOwn(FIELDS, field))
      return [{ flag: place, message: `there is no field "${field}"${didYouMean(field, Object.keys(FIELDS))}` }];
    if (typeof content === 'string' || typeof content === 'number') return [];
    return [{ flag: place, message: `${field} must be a text or a number` }];
  });
  if (problems.length > 0) throw new InvalidRequest(problems);
  return Object.fromEntries(Object.entries(value).map(([field, content]) => [field, String(content)]));
}
