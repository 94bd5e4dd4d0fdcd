import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { createFile, type LedgerFile } from './file.ts';
import { idsIn, numbered, row, temporaryFolder } from './ledger.fixture.ts';
import { Ledger, LedgerError, type LedgerOptions } from './ledger.ts';

function opened(folder: string, more: Partial<LedgerOptions> = {}): Promise<Ledger> & { readonly said: string[] } {
  const said: string[] = [];
  const options = { folder, flushEveryMs: 10, log: (level: string, message: string) => said.push(`${level} ${message}`), ...more };
  return Object.assign(Ledger.open(options), { said });
}

function write(ledger: Ledger, ids: readonly string[]): void {
  for (const id of ids) ledger.write(row({ request_id: id }));
}

async function passed(condition: () => boolean): Promise<void> {
  await expect.poll(condition, { timeout: 10_000, interval: 5 }).toBe(true);
}

test('rows are in the file soon, without a flush or a close', async () => {
  const folder = join(temporaryFolder(), 'made', 'here');
  const ledger = await opened(folder);
  expect(readdirSync(folder)).toEqual([]);
  write(ledger, numbered(3));
  await passed(() => idsIn(folder).flat().length === 3);
  expect(idsIn(folder)).toEqual([numbered(3)]);
  await ledger.close();
  expect(ledger.written).toBe(3);
});

test('close writes what waits; later rows are counted as lost', async () => {
  const folder = temporaryFolder();
  const ledger = await opened(folder, { flushEveryMs: 3_600_000 });
  write(ledger, numbered(500));
  await ledger.close();
  expect(idsIn(folder).flat()).toEqual(numbered(500));
  write(ledger, ['late']);
  expect(ledger).toMatchObject({ written: 500, lost: 1 });
});

