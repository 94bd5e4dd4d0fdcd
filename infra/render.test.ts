import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { loadAll } from 'js-yaml';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { FLAVOURS } from './charts/flavours.fixture.ts';
import type { Manifest } from './charts/part.ts';
import { platform } from './charts/platform.ts';
import { render } from './charts/render.ts';
import { main } from './render.ts';

describe('files of a platform', () => {
  it.each(Object.entries(FLAVOURS))('of %s have every object, in order', (_, settings) => {
    const files = [...render(settings)].filter(([path]) => path.endsWith('.yaml'));
    const objects = files.flatMap(([, text]) => loadAll(text) as Manifest[]);
    expect(objects).toEqual(platform(settings).flatMap(({ manifests }) => JSON.parse(JSON.stringify(manifests)) as Manifest[]));
    expect(files.map(([path]) => /(\d\d)-/.exec(path)?.[1])).toEqual(files.map((_, index) => String(index + 1).padStart(2, '0')));
  });

  it('of two clusters are in a folder of each', () => {
    const paths = [...render(FLAVOURS['dev-two-clusters']!).keys()];
    expect(paths).toContain('model/06-tier-two.yaml');
    expect(paths.filter((path) => !/^(gateway|model)\//.test(path))).toEqual(['NOTES.txt']);
  });

  it('come with what they cannot have: Secrets, and addresses', () => {
    const notes = render(FLAVOURS['production-two-clusters']!).get('NOTES.txt')!;
    expect(notes).toContain('tierkit-tier-one/tier-one-keys\n    tier-one.pem: Ed25519 private key');
    expect(notes).toContain('apiKey: the value of providers[0].key (openaiKey)');
    expect(notes).toContain('apiKey: the content of /run/secrets/cohere');
    expect(notes).toContain('tierkit-tier-one/azure-key, made by others');
    expect(notes).toMatch(/where HOST is that of Gateway tierkit-tier-two\/tier-two[^]*hostname: HOST/);
  });
});

describe('npm run render', () => {
  let folder: string;
  let said: string[];
  let complaints: string[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tierkit-render-'));
    said = [];
    complaints = [];
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const run = (...args: string[]) =>
    main(
      args,
      (text) => said.push(text),
      (text) => complaints.push(text),
    );
  const settingsFile = (text: string) => {
    const file = join(folder, 'settings.yaml');
    writeFileSync(file, text);
    return file;
  };

  it('writes the files, and says which', () => {
    const out = join(folder, 'out/manifests');
    expect(run(settingsFile('image: {name: a, tag: "1"}'), '--out', out)).toBe(0);
    expect(said).toEqual(
      readdirSync(out)
        .map((file) => join(out, file))
        .sort((a, b) => said.indexOf(a) - said.indexOf(b)),
    );
    expect(readFileSync(join(out, 'NOTES.txt'), 'utf8')).toContain('Secrets that have to be there');
  });

  it('takes JSON as well', () => {
    expect(run(settingsFile('{"image": {"name": "a", "tag": "1"}}'), `--out=${folder}/out`)).toBe(0);
  });

  it('tells every mistake, and writes nothing', () => {
    expect(run(settingsFile('{image: {name: a}, sise: dev}'), `--out=${folder}/out`)).toBe(1);
    expect(complaints[0]).toMatch(
      /2 problems in the settings\n.*sise: unknown field; did you mean "size"\?[^]*image: one of tag and digest/,
    );
    expect(readdirSync(folder)).toEqual(['settings.yaml']);
  });

  it.each([
    [[], 2, /give one file/],
    [['a', 'b'], 2, /give one file/],
    [['a', '--ot=x'], 2, /unknown option --ot; did you mean "out"\?/],
    [['/nowhere/at-all.yaml'], 1, /cannot be read/],
  ])('%j', (args, code, complaint) => {
    expect(run(...args)).toBe(code);
    expect(complaints).toEqual([expect.stringMatching(complaint)]);
  });

  it('says where YAML is none', () => {
    expect(run(settingsFile('image: {name'))).toBe(1);
    expect(complaints).toEqual([expect.stringMatching(/cannot be read: /)]);
  });
});
