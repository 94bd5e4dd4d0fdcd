import type { ErrorType } from '#core/telemetry/metrics/error-type';

/** A recording rule. */
export interface Recording {
  readonly record: string;
  readonly expr: string;
}

export interface RecordingGroup {
  readonly name: string;
  readonly rules: readonly Recording[];
}

/** Failures that are ours or a backend's to mend: they spend the error budget. A client's own mistakes and its limits do not. */
export const FAULTS: readonly ErrorType[] = [
  'internal',
  'no_backend',
  'draining',
  'limits_unavailable',
  'upstream_connect',
  'upstream_reset',
  'upstream_timeout',
  'upstream_idle',
  'upstream_rate_limited',
  'upstream_overloaded',
  'upstream_credential',
  'upstream_server_error',
  'upstream_malformed',
  'upstream_stream_error',
  'upstream_truncated',
];

export const WINDOWS = ['5m', '30m', '1h', '6h', '3d'] as const;
export type BurnWindow = (typeof WINDOWS)[number];

/** A stream is fast where its first token comes within so many seconds: a bucket of the histogram. */
export const FAST_FIRST_TOKEN_S = 2.5;

/** Adds the tier to metrics that both have, whatever their scrape jobs are called. */
function byTier(rate: string): string {
  return `sum by (tier) (${rate} * on (job, instance) group_left (tier) tierkit_build_info)`;
}

function errorRatio(window: BurnWindow): Recording {
  const all = byTier(`rate(tierkit_requests_total[${window}])`);
  const faults = byTier(`rate(tierkit_requests_total{error_type=~"${FAULTS.join('|')}"}[${window}])`);
  return { record: `tierkit:request_errors:ratio_rate${window}`, expr: `(${faults} or ${all} * 0) / (${all} > 0)` };
}

function slowRatio(window: BurnWindow): Recording {
  const metric = 'gen_ai_server_time_to_first_token_seconds';
  const fast = `sum(rate(${metric}_bucket{le="${FAST_FIRST_TOKEN_S}"}[${window}]))`;
  return { record: `tierkit:slow_first_tokens:ratio_rate${window}`, expr: `1 - ${fast} / (sum(rate(${metric}_count[${window}])) > 0)` };
}

function quantile(q: number, metric: string, by: readonly string[], window: string): string {
  // Without requests there is no quantile: the comparison takes the NaN away.
  return `histogram_quantile(${q}, sum by (${[...by, 'le'].join(', ')}) (rate(${metric}_bucket[${window}]))) >= 0`;
}

export const RECORDINGS: readonly RecordingGroup[] = [
  { name: 'tierkit-slo', rules: [...WINDOWS.map(errorRatio), ...WINDOWS.map(slowRatio)] },
  {
    name: 'tierkit-latency-recorded',
    rules: [
      {
        record: 'tierkit:first_token_seconds:p95_rate5m',
        expr: quantile(0.95, 'gen_ai_server_time_to_first_token_seconds', ['gen_ai_original_model'], '5m'),
      },
      {
        record: 'tierkit:output_token_seconds:p95_rate5m',
        expr: quantile(0.95, 'gen_ai_server_time_per_output_token_seconds', ['gen_ai_original_model'], '5m'),
      },
      { record: 'tierkit:gateway_overhead_seconds:p99_rate5m', expr: quantile(0.99, 'tierkit_gateway_overhead_seconds', ['job'], '5m') },
    ],
  },
  {
    name: 'tierkit-money-recorded',
    rules: [
      { record: 'tierkit:cost:rate1h', expr: 'sum by (currency) (rate(tierkit_cost_total[1h]))' },
      { record: 'tierkit:tokens:rate5m', expr: 'sum by (gen_ai_token_type) (rate(gen_ai_client_token_usage_sum[5m]))' },
      // The other types are parts of these.
      {
        record: 'tierkit:tokens:rate1h',
        expr: 'sum by (gen_ai_token_type) (rate(gen_ai_client_token_usage_sum{gen_ai_token_type=~"input|output"}[1h]))',
      },
      {
        record: 'tierkit:budget_used:ratio',
        expr: 'max by (rule, subject, unit) (tierkit_budget_used{rule=~"Budget .*"} / (tierkit_budget_limit{rule=~"Budget .*"} > 0))',
      },
    ],
  },
];
