import { type Dashboard, NAMESPACE, type Row } from './dashboard.ts';
import { alertStep, area, bars, heatmap, lines, mean, of, quantile, rate, shareOf, stat, top } from './parts.ts';

const IN_NAMESPACE = 'pool_namespace=~"$pool_namespace"';
const POOL = `inference_pool=~"$pool", ${IN_NAMESPACE}`;
const NAME = `name=~"$pool", ${IN_NAMESPACE}`;

const NOW: Row = {
  title: 'Now',
  panels: [
    stat(
      { title: 'Ready endpoints', description: 'Pods that take requests, by pool.' },
      'short',
      { expr: `max by (name) (${of('llm_d_epp_ready_endpoints', NAME)})`, legend: '{{name}}' },
      { base: 'red', steps: [{ at: 1, color: 'green' }], alerts: ['TierkitPoolEmpty'] },
    ),
    stat(
      { title: 'Saturation', description: 'How full the least loaded pod is. From 100 % on requests wait in the queue.' },
      'percentunit',
      {
        expr: `max by (inference_pool) (${of('llm_d_epp_flow_control_pool_saturation', `${POOL}, stage="effective"`)})`,
        legend: '{{inference_pool}}',
      },
      { steps: [{ at: 0.8, color: 'yellow' }, alertStep('TierkitPoolSaturated')], alerts: ['TierkitPoolSaturated'] },
    ),
    stat(
      { title: 'Waiting', description: 'Requests in the queue of each pool.' },
      'short',
      { expr: `sum by (inference_pool) (${of('llm_d_epp_flow_control_queue_size', POOL)})`, legend: '{{inference_pool}}' },
      { steps: [{ at: 1, color: 'yellow' }] },
    ),
    stat(
      { title: 'Mean KV use', description: 'Over the ready pods. Near 100 % engines preempt requests, and compute them again.' },
      'percentunit',
      { expr: `max by (name) (${of('llm_d_epp_average_kv_cache_utilization', NAME)})`, legend: '{{name}}' },
      { steps: [{ at: 0.75, color: 'yellow' }, alertStep('TierkitPoolKvFull')], alerts: ['TierkitPoolKvFull'] },
    ),
  ],
};

const PICKS: Row = {
  title: 'Picks',
  panels: [
    area({ title: 'By pod', description: 'The busiest pods. Uneven is right where caches differ, wrong where they do not.' }, 'ops', {
      expr: top(rate('llm_d_epp_scheduler_attempts_total', ['endpoint_name'], `${POOL}, status="success"`)),
      legend: '{{endpoint_name}}',
    }),
    lines(
      {
        title: 'By who chose',
        description: 'own: our picker. picker: the external one that the pool names. fallback: ours, as that one did not answer.',
      },
      'ops',
      [{ expr: rate('tierkit_picks_total', ['inference_pool', 'chosen_by'], POOL), legend: '{{inference_pool}}: {{chosen_by}}' }],
      { alerts: ['TierkitPickerFailsOver'] },
    ),
    lines(
      { title: 'Picks that find no pod', description: 'Share of the choices that failed: no pod is ready, or none may serve the request.' },
      'percentunit',
      [
        {
          expr: shareOf('llm_d_epp_scheduler_attempts_total', 'status!="success"', ['inference_pool'], POOL),
          legend: '{{inference_pool}}',
        },
      ],
      { alerts: ['TierkitPoolEmpty'] },
    ),
    lines({ title: 'Time of a choice, p99', description: 'The picker alone, without the queue.' }, 's', [
      { expr: quantile(0.99, 'llm_d_epp_scheduler_e2e_duration_seconds', ['inference_pool'], POOL), legend: '{{inference_pool}}' },
    ]),
    heatmap(
      { title: 'First token that the picker expects', description: 'Of the pods that it chose. A band that rises: the pool fills up.' },
      'tierkit_pick_estimated_ttft_seconds',
      POOL,
    ),
    lines(
      { title: 'First token: expected and seen, mean', description: 'Of all pools. Far apart for long, the picker misjudges the pods.' },
      's',
      [
        { expr: mean('tierkit_pick_estimated_ttft_seconds'), legend: 'expected' },
        { expr: mean('llm_d_epp_request_ttft_seconds'), legend: 'seen' },
      ],
    ),
  ],
};

