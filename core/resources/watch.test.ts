import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { FolderWatch } from './watch.ts';

let dir: string;
let calls: number;
let watch: FolderWatch;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'watch-'));
  calls = 0;
  watch = new FolderWatch(() => calls++);
});
afterEach(() => {
  watch.close();
  rmSync(dir, { recursive: true, force: true });
});

/** Until a call has come, and none has followed. Then the count begins anew. */
async function called(): Promise<number> {
  await vi.waitFor(() => expect(calls).toBeGreaterThan(0), { timeout: 10_000, interval: 10 });
  return settled();
}

/** Calls until there are no more. */
async function settled(): Promise<number> {
  for (let before = -1; before !== calls; await sleep(150)) before = calls;
  const count = calls;
  calls = 0;
  return count;
}

async function watching(...folders: string[]): Promise<void> {
  watch.update(folders.map((folder) => join(dir, folder)));
  await called();
}

it('calls back for a folder that is new to it: it may have changed since it was read', async () => {
  watch.update([dir]);
  expect(await called()).toBe(1);
  watch.update([dir]);
  expect(await settled()).toBe(0);
});

it('notices a file that is written, and one that is renamed over another, as editors do it', async () => {
  await watching('');
  writeFileSync(join(dir, 'a.yaml'), 'one');
  expect(await called()).toBeGreaterThan(0);
  writeFileSync(join(dir, 'a.yaml.tmp'), 'two');
  expect(await called()).toBeGreaterThan(0);
  renameSync(join(dir, 'a.yaml.tmp'), join(dir, 'a.yaml'));
  expect(await called()).toBeGreaterThan(0);
  unlinkSync(join(dir, 'a.yaml'));
  expect(await called()).toBeGreaterThan(0);
});

it('notices the swap of a link by which the kubelet changes a mounted ConfigMap', async () => {
  for (const version of ['v1', 'v2']) {
    mkdirSync(join(dir, `..${version}`));
    writeFileSync(join(dir, `..${version}`, 'a.yaml'), version);
  }
  symlinkSync('..v1', join(dir, '..data'));
  symlinkSync('..data/a.yaml', join(dir, 'a.yaml'));
  await watching('');
  symlinkSync('..v2', join(dir, '..data_tmp'));
  renameSync(join(dir, '..data_tmp'), join(dir, '..data'));
  expect(await called()).toBeGreaterThan(0);
});

it('makes one call of a bunch of changes, and does not wait for ever while they go on', async () => {
  await watching('');
  for (let index = 0; index < 50; index++) writeFileSync(join(dir, `${index}.yaml`), 'x');
  expect(await called()).toBe(1);

  let count = 0;
  const writer = setInterval(() => writeFileSync(join(dir, 'busy.yaml'), String(count++)), 10);
  try {
    await vi.waitFor(() => expect(calls).toBeGreaterThan(0), { timeout: 10_000 });
  } finally {
    clearInterval(writer);
  }
});

it('follows the name when another folder takes it', async () => {
  mkdirSync(join(dir, 'config'));
  await watching('config');
  // With the parent out of sight, the folder itself is all that can tell.
  renameSync(join(dir, 'config'), join(dir, 'old'));
  mkdirSync(join(dir, 'config'));
  expect(await called()).toBeGreaterThan(0);
  watch.update([join(dir, 'config')]);
  expect(await called()).toBeGreaterThan(0);
  writeFileSync(join(dir, 'config', 'a.yaml'), 'x');
  expect(await called()).toBeGreaterThan(0);
  writeFileSync(join(dir, 'old', 'a.yaml'), 'x');
  expect(await settled()).toBe(0);
});

it('follows a link to a folder to where it leads now', async () => {
  mkdirSync(join(dir, 'v1'));
  mkdirSync(join(dir, 'v2'));
  symlinkSync('v1', join(dir, 'current'));
  await watching('current');
  unlinkSync(join(dir, 'current'));
  symlinkSync('v2', join(dir, 'current'));
  watch.update([join(dir, 'current')]);
  expect(await called()).toBeGreaterThan(0);
  writeFileSync(join(dir, 'v2', 'a.yaml'), 'x');
  expect(await called()).toBeGreaterThan(0);
});

it('watches a folder again that went and came back', async () => {
  mkdirSync(join(dir, 'config'));
  await watching('config', '');
  rmSync(join(dir, 'config'), { recursive: true });
  expect(await called()).toBeGreaterThan(0);
  watch.update([dir]);
  mkdirSync(join(dir, 'config'));
  expect(await called()).toBeGreaterThan(0);
  watch.update([dir, join(dir, 'config')]);
  expect(await called()).toBeGreaterThan(0);
  writeFileSync(join(dir, 'config', 'a.yaml'), 'x');
  expect(await called()).toBeGreaterThan(0);
});

it('leaves the folders that it is not told of any more, and says nothing after its end', async () => {
  mkdirSync(join(dir, 'a'));
  mkdirSync(join(dir, 'b'));
  await watching('a', 'b');
  watch.update([join(dir, 'b')]);
  writeFileSync(join(dir, 'a', 'x.yaml'), 'x');
  expect(await settled()).toBe(0);
  writeFileSync(join(dir, 'b', 'x.yaml'), 'x');
  watch.close();
  watch.update([join(dir, 'a')]);
  writeFileSync(join(dir, 'a', 'y.yaml'), 'x');
  expect(await settled()).toBe(0);
});

it('is not disturbed by a folder that is not there', async () => {
  watch.update([join(dir, 'none')]);
  expect(await settled()).toBe(0);
});
