import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { dump } from 'js-yaml';
import { afterAll, describe, expect, it } from 'vitest';

import { RECORDINGS } from '../prometheus/recording.ts';
import { alertFile, recordingFile, runbookOf } from '../prometheus/rule-files.ts';
import { promtool, testRules, WITHOUT_PROMTOOL } from '../promtool.fixture.ts';
import { allAlerts, ALERTS } from './all.ts';
import { type AlertCase, CASES } from './cases.fixture.ts';

const ROOT = join(import.meta.dirname, '../..');

const covered = (fires: boolean): Set<string> => new Set(CASES.filter((each) => each.fires === fires).map(({ alert }) => alert));

describe('alerts', () => {
  it('have names of their own, and a case in which each fires and one in which it does not', () => {
    const names = allAlerts().map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect([...covered(true)].sort()).toEqual([...names].sort());
    expect([...covered(false)].sort()).toEqual([...names].sort());
  });

  it.each(allAlerts().map(({ name }) => [name]))('%s has a runbook that says what it means and what to do', (name) => {
    const file = join(ROOT, runbookOf(name));
    expect(existsSync(file)).toBe(true);
    const text = readFileSync(file, 'utf8');
    expect(text).toMatch(new RegExp(`^# ${name}\n`));
    for (const heading of ['## What it means', '## Look', '## Do']) expect(text).toContain(`\n${heading}\n`);
  });
});

describe.skipIf(WITHOUT_PROMTOOL)('promtool', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tierkit-rules-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'recording.yaml'), recordingFile(RECORDINGS));
  writeFileSync(join(folder, 'alerts.yaml'), alertFile(ALERTS));

  async function tested(name: string, cases: readonly AlertCase[]): Promise<string> {
    const file = join(folder, `${name}.yaml`);
    writeFileSync(file, unitTests(cases));
    return testRules(file);
  }

  it('finds no fault in the rules', async () => {
    const text = await promtool('check', 'rules', join(folder, 'recording.yaml'), join(folder, 'alerts.yaml'));
    expect(text).toContain(`${allAlerts().length} rules found`);
  });

  it.each(['1m', '4m'] as const)('evaluates every alert as it is meant, samples each %s', { timeout: 120_000 }, async (every) => {
    expect(
      await tested(
        every,
        CASES.filter((each) => (each.every ?? '1m') === every),
      ),
    ).not.toContain('FAILED');
  });

  it('would notice an alert that fires when it should not', async () => {
    const wrong = CASES.filter(({ alert }) => alert === 'TierkitDown').map((each) => ({ ...each, fires: !each.fires }));
    expect((await tested('wrong', wrong)).match(/alertname=.{2}TierkitDown/g)).toHaveLength(2);
  });
});

/** Cases as promtool reads them. Alerts are looked at as the series ALERTS, so that annotations need not be repeated. */
function unitTests(cases: readonly AlertCase[]): string {
  const every = cases[0]?.every ?? '1m';
  return dump({
    rule_files: ['recording.yaml', 'alerts.yaml'],
    evaluation_interval: every,
    tests: cases.map(({ alert, series, at, fires }) => ({
      name: `${alert} ${fires ? 'fires' : 'is silent'}`,
      interval: every,
      input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
      promql_expr_test: [
        {
          expr: `count(ALERTS{alertname="${alert}", alertstate="firing"})`,
          eval_time: at,
          exp_samples: fires ? [{ labels: '{}', value: 1 }] : [],
        },
      ],
    })),
  });
}
