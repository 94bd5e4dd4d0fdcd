import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { load } from 'js-yaml';
import { expect, test } from 'vitest';

import { platform } from '../charts/platform.ts';
import { settingsOf } from '../platform/configuration.ts';

const INFRA = join(import.meta.dirname, '..');
const readYaml = (file: string) => load(readFileSync(join(INFRA, file), 'utf8')) as { readonly config: Readonly<Record<string, unknown>> };
const declared = Object.keys(readYaml('Pulumi.yaml').config);

test.each(readdirSync(import.meta.dirname).filter((file) => file.endsWith('.yaml')))('a stack can be made of %s', (file) => {
  const { config } = readYaml(`stacks/${file}`);
  const read = (key: string) => {
    const value = config[`tierkit:${key}`];
    return value === undefined || typeof value === 'string' ? value : JSON.stringify(value);
  };
  expect(declared).toEqual(expect.arrayContaining(Object.keys(config).map((key) => key.replace('tierkit:', ''))));
  expect(platform(settingsOf(read, INFRA)).length).toBeGreaterThan(4);
});