test('files under load end before they are too large, with whole rows in order', async () => {
  const folder = temporaryFolder();
  const ledger = await opened(folder, { maxFileBytes: 200_000 });
  for (let burst = 0; burst < 50; burst++) {
    write(ledger, numbered(200, burst * 200));
    if (burst % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await ledger.close();
  const files = readdirSync(folder);
  expect(files.length).toBeGreaterThan(10);
  for (const file of files) expect(statSync(join(folder, file)).size).toBeLessThanOrEqual(200_000);
  expect(idsIn(folder).flat()).toEqual(numbered(10_000));
});

test('a day of UTC ends a file; names sort by time, and say whose they are', async () => {
  const folder = temporaryFolder();
  let now = Date.parse('2026-01-31T23:59:59.999Z');
  const ledger = await opened(folder, { now: () => now, name: 'gateway/1' });
  for (const id of ['a', 'b']) {
    write(ledger, [id]);
    await ledger.flush();
  }
  now += 1;
  write(ledger, ['c']);
  await ledger.close();
  expect(readdirSync(folder).sort()).toEqual([
    'ledger-2026-01-31T23-59-59-999Z-gateway_1.jsonl',
    'ledger-2026-02-01T00-00-00-000Z-gateway_1.jsonl',
  ]);
  expect(idsIn(folder)).toEqual([['a', 'b'], ['c']]);
});

test('two that have one name in one folder at one time write to two files', async () => {
  const folder = temporaryFolder();
  const same = { now: () => 1_770_000_000_000, name: 'same' };
  const [one, other] = [await opened(folder, same), await opened(folder, same)];
  write(one, numbered(100));
  write(other, numbered(100, 100));
  await Promise.all([one.close(), other.close()]);
  expect(new Set(idsIn(folder))).toEqual(new Set([numbered(100), numbered(100, 100)]));
});

test('a folder that cannot be had stops the start', async () => {
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  await expect(opened(file)).rejects.toThrow(LedgerError);
  await expect(opened(join(file, 'below'))).rejects.toThrow(/^the ledger cannot be written to .*file.below: ENOTDIR/);
});

test.skipIf(process.getuid?.() === 0)('a folder without the right to write stops the start', async () => {
  const folder = temporaryFolder();
  chmodSync(folder, 0o500);
  await expect(opened(folder)).rejects.toThrow(/^the ledger cannot be written to .*: EACCES/);
});

test('a file that ends goes to the disk itself before it is closed', async () => {
  const did: string[] = [];
  const create = async (path: string): Promise<LedgerFile> => {
    const file = await createFile(path);
    const sync = () =>
      file
        .sync()
        .then(() => did.push('sync'))
        .then(() => undefined);
    const close = () =>
      file
        .close()
        .then(() => did.push('close'))
        .then(() => undefined);
    return { ...file, sync, close };
  };
  const ledger = await opened(temporaryFolder(), { create, maxFileBytes: 700, flushEveryMs: 3_600_000 });
  for (const id of numbered(2)) {
    write(ledger, [id]);
    await ledger.flush();
  }
  expect(did).toEqual(['sync', 'close']);
  await ledger.close();
  expect(did).toEqual(['sync', 'close', 'sync', 'close']);
});

test('a folder in whose place a file is loses nothing while memory lasts, and is told once', async () => {
  const folder = join(temporaryFolder(), 'ledger');
  const opening = opened(folder);
  const ledger = await opening;
  rmSync(folder, { recursive: true });
  writeFileSync(folder, '');
  write(ledger, numbered(3000));
  for (let tries = 0; tries < 5; tries++) await ledger.flush();
  write(ledger, numbered(10, 3000));
  expect(ledger).toMatchObject({ written: 0, lost: 0 });
  expect(opening.said).toHaveLength(1);
  expect(opening.said[0]).toMatch(/^error the ledger cannot be written to .*; rows wait in memory/);
  rmSync(folder);
  mkdirSync(folder);
  await passed(() => ledger.written === 3010);
  expect(idsIn(folder).flat()).toEqual(numbered(3010));
  expect(opening.said.slice(1)).toEqual([`info the ledger is written to ${folder} again`]);
  await ledger.close();
});

test('rows beyond the memory are lost, counted, and told once a minute', async () => {
  const folder = join(temporaryFolder(), 'ledger');
  let now = 1_770_000_000_000;
  const opening = opened(folder, { maxWaiting: 20_000, now: () => now });
  const ledger = await opening;
  rmSync(folder, { recursive: true });
  writeFileSync(folder, '');
  write(ledger, numbered(1000));
  const kept = 1000 - ledger.lost;
  expect(kept).toBeGreaterThan(30);
  expect(kept).toBeLessThan(60);
  const told = () => opening.said.filter((text) => text.includes('could not be kept'));
  await passed(() => told().length === 1);
  expect(told()[0]).toContain(`${ledger.lost} rows of the ledger in ${folder} could not be kept`);
  write(ledger, numbered(5, 1000));
  for (let tries = 0; tries < 5; tries++) await ledger.flush();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(told()).toHaveLength(1);
  now += 60_000;
  await passed(() => told().length === 2);
  expect(told()[1]).toContain(`5 rows of the ledger in ${folder} could not be kept, ${1005 - kept} so far`);
  rmSync(folder);
  await passed(() => ledger.written === kept);
  expect(idsIn(folder).flat()).toEqual(numbered(kept));
  // There is room again.
  write(ledger, ['after']);
  await ledger.close();
  expect(ledger).toMatchObject({ written: kept + 1, lost: 1005 - kept });
});

test('what cannot be written at the end is told', async () => {
  const folder = join(temporaryFolder(), 'ledger');
  const opening = opened(folder, { flushEveryMs: 3_600_000 });
  const ledger = await opening;
  rmSync(folder, { recursive: true });
  writeFileSync(folder, '');
  write(ledger, numbered(7));
  await ledger.close();
  expect(ledger).toMatchObject({ written: 0, lost: 7 });
  expect(opening.said.at(-1)).toContain('7 rows of the ledger');
});

test('a file that is deleted, and its folder with it, takes no further rows', async () => {
  const folder = join(temporaryFolder(), 'ledger');
  let now = 1_770_000_000_000;
  const opening = opened(folder, { now: () => now });
  const ledger = await opening;
  write(ledger, ['gone']);
  await ledger.flush();
  rmSync(folder, { recursive: true });
  now += 1000;
  write(ledger, ['kept']);
  await ledger.close();
  expect(idsIn(folder)).toEqual([['kept']]);
  expect(opening.said).toEqual([expect.stringContaining('has been moved or deleted; rows go to a new one')]);
});

/** A disk that takes so many bytes, some at a time, and is then full until there is more room. */
function fullDisk() {
  const disk = { room: 0, files: 0 };
  const create = async (path: string): Promise<LedgerFile> => {
    const file = await createFile(path);
    disk.files++;
    return {
      ...file,
      write: async (bytes) => {
        if (disk.room === 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
        const count = Math.min(bytes.length, disk.room, 1000);
        disk.room -= count;
        return file.write(bytes.subarray(0, count));
      },
      remove: () => {
        disk.files--;
        return file.remove();
      },
    };
  };
  return { disk, create };
}

test.each([0, 1, 333, 334, 335, 5000, 65_537, 150_000])(
  'a disk that is full after %i bytes cuts a row at most, and no row is there twice',
  async (room) => {
    const folder = temporaryFolder();
    const { disk, create } = fullDisk();
    disk.room = room;
    const opening = opened(folder, { create, flushEveryMs: 3_600_000 });
    const ledger = await opening;
    write(ledger, numbered(1000));
    for (let tries = 0; tries < 20; tries++) await ledger.flush();
    expect(disk.files).toBeLessThanOrEqual(1);
    expect(opening.said.filter((text) => text.startsWith('error'))).toHaveLength(1);
    disk.room = 7000;
    await ledger.flush();
    disk.room = Number.POSITIVE_INFINITY;
    await ledger.close();
    expect(idsIn(folder).flat()).toEqual(numbered(1000));
    expect(ledger).toMatchObject({ written: 1000, lost: 0 });
  },
);
