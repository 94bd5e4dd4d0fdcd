import { validate } from '#core/resources/validate';

import { fill } from './fill.ts';
import { InvalidSettings, type SettingsProblem } from './problem.ts';
import { RULES } from './rules.ts';
import { SETTINGS, type SettingsInput } from './schema.ts';
import type { Settings } from './settings.ts';

/** Stands in for an image that is wrong, so that the rest can be looked at as well. */
const NO_IMAGE = { name: 'none', tag: '0' };

/**
 * The settings of a platform, from what the configuration of Pulumi or a file says.
 * @param value plain data, such as `{size: 'dev', image: {name: 'registry.example.com/tierkit', tag: '0.1.0'}}`
 * @throws InvalidSettings with everything that is wrong
 */
export function readSettings(value: unknown): Settings {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new InvalidSettings([{ path: '', message: 'the settings have to be an object, such as {size: dev, image: {name: …, tag: …}}' }]);
  const problems: SettingsProblem[] = [];
  const report = (path: string, message: string) => problems.push({ path, message });
  const input = structuredClone(value) as SettingsInput;
  validate(SETTINGS, input, report);
  // What does not fit the schema is left out, so that the rules say at once what is wrong with the rest.
  const broken = new Set(problems.map(({ path }) => /^[^.[]+/.exec(path)?.[0] ?? ''));
  const sound = { image: NO_IMAGE, ...Object.fromEntries(Object.entries(input).filter(([name]) => !broken.has(name))) } as SettingsInput;
  const settings = fill(sound);
  for (const { reads, check } of RULES) if (!reads.some((section) => broken.has(section))) check({ input: sound, settings, report });
  if (problems.length > 0) throw new InvalidSettings(problems);
  return frozen(settings);
}

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const each of Object.values(value)) frozen(each);
    Object.freeze(value);
  }
  return value;
}
