// For tests: what makes each alert fire, and what does not.

export interface AlertCase {
  readonly alert: string;
  /** Series in promtool's notation, one sample an {@link every}. */
  readonly series: Readonly<Record<string, string>>;
  readonly at: string;
  readonly fires: boolean;
  /** Less than the five minutes that Prometheus looks back, or a rule does not see what another one recorded. @default 1m */
  readonly every?: '1m' | '4m';
}

const JOB = 'job="tierkit-tier-one", instance="one:1064"';
const TWO = 'job="tierkit-tier-two", instance="two:1065"';
const BUILD = { [`tierkit_build_info{tier="one", ${JOB}}`]: '1x600' };
const POOL = 'inference_pool="p", pool_namespace="default"';

/** Requests a minute: good ones, and failures of a class. */
function requests(good: number, bad: number, errorType: string, samples: number): Record<string, string> {
  return {
    [`tierkit_build_info{tier="one", ${JOB}}`]: `1x${samples}`,
    [`tierkit_requests_total{operation="chat", status="200", ${JOB}}`]: `0+${good}x${samples}`,
    [`tierkit_requests_total{operation="chat", status="502", error_type="${errorType}", ${JOB}}`]: `0+${bad}x${samples}`,
  };
}

/** Streams a minute: all, and those that begin within 2.5 s. */
function streams(all: number, fast: number, samples: number): Record<string, string> {
  const labels = `gen_ai_original_model="m", ${JOB}`;
  return {
    [`gen_ai_server_time_to_first_token_seconds_bucket{le="2.5", ${labels}}`]: `0+${fast}x${samples}`,
    [`gen_ai_server_time_to_first_token_seconds_bucket{le="+Inf", ${labels}}`]: `0+${all}x${samples}`,
    [`gen_ai_server_time_to_first_token_seconds_count{${labels}}`]: `0+${all}x${samples}`,
  };
}

/** A histogram of which all observations lie between two bounds. */
function histogram(name: string, labels: string, below: number, upTo: number): Record<string, string> {
  return {
    [`${name}_bucket{le="${below}", ${labels}}`]: '0x600',
    [`${name}_bucket{le="${upTo}", ${labels}}`]: '0+60x600',
    [`${name}_bucket{le="+Inf", ${labels}}`]: '0+60x600',
    [`${name}_count{${labels}}`]: '0+60x600',
  };
}

/** A counter of which some series grow. */
function counters(name: string, common: string, perMinute: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(perMinute).map(([labels, rate]) => [`${name}{${labels}, ${common}}`, `0+${rate}x600`]));
}

/** Fires with the one, and not with the other. */
function pair(
  alert: string,
  at: string,
  bad: AlertCase['series'],
  good: AlertCase['series'],
  every: AlertCase['every'] = '1m',
): AlertCase[] {
  return [
    { alert, at, series: bad, fires: true, every },
    { alert, at, series: good, fires: false, every },
  ];
}

const BUDGET = `rule="Budget default/teams", subject="a", unit="USD", ${JOB}`;
const budget = (used: string, remaining = '50x600'): Record<string, string> => ({
  [`tierkit_budget_limit{${BUDGET}}`]: '100x600',
  [`tierkit_budget_used{${BUDGET}}`]: used,
  [`tierkit_budget_remaining{${BUDGET}}`]: remaining,
});
const spend = (perMinute: string): Record<string, string> => ({ [`tierkit_cost_total{currency="USD", backend="b", ${JOB}}`]: perMinute });
const remaining = (rule: string, values: string): Record<string, string> => ({
  [`tierkit_budget_remaining{rule="${rule}", subject="a", unit="requests", ${JOB}}`]: values.trim(),
});
const tokens = (values: string): Record<string, string> => ({
  [`gen_ai_client_token_usage_sum{gen_ai_token_type="input", ${JOB}}`]: values,
});
const attempts = (results: Readonly<Record<string, number>>): Record<string, string> =>
  counters(
    'tierkit_attempts_total',
    `backend="b", ${JOB}`,
    Object.fromEntries(Object.entries(results).map(([result, rate]) => [`result="${result}"`, rate])),
  );
