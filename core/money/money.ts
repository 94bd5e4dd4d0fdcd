import { didYouMean } from '../resources/nearest.ts';
import { Budget } from '../resources/tierkit/budget.ts';
import { PriceTable } from '../resources/tierkit/price-table.ts';
import { CoveringTable } from '../route/covering-table.ts';
import type { CoveringScope } from '../route/covering.ts';
import type { BrokenBudget } from './broken-budget.ts';
import type { BudgetRule } from './budget-rule.ts';
import { brokenBudgetsOf, budgetsOf } from './budgets.ts';
import { Prices, pricesOf } from './prices.ts';
import { ToolPrices, toolPricesOf } from './tool-prices.ts';

/** What is paid for models and tools, and what may be spent. */
export interface Money {
  readonly prices: Prices;
  readonly tools: ToolPrices;
  /** Whether a call of a tool may cost anything, or be refused for want of a price. */
  readonly paysTools: boolean;
  readonly budgets: CoveringTable<BudgetRule>;
  /** Hard budgets that cannot be read: what they cover is refused. */
  readonly broken: CoveringTable<BrokenBudget>;
  /** Of all of these, those by which a tool that no table names is refused: they are about tools. */
  readonly toolBudgets: CoveringTable<BudgetRule | BrokenBudget>;
}

export const NO_MONEY: Money = Object.freeze({
  prices: new Prices([]),
  tools: new ToolPrices([]),
  paysTools: false,
  budgets: new CoveringTable<BudgetRule>([]),
  broken: new CoveringTable<BrokenBudget>([]),
  toolBudgets: new CoveringTable<BudgetRule | BrokenBudget>([]),
});

/** Prices and budgets of a load. Reports their problems. */
export function moneyOf(scope: CoveringScope): Money {
  const prices = pricesOf(scope.set, scope.report);
  const tools = toolPricesOf(scope.set, scope.report);
  const rules = budgetsOf(scope);
  const broken = brokenBudgetsOf(scope);
  checkCurrencies(scope);
  const strict = [...broken, ...rules.filter(({ refusesUnknownPrice }) => refusesUnknownPrice)].filter(({ aboutTools }) => aboutTools);
  return Object.freeze({
    prices,
    tools,
    paysTools: !tools.isEmpty || strict.length > 0,
    budgets: new CoveringTable(Object.freeze(rules)),
    broken: new CoveringTable(Object.freeze(broken)),
    toolBudgets: new CoveringTable(Object.freeze(strict)),
  });
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
