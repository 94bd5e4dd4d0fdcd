import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { loadAll } from 'js-yaml';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { offboard, onboard, release, type OnboardOptions, type Said } from './command.ts';
import type { RequestTexts } from './read.ts';

let out: string;
beforeEach(() => {
  out = mkdtempSync(join(tmpdir(), 'tierkit-onboard-'));
});
afterEach(() => rmSync(out, { recursive: true }));

const SEARCH: RequestTexts = { name: 'search', model: 'search-8b', owner: 'team-search' };
const run = (texts: RequestTexts = {}, options: Partial<OnboardOptions> = {}): Said =>
  onboard({ texts: { ...SEARCH, ...texts }, settings: undefined, out, dryRun: false, force: false, ...options });

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
const documents = (text: string): string[] => loadAll(text).map((each) => JSON.stringify(each));

it('writes files for both clusters, each set with a kustomization that names them all', () => {
  const { stdout } = run({ 'requests-per-minute': '60' });
  const model = ['access', 'kustomization', 'namespace', 'network', 'quota', 'route', 'serving'];
  const gateway = ['access', 'keys', 'kustomization', 'limits', 'route'];
  const wanted = [...model.map((name) => `search/model/${name}.yaml`), ...gateway.map((name) => `search/gateway/${name}.yaml`)];
  expect(filesIn(out)).toEqual(wanted.sort());
  expect(stdout).toContain('kubectl -n tierkit-tier-one create secret generic team-search-keys');
  for (const set of ['model', 'gateway']) {
    const [kustomization] = loadAll(readFileSync(join(out, 'search', set, 'kustomization.yaml'), 'utf8')) as {
      resources: string[];
      sortOptions: object;
    }[];
    expect(kustomization!.sortOptions).toEqual({ order: 'fifo' });
    expect([...kustomization!.resources, 'kustomization.yaml'].sort()).toEqual(filesIn(join(out, 'search', set)));
  }
  // The route behind all that guards it.
  expect(readFileSync(join(out, 'search/gateway/kustomization.yaml'), 'utf8')).toMatch(/- route\.yaml\n$/);
});

it('says which kinds the clusters have to know that not every platform has', () => {
  expect(run().stdout).not.toContain('Kinds that their clusters have to know');
  const settings = join(out, 'settings.yaml');
  writeFileSync(settings, 'image: {name: registry.example.com/tierkit, tag: "1"}\nobjectives: true\n');
  expect(run({}, { settings, dryRun: true }).stderr).toContain('  model: InferenceObjective (llm-d.ai/v1alpha2): ');
  const { stdout } = run({ budget: '5', price: '1/2' }, { force: true });
  expect(stdout).toContain('  gateway: PriceTable, Budget (tierkit.dev/v1alpha1): npx tierkit crds | kubectl apply --server-side -f -');
});

it('prints the same objects with --dry-run, and writes nothing', () => {
  const { stdout, stderr } = run({}, { dryRun: true });
  expect(stderr).toContain('every request is refused');
  expect(filesIn(out)).toEqual([]);
  run();
  const written = filesIn(out)
    .filter((file) => !file.endsWith('kustomization.yaml'))
    .flatMap((file) => documents(readFileSync(join(out, file), 'utf8')));
  expect(documents(stdout).sort()).toEqual(written.sort());
});

it('changes nothing the second time, and overwrites nothing that differs without --force', () => {
  run();
  expect(run().stdout).toMatch(/^11 files are as before\n/);
  const file = join(out, 'search/model/quota.yaml');
  writeFileSync(file, 'mine\n');
  expect(() => run({ replicas: '2' })).toThrow(
    [
      `${join(out, 'search')} has files that differ; nothing was written:`,
      '  model/namespace.yaml',
      '  model/quota.yaml',
      '  model/serving.yaml',
      'Look at them, and say --force to overwrite them.',
    ].join('\n'),
  );
  expect(readFileSync(file, 'utf8')).toBe('mine\n');
  expect(readFileSync(join(out, 'search/model/serving.yaml'), 'utf8')).toContain('replicas: 1');
  run({ replicas: '2' }, { force: true });
  expect(readFileSync(file, 'utf8')).toContain('kind: ResourceQuota');
});

it('says of a file that nothing names any more that it can go', () => {
  run({ 'requests-per-minute': '60' });
  const { stdout } = run({}, { force: true });
  expect(stdout).toContain(`${join(out, 'search/gateway/limits.yaml')} is not made any more, and no kustomization names it: remove it`);
});

it('refuses a name or a model that another team of the folder has, and writes nothing', () => {
  run({ contact: 'search@example.com' });
  expect(() => run({ model: 'other', owner: 'team-ads' })).toThrow(
    'NAME: search is taken by team-search (search@example.com); choose another name',
  );
  expect(() => run({ name: 'ads', owner: 'team-ads' })).toThrow('--model: "search-8b" is served by search of team-search already');
  expect(readdirSync(out)).toEqual(['search']);
});