const endpoints = (available: number): Record<string, string> => ({
  [`tierkit_backend_endpoints{backend="b", state="available", ${JOB}}`]: `${available}x600`,
  [`tierkit_backend_endpoints{backend="b", state="trial", ${JOB}}`]: '0x600',
  [`tierkit_backend_endpoints{backend="b", state="ejected", ${JOB}}`]: `${2 - available}x600`,
});
const one = (name: string, labels: string, values: string): Record<string, string> => ({ [`${name}{${labels}}`]: values });
const credential = (days: number): Record<string, string> =>
  one('tierkit_credential_expiry_timestamp_seconds', `kind="listener_certificate", name="default/tls", ${JOB}`, `${days * 86_400}x600`);
/** Five minutes before its end, and an attempt a minute. @param failing whether they fail */
const fetching = (endsAt: number, failing: boolean): Record<string, string> => ({
  ...one('tierkit_fetched_credential_expiry_timestamp_seconds', `policy="default/a", type="GCPCredentials", ${JOB}`, `${endsAt}x600`),
  ...one(
    'tierkit_credential_fetches_total',
    `policy="default/a", type="GCPCredentials", result="failed", ${JOB}`,
    failing ? '0+1x600' : '3x600',
  ),
});
const loop = (lag: number): Record<string, string> => ({ ...BUILD, ...one('nodejs_eventloop_lag_p99_seconds', JOB, `${lag}x600`) });
const memory = (step: number): Record<string, string> => ({
  ...BUILD,
  ...one('process_resident_memory_bytes', JOB, `100000000+${step}x600`),
});