const PREFIXES: Row = {
  title: 'Prefix caches',
  panels: [
    lines({ title: 'Share of the prompt found cached, mean', description: 'What the picker expects on the chosen pod.' }, 'percentunit', [
      { expr: mean('llm_d_epp_prefix_indexer_hit_ratio', ['inference_pool'], POOL), legend: '{{inference_pool}}' },
    ]),
    lines(
      { title: 'Prefix cache of the engines', description: 'Hits of what was asked, as the engines say; the pods with fewest hits.' },
      'percentunit',
      [
        {
          expr: `bottomk(15, ${rate('vllm:prefix_cache_hits_total', ['instance'], POOL)} / (${rate('vllm:prefix_cache_queries_total', ['instance'], POOL)} > 0))`,
          legend: '{{instance}}',
        },
      ],
    ),
    lines(
      { title: 'Size of the prefix index', description: 'Blocks of prompts that the picker remembers, over all pods. It is bounded.' },
      'short',
      [{ expr: `max by (inference_pool) (${of('llm_d_epp_prefix_indexer_size', POOL)})`, legend: '{{inference_pool}}' }],
    ),
    lines(
      {
        title: 'Preemptions of the engines',
        description: 'Requests that lost their KV cache to others, and are computed again; the worst pods.',
      },
      'ops',
      [{ expr: top(rate('vllm:num_preemptions_total', ['instance'], POOL)), legend: '{{instance}}' }],
      { alerts: ['TierkitPoolKvFull'] },
    ),
  ],
};

const QUEUE: Row = {
  title: 'Queue',
  panels: [
    lines(
      { title: 'Waiting by priority', description: 'Requests that wait for their turn.' },
      'short',
      [
        {
          expr: `sum by (inference_pool, priority) (${of('llm_d_epp_flow_control_queue_size', POOL)})`,
          legend: '{{inference_pool}}, priority {{priority}}',
        },
      ],
      { alerts: ['TierkitPoolSaturated'] },
    ),
    lines({ title: 'Wait by priority, p95', description: 'A low priority may wait long; a high one should not.' }, 's', [
      {
        expr: quantile(0.95, 'llm_d_epp_flow_control_request_queue_duration_seconds', ['inference_pool', 'priority'], POOL),
        legend: '{{inference_pool}}, priority {{priority}}',
      },
    ]),
    area(
      {
        title: 'Outcomes',
        description: 'Dispatched: it had its turn. Rejected and Evicted: turned away, waited in vain, or its client left.',
      },
      'ops',
      { expr: rate('llm_d_epp_flow_control_requests_total', ['outcome'], POOL), legend: '{{outcome}}' },
      { alerts: ['TierkitQueueSheds'] },
    ),
    lines({ title: 'Bytes that wait', description: 'Bodies of the requests in the queue: memory of the gateway.' }, 'bytes', [
      { expr: `sum by (inference_pool) (${of('llm_d_epp_flow_control_queue_bytes', POOL)})`, legend: '{{inference_pool}}' },
    ]),
  ],
};

