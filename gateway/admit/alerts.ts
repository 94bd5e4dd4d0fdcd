import type { BudgetItem } from './budget-items.ts';
import type { CounterState } from './store/store.ts';

/** Budgets whose alerts are remembered. */
const MOST = 10_000;

/** Tells when a budget reaches one of its alerts: each once in a window, by each replica that sees it. */
export class Alerts {
  readonly #told = new Map<string, { percent: number; until: number }>();
  readonly #tell: (message: string) => void;

  constructor(tell: (message: string) => void) {
    this.#tell = tell;
  }

  /** @param state how the count stands with a request in it */
  look(item: BudgetItem, { limit, used, reserved, resetMs }: CounterState): void {
    const { rule, charge, subject, unit } = item;
    if (rule.alerts.length === 0 || limit === 0) return;
    const percent = (100 * (used + reserved)) / limit;
    const reached = rule.alerts.findLast((alert) => alert <= percent);
    if (reached === undefined) return;
    const { key } = charge.counter;
    const now = Date.now();
    const told = this.#told.get(key);
    if (told !== undefined && now < told.until && told.percent >= reached) return;
    this.#told.delete(key);
    if (this.#told.size >= MOST) this.#told.delete(this.#told.keys().next().value!);
    this.#told.set(key, { percent: reached, until: now + resetMs });
    const whose = subject === '' ? '' : ` of ${JSON.stringify(subject)}`;
    const spent = `${item.amount(used + reserved)} of ${item.amount(limit)} ${unit}`;
    this.#tell(`${rule.name}${whose}: ${reached} % are reached (${spent}, with what requests under way have set aside)`);
  }
}
