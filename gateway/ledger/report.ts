import { ExactSum } from './exact-sum.ts';
import type { LedgerRow, RowTokens } from './row.ts';

/** What rows can be grouped by. */
export const GROUPS = ['day', 'client', 'model', 'backend_model', 'tool', 'backend', 'route'] as const;
export type Group = (typeof GROUPS)[number];

export const TOKEN_KINDS = [
  'input',
  'cached_input',
  'cache_creation',
  'cache_creation_1h',
  'input_audio',
  'input_image',
  'output',
  'reasoning',
  'output_audio',
  'total',
] as const satisfies readonly (keyof RowTokens)[];
export type TokenKind = (typeof TOKEN_KINDS)[number];

/** Sums of some rows. */
export class Totals {
  requests = 0;
  /** Rows whose client got no whole answer. */
  incomplete = 0;
  /** Rows whose tokens are estimated. */
  estimated = 0;
  /** Rows that have tokens and no price: their cost is in no sum. */
  unpriced = 0;
  readonly #tokens = new Map<TokenKind, ExactSum>();
  readonly #cost = new Map<string, ExactSum>();

  add({ complete, provenance, tokens, cost }: LedgerRow): void {
    this.requests++;
    if (!complete) this.incomplete++;
    if (provenance === 'estimated') this.estimated++;
    if (tokens !== undefined && cost === undefined) this.unpriced++;
    if (tokens !== undefined) {
      for (const kind of TOKEN_KINDS) {
        const count = tokens[kind];
        if (count !== undefined) sumOf(this.#tokens, kind).add(count);
      }
    }
    if (cost !== undefined) sumOf(this.#cost, cost.currency).add(cost.nanos);
  }

  tokens(kind: TokenKind): bigint {
    return this.#tokens.get(kind)?.value ?? 0n;
  }

  /** Billionths by currency. */
  get cost(): [currency: string, nanos: bigint][] {
    return [...this.#cost].map(([currency, sum]): [string, bigint] => [currency, sum.value]).sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** 0 to 1. */
  get estimatedShare(): number {
    return this.requests === 0 ? 0 : this.estimated / this.requests;
  }
}

export interface RowFilter {
  /** First day, `2026-01-31`, in UTC. */
  readonly since?: string | undefined;
  /** Last day. */
  readonly until?: string | undefined;
  readonly client?: string | undefined;
  /** `namespace/name`. */
  readonly backend?: string | undefined;
}

/** Whether a row is asked for. */
export function wanted(row: LedgerRow, { since, until, client, backend }: RowFilter): boolean {
  const day = dayOf(row);
  if (since !== undefined && day < since) return false;
  if (until !== undefined && day > until) return false;
  if (client !== undefined && row.client_id !== client) return false;
  return backend === undefined || row.backend === backend;
}

/** Sums of rows by what they are grouped by. Memory grows with the groups, not with the rows. */
export class Report {
  readonly total = new Totals();
  readonly #by: readonly Group[];
  readonly #groups = new Map<string, { readonly values: readonly string[]; readonly totals: Totals }>();

  constructor(by: readonly Group[]) {
    this.#by = by;
  }

  add(row: LedgerRow): void {
    this.total.add(row);
    if (this.#by.length === 0) return;
    const values = this.#by.map((group) => valueOf(row, group));
    const key = JSON.stringify(values);
    let group = this.#groups.get(key);
    if (group === undefined) this.#groups.set(key, (group = { values, totals: new Totals() }));
    group.totals.add(row);
  }

  /** In the order of their values; an unknown one is empty. */
  groups(): { readonly values: readonly string[]; readonly totals: Totals }[] {
    return [...this.#groups.values()].sort((a, b) => {
      const at = a.values.findIndex((value, index) => value !== b.values[index]);
      return at === -1 ? 0 : a.values[at]! < b.values[at]! ? -1 : 1;
    });
  }
}

/** Day of a row in UTC. */
export function dayOf({ time }: LedgerRow): string {
  return time.slice(0, 10);
}

function valueOf(row: LedgerRow, group: Group): string {
  switch (group) {
    case 'day':
      return dayOf(row);
    case 'client':
      return row.client_id ?? '';
    case 'model':
      return row.model ?? '';
    case 'backend_model':
      return row.backend_model ?? '';
    case 'tool':
      return row.tool ?? '';
    case 'backend':
      return row.backend ?? '';
    case 'route':
      return row.route ?? '';
  }
}

function sumOf<K>(sums: Map<K, ExactSum>, key: K): ExactSum {
  let sum = sums.get(key);
  if (sum === undefined) sums.set(key, (sum = new ExactSum()));
  return sum;
}
