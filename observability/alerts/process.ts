import type { AlertGroup } from './alert.ts';

/** Processes of Tierkit, whatever their jobs are called. */
const OURS = 'on (job, instance) group_left (tier) tierkit_build_info';

export const PROCESS: AlertGroup = {
  name: 'tierkit-process',
  alerts: [
    {
      name: 'TierkitEventLoopSlow',
      conditions: [{ value: `nodejs_eventloop_lag_p99_seconds * ${OURS}`, is: '>', than: 0.05 }],
      for: '5m',
      severity: 'ticket',
      summary: 'The event loop of a gateway is late',
      description: 'On {{ $labels.instance }} 1 turn in 100 comes {{ $value | humanizeDuration }} late: every stream stutters.',
    },
    {
      name: 'TierkitMemoryGrows',
      conditions: [{ value: `deriv(process_resident_memory_bytes[2h]) * 3600 * ${OURS}`, is: '>', than: 50e6 }],
      for: '2h',
      severity: 'ticket',
      summary: 'A gateway uses more and more memory',
      description: 'Memory of {{ $labels.instance }} grows by {{ $value | humanize1024 }}B an hour.',
    },
    {
      name: 'TierkitTelemetryDropped',
      conditions: [{ value: 'sum by (job, instance, signal) (increase(tierkit_telemetry_dropped_total[10m]))', is: '>', than: 0 }],
      for: '5m',
      severity: 'ticket',
      summary: 'Telemetry is dropped',
      description: '{{ $labels.instance }} gave up {{ $value | humanize }} {{ $labels.signal }} of the last ten minutes.',
    },
    {
      name: 'TierkitMetricsOverflow',
      conditions: [
        { value: 'sum by (job, instance) (increase(tierkit_metrics_overflow_total[1h]) or 0 * tierkit_build_info)', is: '>', than: 0 },
      ],
      for: '5m',
      severity: 'ticket',
      summary: 'A metric has too many series',
      description: 'On {{ $labels.instance }} series were put together as "other".',
    },
    {
      name: 'TierkitReloadRefused',
      conditions: [{ value: 'min by (job, instance) (tierkit_config_last_reload_successful)', is: '==', than: 0 }],
      for: '5m',
      severity: 'ticket',
      summary: 'A changed configuration is not in service',
      description: '{{ $labels.instance }} refused the last change, and goes on with the one before.',
    },
    {
      name: 'TierkitDown',
      conditions: [{ value: 'up{job=~"tierkit.*"}', is: '==', than: 0 }],
      for: '2m',
      severity: 'page',
      summary: 'A gateway cannot be scraped',
      description: '{{ $labels.instance }} of {{ $labels.job }} has not answered for two minutes.',
    },
    {
      name: 'TierkitAbsent',
      conditions: [],
      absent: 'up{job=~"tierkit.*"}',
      for: '5m',
      severity: 'page',
      summary: 'Prometheus knows no gateway at all',
      description: 'No target of a job that begins with "tierkit": discovery or the scrape configuration is broken.',
    },
  ],
};
