import type { PriceEntrySpec } from '../resources/tierkit/price-table.ts';

import { type Cost, Rates, type Unpriced, type Used } from './cost.ts';
import { DatedPrice } from './dated-price.ts';
import type { Priced } from './price-levels.ts';

export interface Origin {
  readonly namespace: string;
  readonly table: string;
  /** For people: `spec.entries[0] of PriceTable default/p`. */
  readonly name: string;
}

/** What a price is of. */
export interface PriceKey extends Priced {
  /** With its `*`. */
  readonly model: string;
  /** `backend namespace/name`, `provider OpenAI`, or empty for everywhere. */
  readonly level: string;
}

/** @param namespace of the table */
export function priceKey(
  { model, backend, provider }: { readonly model: string; readonly backend?: string | undefined; readonly provider?: string | undefined },
  namespace: string,
): PriceKey {
  return {
    model,
    prefix: model.endsWith('*') ? model.slice(0, -1) : undefined,
    level: backend === undefined ? (provider === undefined ? '' : `provider ${provider}`) : `backend ${namespace}/${backend}`,
  };
}

/** One price of one table. */
export class PriceEntry extends DatedPrice implements PriceKey {
  /** The same after a reload: `default/list/gpt-4o@2026-01-01`. */
  readonly id: string;
  readonly name: string;
  readonly currency: string;
  readonly model: string;
  readonly prefix: string | undefined;
  readonly level: string;
  readonly #rates: Rates;
  readonly #longRates: Rates | undefined;
  readonly #longAbove: number;

  constructor(spec: PriceEntrySpec, currency: string, { namespace, table, name }: Origin) {
    super(spec);
    const { model, backend, provider, from, longInput } = spec;
    const place = backend === undefined ? (provider === undefined ? '' : `${provider}:`) : `${backend}:`;
    this.id = `${namespace}/${table}/${place}${model}${from === undefined ? '' : `@${from}`}`;
    this.name = name;
    this.currency = currency;
    const key = priceKey(spec, namespace);
    this.model = key.model;
    this.prefix = key.prefix;
    this.level = key.level;
    this.#rates = new Rates(spec.prices);
    this.#longRates = longInput === undefined ? undefined : new Rates(longInput.prices);
    this.#longAbove = longInput?.above ?? Number.POSITIVE_INFINITY;
    Object.freeze(this);
  }

  cost(used: Used): Cost | Unpriced {
    const long = (used.usage?.input ?? 0) > this.#longAbove ? this.#longRates : undefined;
    return (long ?? this.#rates).cost(used, this.currency, this.id);
  }
}
