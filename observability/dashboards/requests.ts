import { FAULTS } from '../prometheus/recording.ts';
import type { Dashboard } from './dashboard.ts';
import { area, bars, heatmap, lines, mean, percentiles, quantile, rate, shareOf, stat } from './parts.ts';

const MODEL = 'gen_ai_original_model=~"$model"';
const DURATION = 'gen_ai_server_request_duration_seconds';
const TTFT = 'gen_ai_server_time_to_first_token_seconds';
const TPOT = 'gen_ai_server_time_per_output_token_seconds';
const FAULT = `error_type=~"${FAULTS.join('|')}"`;

export const OVERVIEW: Dashboard = {
  uid: 'tierkit-overview',
  title: 'Tierkit / Overview',
  variables: [{ name: 'model', metric: `${DURATION}_count`, label: 'gen_ai_original_model' }],
  rows: [
    {
      title: 'Now',
      panels: [
        stat('Requests', 'reqps', rate(`${DURATION}_count`, [], MODEL)),
        stat('Faults', 'percentunit', shareOf('tierkit_requests_total', FAULT)),
        stat('First token, p95', 's', quantile(0.95, TTFT, [], MODEL)),
        stat('In flight', 'none', 'sum by (job) (tierkit_requests_in_flight)'),
      ],
    },
    {
      title: 'Rate, errors, duration',
      panels: [
        area('Requests by model', 'reqps', rate(`${DURATION}_count`, ['gen_ai_original_model'], MODEL), '{{gen_ai_original_model}}'),
        area('Requests by provider', 'reqps', rate(`${DURATION}_count`, ['gen_ai_provider_name'], MODEL), '{{gen_ai_provider_name}}'),
        area('Failures by class', 'reqps', rate('tierkit_requests_total', ['error_type'], 'error_type!=""'), '{{error_type}}'),
        lines('Duration', 's', percentiles(DURATION, MODEL)),
        lines('First token', 's', percentiles(TTFT, MODEL)),
        {
          ...lines('Goodput: whole answers, first token within 2.5 s', 'reqps', [
            { expr: `sum(rate(${TTFT}_bucket{le="2.5"}[$__rate_interval]))`, legend: 'fast streams' },
            { expr: rate(`${DURATION}_count`, [], 'error_type=""'), legend: 'whole answers' },
          ]),
        },
      ],
    },
  ],
};

export const SLO_DASHBOARD: Dashboard = {
  uid: 'tierkit-slo',
  title: 'Tierkit / Objectives',
  rows: [
    {
      title: 'Requests that fail: 0.1 % may',
      panels: [
        stat('Of three days', 'percentunit', 'tierkit:request_errors:ratio_rate3d'),
        stat('Budget left of three days', 'percentunit', '1 - tierkit:request_errors:ratio_rate3d / 0.001'),
        {
          ...lines('Burn rate', 'none', [
            { expr: 'tierkit:request_errors:ratio_rate5m / 0.001', legend: '5m tier {{tier}}' },
            { expr: 'tierkit:request_errors:ratio_rate1h / 0.001', legend: '1h tier {{tier}}' },
            { expr: 'tierkit:request_errors:ratio_rate6h / 0.001', legend: '6h tier {{tier}}' },
          ]),
          description: '1 spends the budget exactly; 14.4 and 6 page.',
        },
      ],
    },
    {
      title: 'Streams that begin late: 5 % may',
      panels: [
        stat('Of three days', 'percentunit', 'tierkit:slow_first_tokens:ratio_rate3d'),
        stat('Budget left of three days', 'percentunit', '1 - tierkit:slow_first_tokens:ratio_rate3d / 0.05'),
        lines('Burn rate', 'none', [
          { expr: 'tierkit:slow_first_tokens:ratio_rate5m / 0.05', legend: '5m' },
          { expr: 'tierkit:slow_first_tokens:ratio_rate1h / 0.05', legend: '1h' },
          { expr: 'tierkit:slow_first_tokens:ratio_rate6h / 0.05', legend: '6h' },
        ]),
      ],
    },
  ],
};

export const LATENCY_DASHBOARD: Dashboard = {
  uid: 'tierkit-latency',
  title: 'Tierkit / Anatomy of latency',
  variables: [{ name: 'model', metric: `${DURATION}_count`, label: 'gen_ai_original_model' }],
  rows: [
    {
      title: 'As the client sees it',
      panels: [
        heatmap('First token', TTFT),
        heatmap('Time per output token', TPOT),
        lines('First token by model, p95', 's', quantile(0.95, TTFT, ['gen_ai_original_model'], MODEL), '{{gen_ai_original_model}}'),
        lines(
          'Time per output token by model, p95',
          's',
          quantile(0.95, TPOT, ['gen_ai_original_model'], MODEL),
          '{{gen_ai_original_model}}',
        ),
      ],
    },
    {
      title: 'Where it goes',
      panels: [
        lines('The gateway itself, p99', 's', quantile(0.99, 'tierkit_gateway_overhead_seconds', ['job']), '{{job}}'),
        lines(
          'Backends: first token, p95',
          's',
          quantile(0.95, 'tierkit_upstream_time_to_first_token_seconds', ['job', 'backend']),
          '{{job}} {{backend}}',
        ),
        lines(
          'Queue of a pool, p95',
          's',
          quantile(0.95, 'llm_d_epp_flow_control_request_queue_duration_seconds', ['inference_pool', 'priority']),
          '{{inference_pool}}, priority {{priority}}',
        ),
        lines(
          'Choice of a pod, p99',
          's',
          quantile(0.99, 'llm_d_epp_scheduler_e2e_duration_seconds', ['inference_pool']),
          '{{inference_pool}}',
        ),
        lines('Attempts, mean', 's', mean('tierkit_attempt_duration_seconds', ['job', 'backend']), '{{job}} {{backend}}'),
        bars(
          'Requests by operation',
          'reqps',
          rate('tierkit_request_duration_seconds_count', ['job', 'operation']),
          '{{job}} {{operation}}',
        ),
      ],
    },
  ],
};
