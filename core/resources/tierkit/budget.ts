import { reportDuplicates } from '../ai-gateway/unique.ts';
import { defineKind, type Report, type ResourceOf } from '../kind.ts';
import { didYouMean } from '../nearest.ts';
import { HeaderName, list, object, oneOf, type Static, text, Type } from '../schema.ts';
import { checkCovering, ClientId, COVERING_WITH_TOOLS } from './covering.ts';
import { doc } from './doc.ts';
import { TIERKIT_GROUP, TIERKIT_VERSIONS } from './group.ts';
import { Amount, Currency, nanosOf } from './money.ts';
import { isTimeZone, timeZones } from './time-zone.ts';

/** A whole number of tokens that can be counted exactly. */
const Tokens = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

/** What a budget may be counted in: so many tenths of a millionth fit into a number. */
const MOST_NANOS = BigInt(Number.MAX_SAFE_INTEGER) * 100n;

const Window = object({
  unit: doc(
    'A stretch of the calendar, or `Total`: all time. Weeks begin on Monday.',
    Type.Optional(oneOf(['Second', 'Minute', 'Hour', 'Day', 'Week', 'Month', 'Quarter', 'Year', 'Total'])),
  ),
  timeZone: doc('IANA name of the time zone whose calendar counts. Absent: UTC.', Type.Optional(text(64))),
  slidingSeconds: doc(
    'Any stretch of so many seconds, whenever it begins: at most 400 days.',
    Type.Optional(Type.Integer({ minimum: 1, maximum: 34_560_000 })),
  ),
});
export type BudgetWindow = Static<typeof Window>;

const Override = object({
  client: doc('Id of a client, as the SecurityPolicy says it.', ClientId),
  amount: doc('In place of the amount of the budget.', Type.Optional(Amount)),
  tokens: doc('In place of the tokens of the budget.', Type.Optional(Tokens)),
});

/** How much may be spent: money, on models and tools, or tokens. A request goes to every budget that covers it, and needs room in each. */
export const Budget = defineKind({
  kind: 'Budget',
  group: TIERKIT_GROUP,
  versions: TIERKIT_VERSIONS,
  namespaced: true,
  schema: object({
    spec: object({
      ...COVERING_WITH_TOOLS,
      per: doc(
        'What has a budget of its own. Absent: all that is covered shares one. Clients that nobody identified share one; so do, with `Model`, all tools, and with `Tool` all models.',
        Type.Optional(oneOf(['Client', 'Model', 'Route', 'Header', 'Tool'])),
      ),
      header: doc(
        'With `per: Header`: one that a SecurityPolicy sets (forwardClientIDHeader, claimToHeaders, …), never the client’s own.',
        Type.Optional(HeaderName),
      ),
      amount: doc('Money in a window; 0 suspends.', Type.Optional(Amount)),
      currency: doc('Of the amounts, those of overrides included.', Type.Optional(Currency)),
      tokens: doc('Tokens in a window, input and output together, in place of money; 0 suspends.', Type.Optional(Tokens)),
      window: doc('What is counted together.', Window),
      mode: doc('`Soft` counts and tells, and refuses nothing.', oneOf(['Hard', 'Soft'], { default: 'Hard' })),
      alerts: doc('Percent of the budget at which it is told.', Type.Optional(list(Type.Integer({ minimum: 1, maximum: 1000 }), 16))),
      overrides: doc('Other amounts for some clients, with `per: Client`; 0 suspends the client.', Type.Optional(list(Override, 10_000))),
      failureMode: doc(
        'What becomes of requests while the counts cannot be had. Absent: Closed for Hard, Open for Soft.',
        Type.Optional(oneOf(['Open', 'Closed'])),
      ),
      onUnknownPrice: doc(
        'What becomes of requests whose price is not known. Absent: Refuse for Hard, Ignore for Soft. A tool that no PriceTable names is free, unless the budget is about tools: it has an MCPRoute in targetRefs, or match.tools.',
        Type.Optional(oneOf(['Refuse', 'Ignore'])),
      ),
    }),
  }),
  refused: {},
  rules: ({ spec }, report) => {
    checkCovering(spec, report);
    checkTools(spec, report);
    checkSize(spec, report);
    checkWindow(spec.window, report);
    checkPer(spec, report);
    if (spec.mode === 'Hard' && spec.onUnknownPrice === 'Ignore')
      report('spec.onUnknownPrice', 'Ignore is for mode Soft: what has no price would pass a hard budget for nothing');
    if (spec.mode === 'Soft' && spec.failureMode === 'Closed')
      report('spec.failureMode', 'Closed is for mode Hard: a soft budget refuses nothing');
    reportDuplicates(spec.overrides, ({ client }) => client, 'spec.overrides', 'client', report);
    reportDuplicates(spec.alerts, String, 'spec.alerts', '', report);
  },
});
export type Budget = ResourceOf<typeof Budget>;
type Spec = Budget['body']['spec'];

