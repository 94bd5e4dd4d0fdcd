import { amountOf } from '#core/resources/tierkit/money';

import type { Difference, Receipts, Reconciliation, Tolerance } from '../gateway/ledger/reconcile.ts';
import { type Group, type Report, TOKEN_KINDS, type Totals } from '../gateway/ledger/report.ts';
import { tableText } from './table.ts';

/** All that a reconciliation found. */
export interface Found {
  readonly differences: readonly Difference[];
  readonly reconciliation: Reconciliation;
  readonly receipts: Receipts;
  readonly tolerance: Tolerance;
}

const FIGURES = ['REQUESTS', 'INPUT', 'CACHED', 'CACHE WRITE', 'OUTPUT', 'REASONING', 'ESTIMATED', 'UNPRICED', 'COST'];

export function reportText(report: Report, by: readonly Group[]): string {
  const { total } = report;
  if (total.requests === 0) return 'there is no such row in the ledger\n';
  const rows = report.groups().map(({ values, totals }) => [...values.map((value) => (value === '' ? '-' : value)), ...figuresOf(totals)]);
  if (by.length > 0) rows.push(['total', ...by.slice(1).map(() => ''), ...figuresOf(total)]);
  else rows.push(figuresOf(total));
  return tableOf([...by.map((group) => group.toUpperCase().replace('_', ' ')), ...FIGURES], rows, by.length);
}

function figuresOf(totals: Totals): string[] {
  const tokens = (['input', 'cached_input', 'cache_creation', 'output', 'reasoning'] as const).map((kind) => String(totals.tokens(kind)));
  const cost = totals.cost.map(([currency, nanos]) => `${amountOf(nanos)} ${currency}`).join(' + ');
  const share = `${(totals.estimatedShare * 100).toFixed(1)} %`;
  return [String(totals.requests), ...tokens, share, String(totals.unpriced), cost === '' ? '-' : cost];
}

export function reportJson(report: Report, by: readonly Group[]): string {
  const groups = report.groups().map(({ values, totals }) => ({
    ...Object.fromEntries(by.map((group, index) => [group, values[index] === '' ? null : values[index]])),
    ...totalsJson(totals),
  }));
  return jsonOf({ total: totalsJson(report.total), ...(by.length === 0 ? {} : { groups }) });
}

function totalsJson(totals: Totals): object {
  const { requests, incomplete, estimated, estimatedShare, unpriced, cost } = totals;
  return {
    requests,
    incomplete,
    estimated,
    estimated_share: estimatedShare,
    unpriced,
    tokens: Object.fromEntries(TOKEN_KINDS.map((kind) => [kind, totals.tokens(kind)])),
    cost: Object.fromEntries(cost.map(([currency, nanos]) => [currency, amountOf(nanos)])),
  };
}

export function reconciliationText({ differences, reconciliation, receipts, tolerance }: Found): string {
  const beyond = differences.filter((difference) => difference.beyond);
  const rows = beyond.map((difference) => {
    const { day, model, figure, ledger, provider } = difference;
    const figures = [ledger, provider, ledger - provider].map((value) => shown(figure, value));
    return [day, model === '' ? '-' : model, figure, ...figures, percentText(difference)];
  });
  const lines: string[] = [];
  if (rows.length > 0) lines.push(tableOf(['DAY', 'MODEL', 'FIGURE', 'LEDGER', 'PROVIDER', 'DIFFERENCE', 'PERCENT'], rows, 3));
  if (reconciliation.days !== undefined) {
    const [first, last] = reconciliation.days;
    lines.push(
      `${first} to ${last}: ${beyond.length} of ${differences.length} figures differ by more than ${tolerance.percent} %\n`,
      ...totalsOf(differences).map((total) => {
        const { figure, ledger, provider } = total;
        return `total ${figure}: ledger ${shown(figure, ledger)}, provider ${shown(figure, provider)} (${percentText(total)})\n`;
      }),
    );
  }
  const { outside, unpriced, comparesCosts } = reconciliation;
  if (outside > 0) lines.push(`left out, since the provider's file has nothing of their days: ${outside} rows of the ledger\n`);
  if (comparesCosts && unpriced > 0) lines.push(`without a price, so that their cost is missing in the ledger: ${unpriced} rows\n`);
  lines.push(...receiptLines(receipts));
  return lines.join('');
}

