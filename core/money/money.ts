import { didYouMean } from '../resources/nearest.ts';
import type { ResourceSet } from '../resources/set.ts';
import { Budget } from '../resources/tierkit/budget.ts';
import { PriceTable } from '../resources/tierkit/price-table.ts';
import { CoveringTable } from '../route/covering-table.ts';
import type { ReportResource } from '../route/covering.ts';
import type { BudgetRule } from './budget-rule.ts';
import { budgetsOf } from './budgets.ts';
import { Prices, pricesOf } from './prices.ts';

/** What is paid for models, and what may be spent. */
export interface Money {
  readonly prices: Prices;
  readonly budgets: CoveringTable<BudgetRule>;
}

export const NO_MONEY: Money = Object.freeze({ prices: new Prices([]), budgets: new CoveringTable([]) });

/** Prices and budgets of a load. Reports their problems. */
export function moneyOf(set: ResourceSet, report: ReportResource): Money {
  const money = { prices: pricesOf(set, report), budgets: new CoveringTable(Object.freeze(budgetsOf(set, report))) };
  checkCurrencies(set, report);
  return Object.freeze(money);
}

/** A budget that must hold would refuse every request. */
function checkCurrencies(set: ResourceSet, report: ReportResource): void {
  const known = new Set(set.all(PriceTable).map(({ body }) => body.spec.currency));
  for (const budget of set.all(Budget)) {
    const { currency, mode } = budget.body.spec;
    if (currency === undefined || mode === 'Soft' || known.has(currency)) continue;
    report(
      budget,
      'spec.currency',
      `no PriceTable has prices in ${currency}${didYouMean(currency, [...known])}: every request would be refused`,
    );
  }
}
