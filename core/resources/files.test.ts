import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { readFiles } from './files.ts';
import { readSecretFiles } from './secret-files.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'files-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Writes files by their path below the folder. */
function write(files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(dir, path, '..'), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
}

function read(...paths: string[]) {
  const { files, problems, folders } = readFiles(paths.map((path) => join(dir, path)));
  return {
    files: files.map(({ file, text }) => [file.slice(dir.length + 1), text]),
    problems: problems.map(({ source, message }) => `${source.file.slice(dir.length + 1)}: ${message}`),
    folders: folders.map((folder) => folder.slice(dir.length + 1)),
  };
}

/** What the kubelet does: a new folder of versions, then one rename of the link to it. */
function mount(path: string, version: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) write({ [`${path}/..${version}/${name}`]: text });
  symlinkSync(`..${version}`, join(dir, path, '..data_tmp'));
  renameSync(join(dir, path, '..data_tmp'), join(dir, path, '..data'));
  for (const name of Object.keys(files)) {
    try {
      symlinkSync(join('..data', name), join(dir, path, name));
    } catch {
      // It is there from the version before.
    }
  }
}

it('reads the resources of a folder in the order of their names, those of its folders included', () => {
  write({ 'b.yml': 'B', 'a.yaml': 'A', 'c.json': 'C', 'D.YAML': 'D', 'notes.md': '-', 'sub/x.yaml': 'X', 'z.yaml.bak': '-', yaml: '-' });
  expect(read('')).toEqual({
    files: [
      ['D.YAML', 'D'],
      ['a.yaml', 'A'],
      ['b.yml', 'B'],
      ['c.json', 'C'],
      ['sub/x.yaml', 'X'],
    ],
    problems: [],
    folders: ['', 'sub'],
  });
});

it('passes over hidden names', () => {
  write({ '.a.yaml': '-', '.git/config.yaml': '-', '.#a.yaml': '-', 'a.yaml': 'A' });
  expect(read('').files).toEqual([['a.yaml', 'A']]);
});

it('reads a file that is named, whatever its name, and watches its folder', () => {
  write({ 'sub/resources.txt': 'R', 'sub/.hidden': 'H' });
  expect(read('sub/resources.txt', 'sub/.hidden')).toEqual({
    files: [
      ['sub/resources.txt', 'R'],
      ['sub/.hidden', 'H'],
    ],
    problems: [],
    folders: ['sub'],
  });
});

it('reports a path without anything, and watches for it to come', () => {
  expect(read('none')).toEqual({ files: [], problems: ['none: there is no such file or folder'], folders: [''] });
});

it('reads each entry of a mounted ConfigMap once, and the new version after a swap', () => {
  mount('cm', '2026_1', { 'a.yaml': 'one', 'b.yaml': 'b' });
  expect(read('cm')).toEqual({
    files: [
      ['cm/a.yaml', 'one'],
      ['cm/b.yaml', 'b'],
    ],
    problems: [],
    folders: ['cm'],
  });
  mount('cm', '2026_2', { 'a.yaml': 'two', 'b.yaml': 'b' });
  expect(read('cm').files[0]).toEqual(['cm/a.yaml', 'two']);
});

it('reports a link to nothing, except one that is no resource', () => {
  write({ 'a.yaml': 'A' });
  symlinkSync('gone.yaml', join(dir, 'b.yaml'));
  symlinkSync('gone', join(dir, 'c'));
  expect(read('')).toMatchObject({ files: [['a.yaml', 'A']], problems: ['b.yaml: is a link to nothing'] });
});

it('follows links to folders, but not in circles', () => {
  write({ 'v1/a.yaml': 'A' });
  symlinkSync('..', join(dir, 'v1', 'up'));
  symlinkSync('v1', join(dir, 'current'));
  expect(read('current').files).toEqual([['current/a.yaml', 'A']]);
  // The link itself is an entry of the folder above: that is where a new version shows.
  expect(read('current').folders).toContain('');
});

it.skipIf(process.getuid?.() === 0)('reports what may not be read, and reads the rest', () => {
  write({ 'a.yaml': 'A', 'b.yaml': 'B', 'sub/c.yaml': 'C' });
  chmodSync(join(dir, 'a.yaml'), 0);
  chmodSync(join(dir, 'sub'), 0);
  expect(read('')).toMatchObject({
    files: [['b.yaml', 'B']],
    problems: ['a.yaml: may not be read (permission denied)', 'sub: may not be read (permission denied)'],
  });
  chmodSync(join(dir, 'sub'), 0o700);
});

function secrets() {
  const { secrets: found, problems, folders } = readSecretFiles(dir);
  return {
    secrets: Object.fromEntries(
      found.map(({ metadata, body }) => [
        `${metadata.namespace}/${metadata.name}`,
        Object.fromEntries(
          Object.entries((body as { data: Record<string, string> }).data).map(([key, value]) => [
            key,
            Buffer.from(value, 'base64').toString(),
          ]),
        ),
      ]),
    ),
    problems: problems.map(({ source, message }) => `${source.file.slice(dir.length + 1)}: ${message}`),
    folders: folders.map((folder) => folder.slice(dir.length + 1)).sort(),
  };
}

it('reads Secrets of the default and of other namespaces', () => {
  write({ 'openai/apiKey': 'k1\n', 'openai/other': '', 'team/anthropic/apiKey': 'k2', 'team/azure/apiKey': 'k3', README: '-' });
  mkdirSync(join(dir, 'empty'));
  expect(secrets()).toEqual({
    secrets: {
      'default/openai': { apiKey: 'k1\n', other: '' },
      'team/anthropic': { apiKey: 'k2' },
      'team/azure': { apiKey: 'k3' },
    },
    problems: [],
    folders: ['', 'empty', 'openai', 'team', 'team/anthropic', 'team/azure'],
  });
});

it('reads a mounted Secret once, as the version that is linked', () => {
  mount('openai', 'v1', { apiKey: 'one' });
  mount('openai', 'v2', { apiKey: 'two' });
  expect(secrets().secrets).toEqual({ 'default/openai': { apiKey: 'two' } });
});

it('keeps bytes as they are', () => {
  mkdirSync(join(dir, 'cert'));
  const bytes = Buffer.from([0, 255, 128, 10]);
  writeFileSync(join(dir, 'cert', 'tls.key'), bytes);
  const [secret] = readSecretFiles(dir).secrets;
  expect(Buffer.from((secret!.body as { data: Record<string, string> }).data['tls.key']!, 'base64')).toEqual(bytes);
});

it('reports an entry that cannot be one, and reads the other Secrets', () => {
  write({ 'a/apiKey': 'x'.repeat(1024 * 1024 + 1), 'b/apiKey': 'k' });
  symlinkSync('gone', join(dir, 'b', 'dangling'));
  symlinkSync('gone', join(dir, 'dangling'));
  expect(secrets()).toMatchObject({
    secrets: { 'default/a': {}, 'default/b': { apiKey: 'k' } },
    problems: [
      'a/apiKey: is larger than 1048576 bytes',
      'b/dangling: there is no such file or folder',
      'dangling: there is no such file or folder',
    ],
  });
});

const at = (name: string) => {
  const { problems, folders } = readSecretFiles(join(dir, name));
  return [problems.map(({ message }) => message), folders.map((folder) => folder.slice(dir.length + 1))];
};

it('reports a folder of Secrets that is none, and watches for it to come', () => {
  write({ file: '-' });
  expect(at('none')).toEqual([['there is no such file or folder'], ['']]);
  expect(at('file')).toEqual([['is no folder'], []]);
});
