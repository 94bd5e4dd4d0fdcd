import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { dump } from 'js-yaml';
import { afterAll, describe, expect, it } from 'vitest';

import type { Definition } from '#core/telemetry/metrics/definition';
import { METRICS } from '#core/telemetry/metrics/table';

import { queriesOf } from '../alerts/alert.ts';
import { allAlerts } from '../alerts/all.ts';
import { RECORDINGS } from '../prometheus/recording.ts';
import { recordingFile } from '../prometheus/rule-files.ts';
import { promtool, testRules, WITHOUT_PROMTOOL } from '../promtool.fixture.ts';
import { ASKED } from './asked.fixture.ts';

const QUERIES = [
  ...ASKED,
  ...RECORDINGS.flatMap(({ rules }) => rules.map(({ record, expr }) => ({ name: record, expr }))),
  ...allAlerts().flatMap((alert) => queriesOf(alert).map((expr) => ({ name: alert.name, expr }))),
];

describe.skipIf(WITHOUT_PROMTOOL)('promtool', { timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tierkit-queries-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'recording.yaml'), recordingFile(RECORDINGS));

  it('can read every query', async () => {
    const file = join(folder, 'queries.yaml');
    const rules = QUERIES.map(({ expr }, index) => ({ record: `query:${index}`, expr }));
    writeFileSync(file, dump({ groups: [{ name: 'queries', rules }] }));
    expect(await promtool('check', 'rules', '--lint=none', file)).toContain(`${QUERIES.length} rules found`);
  });

  /** Queries that give NaN or infinity where every metric is there, and nothing happens. */
  async function dividesByZero(queries: readonly { readonly name: string; readonly expr: string }[]): Promise<string> {
    const file = join(folder, 'idle.yaml');
    const input = Object.values(METRICS).flatMap(idle);
    const tests = [
      {
        interval: '15s',
        input_series: [...input, ...OTHERS].map((series) => ({ series, values: '7x40' })),
        // NaN is unlike itself, infinity less itself is NaN.
        promql_expr_test: queries.map(({ expr }) => ({ expr: `count(((${expr}) - (${expr})) != 0)`, eval_time: '9m', exp_samples: [] })),
      },
    ];
    writeFileSync(file, dump({ rule_files: ['recording.yaml'], evaluation_interval: '30s', tests }));
    return testRules(file);
  }

  it('finds no division by zero in an idle platform', async () => {
    expect(await dividesByZero(QUERIES)).not.toContain('FAILED');
  });

  it('would notice one', async () => {
    const requests = 'sum(rate(tierkit_requests_total[1m]))';
    const quantile = 'histogram_quantile(0.5, sum by (le) (rate(tierkit_request_duration_seconds_bucket[1m])))';
    const text = await dividesByZero([
      { name: 'share', expr: `${requests} / ${requests}` },
      { name: 'quantile', expr: quantile },
      { name: 'guarded', expr: `${quantile} >= 0` },
    ]);
    expect(text.match(/got:/g)).toHaveLength(2);
  });
});

/** What the labels have that queries go by. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  error_type: ['', 'internal', 'rate_limited'],
  result: ['ok', 'upstream_rate_limited', 'upstream_reset', 'mismatch', 'lost'],
  decision: ['admitted', 'refused', 'shadow'],
  gen_ai_token_type: ['input', 'output', 'cached_input'],
  rule: ['Budget default/teams'],
  source: ['reported', 'estimated'],
  status: ['200', 'success', 'failure'],
  state: ['available', 'ejected'],
  stage: ['effective'],
  chosen_by: ['own', 'fallback'],
  outcome: ['Dispatched', 'EvictedTTL'],
  tier: ['one'],
};

/** Series of a metric, as it has them where all has happened once. */
function idle({ name, type, labels }: Definition): string[] {
  const series = labels.reduce<string[]>(
    (all, label) => (VALUES[label] ?? ['x']).flatMap((value) => all.map((before) => `${before}, ${label}="${value}"`)),
    ['job="tierkit-tier-one", instance="one"'],
  );
  if (type !== 'histogram') return series.map((each) => `${name}{${each}}`);
  return series.flatMap((each) => [
    ...['0.5', '2.5', '+Inf'].map((le) => `${name}_bucket{${each}, le="${le}"}`),
    `${name}_sum{${each}}`,
    `${name}_count{${each}}`,
  ]);
}

/** Metrics of the process and of the model servers. */
const OTHERS = [
  ...[
    'process_cpu_seconds_total',
    'process_resident_memory_bytes',
    'process_open_fds',
    'process_max_fds',
    'process_start_time_seconds',
    'nodejs_eventloop_lag_p99_seconds',
    'nodejs_heap_size_used_bytes',
    'nodejs_gc_duration_seconds_sum',
    'scrape_samples_scraped',
    'up',
  ].map((name) => `${name}{job="tierkit-tier-one", instance="one"}`),
  ...[
    'vllm:prefix_cache_hits_total',
    'vllm:prefix_cache_queries_total',
    'vllm:num_preemptions_total',
    'vllm:inter_token_latency_seconds_count',
  ].map((name) => `${name}{job="vllm", instance="pod", inference_pool="x"}`),
  ...['0.5', '+Inf'].map((le) => `vllm:inter_token_latency_seconds_bucket{job="vllm", instance="pod", model_name="m", le="${le}"}`),
];
