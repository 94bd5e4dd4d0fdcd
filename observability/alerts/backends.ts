import { type AlertGroup, share } from './alert.ts';

const ATTEMPTS = 'sum by (backend) (rate(tierkit_attempts_total{result!="client_gone"}[10m]))';
const failed = (result: string): string => `sum by (backend) (rate(tierkit_attempts_total{result=~"${result}"}[10m]))`;

export const BACKENDS: AlertGroup = {
  name: 'tierkit-backends',
  alerts: [
    {
      name: 'TierkitBackendErrors',
      conditions: [
        {
          value: share(
            failed('upstream_(connect|reset|timeout|idle|overloaded|credential|server_error|malformed|stream_error|truncated)'),
            ATTEMPTS,
          ),
          is: '>',
          than: 0.1,
        },
      ],
      for: '10m',
      severity: 'ticket',
      summary: 'A backend fails often',
      description: '{{ $value | humanizePercentage }} of the attempts at {{ $labels.backend }} fail.',
    },
    {
      name: 'TierkitBackendThrottles',
      conditions: [{ value: share(failed('upstream_rate_limited'), ATTEMPTS), is: '>', than: 0.05 }],
      for: '10m',
      severity: 'ticket',
      summary: 'A backend answers 429',
      description:
        '{{ $value | humanizePercentage }} of the attempts at {{ $labels.backend }} are told to wait: its quota is too small for the load.',
    },
    {
      name: 'TierkitBackendOut',
      conditions: [
        {
          value: 'min by (backend) (sum by (job, instance, backend) (tierkit_backend_endpoints{state=~"available|trial"}))',
          is: '==',
          than: 0,
        },
      ],
      for: '5m',
      severity: 'page',
      summary: 'A backend is out of the choice',
      description: 'No endpoint of {{ $labels.backend }} may be called: the breaker is open, or all ask to wait.',
    },
    {
      name: 'TierkitFallbacksHigh',
      conditions: [
        {
          value: share('sum by (job) (rate(tierkit_fallbacks_total[10m]))', 'sum by (job) (rate(tierkit_attempts_total[10m]))'),
          is: '>',
          than: 0.05,
        },
      ],
      for: '15m',
      severity: 'ticket',
      summary: 'Many requests are answered by their second choice',
      description: '{{ $value | humanizePercentage }} of the attempts of {{ $labels.job }} are fallbacks: slower, and often dearer.',
    },
  ],
};
