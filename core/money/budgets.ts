import { isObject } from '../is-object.ts';
import { type Window, sliding } from '../limits/window.ts';
import { SecurityPolicy } from '../resources/envoy-gateway/security-policy.ts';
import { didYouMean } from '../resources/nearest.ts';
import type { ResourceSet } from '../resources/set.ts';
import { Budget, type BudgetWindow } from '../resources/tierkit/budget.ts';
import { nanosOf } from '../resources/tierkit/money.ts';
import { coveringOf, type CoveringScope, coveringOfInvalid, type ReportResource } from '../route/covering.ts';

import { BrokenBudget } from './broken-budget.ts';
import type { BudgetRule } from './budget-rule.ts';
import { calendarWindow, TOTAL } from './calendar.ts';
import { CompiledBudget } from './compiled-budget.ts';
import { unitsOfNanos } from './units.ts';

/** The budgets of a load. Reports targets and headers that are not there. */
export function budgetsOf(scope: CoveringScope): BudgetRule[] {
  const { set, report } = scope;
  return set.all(Budget).map((budget) => {
    const { spec } = budget.body;
    const { namespace } = budget.metadata;
    const covering = coveringOf(budget, spec, scope);
    if (spec.header !== undefined) checkHeader(spec.header, budget, set, report);
    return new CompiledBudget({
      namespace,
      name: budget.metadata.name,
      spec,
      window: windowOf(spec.window),
      windowName: windowName(spec.window),
      covering,
      units: unitsOf(spec.amount, spec.tokens),
      overrides: new Map((spec.overrides ?? []).map(({ client, amount, tokens }) => [client, unitsOf(amount, tokens)])),
    });
  });
}

/** Budgets that cannot be read, as far as they could be hard. */
export function brokenBudgetsOf({ set, shared }: CoveringScope): BrokenBudget[] {
  return set.invalid(Budget).flatMap((invalid) => {
    const { mode, match } = (invalid.spec ?? {}) as { readonly mode?: unknown; readonly match?: unknown };
    if (mode === 'Soft') return [];
    const covering = coveringOfInvalid(invalid, shared);
    const aboutTools = covering.aboutTools || (isObject(match) && match['tools'] !== undefined);
    return [new BrokenBudget(`Budget ${invalid.namespace}/${invalid.name}`, covering, aboutTools)];
  });
}

function unitsOf(amount: string | undefined, tokens: number | undefined): number {
  return amount === undefined ? (tokens ?? 0) : unitsOfNanos(nanosOf(amount));
}

/** Budgets with one calendar ask for the same periods. */
const CALENDARS = new Map<string, Window>();
const MOST_CALENDARS = 1000;

function windowOf({ unit, timeZone = 'UTC', slidingSeconds }: BudgetWindow): Window {
  if (unit === undefined) return sliding(slidingSeconds! * 1000);
  if (unit === 'Total') return TOTAL;
  const key = `${unit} ${timeZone}`;
  let window = CALENDARS.get(key);
  if (window === undefined) {
    if (CALENDARS.size >= MOST_CALENDARS) CALENDARS.clear();
    CALENDARS.set(key, (window = calendarWindow(unit, timeZone)));
  }
  return window;
}

function windowName({ unit, timeZone, slidingSeconds }: BudgetWindow): string {
  if (unit === undefined) return `${slidingSeconds}s`;
  return timeZone === undefined || timeZone === 'UTC' ? unit : `${unit}@${timeZone}`;
}

/** A header that no policy sets would put everybody into one budget, unnoticed. */
function checkHeader(header: string, budget: Budget, set: ResourceSet, report: ReportResource): void {
  const names = set
    .all(SecurityPolicy)
    .flatMap(({ body: { spec } }) => [
      ...(spec.apiKeyAuth?.forwardClientIDHeader === undefined ? [] : [spec.apiKeyAuth.forwardClientIDHeader]),
      ...(spec.basicAuth?.forwardUsernameHeader === undefined ? [] : [spec.basicAuth.forwardUsernameHeader]),
      ...(spec.jwt?.providers ?? []).flatMap(({ claimToHeaders }) => (claimToHeaders ?? []).map((each) => each.header)),
      ...(spec.extAuth?.http?.headersToBackend ?? []),
    ]);
  const lower = names.map((name) => name.toLowerCase());
  if (lower.includes(header.toLowerCase())) return;
  report(
    budget,
    'spec.header',
    `no SecurityPolicy sets ${header} (forwardClientIDHeader, forwardUsernameHeader, claimToHeaders, headersToBackend), ` +
      `and what clients send is nobody's word${didYouMean(header, names)}`,
  );
}
