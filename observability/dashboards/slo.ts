import { BURNS, OBJECTIVES } from '../alerts/slo.ts';
import { FAST_FIRST_TOKEN_S, WINDOWS } from '../prometheus/recording.ts';
import type { Dashboard, Row } from './dashboard.ts';
import { lines, stat, table } from './parts.ts';

interface Objective {
  readonly title: string;
  readonly record: string;
  readonly allowed: number;
  /** What a series is of. */
  readonly each: string;
  readonly alerts: readonly string[];
  readonly what: string;
}

const BURN_STEPS = BURNS.map(
  ({ factor, severity }) => ({ at: factor, color: severity === 'page' ? 'red' : 'yellow' }) as const,
).toReversed();

function row({ title, record, allowed, each, alerts, what }: Objective): Row {
  const ratio = (window: string): string => `tierkit:${record}:ratio_rate${window}`;
  return {
    title,
    panels: [
      stat(
        { title: 'Share of three days', description: `${what} ${allowed * 100} % may.` },
        'percentunit',
        { expr: ratio('3d'), legend: each },
        { width: 4, steps: [{ at: allowed, color: 'red' }], alerts: alerts.slice(-1) },
      ),
      stat(
        {
          title: 'Budget left of three days',
          description: '100 %: nothing failed. 0 %: just what the objective allows. Below: it is missed, and risky changes should wait.',
        },
        'percentunit',
        { expr: `1 - ${ratio('3d')} / ${allowed}`, legend: each },
        {
          width: 4,
          base: 'red',
          steps: [
            { at: 0, color: 'yellow' },
            { at: 0.25, color: 'green' },
          ],
        },
      ),
      lines(
        {
          title: 'Burn rate',
          description:
            'How many times faster than allowed the budget is spent, over windows of several lengths. 1 spends it exactly; 14.4 and 6 page where a short and a long window agree.',
        },
        'short',
        WINDOWS.map((window) => ({ expr: `${ratio(window)} / ${allowed}`, legend: `${window}, ${each}` })),
        { width: 16, steps: BURN_STEPS, alerts },
      ),
    ],
  };
}

export const SLO_DASHBOARD: Dashboard = {
  uid: 'tierkit-slo',
  title: 'Tierkit / Objectives',
  description:
    'Error budgets of both objectives, and how fast they are spent. Of everything that this Prometheus scrapes: recordings know no namespace.',
  variables: [],
  rows: [
    row({
      title: 'Requests that fail: 0.1 % may',
      record: 'request_errors',
      allowed: OBJECTIVES.errors,
      each: 'tier {{tier}}',
      alerts: ['TierkitErrorBurnFast', 'TierkitErrorBurnMedium', 'TierkitErrorBurnSlow'],
      what: 'Requests that failed through the gateway or a backend.',
    }),
    row({
      title: 'Streams that begin late: 5 % may',
      record: 'slow_first_tokens',
      allowed: OBJECTIVES.slow,
      each: 'streams',
      alerts: ['TierkitFirstTokenBurnFast', 'TierkitFirstTokenBurnMedium', 'TierkitFirstTokenBurnSlow'],
      what: `Streams whose first token took longer than ${FAST_FIRST_TOKEN_S} s.`,
    }),
    {
      title: 'Alerts',
      panels: [
        table(
          { title: 'Pending and firing', description: 'Every alert of ours that is not silent. The runbook of an alert has its name.' },
          'short',
          { expr: 'ALERTS{alertname=~"Tierkit.*"}', mayBeEmpty: true },
          { width: 24 },
        ),
      ],
    },
  ],
};
