import type { Alert, AlertGroup } from './alert.ts';

/** Processes of Tierkit, whatever their jobs are called. */
const OURS = 'on (job, instance) group_left (tier) tierkit_build_info';

function credential(name: string, days: number, severity: Alert['severity']): Alert {
  return {
    name,
    conditions: [{ value: 'min by (kind, name) (tierkit_credential_expiry_timestamp_seconds - time())', is: '<', than: days * 86_400 }],
    for: '15m',
    severity,
    summary: `A certificate or key ends within ${days === 1 ? 'a day' : `${days} days`}`,
    description: '{{ $labels.kind }} {{ $labels.name }} ends in {{ $value | humanizeDuration }}.',
    mayBeEmpty: true,
  };
}

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
    credential('TierkitCredentialEndsSoon', 14, 'ticket'),
    credential('TierkitCredentialEnds', 1, 'page'),
    {
      // Fetched ones are renewed at their last fifth or five minutes: one that is that near its end is only a problem where no new one comes.
      name: 'TierkitCredentialFetchFails',
      conditions: [
        {
          value: 'min by (job, instance, policy, type) (tierkit_fetched_credential_expiry_timestamp_seconds - time())',
          is: '<',
          than: 600,
        },
        {
          value: 'sum by (job, instance, policy, type) (increase(tierkit_credential_fetches_total{result="failed"}[5m]))',
          is: '>',
          than: 0,
        },
      ],
      for: '2m',
      severity: 'page',
      summary: 'A credential is about to end, or has ended, and no new one can be fetched',
      description:
        '{{ $labels.instance }} cannot fetch the {{ $labels.type }} of BackendSecurityPolicy {{ $labels.policy }}; the last one ends in {{ $value | humanizeDuration }} (below 0: it has ended, or none ever came).',
      mayBeEmpty: true,
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
      // A target that discovery no longer has is not down: it is not there.
      name: 'TierkitTierGone',
      conditions: [
        {
          value: '(count by (tier) (tierkit_build_info) or 0 * count by (tier) (last_over_time(tierkit_build_info[6h])))',
          is: '==',
          than: 0,
        },
      ],
      for: '5m',
      severity: 'page',
      summary: 'A whole tier has vanished',
      description: 'No process of tier {{ $labels.tier }} is scraped any more; there was one within six hours.',
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