it('goes by the settings of a platform: its names, and who serves what', () => {
  const settings = join(out, 'settings.yaml');
  writeFileSync(
    settings,
    'image: {name: registry.example.com/tierkit, tag: "1"}\nnamespaces: {tierOne: edge}\nmodels: [{namespace: demo, name: d, model: chat, runtime: simulator}]\n',
  );
  const { stdout } = run({}, { settings, dryRun: true });
  expect(stdout).toContain('namespace: edge');
  expect(stdout).not.toContain('tierkit-tier-one');
  expect(() => run({ model: 'chat' }, { settings })).toThrow('"chat" is served by demo/d already');
  expect(() => run({}, { settings: join(out, 'gone.yaml') })).toThrow(/^--settings: .*gone\.yaml cannot be read: /);
  writeFileSync(settings, 'image: {name: a}\n');
  expect(() => run({}, { settings })).toThrow('image: one of tag and digest is required');
});

it('takes no folder for free whose namespace does not say what it was made of', () => {
  run();
  const file = join(out, 'search/model/namespace.yaml');
  writeFileSync(file, 'kind: Namespace\n');
  expect(() => run({ name: 'ads', model: 'a', owner: 'b' })).toThrow(`${file} has no annotation tierkit.dev/onboarding`);
  writeFileSync(file, 'a: [');
  expect(() => run({ name: 'ads', model: 'a', owner: 'b' })).toThrow(`${file} cannot be read (`);
});

it('prints the plan of the way out of a team that is there, or writes it', () => {
  run();
  const leave = (name: string, file?: string) => offboard({ name, settings: undefined, from: out, out: file });
  const { stdout } = leave('search');
  expect(stdout).toContain('2. Drain at tier one: take the route away, before anything else\n');
  expect(stdout).toContain(`git rm -r ${out}/search/gateway/route.yaml`);
  const file = join(out, 'plan.txt');
  expect(leave('search', file).stdout).toBe(`wrote ${file}\n`);
  expect(readFileSync(file, 'utf8')).toBe(stdout);
  expect(() => leave('serach')).toThrow('has no team "serach"; did you mean "search"? (there: search)');
});

const step = (text: string, dryRun = false): Said => {
  const [verb, argument] = text.split(' ');
  return release({ name: 'search', texts: { step: verb, argument }, settings: undefined, from: out, dryRun });
};

describe('a release', () => {
  it('is told, and changes what differs, in the set of the models alone', () => {
    run({ 'requests-per-minute': '60' });
    expect(release({ name: 'search', texts: {}, settings: undefined, from: out, dryRun: false }).stdout).toContain('there is no release');
    const gateway = filesIn(join(out, 'search/gateway')).map((file) => readFileSync(join(out, 'search/gateway', file), 'utf8'));
    const { stdout } = step('start v2');
    expect(stdout).toContain(`kubectl apply -k ${join(out, 'search/model')}\n`);
    expect(stdout).not.toContain('gateway');
    step('promote');
    const finished = step('finish').stdout;
    const deletions = [...finished.matchAll(/kubectl delete .*? ?-n search ([a-z]+)[./]/g)].map(([, kind]) => kind);
    expect(deletions.slice(0, 2)).toEqual(['httproute', 'deployment']);
    expect(filesIn(join(out, 'search/gateway')).map((file) => readFileSync(join(out, 'search/gateway', file), 'utf8'))).toEqual(gateway);
    expect(readFileSync(join(out, 'search/model/serving.yaml'), 'utf8')).not.toMatch(/^  name: search$/m);
  });

  it('prints the objects with --dry-run, and writes nothing', () => {
    run();
    const before = readFileSync(join(out, 'search/model/route.yaml'), 'utf8');
    expect(step('start v2', true).stdout).toContain('kind: HTTPRoute');
    expect(readFileSync(join(out, 'search/model/route.yaml'), 'utf8')).toBe(before);
  });

  it('overwrites no file that somebody changed, and leaves alone those that it does not change', () => {
    run();
    const route = join(out, 'search/model/route.yaml');
    const access = join(out, 'search/model/access.yaml');
    writeFileSync(access, 'mine\n');
    writeFileSync(route, 'mine\n');
    expect(() => step('start v2')).toThrow('  model/route.yaml\nThey were changed by hand');
    run({}, { force: true });
    writeFileSync(access, 'mine\n');
    step('start v2');
    expect(readFileSync(access, 'utf8')).toBe('mine\n');
  });

  it('is kept when the same team asks again', () => {
    run();
    step('start v2');
    run({ replicas: '3' }, { force: true });
    expect(release({ name: 'search', texts: {}, settings: undefined, from: out, dryRun: false }).stdout).toContain('search-v2 has 0 %');
  });
});