/** Tools are paid by the call: a budget of tokens would say nothing of them. */
function checkTools({ targetRefs, match, per, tokens }: Spec, report: Report): void {
  if (tokens === undefined) return;
  const why = 'is for amount: calls of tools are paid in money, and have no tokens';
  for (const [index, { kind }] of (targetRefs ?? []).entries()) if (kind === 'MCPRoute') report(`spec.targetRefs[${index}].kind`, why);
  if (match?.tools !== undefined) report('spec.match.tools', why);
  if (per === 'Tool') report('spec.per', `Tool ${why}`);
}

function checkSize({ amount, currency, tokens, overrides, onUnknownPrice }: Spec, report: Report): void {
  if (amount === undefined && tokens === undefined) report('spec', 'one of amount and tokens is required');
  if (amount !== undefined && tokens !== undefined) report('spec.tokens', 'cannot stand beside amount; use two Budgets');
  if (amount !== undefined && currency === undefined) report('spec.currency', 'is required with amount');
  if (amount === undefined && currency !== undefined) report('spec.currency', 'is for amount, not for tokens');
  if (amount === undefined && onUnknownPrice !== undefined) report('spec.onUnknownPrice', 'is for amount: tokens need no price');
  checkAmount(amount, 'spec.amount', report);
  const [field, other] = amount === undefined ? (['tokens', 'amount'] as const) : (['amount', 'tokens'] as const);
  for (const [index, override] of (overrides ?? []).entries()) {
    const path = `spec.overrides[${index}]`;
    if (override[field] === undefined) report(`${path}.${field}`, `is required, as the budget has ${field}`);
    if (override[other] !== undefined) report(`${path}.${other}`, `cannot stand here: the budget has ${field}`);
    checkAmount(override.amount, `${path}.amount`, report);
  }
}

function checkAmount(amount: string | undefined, path: string, report: Report): void {
  if (amount === undefined) return;
  const nanos = nanosOf(amount);
  if (nanos > MOST_NANOS) report(path, `${amount} is more than can be counted, which is ${MOST_NANOS / 1_000_000_000n}`);
  else if (nanos % 100n !== 0n) report(path, `${amount} is finer than can be counted, which is 0.0000001`);
}

function checkWindow({ unit, timeZone, slidingSeconds }: BudgetWindow, report: Report): void {
  const path = 'spec.window';
  if (unit === undefined && slidingSeconds === undefined) report(path, 'one of unit and slidingSeconds is required');
  if (unit !== undefined && slidingSeconds !== undefined) report(`${path}.slidingSeconds`, 'cannot stand beside unit');
  if (timeZone === undefined) return;
  if (unit === undefined || unit === 'Total') report(`${path}.timeZone`, 'is for a unit of the calendar');
  else if (!isTimeZone(timeZone))
    report(`${path}.timeZone`, `${JSON.stringify(timeZone)} is no IANA time zone${didYouMean(timeZone, timeZones())}`);
}

function checkPer({ per, header, overrides }: Spec, report: Report): void {
  if (per === 'Header' && header === undefined) report('spec.header', 'is required with per: Header');
  if (per !== 'Header' && header !== undefined) report('spec.header', 'is for per: Header');
  if (overrides !== undefined && per !== 'Client')
    report('spec.overrides', 'are for per: Client: where clients share a budget, none has an amount of its own');
}
