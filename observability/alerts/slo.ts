import { type BurnWindow, FAST_FIRST_TOKEN_S } from '../prometheus/recording.ts';
import type { Alert, AlertGroup } from './alert.ts';

/** Share of requests that may fail, and of streams that may be slow. */
export const OBJECTIVES = { errors: 0.001, slow: 0.05 } as const;

interface Burn {
  readonly speed: 'Fast' | 'Medium' | 'Slow';
  readonly short: BurnWindow;
  readonly long: BurnWindow;
  /** How many times faster than allowed the budget is spent. */
  readonly factor: number;
  readonly severity: Alert['severity'];
  readonly for: string;
}

/** Two windows each: the long one says that it matters, the short one that it still goes on (Google's SRE workbook, chapter 5). */
export const BURNS: readonly Burn[] = [
  { speed: 'Fast', short: '5m', long: '1h', factor: 14.4, severity: 'page', for: '2m' },
  { speed: 'Medium', short: '30m', long: '6h', factor: 6, severity: 'page', for: '15m' },
  { speed: 'Slow', short: '6h', long: '3d', factor: 1, severity: 'ticket', for: '1h' },
];

function burn(what: string, record: string, allowed: number, texts: { summary: string; description: string }): Alert[] {
  return BURNS.map(({ speed, short, long, factor, severity, for: held }) => {
    // 14.4 × 0.05 and the like are no round numbers in binary.
    const than = Number((factor * allowed).toPrecision(6));
    return {
      name: `Tierkit${what}Burn${speed}`,
      conditions: [
        { value: `tierkit:${record}:ratio_rate${short}`, is: '>', than },
        { value: `tierkit:${record}:ratio_rate${long}`, is: '>', than },
      ],
      for: held,
      severity,
      summary: `${texts.summary}: ${factor} times as many as the objective allows, over ${short} and ${long}`,
      description: texts.description,
    };
  });
}

export const SLO: AlertGroup = {
  name: 'tierkit-slo-burn',
  alerts: [
    ...burn('Error', 'request_errors', OBJECTIVES.errors, {
      summary: 'Requests fail',
      description: '{{ $value | humanizePercentage }} of the requests at tier {{ $labels.tier }} fail, 0.1 % may.',
    }),
    ...burn('FirstToken', 'slow_first_tokens', OBJECTIVES.slow, {
      summary: 'First tokens are late',
      description: `{{ $value | humanizePercentage }} of the streams wait longer than ${FAST_FIRST_TOKEN_S} s for their first token, 5 % may.`,
    }),
  ],
};

export const LATENCY: AlertGroup = {
  name: 'tierkit-latency',
  alerts: [
    {
      name: 'TierkitFirstTokenSlow',
      conditions: [{ value: 'tierkit:first_token_seconds:p95_rate5m', is: '>', than: 5 }],
      for: '10m',
      severity: 'ticket',
      summary: 'A model is slow to begin its answers',
      description:
        '95 % of the streams of {{ $labels.gen_ai_original_model }} have their first token within {{ $value | humanizeDuration }}; 5 s is the target.',
    },
    {
      name: 'TierkitTokensSlow',
      conditions: [{ value: 'tierkit:output_token_seconds:p95_rate5m', is: '>', than: 0.2 }],
      for: '10m',
      severity: 'ticket',
      summary: 'A model writes slowly',
      description:
        '95 % of the streams of {{ $labels.gen_ai_original_model }} take up to {{ $value | humanizeDuration }} a token; 200 ms is the target.',
    },
    {
      name: 'TierkitOverheadHigh',
      conditions: [{ value: 'tierkit:gateway_overhead_seconds:p99_rate5m', is: '>', than: 0.01 }],
      for: '10m',
      severity: 'ticket',
      summary: 'The gateway itself is slow',
      description:
        'Of 1 request in 100 the gateway {{ $labels.job }} takes {{ $value | humanizeDuration }} or more for itself; 10 ms is the target.',
    },
  ],
};
