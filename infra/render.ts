// npm run render -- SETTINGS [--out FOLDER]: the platform of a settings file (YAML, JSON; "-" is standard input) as manifests, for GitOps.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { load } from 'js-yaml';

import { parseOptions } from '#core/options';

import { render } from './charts/render.ts';
import { InvalidSettings, readSettings, type Settings } from './settings.ts';

/** @returns the exit code */
export function main(args: readonly string[], say: (text: string) => void, complain: (text: string) => void): number {
  let options;
  try {
    options = parseOptions(args, { out: { type: 'string', default: 'dist/manifests' } }, true);
  } catch (error) {
    complain((error as TypeError).message);
    return 2;
  }
  const [file, more] = options.positionals;
  if (file === undefined || more !== undefined) {
    complain('give one file of settings: npm run render -- SETTINGS [--out FOLDER]');
    return 2;
  }
  const settings = settingsOf(file, complain);
  if (settings === undefined) return 1;
  for (const [path, text] of render(settings)) {
    const target = join(options.values.out, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text);
    say(target);
  }
  return 0;
}

function settingsOf(file: string, complain: (text: string) => void): Settings | undefined {
  let value: unknown;
  try {
    value = load(readFileSync(file === '-' ? 0 : file, 'utf8'));
  } catch (error) {
    complain(`${file} cannot be read: ${(error as Error).message}`);
    return undefined;
  }
  try {
    return readSettings(value);
  } catch (error) {
    if (!(error instanceof InvalidSettings)) throw error;
    complain(`${file}: ${error.message}`);
    return undefined;
  }
}

if (import.meta.main) {
  process.exitCode = main(
    process.argv.slice(2),
    (text) => process.stdout.write(`${text}\n`),
    (text) => process.stderr.write(`${text}\n`),
  );
}
