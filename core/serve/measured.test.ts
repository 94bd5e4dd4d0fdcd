import { describe, expect, it } from 'vitest';

import { Metrics } from '../telemetry/metrics.ts';
import { backendGauges } from './measured.ts';
import type { Snapshot } from './snapshot.ts';

/** A configuration with these backends, each with one endpoint that was ejected so often. */
function snapshot(ejected: Readonly<Record<string, number>>): Snapshot {
  const targets = Object.entries(ejected).map(([name, timesEjected]) => {
    const health = { timesEjected, cooling: () => false, ejected: () => false, available: () => true };
    return { backend: { name, endpoints: [{ inFlight: 1, health }] } };
  });
  const rule = { ai: true, plan: { targets } };
  const hosts = { entries: () => [['*', { rules: () => [rule] }]] };
  return { ports: [{ listeners: [{ hosts }, { hosts }] }] } as unknown as Snapshot;
}

describe('how often backends were taken out of the choice', () => {
  const { families } = new Metrics('one');
  const series = () => [...families.backendEjections.series()].map((each) => [each.labels[0], each.value] as const);
  const show = (ejected: Record<string, number>) => backendGauges(snapshot(ejected), families);

  it('grows in one series, which begins anew where the count does', () => {
    show({ a: 2, b: 0 });
    const [first] = families.backendEjections.series();
    show({ a: 3, b: 0 });
    expect(series()).toEqual([
      ['a', 3],
      ['b', 0],
    ]);
    expect([...families.backendEjections.series()][0]).toBe(first);
    show({ a: 1, b: 0 });
    expect(families.backendEjections.with('a')).not.toBe(first);
    expect(families.backendEjections.with('a').value).toBe(1);
  });

  it('is gone with the backend', () => {
    show({ b: 4 });
    expect(series()).toEqual([['b', 4]]);
  });
});
