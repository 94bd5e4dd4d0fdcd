import { dayOf } from './report.ts';
import type { LedgerRow } from './row.ts';
import type { ProviderUsage } from './usage-csv.ts';

/** One figure, as both sides count it: tokens, or billionths of a currency. */
export interface Difference {
  readonly day: string;
  /** Empty where the provider does not tell models apart. */
  readonly model: string;
  /** `input`, `output`, or the currency of a cost. */
  readonly figure: string;
  readonly ledger: bigint;
  readonly provider: bigint;
  /** More than the tolerance. */
  readonly beyond: boolean;
}

/** How much two figures may differ. */
export class Tolerance {
  readonly percent: number;
  readonly #millionths: bigint;

  /** @param percent of the provider's figure, with up to 6 decimals */
  constructor(percent: number) {
    this.percent = percent;
    this.#millionths = BigInt(Math.round(percent * 1e6));
  }

  /** @param other what is right */
  isBeyond(one: bigint, other: bigint): boolean {
    return magnitude(one - other) * 100_000_000n > magnitude(other) * this.#millionths;
  }
}

/** Compares the ledger with a provider's own figures, by day and model. Memory grows with days and models, not with rows. */
export class Reconciliation {
  readonly #tolerance: Tolerance;
  /** Models of the provider, by their name in the ledger. */
  readonly #names: ReadonlyMap<string, string>;
  readonly #sides = new Map<string, Sides>();
  readonly #models = new Set<string>();
  readonly #figures = new Set<string>();
  #first: string | undefined;
  #last: string | undefined;
  /** Rows of days that the provider says nothing of. */
  outside = 0;
  /** Rows that have tokens and no price: where costs are compared, theirs is missing. */
  unpriced = 0;

  /** @param names what models are called in the provider's file, by their name in the ledger */
  constructor(tolerance: Tolerance, names: ReadonlyMap<string, string> = new Map()) {
    this.#tolerance = tolerance;
    this.#names = names;
  }

  /** All of them come before the first row. */
  addProvider({ day, model, input, output, cost, currency }: ProviderUsage): void {
    if (this.#first === undefined || day < this.#first) this.#first = day;
    if (this.#last === undefined || day > this.#last) this.#last = day;
    if (model !== '') this.#models.add(model);
    this.#add(day, model, 'provider', 'input', input);
    this.#add(day, model, 'provider', 'output', output);
    this.#add(day, model, 'provider', currency, cost);
  }

  addRow(row: LedgerRow): void {
    // Of tools a provider of models knows nothing.
    if (row.tool !== undefined) return;
    const day = dayOf(row);
    if (this.#first === undefined || day < this.#first || day > this.#last!) {
      this.outside++;
      return;
    }
    const { tokens, cost } = row;
    if (tokens === undefined && cost === undefined) return;
    const model = this.#modelOf(row);
    if (tokens !== undefined && cost === undefined) this.unpriced++;
    this.#addFigure(day, model, 'input', tokens?.input);
    this.#addFigure(day, model, 'output', tokens?.output);
    if (cost !== undefined) this.#addFigure(day, model, cost.currency, cost.nanos);
  }

  /** Figures in the order of day, model and name. */
  differences(): Difference[] {
    return [...this.#sides.values()]
      .map(({ day, model, figure, ledger, provider }) => {
        return { day, model, figure, ledger, provider, beyond: this.#tolerance.isBeyond(ledger, provider) };
      })
      .sort((a, b) => compare(a.day, b.day) || compare(a.model, b.model) || compare(a.figure, b.figure));
  }

  /** Days that are compared; undefined: the provider has none. */
  get days(): readonly [first: string, last: string] | undefined {
    return this.#first === undefined ? undefined : [this.#first, this.#last!];
  }

  get comparesCosts(): boolean {
    return [...this.#figures].some((figure) => figure !== 'input' && figure !== 'output');
  }

  /** The name that the provider knows it by; a provider may say the model with its date or without. */
  #modelOf({ response_model, backend_model, model }: LedgerRow): string {
    if (this.#models.size === 0) return '';
    let first: string | undefined;
    for (const name of [response_model, backend_model, model]) {
      if (name === undefined) continue;
      const theirs = this.#names.get(name) ?? name;
      if (this.#models.has(theirs)) return theirs;
      first ??= theirs;
    }
    return first ?? '';
  }

  /** What the provider does not tell cannot be compared. */
  #addFigure(day: string, model: string, figure: string, count: number | undefined): void {
    if (count !== undefined && this.#figures.has(figure)) this.#add(day, model, 'ledger', figure, BigInt(count));
  }

  #add(day: string, model: string, side: 'ledger' | 'provider', figure: string, amount: bigint | undefined): void {
    if (amount === undefined) return;
    if (side === 'provider') this.#figures.add(figure);
    const key = JSON.stringify([day, model, figure]);
    let sides = this.#sides.get(key);
    if (sides === undefined) this.#sides.set(key, (sides = { day, model, figure, ledger: 0n, provider: 0n }));
    sides[side] += amount;
  }
}

interface Sides {
  readonly day: string;
  readonly model: string;
  readonly figure: string;
  ledger: bigint;
  provider: bigint;
}

const RESULTS = ['ok', 'mismatch', 'missing', 'invalid'] as const;

/** Rows that are kept to be shown; all are counted. */
const MOST_SHOWN = 20;

/** What tier two's receipts came to. */
export class Receipts {
  readonly #tolerance: Tolerance;
  readonly counts: Record<(typeof RESULTS)[number], number> = { ok: 0, mismatch: 0, missing: 0, invalid: 0 };
  /** The first rows whose receipt does not match, or has no valid signature. */
  readonly shown: LedgerRow[] = [];
  #receipts = 0n;
  #difference = 0n;

  constructor(tolerance: Tolerance) {
    this.#tolerance = tolerance;
  }

  add(row: LedgerRow): void {
    const { receipt, tokens } = row;
    if (receipt === undefined || !RESULTS.includes(receipt.result)) return;
    this.counts[receipt.result]++;
    if (receipt.result !== 'ok' && receipt.result !== 'missing' && this.shown.length < MOST_SHOWN) this.shown.push(row);
    if (receipt.result !== 'ok' && receipt.result !== 'mismatch') return;
    for (const kind of ['input', 'output'] as const) {
      const ours = tokens?.[kind] ?? 0;
      // One that matches may leave its figures out.
      const theirs = receipt[kind] ?? (receipt.result === 'ok' ? ours : 0);
      this.#receipts += BigInt(theirs);
      this.#difference += BigInt(Math.abs(theirs - ours));
    }
  }

  /** Whether the rows differ from their receipts by more than the tolerance, or a receipt is not tier two's. */
  get beyond(): boolean {
    return this.counts.invalid > 0 || this.#tolerance.isBeyond(this.#receipts + this.#difference, this.#receipts);
  }
}

function magnitude(value: bigint): bigint {
  return value < 0n ? -value : value;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
