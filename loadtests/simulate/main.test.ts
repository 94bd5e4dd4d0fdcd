import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { simulate } from './main.ts';

async function output(...args: string[]): Promise<string> {
  let said = '';
  await simulate(args, (text) => {
    said += `${text}\n`;
  });
  return said;
}

const SMALL = ['--workload', 'burst', '--pods', '2', '--policy', 'round-robin', '--policy', 'tierkit'];

test('the same command gives the same table, with ratios to round robin', async () => {
  const table = await output(...SMALL);
  expect(await output(...SMALL)).toBe(table);
  expect(table).toMatch(/^\| round-robin \|.*\| 1\.00 \| – \|$/m);
  expect(table).toMatch(/^\| \*\*tierkit\*\* \|/m);
});

test('several seeds are averaged, and told one by one in JSON', async () => {
  const results = JSON.parse(await output(...SMALL, '--json', '--seed', '1', '--seed', '2')) as { policy: string; seed: number }[];
  expect(results.map(({ policy, seed }) => `${policy} ${seed}`)).toEqual(['round-robin 1', 'round-robin 2', 'tierkit 1', 'tierkit 2']);
});

test('tables and chart are written to files', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'simulate-'));
  try {
    const table = await output(...SMALL, '--out', join(folder, 'a.md'), '--chart', join(folder, 'a.svg'));
    const report = await readFile(join(folder, 'a.md'), 'utf8');
    expect(report).toContain(table.trim());
    expect(report).toContain('not measured on GPUs');
    const svg = await readFile(join(folder, 'a.svg'), 'utf8');
    for (const part of ['<svg', 'round-robin', 'tierkit', 'burst']) expect(svg).toContain(part);
    expect(svg).not.toContain('NaN');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('one decision is explained', async () => {
  const said = await output('--workload', 'burst', '--pods', '2', '--explain', '0.3.0');
  expect(said).toMatch(/^Request 0\.3\.0 at .* tokens: /);
  expect(said).toContain('| **10.0.0.');
  expect(said).toContain('ended:');
});

test('what is not known is said, with the nearest name', async () => {
  for (const [args, message] of [
    [['--workload', 'brst'], 'there is no workload "brst"; did you mean "burst"?'],
    [['--policy', 'tierkt'], 'there is no policy "tierkt"; did you mean "tierkit"?'],
    [['--sead', '1'], 'unknown option --sead; did you mean "seed"?'],
    [['--seed', '-1'], '--seed'],
    [['--pods', '0'], '--pods must be a whole number from 1 to 200, not "0"'],
    [['--explain', '0.1.0', '--workload', 'all'], '--explain takes one workload'],
    [['--explain', '9.9.9', '--workload', 'burst', '--pods', '1'], 'no request "9.9.9"'],
  ] as const) {
    await expect(output(...args)).rejects.toThrow(TypeError);
    await expect(output(...args)).rejects.toThrow(message);
  }
});