const PODS: Row = {
  title: 'Pods',
  panels: [
    lines(
      { title: 'KV cache', description: 'Use as the engines say; the fullest pods. Where all are above 90 %, requests are preempted.' },
      'percentunit',
      [{ expr: top(of('tierkit_endpoint_kv_cache_utilization', POOL)), legend: '{{pod}}' }],
      { steps: [alertStep('TierkitPoolKvFull')], alerts: ['TierkitPoolKvFull'] },
    ),
    lines({ title: 'Running, as the engine says', description: 'Requests in the batch of each pod; the busiest.' }, 'short', [
      { expr: top(of('tierkit_endpoint_running_requests', POOL)), legend: '{{pod}}' },
    ]),
    lines(
      {
        title: 'Waiting in the engine',
        description: 'Requests that a pod has and does not run yet: they would have waited better in the queue of the pool.',
      },
      'short',
      [{ expr: top(of('llm_d_epp_per_endpoint_queue_size', NAME)), legend: '{{model_server_endpoint}}' }],
    ),
    lines(
      { title: 'Prompt tokens to compute', description: 'By the accounts of the picker: what a new request would have to wait for.' },
      'short',
      [{ expr: top(of('tierkit_endpoint_pending_prefill_tokens', POOL)), legend: '{{pod}}' }],
    ),
    lines(
      {
        title: 'How far scrapes are believed',
        description: '100 %: fresh. It decays with age; the least believed pods. Below, the picker goes by its own accounts.',
      },
      'percentunit',
      [{ expr: `bottomk(15, ${of('tierkit_endpoint_metrics_confidence', POOL)})`, legend: '{{pod}}' }],
      { alerts: ['TierkitPodMetricsStale'] },
    ),
    lines(
      { title: 'Age of the oldest scrape', description: 'Of a ready pod. From 30 s on there is an alert.' },
      's',
      [{ expr: `max by (inference_pool) (${of('tierkit_pool_scrape_age_seconds', POOL)})`, legend: '{{inference_pool}}' }],
      { steps: [alertStep('TierkitPodMetricsStale')], alerts: ['TierkitPodMetricsStale'] },
    ),
    lines(
      { title: 'Pods whose scrape failed', description: 'Ready pods whose last page of metrics could not be had.' },
      'short',
      [{ expr: `max by (inference_pool) (${of('tierkit_pool_stale_endpoints', POOL)})`, legend: '{{inference_pool}}' }],
      { alerts: ['TierkitPodMetricsStale'] },
    ),
    bars({ title: 'Requests of the gateways', description: 'What tier two has open at each pod; the most.' }, 'short', {
      expr: top(`sum by (endpoint_name) (${of('llm_d_epp_inflight_requests', POOL)})`),
      legend: '{{endpoint_name}}',
    }),
  ],
};

const REQUESTS: Row = {
  title: 'Requests',
  panels: [
    area({ title: 'By model', description: 'Of all pools: these have the model, not the pool. The busiest.' }, 'reqps', {
      expr: top(rate('llm_d_epp_request_total', ['model_name'])),
      legend: '{{model_name}}',
    }),
    area({ title: 'By tenant', description: 'Who the requests are from, as the queue shares the pods among them; the busiest.' }, 'reqps', {
      expr: top(rate('llm_d_epp_request_total', ['fairness_id'])),
      legend: '{{fairness_id}}',
    }),
    lines(
      { title: 'First token by tenant, p95', description: 'The slowest. Far apart, the queue is not fair, or prompts are not alike.' },
      's',
      [{ expr: top(quantile(0.95, 'llm_d_epp_request_ttft_seconds', ['fairness_id'])), legend: '{{fairness_id}}' }],
    ),
    lines({ title: 'Tokens of a request, mean', description: 'Long prompts fill caches, long answers keep batches full.' }, 'short', [
      { expr: mean('llm_d_epp_request_input_tokens'), legend: 'prompt' },
      { expr: mean('llm_d_epp_request_cached_tokens'), legend: 'of it cached' },
      { expr: mean('llm_d_epp_request_output_tokens'), legend: 'answer' },
    ]),
  ],
};

export const POOLS_DASHBOARD: Dashboard = {
  uid: 'tierkit-pools',
  title: 'Tierkit / Pools and picks',
  description:
    'Tier two, and the picker for other gateways: pools, choices of pods, caches, queue, and the pods as picker and engines see them.',
  variables: [
    NAMESPACE,
    { name: 'pool', title: 'Pool', metric: 'llm_d_epp_ready_endpoints', label: 'name' },
    { name: 'pool_namespace', title: 'Namespace of the pool', metric: 'llm_d_epp_ready_endpoints', label: 'pool_namespace' },
  ],
  rows: [NOW, PICKS, PREFIXES, QUEUE, PODS, REQUESTS],
};
