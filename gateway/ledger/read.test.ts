import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { numbered, row, temporaryFolder } from './ledger.fixture.ts';
import { ledgerFiles, LedgerReadError, readLedger } from './read.ts';

async function read(files: readonly string[], since?: string): Promise<{ ids: string[]; notes: string[] }> {
  const ids: string[] = [];
  const notes: string[] = [];
  await readLedger({ files, since, row: ({ request_id }) => ids.push(request_id), note: (note) => notes.push(note) });
  return { ids, notes };
}

function lines(...ids: string[]): string {
  return ids.map((id) => `${JSON.stringify(row({ request_id: id }))}\n`).join('');
}

function fileOf(text: string | Buffer): string {
  const file = join(temporaryFolder(), 'rows.jsonl');
  writeFileSync(file, text);
  return file;
}

test('files come from folders, patterns and names, each once, in the order of time', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'b'));
  const [first, second, third] = [
    'ledger-2026-01-01T00-00-00-000Z-b',
    'ledger-2026-01-02T00-00-00-000Z-a',
    'ledger-2026-01-03T00-00-00-000Z-b',
  ];
  const paths = [join(folder, `b/${first}.jsonl`), join(folder, `${second}.jsonl`), join(folder, `b/${third}.jsonl`)];
  for (const path of [...paths, join(folder, 'other.txt')]) writeFileSync(path, '');
  expect(await ledgerFiles([folder])).toEqual([paths[1]]);
  expect(await ledgerFiles([join(folder, 'b'), folder, paths[0]!])).toEqual(paths);
  expect(await ledgerFiles([join(folder, '**/*Z-b.jsonl')])).toEqual([paths[0], paths[2]]);
  for (const path of ['missing', '*.missing', 'other.txt/x'])
    await expect(ledgerFiles([folder, join(folder, path)])).rejects.toThrow(LedgerReadError);
});

test('rows of large files are whole, wherever its pieces end', async () => {
  const ids = numbered(3000);
  const file = fileOf(lines(...ids));
  expect(await read([file])).toEqual({ ids, notes: [] });
});

test('a row that is longer than many pieces of the file is whole', async () => {
  const long = `r-${'x'.repeat(900_000)}`;
  const file = fileOf(lines('a', long, 'b'));
  expect(await read([file])).toEqual({ ids: ['a', long, 'b'], notes: [] });
});

test('a torn last line is left out with a note, even one that looks whole', async () => {
  const file = fileOf(lines('a', 'b'));
  for (const torn of ['{"v":1,"time', lines('c').trimEnd()]) {
    writeFileSync(file, lines('a', 'b') + torn);
    expect(await read([file])).toEqual({
      ids: ['a', 'b'],
      notes: [`${file}:3: left out: the last line has no end: its process was killed, or is writing`],
    });
  }
});

test('what is no row, and rows of a newer version, are left out with a note for each reason', async () => {
  const newer = `${JSON.stringify({ ...row(), v: 2 })}\n`;
  const wrong = [
    'null\n',
    '{}\n',
    '{"v":1}\n',
    '\0\0\0\n',
    `${JSON.stringify({ ...row(), tokens: { input: -1 } })}\n`,
    `${JSON.stringify({ ...row(), tokens: { input: 1.5 } })}\n`,
    `${JSON.stringify({ ...row(), cost: { nanos: '1', currency: 'USD' } })}\n`,
    `${JSON.stringify({ ...row(), cost: { nanos: 1 } })}\n`,
    `${JSON.stringify({ ...row(), time: 5 })}\n`,
    `${JSON.stringify({ ...row(), client_id: 5 })}\n`,
    `${JSON.stringify({ ...row(), receipt: { result: 'ok', input: 'x' } })}\n`,
  ];
  const file = fileOf(lines('a') + newer + wrong.join('') + newer + '\n' + lines('b'));
  expect(await read([file])).toEqual({
    ids: ['a', 'b'],
    notes: [
      `${file}:2 and 1 more: left out: written by a newer version than this one, which knows 1`,
      `${file}:3 and 10 more: left out: no row of a ledger`,
    ],
  });
});

test('a file without line breaks is no ledger', async () => {
  const file = fileOf(Buffer.alloc(5_000_000));
  expect((await read([file])).notes).toHaveLength(1);
  appendFileSync(file, `\n${lines('a')}`);
  expect(await read([file])).toEqual({ ids: ['a'], notes: [`${file}:1: left out: no row of a ledger`] });
});

test('files that were begun before the first day have nothing of it or later, and are not read', async () => {
  const folder = temporaryFolder();
  for (const day of ['30', '31']) writeFileSync(join(folder, `ledger-2026-01-${day}T10-00-00-000Z-a.jsonl`), lines(day));
  writeFileSync(join(folder, 'zz.jsonl'), lines('other'));
  expect(await read(await ledgerFiles([folder]), '2026-01-31')).toEqual({ ids: ['31', 'other'], notes: [] });
});

test('a file that cannot be read', async () => {
  await expect(read(['missing.jsonl'])).rejects.toThrow(/^missing.jsonl cannot be read: ENOENT/);
});

test('a large file takes no more memory than a small one', () => {
  const folder = temporaryFolder();
  const small = join(folder, 'small.jsonl');
  const large = join(folder, 'large.jsonl');
  const many = lines(...numbered(10_000));
  writeFileSync(small, lines('a'));
  for (let part = 0; part < 20; part++) appendFileSync(large, many);
  const script = `
    import { readLedger } from ${JSON.stringify(join(import.meta.dirname, 'read.ts'))};
    import { Report } from ${JSON.stringify(join(import.meta.dirname, 'report.ts'))};
    const report = new Report(['day', 'client']);
    await readLedger({ files: [process.argv[1]], row: (row) => report.add(row), note: console.error });
    console.log(JSON.stringify([report.total.requests, process.resourceUsage().maxRSS]));
  `;
  const run = (file: string): [requests: number, maxKiB: number] => {
    const args = ['--max-old-space-size=32', '--input-type=module', '-e', script, file];
    return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as [number, number];
  };
  const [[few, before], [requests, after]] = [run(small), run(large)];
  expect([few, requests]).toEqual([1, 200_000]);
  // The file has about 90 MB.
  expect(after - before).toBeLessThan(60_000);
});
