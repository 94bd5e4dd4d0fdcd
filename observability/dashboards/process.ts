import { type Dashboard, NAMESPACE } from './dashboard.ts';
import { alertStep, bars, lines, of, rate, stat, table, WITH_TIER } from './parts.ts';

const INSTANCE = 'instance=~"$instance"';
const EACH = '{{instance}}, tier {{tier}}';
/** A metric of every process that Node has: with the tier, only ours are left. */
const ours = (metric: string): string => `${of(metric, INSTANCE)} ${WITH_TIER}`;

export const RUNTIME: Dashboard = {
  uid: 'tierkit-runtime',
  title: 'Tierkit / Runtime',
  description: 'The processes of the gateways: CPU, memory, event loop, configuration, telemetry, and what being observed costs.',
  variables: [NAMESPACE, { name: 'instance', title: 'Instance', metric: 'tierkit_build_info', label: 'instance' }],
  rows: [
    {
      title: 'Now',
      panels: [
        table(
          { title: 'Versions', description: 'Which version of which tier runs where, and on which Node.' },
          'short',
          { expr: `max by (instance, tier, version, node) (${of('tierkit_build_info', INSTANCE)})` },
          { width: 12 },
        ),
        stat(
          {
            title: 'Last change of configuration',
            description: 'taken: it is in service. refused: the one before goes on, and the log says why.',
          },
          'short',
          { expr: `min by (job) (${of('tierkit_config_last_reload_successful', INSTANCE)})`, legend: '{{job}}' },
          {
            base: 'red',
            steps: [{ at: 1, color: 'green' }],
            words: { 0: 'refused', 1: 'taken' },
            alerts: ['TierkitReloadRefused'],
          },
        ),
        stat({ title: 'Configuration loaded', description: 'When what is in service was loaded.' }, 'dateTimeFromNow', {
          expr: `max by (job) (${of('tierkit_config_loaded_timestamp_seconds', INSTANCE)}) * 1000`,
          legend: '{{job}}',
        }),
      ],
    },
    {
      title: 'Processes',
      panels: [
        lines(
          { title: 'CPU', description: '100 % is one core. A gateway uses one: near it, add replicas.' },
          'percentunit',
          [{ expr: `rate(${of('process_cpu_seconds_total', INSTANCE)}[$__rate_interval]) ${WITH_TIER}`, legend: EACH }],
          { steps: [{ at: 0.8, color: 'yellow' }] },
        ),
        lines(
          { title: 'Event loop, p99', description: 'How late 1 turn in 100 comes. From 50 ms on every stream stutters.' },
          's',
          [{ expr: ours('nodejs_eventloop_lag_p99_seconds'), legend: EACH }],
          { steps: [alertStep('TierkitEventLoopSlow')], alerts: ['TierkitEventLoopSlow'] },
        ),
        lines(
          { title: 'Memory', description: 'Resident. It should find its level; a slope over hours is a leak.' },
          'bytes',
          [{ expr: ours('process_resident_memory_bytes'), legend: EACH }],
          { alerts: ['TierkitMemoryGrows'] },
        ),
        lines({ title: 'Heap in use', description: 'Objects of JavaScript, garbage among them.' }, 'bytes', [
          { expr: ours('nodejs_heap_size_used_bytes'), legend: EACH },
        ]),
        lines(
          { title: 'Garbage collection, share of time', description: 'Above a tenth for long, the heap is too small for the load.' },
          'percentunit',
          [
            {
              expr: `sum by (instance) (rate(${of('nodejs_gc_duration_seconds_sum', INSTANCE)}[$__rate_interval]))`,
              legend: '{{instance}}',
            },
          ],
          { steps: [{ at: 0.1, color: 'yellow' }] },
        ),
        lines(
          {
            title: 'Open files and sockets, share of what may be',
            description: 'Two for each request under way, and the idle connections of pools.',
          },
          'percentunit',
          [{ expr: `${of('process_open_fds', INSTANCE)} / (${of('process_max_fds', INSTANCE)} > 0) ${WITH_TIER}`, legend: EACH }],
          { steps: [{ at: 0.8, color: 'red' }] },
        ),
        lines(
          { title: 'Requests in flight', description: 'By process: uneven behind a load balancer that does not know long streams.' },
          'short',
          [{ expr: ours('tierkit_requests_in_flight'), legend: EACH }],
        ),
        lines({ title: 'Up for', description: 'A process that starts again and again draws a saw.' }, 's', [
          { expr: `(time() - ${of('process_start_time_seconds', INSTANCE)}) ${WITH_TIER}`, legend: EACH },
        ]),
      ],
    },
    {
      title: 'Configuration and telemetry',
      panels: [
        lines(
          {
            title: 'Generation of the configuration',
            description: 'It counts up with every change that is taken; replicas of a job should follow each other within seconds.',
          },
          'short',
          [{ expr: of('tierkit_config_generation', INSTANCE), legend: '{{instance}}' }],
          { alerts: ['TierkitReloadRefused'] },
        ),
        lines(
          { title: 'Telemetry that was dropped', description: 'Spans that were given up, as their queue was full or nobody took them.' },
          'ops',
          [{ expr: rate('tierkit_telemetry_dropped_total', ['instance', 'signal'], INSTANCE), legend: '{{instance}}: {{signal}}' }],
          { alerts: ['TierkitTelemetryDropped'] },
        ),
        lines({ title: 'Telemetry: exported, and refused', description: 'What the collector took, and exports that it did not.' }, 'ops', [
          { expr: rate('tierkit_telemetry_exported_total', ['signal'], INSTANCE), legend: 'taken: {{signal}}' },
          { expr: rate('tierkit_telemetry_export_failures_total', ['signal'], INSTANCE), legend: 'refused exports: {{signal}}' },
        ]),
        lines(
          { title: 'Series that were put together', description: 'Times that a metric had too many series and "other" was used.' },
          'ops',
          [
            {
              expr: rate('tierkit_metrics_overflow_total', ['instance', 'metric'], INSTANCE),
              legend: '{{instance}}: {{metric}}',
              mayBeEmpty: true,
            },
          ],
          { alerts: ['TierkitMetricsOverflow'] },
        ),
        bars(
          {
            title: 'Certificates and keys end in',
            description: 'The next ones to end. Renew them in their Secret; the change is live at once.',
          },
          's',
          {
            expr: `bottomk(15, min by (kind, name) (${of('tierkit_credential_expiry_timestamp_seconds', INSTANCE)} - time()))`,
            legend: '{{kind}} {{name}}',
            mayBeEmpty: true,
          },
          {
            width: 24,
            base: 'red',
            steps: [alertStep('TierkitCredentialEnds', 'yellow'), alertStep('TierkitCredentialEndsSoon', 'green')],
            alerts: ['TierkitCredentialEndsSoon', 'TierkitCredentialEnds'],
          },
        ),
        lines(
          {
            title: 'Fetched credentials end in',
            description:
              'Tokens and keys that are fetched for BackendSecurityPolicies. Each is renewed before its end, so that its line jumps up again.',
          },
          's',
          [
            {
              expr: `min by (policy, type) ((${of('tierkit_fetched_credential_expiry_timestamp_seconds', INSTANCE)} > 0) - time())`,
              legend: '{{policy}} {{type}}',
              mayBeEmpty: true,
            },
          ],
        ),
        lines(
          {
            title: 'Credentials that cannot be fetched',
            description: 'Attempts a second that failed. The last credential is used until it ends.',
          },
          'ops',
          [
            {
              expr: rate('tierkit_credential_fetches_total', ['policy', 'type'], `result="failed", ${INSTANCE}`),
              legend: '{{policy}} {{type}}',
              mayBeEmpty: true,
            },
          ],
          { alerts: ['TierkitCredentialFetchFails'] },
        ),
        lines({ title: 'Time to write a page of metrics', description: 'What one scrape costs the event loop.' }, 's', [
          { expr: of('tierkit_metrics_render_seconds', INSTANCE), legend: '{{instance}}' },
        ]),
        lines({ title: 'Series of a scrape', description: 'What a process adds to the store.' }, 'short', [
          { expr: of('scrape_samples_scraped', `job=~"tierkit.*", ${INSTANCE}`), legend: '{{instance}}' },
        ]),
      ],
    },
  ],
};
