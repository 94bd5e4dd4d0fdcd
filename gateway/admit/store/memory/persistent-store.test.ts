import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { admitted, charge, LONG, standing } from '../store.fixture.ts';
import { PersistentMemoryStore } from './persistent-store.ts';

let folder: string;
let file: string;
let problems: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'counts-'));
  file = join(folder, 'counts');
  problems = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const START = 1_700_000_000_000;
const opened = (now = START): Promise<PersistentMemoryStore> =>
  PersistentMemoryStore.open({ file, onProblem: (problem) => problems.push(problem), now: () => now });

test('a restart forgets nothing that was used, and all that was set aside', async () => {
  const before = await opened();
  for (let i = 0; i < 5000; i++) admitted(before.reserve([charge({ key: `tenant "${i}"` })])).settle([i % 10]);
  admitted(before.reserve([charge({ amount: 5 }), charge({ key: 'long', window: LONG, amount: 5 })])).settle([3, 4]);
  admitted(before.reserve([charge({ amount: 2 })]));
  await before.close();
  const after = await opened(START + 30_000);
  expect(await standing(after)).toEqual([3, 0, 7]);
  expect(await standing(after, { key: 'long', window: LONG })).toEqual([4, 0, 6]);
  expect(await standing(after, { key: 'tenant "4999"' })).toEqual([9, 0, 1]);
  await after.close();
  expect(problems).toEqual([]);
  expect(readdirSync(folder)).toEqual(['counts']);
});

test('windows that have passed are not taken up', async () => {
  const before = await opened();
  admitted(before.reserve([charge({ amount: 5 })])).settle([3]);
  await before.close();
  const after = await opened(START + 70_000);
  expect(after.size).toBe(0);
  await after.close();
});

test('a broken file is told and ignored, and then replaced', async () => {
  const before = await opened();
  for (const key of ['a', 'b', 'c']) admitted(before.reserve([charge({ key })])).settle([1]);
  await before.close();
  const whole = readFileSync(file, 'utf8');
  const broken: [string, RegExp][] = [
    ['', /ends after 0 counts/],
    ['tierkit-counts-0\n0\n', /line 1 is not/],
    [whole.slice(0, -3), /ends after \d counts/],
    [whole.replace('\n3\n', '\n4\n'), /ends after 3 counts, and 4/],
    [whole.replace('"a"', '7'), /line 2 is no count/],
    [whole.slice(0, whole.length / 2), /JSON|ends after/],
  ];
  for (const [text, reason] of broken) {
    writeFileSync(file, text);
    problems = [];
    const store = await opened();
    expect(store.size).toBe(0);
    expect(problems.join()).toMatch(reason);
    expect(problems.join()).toContain(file);
  }
});

test('a folder that is not there is told, and stops nothing', async () => {
  file = join(folder, 'none', 'counts');
  const store = await opened();
  admitted(store.reserve([charge()])).settle([1]);
  await store.close();
  expect(problems.join()).toMatch(/cannot be written to .*none/);
});
