import type { Dashboard } from './dashboard.ts';
import { area, bars, heatmap, lines, mean, quantile, rate, stat } from './parts.ts';

const POOL = 'inference_pool=~"$pool"';
const NAME = 'name=~"$pool"';

export const POOLS_DASHBOARD: Dashboard = {
  uid: 'tierkit-pools',
  title: 'Tierkit / Pools and picks',
  variables: [{ name: 'pool', metric: 'llm_d_epp_ready_endpoints', label: 'name' }],
  rows: [
    {
      title: 'Now',
      panels: [
        stat('Ready endpoints', 'none', `max by (name) (llm_d_epp_ready_endpoints{${NAME}})`),
        stat('Saturation', 'percentunit', `max by (inference_pool) (llm_d_epp_flow_control_pool_saturation{${POOL}, stage="effective"})`),
        stat('Waiting', 'none', `sum by (inference_pool) (llm_d_epp_flow_control_queue_size{${POOL}})`),
        stat('Mean KV use', 'percentunit', `max by (name) (llm_d_epp_average_kv_cache_utilization{${NAME}})`),
      ],
    },
    {
      title: 'Picks',
      panels: [
        area(
          'By pod',
          'ops',
          rate('llm_d_epp_scheduler_attempts_total', ['endpoint_name'], `${POOL}, status="success"`),
          '{{endpoint_name}}',
        ),
        lines(
          'By who chose',
          'ops',
          rate('tierkit_picks_total', ['inference_pool', 'chosen_by'], POOL),
          '{{inference_pool}} {{chosen_by}}',
        ),
        lines(
          'Time of a choice, p99',
          's',
          quantile(0.99, 'llm_d_epp_scheduler_e2e_duration_seconds', ['inference_pool'], POOL),
          '{{inference_pool}}',
        ),
        lines(
          'Share of the prompt found cached, mean',
          'percentunit',
          mean('llm_d_epp_prefix_indexer_hit_ratio', ['inference_pool']),
          '{{inference_pool}}',
        ),
        heatmap('First token that the picker expects', 'tierkit_pick_estimated_ttft_seconds'),
        lines('First token: expected and seen, mean', 's', [
          { expr: mean('tierkit_pick_estimated_ttft_seconds'), legend: 'expected' },
          { expr: mean('llm_d_epp_request_ttft_seconds'), legend: 'seen' },
        ]),
      ],
    },
    {
      title: 'Queue',
      panels: [
        lines(
          'Waiting by priority',
          'none',
          `sum by (inference_pool, priority) (llm_d_epp_flow_control_queue_size{${POOL}})`,
          '{{inference_pool}}, priority {{priority}}',
        ),
        lines(
          'Wait by priority, p95',
          's',
          quantile(0.95, 'llm_d_epp_flow_control_request_queue_duration_seconds', ['inference_pool', 'priority'], POOL),
          '{{inference_pool}}, priority {{priority}}',
        ),
        area('Outcomes', 'ops', rate('llm_d_epp_flow_control_requests_total', ['outcome'], POOL), '{{outcome}}'),
        lines('Bytes that wait', 'bytes', `sum by (inference_pool) (llm_d_epp_flow_control_queue_bytes{${POOL}})`, '{{inference_pool}}'),
      ],
    },
    {
      title: 'Pods',
      panels: [
        lines('KV cache', 'percentunit', `tierkit_endpoint_kv_cache_utilization{${POOL}}`, '{{pod}}'),
        lines('Running, as the engine says', 'none', `tierkit_endpoint_running_requests{${POOL}}`, '{{pod}}'),
        lines('Waiting in the engine', 'none', `llm_d_epp_per_endpoint_queue_size{${NAME}}`, '{{model_server_endpoint}}'),
        lines('Prompt tokens to compute', 'none', `tierkit_endpoint_pending_prefill_tokens{${POOL}}`, '{{pod}}'),
        lines('How far scrapes are believed', 'percentunit', `tierkit_endpoint_metrics_confidence{${POOL}}`, '{{pod}}'),
        lines('Age of the oldest scrape', 's', `max by (inference_pool) (tierkit_pool_scrape_age_seconds{${POOL}})`, '{{inference_pool}}'),
        lines(
          'Prefix cache of the engines',
          'percentunit',
          'sum by (instance) (rate(vllm:prefix_cache_hits_total[$__rate_interval])) / (sum by (instance) (rate(vllm:prefix_cache_queries_total[$__rate_interval])) > 0)',
          '{{instance}}',
        ),
        bars('Requests of this gateway', 'none', `llm_d_epp_inflight_requests{${POOL}}`, '{{endpoint_name}}'),
      ],
    },
    {
      title: 'Requests',
      panels: [
        area('By model', 'reqps', rate('llm_d_epp_request_total', ['model_name']), '{{model_name}}'),
        area('By tenant', 'reqps', rate('llm_d_epp_request_total', ['fairness_id']), '{{fairness_id}}'),
        lines('First token by tenant, p95', 's', quantile(0.95, 'llm_d_epp_request_ttft_seconds', ['fairness_id']), '{{fairness_id}}'),
        lines('Tokens of prompts and answers, mean', 'none', [
          { expr: mean('llm_d_epp_request_input_tokens'), legend: 'prompt' },
          { expr: mean('llm_d_epp_request_cached_tokens'), legend: 'of it cached' },
          { expr: mean('llm_d_epp_request_output_tokens'), legend: 'answer' },
        ]),
      ],
    },
  ],
};
