import type { Counter } from '#core/telemetry/metrics/instruments';
import type { Families } from '#core/telemetry/metrics';
import { NANOS_PER_UNIT } from '#core/money/units';

import { BudgetItem } from './budget-items.ts';
import type { Item } from './items.ts';

/** What is limited: requests to a route (`limit`), money or tokens of a budget, attempts at a backend (`quota`). */
export type RuleKind = 'limit' | 'budget' | 'quota';

/** Series of one rule, bound once. */
interface RuleSeries {
  readonly admitted: Counter;
  readonly refused: Counter;
  readonly shadow: Counter;
  readonly reserved: Counter;
  readonly settled: Counter;
}

/** Rules that requests lately went to; those of the configuration are far fewer. */
const MOST = 1000;
const NANOS = 1_000_000_000;

/** Decisions on limits, budgets and quotas, and what was set aside and used of them. */
export class AdmissionMetrics {
  readonly #families: Families;
  readonly #series: Readonly<Record<RuleKind, Map<string, RuleSeries>>> = { limit: new Map(), budget: new Map(), quota: new Map() };

  constructor(families: Families) {
    this.#families = families;
  }

  /** @param isOver whether an item would have refused the request, had it the right to */
  admitted(items: readonly Item[], granted: readonly number[], isOver: (at: number) => boolean, kind?: RuleKind): void {
    for (let at = 0; at < items.length; at++) {
      const item = items[at]!;
      const series = this.#of(item, kind);
      (item.shadow && isOver(at) ? series.shadow : series.admitted).inc();
      series.reserved.inc(granted[at]! * scaleOf(item));
    }
  }

  refused(item: Item, kind?: RuleKind): void {
    this.#of(item, kind).refused.inc();
  }

  settled(items: readonly Item[], used: readonly number[], kind?: RuleKind): void {
    for (let at = 0; at < items.length; at++) this.#of(items[at]!, kind).settled.inc(used[at]! * scaleOf(items[at]!));
  }

  #of(item: Item, kind: RuleKind = item instanceof BudgetItem ? 'budget' : 'limit'): RuleSeries {
    const all = this.#series[kind];
    const { name } = item;
    return all.get(name) ?? this.#bind(all, item, kind);
  }

  #bind(all: Map<string, RuleSeries>, { name, unit }: Item, kind: RuleKind): RuleSeries {
    const { admissions, reserved, settled } = this.#families;
    const series = {
      admitted: admissions.with(kind, name, 'admitted'),
      refused: admissions.with(kind, name, 'refused'),
      shadow: admissions.with(kind, name, 'shadow'),
      reserved: reserved.with(name, unit),
      settled: settled.with(name, unit),
    };
    if (all.size >= MOST) all.clear();
    all.set(name, series);
    return series;
  }
}

/** Money is counted in parts of its currency, and shown in whole ones. */
function scaleOf(item: Item): number {
  return item instanceof BudgetItem && item.rule.unit !== 'tokens' ? NANOS_PER_UNIT / NANOS : 1;
}
