import type { Dashboard } from './dashboard.ts';
import { area, lines, quantile, rate, shareOf, table } from './parts.ts';

const BACKEND = 'backend=~"$backend"';

export const PROVIDERS: Dashboard = {
  uid: 'tierkit-providers',
  title: 'Tierkit / Providers',
  variables: [{ name: 'backend', metric: 'tierkit_attempts_total', label: 'backend' }],
  rows: [
    {
      title: 'Health',
      panels: [
        table('Endpoints by state', 'none', `sum by (job, backend, state) (tierkit_backend_endpoints{${BACKEND}})`),
        lines(
          'Times the breaker opened, an hour',
          'none',
          `sum by (backend) (increase(tierkit_backend_ejections_total{${BACKEND}}[1h]))`,
          '{{backend}}',
        ),
        area('Attempts', 'ops', rate('tierkit_attempts_total', ['backend'], BACKEND), '{{backend}}'),
        area(
          'Failed attempts by class',
          'ops',
          rate('tierkit_attempts_total', ['backend', 'result'], `${BACKEND}, result!="ok"`),
          '{{backend}} {{result}}',
        ),
        lines('Share that fails', 'percentunit', shareOf('tierkit_attempts_total', 'result!~"ok|client_gone"', ['backend']), '{{backend}}'),
        lines(
          'Share of 429',
          'percentunit',
          shareOf('tierkit_attempts_total', 'result="upstream_rate_limited"', ['backend']),
          '{{backend}}',
        ),
      ],
    },
    {
      title: 'Second choices',
      panels: [
        lines('Fallbacks', 'ops', rate('tierkit_fallbacks_total', ['from', 'to', 'reason']), '{{from}} → {{to}}: {{reason}}'),
        lines('Retries', 'ops', rate('tierkit_retries_total', ['backend', 'reason']), '{{backend}}: {{reason}}'),
      ],
    },
    {
      title: 'Speed',
      panels: [
        lines('First token, p95', 's', quantile(0.95, 'tierkit_upstream_time_to_first_token_seconds', ['backend'], BACKEND), '{{backend}}'),
        lines('Whole answer, p95', 's', quantile(0.95, 'tierkit_attempt_duration_seconds', ['backend'], BACKEND), '{{backend}}'),
        lines('In flight', 'none', `sum by (backend) (tierkit_backend_requests_in_flight{${BACKEND}})`, '{{backend}}'),
      ],
    },
  ],
};
