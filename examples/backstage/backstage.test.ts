import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { load } from 'js-yaml';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { onboard } from '../../infra/onboarding/command.ts';

interface Template {
  readonly apiVersion: string;
  readonly spec: {
    readonly parameters: readonly { readonly required: string[]; readonly properties: Readonly<Record<string, { pattern?: string }>> }[];
    readonly steps: readonly { readonly action: string; readonly input: { readonly values?: Readonly<Record<string, string>> } }[];
  };
}

const template = load(readFileSync(join(import.meta.dirname, 'template.yaml'), 'utf8')) as Template;
const [skeletonName = ''] = readdirSync(join(import.meta.dirname, 'skeleton'));
const skeleton = readFileSync(join(import.meta.dirname, 'skeleton', skeletonName), 'utf8');
const { values } = template.spec.steps[0]!.input;
const properties = Object.assign({}, ...template.spec.parameters.map((page) => page.properties)) as Readonly<
  Record<string, { pattern?: string }>
>;

const GIVEN = {
  name: 'search',
  model: 'acme/search: "8b"',
  owner: 'team-search',
  runtime: 'simulator',
  replicas: 2,
  budget: '500',
  price: '0.20/0.80',
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tierkit-backstage-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** As the scaffolder fills it in: `dump` of Nunjucks is JSON. */
const filled = (text: string) =>
  text.replaceAll(/\$\{\{ values\.(\w+)( \| dump)? \}\}/g, (_, name: keyof typeof GIVEN, dump?: string) =>
    dump === undefined ? String(GIVEN[name]) : JSON.stringify(GIVEN[name]),
  );

it('asks for everything that the skeleton has in it, and for nothing else', () => {
  expect(template.apiVersion).toBe('scaffolder.backstage.io/v1beta3');
  const used = new Set([...`${skeletonName}\n${skeleton}`.matchAll(/values\.(\w+)/g)].map(([, name]) => name!));
  expect([...used].sort()).toEqual(Object.keys(values!).sort());
  expect(Object.entries(values!)).toEqual(Object.keys(values!).map((name) => [name, `\${{ parameters.${name} }}`]));
  expect([...used, 'repoUrl'].sort()).toEqual(Object.keys(properties).sort());
  for (const page of template.spec.parameters) expect(page.required.filter((name) => !(name in page.properties))).toEqual([]);
});

it('is the request that the same options are', () => {
  const file = join(folder, filled(skeletonName));
  expect(file).toBe(join(folder, 'search.yaml'));
  writeFileSync(file, filled(skeleton));
  const how = { settings: undefined, out: folder, dryRun: true, force: false };
  const texts = { ...GIVEN, replicas: String(GIVEN.replicas) };
  expect(onboard({ ...how, texts: {}, request: file }).stdout).toBe(onboard({ ...how, texts }).stdout);
  // What is given goes first.
  expect(onboard({ ...how, texts: { owner: 'team-ads', name: undefined }, request: file }).stdout).toContain('tierkit.dev/owner: team-ads');
});

it('asks for names that are names of namespaces', () => {
  for (const field of ['name', 'owner']) {
    const pattern = new RegExp(properties[field]!.pattern!);
    expect(['search', 'a', 'a'.repeat(35)].every((name) => pattern.test(name))).toBe(true);
    expect(['Search', '-a', 'a-', '', 'a'.repeat(36), 'a_b'].some((name) => pattern.test(name))).toBe(false);
  }
});

it('a file with fields that are none is told so', () => {
  const file = join(folder, 'wrong.yaml');
  writeFileSync(file, 'name: a\nmodle: m\nreplicas: [1]\n');
  expect(() => onboard({ texts: {}, request: file, settings: undefined, out: folder, dryRun: true, force: false })).toThrow(
    `2 problems\n  ${file}: there is no field "modle"; did you mean "model"?\n  ${file}: replicas must be a text or a number`,
  );
});
