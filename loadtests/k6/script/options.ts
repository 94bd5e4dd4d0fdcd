import { addressesOf } from '../plan/addresses.ts';
import type { Part } from '../plan/part.ts';
import { type Plan, planOf, thresholdsOf } from '../plan/plan.ts';

/** What the summary has of each trend. */
const STATISTICS = ['avg', 'min', 'med', 'p(90)', 'p(95)', 'p(99)', 'max', 'count'];

/** An answer that takes longer needs users who are made while the load runs. */
const EXPECTED_S = 4;

/** k6's options for a scenario. Arrivals do not wait for answers: a slow gateway gets no easier load (no coordinated omission). */
export function optionsOf(name: string): object {
  const plan = planOf(name, __ENV, addressesOf(__ENV));
  return {
    scenarios: Object.fromEntries(plan.parts.map((part) => [part.scenario, k6Scenario(part, plan)])),
    thresholds: thresholdsOf(plan),
    summaryTrendStats: STATISTICS,
    setupTimeout: '60s',
    teardownTimeout: '60s',
  };
}

function k6Scenario(part: Part, { settings }: Plan): object {
  const shared = {
    exec: part.behaviour,
    startTime: `${Math.round(part.startS * 1000)}ms`,
    tags: { tier: part.tier, part: part.part },
    env: { PART: JSON.stringify(part), SETTINGS: JSON.stringify(settings) },
  };
  if (part.behaviour === 'inject') return { ...shared, executor: 'per-vu-iterations', vus: 1, iterations: 1, maxDuration: '10s' };
  return {
    ...shared,
    executor: 'constant-arrival-rate',
    // k6 takes whole arrivals only: as many in ten seconds as the tenth of a rate says.
    rate: Math.max(1, Math.round(part.rate * 10)),
    timeUnit: '10s',
    duration: `${Math.round(part.seconds * 1000)}ms`,
    // Users that are made while the load runs take time from it.
    preAllocatedVUs: Math.max(1, Math.min(settings.vus, Math.ceil(part.rate * EXPECTED_S * (part.turns ?? 1)))),
    maxVUs: Math.max(1, Math.round(settings.vus)),
    gracefulStop: '30s',
  };
}
