import { type Addresses, isThere } from './addresses.ts';
import { COUNTERS, ERROR_CLASSES, ERRORS, LEFT_RUNNING, RATES, tagged, TRENDS } from './metrics.ts';
import { type Part, type Row, rowsOf } from './part.ts';
import { type Scenario, SCENARIOS } from './scenarios.ts';
import { type Environment, type Settings, settingsOf } from './settings.ts';

/** All that decides on a run. k6 and the runner come to the same one by the same variables. */
export interface Plan {
  readonly scenario: Scenario;
  readonly settings: Settings;
  readonly parts: readonly Part[];
  readonly rows: readonly Row[];
}

/** @throws TypeError for a setting that is wrong, or when no wanted tier has an address */
export function planOf(name: string, env: Environment, addresses: Addresses): Plan {
  const scenario = SCENARIOS.find((each) => each.name === name)!;
  const wanted = settingsOf(env, scenario.defaults);
  const tiers = scenario.needs.includes('tenants') ? wanted.tiers : wanted.tiers.filter((tier) => isThere(addresses, tier));
  if (tiers.length === 0) throw new TypeError(`${name}: there is no address for ${wanted.tiers.join(', ')}`);
  const settings = { ...wanted, tiers };
  const parts = scenario.parts(settings);
  return { scenario, settings, parts, rows: rowsOf(parts) };
}

/** A whole answer has no first token that its client could see. */
function hasMetric({ behaviour }: Row, metric: string): boolean {
  return behaviour !== 'unary' || ![TRENDS.ttft, TRENDS.gap, TRENDS.tpot].some((each) => each === metric);
}

/** True for every value: k6 keeps figures of tags only where a threshold asks for them. */
const ALWAYS = { trend: 'p(50)>=0', rate: 'rate>=0', counter: 'count>=0' } as const;

/** Thresholds of k6 for the rows of a plan. */
export function thresholdsOf({ scenario, rows }: Plan): Record<string, string[]> {
  const out: Record<string, string[]> = {};
  for (const row of rows) {
    const own = scenario.thresholds?.(row) ?? {};
    const tags = { tier: row.tier, part: row.part };
    const groups = [
      [TRENDS, ALWAYS.trend],
      [RATES, ALWAYS.rate],
      [COUNTERS, ALWAYS.counter],
    ] as const;
    for (const [metrics, always] of groups) {
      for (const [key, metric] of Object.entries(metrics)) {
        if (hasMetric(row, metric)) out[tagged(metric, tags)] = [own[key] ?? always];
      }
    }
    for (const name of ERROR_CLASSES) {
      // Everywhere: a stream is complete or says that it is not. The pods themselves, whose connection a fault cuts, are left out.
      const limit = name === 'cut' && row.tier !== 'pods' ? 'count==0' : ALWAYS.counter;
      out[tagged(ERRORS, { ...tags, class: name })] = [limit];
    }
    for (const name of row.scenarios) out[tagged('dropped_iterations', { scenario: name })] = [ALWAYS.counter];
  }
  if (scenario.name === 'disconnects') out[LEFT_RUNNING] = ['value==0'];
  return out;
}
