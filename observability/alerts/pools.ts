import { type AlertGroup, share } from './alert.ts';

export const POOLS: AlertGroup = {
  name: 'tierkit-pools',
  alerts: [
    {
      name: 'TierkitPoolEmpty',
      conditions: [{ value: 'max by (name, pool_namespace) (llm_d_epp_ready_endpoints)', is: '==', than: 0 }],
      for: '2m',
      severity: 'page',
      summary: 'A pool has no pod that is ready',
      description: 'Pool {{ $labels.pool_namespace }}/{{ $labels.name }} has no ready endpoint: its requests wait, then fail.',
    },
    {
      name: 'TierkitPoolKvFull',
      conditions: [{ value: 'min by (inference_pool, pool_namespace) (tierkit_endpoint_kv_cache_utilization)', is: '>', than: 0.9 }],
      for: '10m',
      severity: 'ticket',
      summary: 'The KV caches of a pool are full',
      description: 'Every pod of {{ $labels.inference_pool }} uses more than 90 % of its KV cache: requests are preempted.',
    },
    {
      name: 'TierkitPoolSaturated',
      conditions: [
        { value: 'min by (inference_pool, pool_namespace) (llm_d_epp_flow_control_pool_saturation{stage="effective"})', is: '>=', than: 1 },
      ],
      for: '10m',
      severity: 'ticket',
      summary: 'A pool is full, and requests wait',
      description: 'Pool {{ $labels.inference_pool }} has been at {{ $value | humanizePercentage }} for ten minutes.',
    },
    {
      name: 'TierkitQueueSheds',
      conditions: [
        {
          value: share(
            'sum by (inference_pool, pool_namespace) (rate(llm_d_epp_flow_control_requests_total{outcome!~"Dispatched|EvictedContextCancelled"}[10m]))',
            'sum by (inference_pool, pool_namespace) (rate(llm_d_epp_flow_control_requests_total[10m]))',
          ),
          is: '>',
          than: 0.01,
        },
      ],
      for: '5m',
      severity: 'page',
      summary: 'The queue of a pool turns requests away',
      description: '{{ $value | humanizePercentage }} of the requests to {{ $labels.inference_pool }} are refused, or wait in vain.',
    },
    {
      name: 'TierkitPickerFailsOver',
      conditions: [
        { value: 'sum by (inference_pool, pool_namespace) (increase(tierkit_picks_total{chosen_by="fallback"}[10m]))', is: '>', than: 0 },
      ],
      for: '2m',
      severity: 'ticket',
      summary: 'The external picker of a pool does not answer',
      description: '{{ $value | humanize }} picks for {{ $labels.inference_pool }} were made by the gateway in its place.',
    },
    {
      name: 'TierkitPodMetricsStale',
      conditions: [{ value: 'max by (inference_pool, pool_namespace) (tierkit_pool_scrape_age_seconds)', is: '>', than: 30 }],
      for: '5m',
      severity: 'ticket',
      summary: 'The metrics of a pod are old',
      description:
        'The oldest metrics of {{ $labels.inference_pool }} are {{ $value | humanizeDuration }} old: the picker goes by its own accounts alone.',
    },
  ],
};
