import { type Dashboard, NAMESPACE } from './dashboard.ts';
import { alertStep, area, growth, heatmap, lines, of, quantile, rate, shareOf, stat, table, WITH_TIER } from './parts.ts';

const BACKEND = 'backend=~"$backend"';
/** The client left: nobody's failure. */
const FAILED = 'result!~"ok|client_gone"';

export const PROVIDERS: Dashboard = {
  uid: 'tierkit-providers',
  title: 'Tierkit / Providers',
  description: 'Health, second choices and speed of what the gateways call: providers and tier two behind tier one, pools behind tier two.',
  variables: [NAMESPACE, { name: 'backend', title: 'Backend', metric: 'tierkit_attempts_total', label: 'backend' }],
  rows: [
    {
      title: 'Now',
      panels: [
        stat({ title: 'Attempts', description: 'Calls of backends a second, further tries among them.' }, 'reqps', {
          expr: rate('tierkit_attempts_total', ['tier'], BACKEND),
          legend: 'tier {{tier}}',
        }),
        stat(
          { title: 'Attempts that fail', description: 'Clients see fewer failures than this: many attempts have a second choice.' },
          'percentunit',
          { expr: shareOf('tierkit_attempts_total', FAILED, ['tier'], BACKEND), legend: 'tier {{tier}}' },
          { steps: [{ at: 0.01, color: 'yellow' }, alertStep('TierkitBackendErrors')], alerts: ['TierkitBackendErrors'] },
        ),
        stat(
          {
            title: 'Backends without an endpoint',
            description: 'Backends that no request may go to: each breaker is open, or all ask to wait.',
          },
          'short',
          {
            expr: `count(min by (backend) (sum by (job, instance, backend) (${of('tierkit_backend_endpoints', `${BACKEND}, state=~"available|trial"`)})) == 0) or vector(0)`,
          },
          { steps: [{ at: 1, color: 'red' }], alerts: ['TierkitBackendOut'] },
        ),
        stat(
          { title: 'Breakers that opened, last hour', description: 'Times that an endpoint was taken out of the choice.' },
          'short',
          { expr: growth('tierkit_backend_ejections_total', '1h', [], BACKEND) },
          { steps: [{ at: 1, color: 'yellow' }] },
        ),
      ],
    },
    {
      title: 'Health',
      panels: [
        table(
          {
            title: 'Endpoints by state',
            description: 'cooling: it asked to wait. ejected: the breaker is open. trial: one request tries whether it is well again.',
          },
          'short',
          { expr: `sum by (tier, backend, state) (${of('tierkit_backend_endpoints', BACKEND)} ${WITH_TIER})` },
        ),
        lines(
          { title: 'Times the breaker opened, an hour', description: 'A backend that comes and goes.' },
          'short',
          [{ expr: growth('tierkit_backend_ejections_total', '1h', ['backend'], BACKEND), legend: '{{backend}}' }],
          { alerts: ['TierkitBackendOut'] },
        ),
        area({ title: 'Attempts', description: 'Calls by backend: how weights and priorities really come out.' }, 'reqps', {
          expr: rate('tierkit_attempts_total', ['backend'], BACKEND),
          legend: '{{backend}}',
        }),
        area({ title: 'Failed attempts by class', description: 'Why they ended; docs/metrics.md explains the classes.' }, 'reqps', {
          expr: rate('tierkit_attempts_total', ['backend', 'result'], `${BACKEND}, result!="ok"`),
          legend: '{{backend}}: {{result}}',
        }),
        lines(
          { title: 'Share that fails', description: 'Of the attempts at each backend, without clients that left.' },
          'percentunit',
          [{ expr: shareOf('tierkit_attempts_total', FAILED, ['backend'], BACKEND), legend: '{{backend}}' }],
          { steps: [alertStep('TierkitBackendErrors')], alerts: ['TierkitBackendErrors'] },
        ),
        lines(
          {
            title: 'Share of 429',
            description: 'The quota at the provider is too small for the load. Limits of ours are on the dashboard of limits.',
          },
          'percentunit',
          [{ expr: shareOf('tierkit_attempts_total', 'result="upstream_rate_limited"', ['backend'], BACKEND), legend: '{{backend}}' }],
          { steps: [alertStep('TierkitBackendThrottles')], alerts: ['TierkitBackendThrottles'] },
        ),
      ],
    },
    {
      title: 'Second choices',
      panels: [
        lines(
          { title: 'Fallbacks', description: 'Attempts at another backend, and why. Slower than a first choice, and often dearer.' },
          'reqps',
          [
            {
              expr: rate('tierkit_fallbacks_total', ['from', 'to', 'reason'], 'from=~"$backend"'),
              legend: '{{from}} → {{to}}: {{reason}}',
            },
          ],
          { alerts: ['TierkitFallbacksHigh'] },
        ),
        lines({ title: 'Retries', description: 'Further attempts at the same backend, and why.' }, 'reqps', [
          { expr: rate('tierkit_retries_total', ['backend', 'reason'], BACKEND), legend: '{{backend}}: {{reason}}' },
        ]),
      ],
    },
    {
      title: 'Speed',
      panels: [
        heatmap(
          { title: 'First token', description: 'Streams of the chosen backends by time to their first event with content.' },
          'tierkit_upstream_time_to_first_token_seconds',
          BACKEND,
        ),
        lines({ title: 'First token, p95', description: 'By backend: compare before weights are moved.' }, 's', [
          { expr: quantile(0.95, 'tierkit_upstream_time_to_first_token_seconds', ['backend'], BACKEND), legend: '{{backend}}' },
        ]),
        lines({ title: 'Whole answer, p95', description: 'From the sending of an attempt to its end.' }, 's', [
          { expr: quantile(0.95, 'tierkit_attempt_duration_seconds', ['backend'], BACKEND), legend: '{{backend}}' },
        ]),
        lines({ title: 'In flight', description: 'Calls that are open now. A backend that hangs shows here first.' }, 'short', [
          { expr: `sum by (backend) (${of('tierkit_backend_requests_in_flight', BACKEND)})`, legend: '{{backend}}' },
        ]),
      ],
    },
  ],
};
