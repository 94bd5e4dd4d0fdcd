import type { Tier } from './settings.ts';

/** What a virtual user does: a function of script/behaviour.ts. */
export type Behaviour = 'stream' | 'unary' | 'leave' | 'converse' | 'tenant' | 'inject';

/** One k6 scenario: a steady stream of arrivals of one kind through one tier. */
export interface Part {
  /** The k6 scenario's name. */
  readonly scenario: string;
  /** With the tier, what the results are grouped by: the rounds of a part are one row. */
  readonly part: string;
  readonly tier: Tier;
  readonly behaviour: Behaviour;
  readonly startS: number;
  readonly seconds: number;
  /** Arrivals in a second. */
  readonly rate: number;
  /** Of `inject`: failure rules of simulated pods (`PUT /admin/config`): of the first one, or of every one. The others have none. */
  readonly failures?: readonly Readonly<Record<string, string | number>>[];
  readonly everyPod?: boolean;
  /** Of `tenant`: whose key the requests have. */
  readonly tenant?: 'busy' | 'calm';
  /** Of `converse`. */
  readonly turns?: number;
  /** Instead of the setting. */
  readonly maxTokens?: number;
}

/** A row of the report: what several parts have in common. */
export interface Row {
  readonly part: string;
  readonly tier: Tier;
  readonly behaviour: Behaviour;
  readonly rate: number;
  /** Of all its parts together. */
  readonly seconds: number;
  readonly scenarios: readonly string[];
}

/** Parts that make requests, grouped in the order in which they come first. */
export function rowsOf(parts: readonly Part[]): Row[] {
  const rows = new Map<string, Row>();
  for (const { part, tier, behaviour, rate, seconds, scenario } of parts) {
    if (behaviour === 'inject') continue;
    const key = `${part} ${tier}`;
    const before = rows.get(key);
    rows.set(key, {
      part,
      tier,
      behaviour,
      rate,
      seconds: (before?.seconds ?? 0) + seconds,
      scenarios: [...(before?.scenarios ?? []), scenario],
    });
  }
  return [...rows.values()];
}

/** When the last part has begun its last request, in seconds from the start. */
export function endOf(parts: readonly Part[]): number {
  return Math.max(0, ...parts.map(({ startS, seconds }) => startS + seconds));
}
