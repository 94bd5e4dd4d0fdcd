import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

import { expect, test } from 'vitest';

const ROOT = import.meta.dirname;
const TOP = ['cli', 'core', 'gateway', 'tier2-gateway', 'kserve', 'infra', 'observability', 'examples', 'loadtests'];

/** Top folders that each top folder may import from, besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  gateway: ['core'],
  'tier2-gateway': ['core'],
  kserve: ['core'],
  observability: ['core'],
  infra: ['core', 'gateway', 'tier2-gateway', 'kserve', 'observability'],
  cli: ['core', 'gateway', 'tier2-gateway', 'kserve', 'infra', 'observability', 'loadtests'],
  examples: TOP,
  loadtests: TOP,
};

/** Packages that only some folders may use. */
const ONLY_IN: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^@pulumi\//, ['infra']],
  [/^cdk8s(-plus-\d+)?$/, ['infra', 'kserve/charts']],
];

const FORBIDDEN_NAMES = /(^|\/)(utils?|helpers?|common|misc)(\.ts|\/|$)/;

interface Import {
  readonly file: string;
  readonly specifier: string;
}

const files = TOP.flatMap((top) => typescriptFiles(join(ROOT, top)));

test('every top folder imports only what it may', () => {
  const wrong = files.flatMap(importsOf).filter(({ file, specifier }) => {
    const from = topOf(file);
    const target = specifier.startsWith('#core/') ? 'core' : specifier.startsWith('.') ? topOf(resolve(dirname(file), specifier)) : from;
    return target !== from && !MAY_IMPORT[from]!.includes(target);
  });
  expect(wrong.map(describe)).toEqual([]);
});

test('packages of the infrastructure stay there', () => {
  const wrong = files
    .flatMap(importsOf)
    .filter(({ file, specifier }) =>
      ONLY_IN.some(([name, folders]) => name.test(specifier) && !folders.some((folder) => relative(ROOT, file).startsWith(`${folder}/`))),
    );
  expect(wrong.map(describe)).toEqual([]);
});

test('what runs in production imports no test part', () => {
  const wrong = files
    .filter((file) => !/\.(test|fixture)\.ts$/.test(file))
    .flatMap(importsOf)
    .filter(({ specifier }) => /\.(test|fixture)\.ts$/.test(specifier) || specifier === 'vitest' || specifier === 'fast-check');
  expect(wrong.map(describe).filter((line) => !TEST_SUPPORT.some((file) => line.startsWith(file)))).toEqual([]);
});

test('no file or folder is called utils, helpers, common or misc', () => {
  expect(files.map((file) => relative(ROOT, file)).filter((file) => FORBIDDEN_NAMES.test(file))).toEqual([]);
});

/** Generators for property tests, and proofs that are run by hand and by a test. */
const TEST_SUPPORT = ['core/json/arbitraries.ts', 'loadtests/money/prove.ts'];

function typescriptFiles(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.parentPath.includes('node_modules'))
      .map((entry) => join(entry.parentPath, entry.name));
  } catch {
    // The folder comes with a later part of the project.
    return [];
  }
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  const specifiers = [
    ...text.matchAll(/(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s+'([^']+)'/g),
    ...text.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g),
    ...text.matchAll(/(?:^|\n)import\s+'([^']+)'/g),
  ];
  return specifiers.map((match) => ({ file, specifier: match[1]! }));
}

function topOf(file: string): string {
  return relative(ROOT, file).split('/')[0]!;
}

function describe({ file, specifier }: Import): string {
  return `${relative(ROOT, file)} imports ${specifier}`;
}
