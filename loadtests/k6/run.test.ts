import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { runLoad } from './run.fixture.ts';

const RECORDED = join(import.meta.dirname, 'report/recorded.fixture.json');
/** Given addresses: nothing is started, and nothing is called by the stand-in for k6. */
const ADDRESSES = {
  BASE_URL: 'http://127.0.0.1:9',
  TIER_ONE_URL: 'http://127.0.0.1:9',
  TIER_TWO_URL: 'http://127.0.0.1:9',
  POD_URLS: 'http://127.0.0.1:9',
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'load-test-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A stand-in for k6 that writes a recorded summary; it keeps its arguments and the variables of the load in files. */
function standIn(exitCode: number, modules = 'k6sse/sse , k6/x/sse [js]'): string {
  const file = join(folder, 'k6');
  writeFileSync(
    file,
    `#!/bin/sh
if [ "$1" = version ]; then echo "k6 v9.9.9 (go1, linux)"; echo "${modules}"; exit 0; fi
echo "$@" > ${folder}/arguments; env > ${folder}/environment
for each in "$@"; do case "$each" in --summary-export=*) cp ${RECORDED} "\${each#*=}";; esac; done
exit ${exitCode}
`,
  );
  chmodSync(file, 0o755);
  return file;
}

test('without k6 it says where to get one, and starts nothing', async () => {
  const { code, err } = await runLoad(['smoke'], { PATH: folder });
  expect(err).toMatch(/^load: there is no k6: put it on PATH, or name it in K6 .*k6\/x\/sse/);
  expect(err.trim().split('\n')).toHaveLength(1);
  expect(code).toBe(1);
  const named = await runLoad(['smoke'], { PATH: folder, K6: join(folder, 'none') });
  expect(named.err).toMatch(/^load: there is no k6/);
});

test('a wrong option is told in one line, with exit code 2', async () => {
  const { code, err } = await runLoad(['streeming'], { K6: standIn(0) });
  expect(code).toBe(2);
  expect(err).toMatch(/^load: no scenario is called "streeming" .*"streaming"|^load: .*streaming/);
  expect(existsSync(join(folder, 'arguments'))).toBe(false);
});

test('the settings reach k6, and its summary becomes a report', async () => {
  const out = join(folder, 'out');
  const args = ['streaming', '--duration', '4s', '--rate', '5', '--out', out];
  const { code, stdout, err } = await runLoad(args, {
    K6: standIn(0),
    ...ADDRESSES,
    K6_PROMETHEUS_RW_SERVER_URL: 'http://127.0.0.1:9/api/v1/write',
  });
  expect(err).toContain('given by BASE_URL');
  expect(code).toBe(0);
  expect(readFileSync(join(folder, 'arguments'), 'utf8')).toMatch(/--out=experimental-prometheus-rw .*scenarios\/streaming\.ts/);
  const environment = readFileSync(join(folder, 'environment'), 'utf8').split('\n');
  expect(environment).toEqual(expect.arrayContaining(['LOAD_SECONDS=4', 'LOAD_RATE=5', 'K6_AUTO_EXTENSION_RESOLUTION=false']));
  expect(environment.filter((line) => line.startsWith('SSE='))).toEqual([]);
  expect(stdout).toContain('| both tiers | stream | 5 |');
  expect(readFileSync(join(out, 'report.md'), 'utf8')).toContain('![first-token](first-token.svg)');
  for (const file of ['report.html', 'first-token.svg', 'summary.json'])
    expect({ file, there: existsSync(join(out, file)) }).toEqual({ file, there: true });
});

test('a threshold that was crossed is exit code 1, with a report all the same', async () => {
  const out = join(folder, 'out');
  const { code } = await runLoad(['streaming', '--out', out], { K6: standIn(99), ...ADDRESSES });
  expect(code).toBe(1);
  expect(existsSync(join(out, 'report.html'))).toBe(true);
});

test('a k6 that fails, and a summary of another run, are no report', async () => {
  const out = join(folder, 'out');
  const failed = await runLoad(['streaming', '--out', out], { K6: standIn(107), ...ADDRESSES });
  expect([failed.code, failed.err]).toEqual([1, expect.stringContaining('k6 ended with exit code 107')]);
  const other = await runLoad(['unary', '--out', out], { K6: standIn(0), ...ADDRESSES });
  expect([other.code, other.err]).toEqual([1, expect.stringContaining('it is of another run')]);
  expect(existsSync(join(out, 'report.html'))).toBe(false);
});

test('stock k6: streams as a whole, said so; what needs a stream is refused', async () => {
  const stock = standIn(0, '');
  const out = join(folder, 'out');
  const { code, stdout, err } = await runLoad(['streaming', '--out', out], { K6: stock, ...ADDRESSES });
  expect(code).toBe(0);
  expect(err).toContain('streams are read as a whole');
  expect(stdout).toContain('This k6 has no k6/x/sse');
  expect(readFileSync(join(folder, 'environment'), 'utf8')).toContain('SSE=no');
  const leaves = await runLoad(['disconnects'], { K6: stock, ...ADDRESSES });
  expect([leaves.code, leaves.err]).toEqual([1, expect.stringContaining('disconnects needs a k6 with k6/x/sse')]);
});

test('what has no address is left out, or needed by name', async () => {
  const K6 = standIn(0);
  const faults = await runLoad(['faults'], { K6, BASE_URL: 'http://127.0.0.1:9' });
  expect([faults.code, faults.err]).toEqual([1, expect.stringContaining('faults needs POD_URLS')]);
  const some = await runLoad(['streaming', '--out', join(folder, 'out')], { K6, BASE_URL: 'http://127.0.0.1:9' });
  expect(some.stdout).toContain('Left out, since there is no address: pods, two, one.');
});
