import type { Dashboard } from './dashboard.ts';
import { lines, rate, stat, table } from './parts.ts';

const OURS = '* on (job, instance) group_left (tier) tierkit_build_info';

export const RUNTIME: Dashboard = {
  uid: 'tierkit-runtime',
  title: 'Tierkit / Runtime',
  rows: [
    {
      title: 'Processes',
      panels: [
        table('Versions', 'none', 'tierkit_build_info'),
        lines('CPU', 'percentunit', `rate(process_cpu_seconds_total[$__rate_interval]) ${OURS}`, '{{instance}} tier {{tier}}'),
        lines('Memory', 'bytes', `process_resident_memory_bytes ${OURS}`, '{{instance}} tier {{tier}}'),
        lines('Heap in use', 'bytes', `nodejs_heap_size_used_bytes ${OURS}`, '{{instance}} tier {{tier}}'),
        lines('Event loop, p99', 's', `nodejs_eventloop_lag_p99_seconds ${OURS}`, '{{instance}} tier {{tier}}'),
        lines(
          'Garbage collection, share of time',
          'percentunit',
          'sum by (instance) (rate(nodejs_gc_duration_seconds_sum[$__rate_interval]))',
          '{{instance}}',
        ),
        lines('Open files', 'none', `process_open_fds ${OURS}`, '{{instance}} tier {{tier}}'),
        lines('Requests in flight', 'none', 'tierkit_requests_in_flight', '{{job}} {{instance}}'),
      ],
    },
    {
      title: 'Configuration and telemetry',
      panels: [
        stat('Generation', 'none', 'max by (job) (tierkit_config_generation)'),
        stat('Last change taken', 'none', 'min by (job) (tierkit_config_last_reload_successful)'),
        lines(
          'Telemetry that was dropped',
          'ops',
          rate('tierkit_telemetry_dropped_total', ['instance', 'signal']),
          '{{instance}} {{signal}}',
        ),
        lines('Time to write a page of metrics', 's', 'tierkit_metrics_render_seconds', '{{job}} {{instance}}'),
        lines('Series of a scrape', 'none', 'scrape_samples_scraped{job=~"tierkit.*"}', '{{job}} {{instance}}'),
      ],
    },
  ],
};