export const CASES: readonly AlertCase[] = [
  // 2 % fail: 20 times as many as may. A client's own mistakes are not counted.
  ...pair('TierkitErrorBurnFast', '70m', requests(98, 2, 'upstream_reset', 100), requests(98, 2, 'invalid_request', 100)),
  ...pair('TierkitErrorBurnMedium', '7h', requests(990, 10, 'internal', 450), requests(9990, 5, 'internal', 450)),
  ...pair('TierkitErrorBurnSlow', '14h', requests(9980, 20, 'no_backend', 300), requests(9995, 5, 'no_backend', 300), '4m'),
  ...pair('TierkitFirstTokenBurnFast', '70m', streams(100, 20, 100), streams(100, 90, 100)),
  ...pair('TierkitFirstTokenBurnMedium', '7h', streams(100, 60, 450), streams(100, 80, 450)),
  ...pair('TierkitFirstTokenBurnSlow', '14h', streams(100, 90, 300), streams(100, 97, 300), '4m'),
  ...pair(
    'TierkitFirstTokenSlow',
    '20m',
    histogram('gen_ai_server_time_to_first_token_seconds', `gen_ai_original_model="m", ${JOB}`, 5, 10),
    histogram('gen_ai_server_time_to_first_token_seconds', `gen_ai_original_model="m", ${JOB}`, 0.1, 0.25),
  ),
  ...pair(
    'TierkitTokensSlow',
    '20m',
    histogram('gen_ai_server_time_per_output_token_seconds', `gen_ai_original_model="m", ${JOB}`, 0.3, 0.5),
    histogram('gen_ai_server_time_per_output_token_seconds', `gen_ai_original_model="m", ${JOB}`, 0.01, 0.05),
  ),
  ...pair(
    'TierkitOverheadHigh',
    '20m',
    histogram('tierkit_gateway_overhead_seconds', JOB, 0.01, 0.025),
    histogram('tierkit_gateway_overhead_seconds', JOB, 0.0005, 0.001),
  ),

  ...pair('TierkitBackendErrors', '30m', attempts({ ok: 80, upstream_reset: 20 }), attempts({ ok: 80, upstream_rate_limited: 20 })),
  ...pair('TierkitBackendThrottles', '30m', attempts({ ok: 90, upstream_rate_limited: 10 }), attempts({ ok: 90, upstream_reset: 10 })),
  ...pair('TierkitBackendOut', '10m', endpoints(0), endpoints(1)),
  ...pair(
    'TierkitFallbacksHigh',
    '30m',
    { ...attempts({ ok: 90, upstream_reset: 10 }), ...counters('tierkit_fallbacks_total', JOB, { 'from="b", to="c"': 10 }) },
    attempts({ ok: 90, upstream_reset: 10 }),
  ),

  ...pair('TierkitBudgetNearlyUsed', '5m', budget('85x600'), budget('50x600')),
  ...pair('TierkitBudgetUsedUp', '5m', budget('100x600', '0x600'), budget('99x600')),
  // 100 units fall by 0.1 a minute: 144 a day. One that is used up already is another alert's.
  ...pair('TierkitBudgetEndsSoon', '8h', budget('0x600', '100-0.1x600'), budget('100x600', '0x600')),
  ...pair('TierkitSpendJump', '2d', spend('0+0.003x600 1.8+2.7x200'), spend('0+1.3x800'), '4m'),
  // From 10 tokens a second to 500, and 500 all the time.
  ...pair('TierkitTokenJump', '2d', tokens('0+2400x600 1440000+120000x200'), tokens('0+120000x800'), '4m'),
  ...pair(
    'TierkitRequestsUnpriced',
    '30m',
    one('tierkit_unpriced_requests_total', `backend="b", ${JOB}`, '0+1x600'),
    one('tierkit_unpriced_requests_total', `backend="b", ${JOB}`, '7x600'),
  ),
  ...pair(
    'TierkitClientLimited',
    '40m',
    counters('tierkit_admission_decisions_total', `kind="limit", rule="r", ${JOB}`, {
      'decision="admitted"': 80,
      'decision="refused"': 20,
    }),
    counters('tierkit_admission_decisions_total', `kind="limit", rule="r", ${JOB}`, { 'decision="admitted"': 99, 'decision="refused"': 1 }),
  ),
  // At its limit 2 minutes of 3, and 1 of 3; a budget that is used up is another alert's.
  ...pair('TierkitClientThrottled', '70m', remaining('HTTPRoute default/r', '0 0 9 '.repeat(100)), {
    ...remaining('HTTPRoute default/r', '0 7 9 '.repeat(100)),
    ...remaining('Budget default/b', '0x300'),
  }),
  ...pair(
    'TierkitCountsUnreadable',
    '20m',
    one('tierkit_budget_reads_failed_total', JOB, '0+1x600'),
    one('tierkit_budget_reads_failed_total', JOB, '3x600'),
  ),
  ...pair('TierkitLedgerLosesRows', '10m', one('tierkit_ledger_rows_total', `result="lost", ${JOB}`, '0x5 7x600'), {
    ...one('tierkit_ledger_rows_total', `result="lost", ${JOB}`, '0x600'),
    ...one('tierkit_ledger_rows_total', `result="written", ${JOB}`, '0+9x600'),
  }),
  ...pair(
    'TierkitReceiptsDiffer',
    '10m',
    one('tierkit_tier_two_receipts_total', `result="mismatch", ${JOB}`, '0x5 1x600'),
    one('tierkit_tier_two_receipts_total', `result="ok", ${JOB}`, '0+9x600'),
  ),

  ...pair(
    'TierkitPoolEmpty',
    '5m',
    one('llm_d_epp_ready_endpoints', `name="p", pool_namespace="default", ${TWO}`, '0x600'),
    one('llm_d_epp_ready_endpoints', `name="p", pool_namespace="default", ${TWO}`, '1x600'),
  ),
  ...pair(
    'TierkitPoolKvFull',
    '20m',
    {
      ...one('tierkit_endpoint_kv_cache_utilization', `${POOL}, pod="a", ${TWO}`, '0.95x600'),
      ...one('tierkit_endpoint_kv_cache_utilization', `${POOL}, pod="b", ${TWO}`, '0.99x600'),
    },
    {
      ...one('tierkit_endpoint_kv_cache_utilization', `${POOL}, pod="a", ${TWO}`, '0.95x600'),
      ...one('tierkit_endpoint_kv_cache_utilization', `${POOL}, pod="b", ${TWO}`, '0.4x600'),
    },
  ),
  ...pair(
    'TierkitPoolSaturated',
    '20m',
    one('llm_d_epp_flow_control_pool_saturation', `${POOL}, stage="effective", ${TWO}`, '1.1x600'),
    one('llm_d_epp_flow_control_pool_saturation', `${POOL}, stage="effective", ${TWO}`, '0.9x600'),
  ),
  ...pair(
    'TierkitQueueSheds',
    '30m',
    counters('llm_d_epp_flow_control_requests_total', `${POOL}, ${TWO}`, { 'outcome="Dispatched"': 90, 'outcome="EvictedTTL"': 10 }),
    counters('llm_d_epp_flow_control_requests_total', `${POOL}, ${TWO}`, {
      'outcome="Dispatched"': 90,
      'outcome="EvictedContextCancelled"': 10,
    }),
  ),
  ...pair(
    'TierkitPickerFailsOver',
    '20m',
    one('tierkit_picks_total', `chosen_by="fallback", ${POOL}, ${TWO}`, '0+1x600'),
    one('tierkit_picks_total', `chosen_by="own", ${POOL}, ${TWO}`, '0+1x600'),
  ),
  ...pair(
    'TierkitPodMetricsStale',
    '20m',
    one('tierkit_pool_scrape_age_seconds', `${POOL}, ${TWO}`, '60x600'),
    one('tierkit_pool_scrape_age_seconds', `${POOL}, ${TWO}`, '1x600'),
  ),

  ...pair('TierkitEventLoopSlow', '10m', loop(0.08), loop(0.012)),
  // 2 MB and 0.5 MB a minute.
  ...pair('TierkitMemoryGrows', '5h', memory(2_000_000), memory(500_000)),
  ...pair(
    'TierkitTelemetryDropped',
    '20m',
    one('tierkit_telemetry_dropped_total', `signal="spans", ${JOB}`, '0+1x600'),
    one('tierkit_telemetry_dropped_total', `signal="spans", ${JOB}`, '5x600'),
  ),
  ...pair('TierkitMetricsOverflow', '20m', { ...BUILD, ...one('tierkit_metrics_overflow_total', `metric="m", ${JOB}`, '0+1x600') }, BUILD),
  ...pair(
    'TierkitReloadRefused',
    '10m',
    one('tierkit_config_last_reload_successful', JOB, '0x600'),
    one('tierkit_config_last_reload_successful', JOB, '1x600'),
  ),
  // The time of these tests begins in 1970.
  ...pair('TierkitCredentialEndsSoon', '30m', credential(10), credential(20)),
  ...pair('TierkitCredentialEnds', '30m', credential(0.5), credential(10)),
  ...pair('TierkitCredentialFetchFails', '20m', fetching(1500, true), fetching(1500, false)),
  // None ever came; one that holds for long is told of later.
  { alert: 'TierkitCredentialFetchFails', at: '20m', series: fetching(0, true), fires: true },
  { alert: 'TierkitCredentialFetchFails', at: '20m', series: fetching(3600, true), fires: false },
  ...pair('TierkitDown', '5m', one('up', JOB, '0x600'), one('up', 'job="something else"', '0x600')),
  ...pair(
    'TierkitTierGone',
    '70m',
    { ...BUILD, ...one('tierkit_build_info', `tier="two", ${TWO}`, '1x50 _x100') },
    { ...BUILD, ...one('tierkit_build_info', `tier="two", ${TWO}`, '1x600') },
  ),
  // One that never was is not missed; one that went a day ago was taken away.
  {
    alert: 'TierkitTierGone',
    at: '9h',
    series: { ...BUILD, ...one('tierkit_build_info', `tier="two", ${TWO}`, '1x50 _x600') },
    fires: false,
  },
  ...pair('TierkitAbsent', '10m', one('up', 'job="something else"', '1x600'), one('up', JOB, '1x600')),
];