function* receiptLines({ counts, shown }: Receipts): Generator<string> {
  const { ok, mismatch, missing, invalid } = counts;
  yield `receipts of tier two: ${ok} ok, ${mismatch} mismatched, ${missing} missing, ${invalid} invalid\n`;
  for (const { time, request_id, backend, tokens, receipt } of shown) {
    const what =
      receipt?.result === 'invalid'
        ? 'its signature does not hold'
        : `ledger ${counted(tokens)}, receipt ${counted(receipt)} (input, output)`;
    yield `  ${time} ${request_id} ${backend ?? '-'}: ${what}\n`;
  }
  if (mismatch + invalid > shown.length) yield `  and ${mismatch + invalid - shown.length} more\n`;
}

function counted(tokens: { readonly input?: number | undefined; readonly output?: number | undefined } | undefined): string {
  return `${tokens?.input ?? '-'}, ${tokens?.output ?? '-'}`;
}

export function reconciliationJson({ differences, reconciliation, receipts, tolerance }: Found): string {
  const { days, outside, unpriced } = reconciliation;
  return jsonOf({
    tolerance_percent: tolerance.percent,
    ...(days === undefined ? {} : { first_day: days[0], last_day: days[1] }),
    beyond: differences.filter(({ beyond }) => beyond).length,
    differences: differences.map((difference) => {
      const { day, model, figure, ledger, provider, beyond } = difference;
      const isMoney = !isTokens(figure);
      const value = (of: bigint): bigint | string => (isMoney ? amountOf(of) : of);
      const figures = { ledger: value(ledger), provider: value(provider), difference: value(ledger - provider) };
      return { day, model: model === '' ? null : model, figure, ...figures, percent: percentOf(difference) ?? null, beyond };
    }),
    rows_outside: outside,
    rows_unpriced: unpriced,
    receipts: { ...receipts.counts, beyond: receipts.beyond, rows: receipts.shown },
  });
}

type Pair = Pick<Difference, 'figure' | 'ledger' | 'provider'>;

function totalsOf(differences: readonly Difference[]): Pair[] {
  const totals = new Map<string, { figure: string; ledger: bigint; provider: bigint }>();
  for (const { figure, ledger, provider } of differences) {
    const total = totals.get(figure) ?? { figure, ledger: 0n, provider: 0n };
    total.ledger += ledger;
    total.provider += provider;
    totals.set(figure, total);
  }
  return [...totals.values()];
}

function isTokens(figure: string): boolean {
  return figure === 'input' || figure === 'output';
}

function shown(figure: string, value: bigint): string {
  return isTokens(figure) ? String(value) : amountOf(value);
}

/** Of the provider's figure; undefined where that is 0 and ours is not. */
function percentOf({ ledger, provider }: Pair): number | undefined {
  if (ledger === provider) return 0;
  return provider === 0n ? undefined : (Number(ledger - provider) / Math.abs(Number(provider))) * 100;
}

function percentText(pair: Pair): string {
  const percent = percentOf(pair);
  if (percent === undefined) return 'only in the ledger';
  return `${percent > 0 ? '+' : ''}${percent.toFixed(2)} %`;
}

function jsonOf(value: object): string {
  return `${JSON.stringify(value, exactly, 2)}\n`;
}

/** A number where that is exact. */
function exactly(_name: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  return value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= BigInt(Number.MIN_SAFE_INTEGER) ? Number(value) : String(value);
}

/** @param texts columns from the left that are texts; figures stand at the right */
function tableOf(heads: readonly string[], rows: readonly (readonly string[])[], texts: number): string {
  return tableText([heads, ...rows], new Set(heads.keys().drop(texts)));
}
