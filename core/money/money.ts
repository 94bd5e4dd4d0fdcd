import { didYouMean } from '../resources/nearest.ts';
import { Budget } from '../resources/tierkit/budget.ts';
import { PriceTable } from '../resources/tierkit/price-table.ts';
import { CoveringTable } from '../route/covering-table.ts';
import type { CoveringScope } from '../route/covering.ts';
import type { BrokenBudget } from './broken-budget.ts';
import type { BudgetRule } from './budget-rule.ts';
import { brokenBudgetsOf, budgetsOf } from './budgets.ts';
import { Prices, pricesOf } from './prices.ts';

/** What is paid for models, and what may be spent. */
export interface Money {
  readonly prices: Prices;
  readonly budgets: CoveringTable<BudgetRule>;
  /** Hard budgets that cannot be read: what they cover is refused. */
  readonly broken: CoveringTable<BrokenBudget>;
}

export const NO_MONEY: Money = Object.freeze({ prices: new Prices([]), budgets: new CoveringTable([]), broken: new CoveringTable([]) });

/** Prices and budgets of a load. Reports their problems. */
export function moneyOf(scope: CoveringScope): Money {
  const prices = pricesOf(scope.set, scope.report);
  const budgets = new CoveringTable(Object.freeze(budgetsOf(scope)));
  checkCurrencies(scope);
  return Object.freeze({ prices, budgets, broken: new CoveringTable(Object.freeze(brokenBudgetsOf(scope))) });
}

/** A budget that must hold would refuse every request. */
function checkCurrencies({ set, report }: CoveringScope): void {
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
