import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, test } from 'vitest';

import { findK6, K6_MISSING } from './k6.ts';
import { type Ended, runLoad } from './run.fixture.ts';

const k6 = findK6(process.env);
const isMissing = k6 === undefined || !k6.canStream;
if (isMissing)
  console.warn(`skipped: the load scenarios with a real k6. ${k6 === undefined ? K6_MISSING : `${k6.version} has no k6/x/sse`}`);

/** Objectives that any machine meets: what is tested is that every answer is complete, not how soon. */
const PATIENT = ['--ttft', '50s', '--tpot', '10s'];

describe.skipIf(isMissing && process.env['REQUIRE_REAL'] !== '1')('a real k6 against a real platform of its own', () => {
  const folder = mkdtempSync(join(tmpdir(), 'load-real-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function load(scenario: string, ...args: string[]): Promise<Ended & { report: string }> {
    if (isMissing) throw new Error(`REQUIRE_REAL is set: ${K6_MISSING}`);
    const out = join(folder, scenario);
    const ended = await runLoad([scenario, '--own', '--out', out, ...PATIENT, ...args], { K6: k6.path });
    return { ...ended, report: existsSync(join(out, 'report.md')) ? readFileSync(join(out, 'report.md'), 'utf8') : ended.err };
  }

  test('smoke, through each tier and both', { timeout: 170_000 }, async () => {
    const { code, report } = await load('smoke', '--duration', '2s');
    expect(report).toContain('**Passed: no threshold was crossed.**');
    for (const tier of ['the pods directly', 'tier two alone', 'tier one alone', 'both tiers']) {
      for (const part of ['unary', 'stream']) expect(cells(report, tier, part)).toMatchObject({ failed: '0', goodput: '100.0 %' });
    }
    expect(code).toBe(0);
  });

  test('streaming, through both tiers against the pods, and nothing is left behind', { timeout: 170_000 }, async () => {
    const { code, report, err } = await load('streaming', '--duration', '10s', '--tiers', 'pods,both');
    const both = cells(report, 'both tiers', 'stream');
    expect(both).toMatchObject({ failed: '0', goodput: '100.0 %' });
    // Streams were seen as they came, not as a whole.
    expect(both['TTFT p50 / p95 / p99']).toMatch(/^[\d.]+ \/ [\d.]+ \/ [\d.]+$/);
    expect(Number(both['requests'])).toBeGreaterThan(50);
    expect(report).toContain('![first-token](first-token.svg)');
    expect(code).toBe(0);
    expect(await listens(portOf(err))).toBe(false);
  });

  test('a run that is stopped stops the platform that it has started', { timeout: 120_000 }, async () => {
    if (isMissing) throw new Error(`REQUIRE_REAL is set: ${K6_MISSING}`);
    let isTold = false;
    const args = ['streaming', '--own', '--duration', '60s', '--tiers', 'both', '--out', join(folder, 'stopped')];
    const { code, err } = await runLoad(args, { K6: k6.path }, (child, said) => {
      if (isTold || !said.includes('a platform of its own at')) return;
      isTold = true;
      // Once k6 has taken the signals over.
      setTimeout(() => child.kill('SIGTERM'), 3000);
    });
    expect([code, err]).toEqual([1, expect.stringContaining('load: stopped by SIGTERM')]);
    expect(await listens(portOf(err))).toBe(false);
    expect(existsSync(join(folder, 'stopped'))).toBe(false);
  });
});

/** A row of the report's first table, by its heads. */
function cells(report: string, tier: string, part: string): Record<string, string> {
  const lines = report.split('\n').filter((line) => line.startsWith('|'));
  const heads = split(lines[0] ?? '');
  const row = lines.map(split).find(([first, second]) => first === tier && second === part) ?? [];
  return Object.fromEntries(heads.map((head, index) => [head, row[index] ?? '']));
}

function split(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

function portOf(text: string): number {
  return Number(/a platform of its own at http:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1]);
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
