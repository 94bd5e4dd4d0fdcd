import { readFileSync } from 'node:fs';

import { load } from 'js-yaml';

import { readSettings, type Settings } from '../settings.ts';
import { FolderTrouble } from './folder.ts';

const PACKAGE = new URL('../../package.json', import.meta.url);

/**
 * The platform that teams come to.
 * @param file settings, as `npm run render` takes them. Absent: the defaults of a small one, with the image that the Dockerfile makes
 * @throws FolderTrouble where the file cannot be read, InvalidSettings where no platform can be made of it
 */
export function platformOf(file: string | undefined): Settings {
  if (file === undefined) {
    const { version } = JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string };
    return readSettings({ image: { name: 'tierkit', tag: version }, networkPolicies: { enabled: true } });
  }
  let value: unknown;
  try {
    value = load(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new FolderTrouble(`--settings: ${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  return readSettings(value);
}
