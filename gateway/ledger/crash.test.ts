import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { temporaryFolder } from './ledger.fixture.ts';
import { ledgerFiles, readLedger } from './read.ts';

const WRITER = join(import.meta.dirname, 'writer.fixture.ts');

/** A process that writes rows; how many it has flushed so far. */
function writer(...args: string[]): { child: ChildProcess; flushed: () => number; ended: Promise<void> } {
  const child = spawn(process.execPath, [WRITER, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (data: Buffer) => (said += data.toString()));
  const ended = new Promise<void>((resolve) => {
    child.on('close', () => resolve());
  });
  return { child, flushed: () => Number(said.slice(0, said.lastIndexOf('\n')).split('\n').at(-1)), ended };
}

async function rowsIn(folder: string): Promise<{ ids: string[]; notes: string[] }> {
  const ids: string[] = [];
  const notes: string[] = [];
  const files = await ledgerFiles([folder]);
  await readLedger({ files, row: ({ request_id }) => ids.push(request_id), note: (note) => notes.push(note) });
  return { ids, notes };
}

test('a process that is killed has written all that it had flushed, each row once', async () => {
  const folder = temporaryFolder();
  const { child, flushed, ended } = writer(folder, 'r-');
  await expect.poll(flushed, { timeout: 15_000, interval: 5 }).toBeGreaterThan(2000);
  child.kill('SIGKILL');
  await ended;
  const { ids, notes } = await rowsIn(folder);
  expect(ids.length).toBeGreaterThanOrEqual(flushed());
  expect(ids).toEqual(ids.map((_, index) => `r-${index}`));
  expect(notes.length).toBeLessThanOrEqual(1);
});

test('two processes write to one folder at a time', async () => {
  const folder = temporaryFolder();
  await Promise.all([writer(folder, 'a-', '3000').ended, writer(folder, 'b-', '3000').ended]);
  const { ids, notes } = await rowsIn(folder);
  expect(notes).toEqual([]);
  expect(ids).toHaveLength(6000);
  for (const prefix of ['a-', 'b-']) {
    const theirs = ids.filter((id) => id.startsWith(prefix));
    expect(theirs).toEqual(theirs.map((_, index) => `${prefix}${index}`));
    expect(theirs).toHaveLength(3000);
  }
});
