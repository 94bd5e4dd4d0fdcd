import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { addressesOf } from '../plan/addresses.ts';
import { planOf } from '../plan/plan.ts';
import type { Samples } from '../platform/watch.ts';
import { InvalidSummary, readResults } from './figures.ts';
import { findingsOf } from './findings.ts';
import { html } from './html.ts';
import { markdown, markdownTable } from './markdown.ts';
import { type About, reportOf } from './report.ts';

const ALL = addressesOf({
  BASE_URL: 'http://b',
  TIER_ONE_URL: 'http://1',
  TIER_TWO_URL: 'http://2',
  POD_URLS: 'http://p',
  TENANTS_URL: 'http://t',
});
const PLAN = planOf('streaming', { LOAD_SECONDS: '4', LOAD_RATE: '5' }, ALL);
const ABOUT: About = {
  date: '2026-11-25 15:00 UTC',
  machine: 'a <machine>',
  k6: 'k6 v2.1.0',
  command: 'npm run load -- streaming',
  target: 'a platform',
  canStream: true,
  leftOut: [],
};
const SAMPLES: Samples = {
  'tier-one': Array.from({ length: 31 }, (_, index) => ({ atS: index * 2, rssMib: 100 + index, cpuS: index * 0.5 })),
};

type Summary = { metrics: Record<string, Record<string, unknown>> };
/** What k6 2.1 wrote at the end of `npm run load -- streaming --duration 4s --rate 5`. */
const recorded = (): Summary => JSON.parse(readFileSync(join(import.meta.dirname, 'recorded.fixture.json'), 'utf8')) as Summary;
/** With some figures changed. */
function changed(changes: Readonly<Record<string, Record<string, unknown>>>): Summary {
  const { metrics } = recorded();
  for (const [name, values] of Object.entries(changes)) metrics[name] = { ...metrics[name], ...values };
  return { metrics };
}

test('figures are those of the row, not those of all', () => {
  const summary = changed({
    'llm_ttft{tier:both,part:stream}': { med: 20.5, 'p(95)': 40, 'p(99)': 50, count: 20 },
    'llm_failed{tier:both,part:stream}': { passes: 3, fails: 17 },
    'llm_goodput{tier:both,part:stream}': { passes: 15, fails: 5 },
    'llm_errors{tier:both,part:stream,class:told}': { count: 3 },
    'dropped_iterations{scenario:stream_both_1}': { count: 4 },
    'dropped_iterations{scenario:stream_both_2}': { count: 1 },
  });
  const both = readResults(summary, PLAN).figures.find(({ row }) => row.tier === 'both');
  expect(both).toMatchObject({ requests: 20, failed: 3, dropped: 5, errors: { told: 3 }, ttft: { p50: 20.5, p95: 40, p99: 50 } });
  // What was due and not even sent is no good request either.
  expect(both?.goodput).toBe(15 / 25);
});

test('a summary of another run, or none, is refused', () => {
  expect(() => readResults({}, PLAN)).toThrow(InvalidSummary);
  expect(() => readResults(recorded(), planOf('unary', {}, ALL))).toThrow(/no llm_failed\{tier:pods,part:unary\}.*another run/);
});

test('true in k6’s file says that a threshold was crossed', () => {
  const name = 'llm_goodput{tier:both,part:stream}';
  expect(readResults(recorded(), PLAN).crossed).toEqual([]);
  const summary = changed({ [name]: { thresholds: { 'rate>=0.95': true } } });
  expect(readResults(summary, PLAN).crossed).toEqual([`${name}: rate>=0.95`]);
  const report = reportOf(summary, PLAN, ABOUT, {}, undefined);
  expect(markdown(report)).toContain('**Failed: 1 thresholds were crossed.**');
  expect(html(report)).toContain('<strong class="failed">');
});

test('overhead is through less directly', () => {
  const summary = changed({
    'llm_ttft{tier:pods,part:stream}': { med: 12, 'p(95)': 30, count: 1 },
    'llm_ttft{tier:both,part:stream}': { med: 15.5, 'p(95)': 28, count: 1 },
  });
  const findings = findingsOf(PLAN, readResults(summary, PLAN), {}, undefined);
  expect(findings).toContain(
    'Through both tiers, the first token comes 3.5 ms later at p50 and 2.0 ms earlier at p95 than from the pods directly.',
  );
});

test('the knee is the last rate before the objectives are missed, in the order of the rates', () => {
  const plan = planOf('ramp', { LOAD_RATE: '80' }, ALL);
  const metrics = Object.fromEntries(
    plan.rows.flatMap(({ part, rate }) => {
      const good = rate < 40 ? 100 : 60;
      const key = `{tier:both,part:${part}}`;
      return [
        [`llm_failed${key}`, { passes: 0, fails: 100 }],
        [`llm_goodput${key}`, { passes: good, fails: 100 - good }],
      ];
    }),
  );
  const findings = findingsOf(plan, readResults({ metrics }, plan), {}, undefined);
  expect(findings).toEqual(['Through both tiers, 95 % of the requests met the objectives up to 30 a second; at 40 it was 60.0 %.']);
});

test('memory of a soak: the slope of the last two thirds', () => {
  const plan = planOf('soak', {}, ALL);
  const metrics = Object.fromEntries(plan.rows.map(({ part }) => [`llm_failed{tier:both,part:${part}}`, { passes: 0, fails: 1 }]));
  expect(findingsOf(plan, readResults({ metrics }, plan), SAMPLES, undefined)[0]).toMatch(
    /^Memory of tier-one: 30\.00 ± 0\.00 MiB a minute/,
  );
});

test('the report: one line a tier, charts, and HTML that nothing can break out of', () => {
  const report = reportOf(recorded(), PLAN, ABOUT, SAMPLES, undefined);
  const text = markdown(report);
  expect(text.split('\n').filter((line) => line.includes('| stream | 5 |'))).toHaveLength(4);
  expect(text).toContain('| tier-one | 100 | 130 | 130 | 15.0 | 25.0 % |');
  expect(report.charts.map(({ name }) => name)).toEqual(['first-token', 'gaps', 'whole', 'goodput', 'memory']);
  for (const { svg } of report.charts) expect(svg).toMatch(/^<svg[\s\S]*<\/svg>$/);
  const page = html(report);
  expect(page).toContain('a &lt;machine&gt;');
  expect(page).not.toContain('a <machine>');
  expect(page.match(/<svg/g)).toHaveLength(5);
  expect(page).not.toMatch(/https?:\/\/(?!www\.w3\.org)|<script/);
});

test('a bar in a cell does not make another one', () => {
  expect(markdownTable({ heads: ['a', 'b'], rows: [['x|y', '1']] })).toBe('| a | b |\n|---|--:|\n| x\\|y | 1 |');
});
