import { AIServiceBackend } from '../resources/ai-gateway/ai-service-backend.ts';
import { InferencePool } from '../resources/inference/inference-pool.ts';
import { nameOf } from '../resources/kind.ts';
import { isObject } from '../is-object.ts';
import { didYouMean } from '../resources/nearest.ts';
import type { ResourceSet } from '../resources/set.ts';
import { PriceTable } from '../resources/tierkit/price-table.ts';
import type { ReportResource } from '../route/covering.ts';

import { type Cost, Unpriced, type Used } from './cost.ts';
import { PriceEntry, type PriceKey, priceKey } from './price-entry.ts';
import { SameTime } from './dated-price.ts';
import { PriceLevels } from './price-levels.ts';

/** Where tokens are used. */
export interface Place {
  /** As the backend calls it. */
  readonly model: string;
  /** `namespace/name`. */
  readonly backend: string;
  /** The API that the backend speaks: `schema.name` of the target. */
  readonly provider: string;
}

/** A price of a table that cannot be read. */
interface UnreadPrice extends PriceKey {
  readonly unread: Unpriced;
}

type Entry = PriceEntry | UnreadPrice;

const NONE: readonly Entry[] = Object.freeze([]);
/** Names of models that were looked up, kept with what was found. Clients can invent names. */
const MOST_KEPT = 4096;

/** The prices of models of all tables, as one. */
export class Prices {
  readonly #levels: PriceLevels<Entry>;
  readonly #found = new Map<string, Map<string, readonly Entry[]>>();
  #kept = 0;
  /** Every entry, in the order of the tables. */
  readonly entries: readonly PriceEntry[];

  constructor(entries: readonly PriceEntry[], unread: readonly UnreadPrice[] = []) {
    this.entries = entries;
    this.#levels = new PriceLevels<Entry>([...unread, ...entries], ({ model }) => model);
  }

  /** The price that holds at a time, in ms since 1970. */
  find(place: Place, now: number): PriceEntry | Unpriced {
    const entries = this.#candidates(place);
    let first: PriceEntry | undefined;
    for (const entry of entries) {
      if ('unread' in entry) return entry.unread;
      if (entry.holdsAt(now)) return entry;
      first ??= entry;
    }
    const what = `model ${JSON.stringify(place.model)} of ${place.backend}`;
    if (first === undefined) return new Unpriced(`no PriceTable has a price of ${what}`);
    return new Unpriced(`the price of ${what} (${first.id}) ${first.from > now ? 'does not hold yet' : 'has ended'}`);
  }

  cost(place: Place, used: Used, now: number): Cost | Unpriced {
    const entry = this.find(place, now);
    return entry instanceof Unpriced ? entry : entry.cost(used);
  }

  /** Those that fit, the one to prefer first, whatever the time. */
  #candidates({ model, backend, provider }: Place): readonly Entry[] {
    let byModel = this.#found.get(backend);
    const known = byModel?.get(model);
    if (known !== undefined) return known;
    const found = [
      ...this.#levels.matching(`backend ${backend}`, model),
      ...this.#levels.matching(`provider ${provider}`, model),
      ...this.#levels.matching('', model),
    ];
    if (this.#kept >= MOST_KEPT) {
      this.#found.clear();
      this.#kept = 0;
      byModel = undefined;
    }
    if (byModel === undefined) this.#found.set(backend, (byModel = new Map()));
    byModel.set(model, found.length === 0 ? NONE : found);
    this.#kept++;
    return found;
  }
}

/** The prices of models of a load. Reports entries that hold at one time for the same, and backends that are not there. */
export function pricesOf(set: ResourceSet, report: ReportResource): Prices {
  const entries: PriceEntry[] = [];
  const sameTime = new SameTime<PriceEntry>();
  for (const table of set.all(PriceTable)) {
    const { currency, entries: specs = [] } = table.body.spec;
    const { namespace } = table.metadata;
    for (const [index, spec] of specs.entries()) {
      const path = `spec.entries[${index}]`;
      if (spec.backend !== undefined) checkBackend(spec.backend, table, `${path}.backend`, set, report);
      const entry = new PriceEntry(spec, currency, { namespace, table: table.metadata.name, name: `${path} of ${nameOf(table)}` });
      const other = sameTime.add(`${entry.level} ${entry.model}`, entry);
      if (other === undefined) entries.push(entry);
      else report(table, path, `holds for the same at the same time as ${other.name}: give one of them another model, from or until`);
    }
  }
  return new Prices(Object.freeze(entries), unreadPricesOf(set));
}

/**
 * The prices of tables that cannot be read, as far as it can be told of what they are: another table may have a lower one, for all
 * backends or for all that speak one API.
 */
function unreadPricesOf(set: ResourceSet): UnreadPrice[] {
  return set.invalid(PriceTable).flatMap((table) => {
    const { entries } = isObject(table.spec) ? table.spec : {};
    const unread = new Unpriced(`${nameOf({ kind: table.kind, metadata: table })} has problems, and no price until they are mended`);
    return (Array.isArray(entries) ? entries : []).filter(isObject).map((entry) => {
      const [model, backend, provider] = [entry['model'], entry['backend'], entry['provider']].map(textOf);
      return { unread, ...priceKey({ model: model ?? '*', backend, provider }, table.namespace) };
    });
  });
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function checkBackend(backend: string, table: PriceTable, path: string, set: ResourceSet, report: ReportResource): void {
  const { namespace } = table.metadata;
  if (set.get(AIServiceBackend, namespace, backend) !== undefined || set.get(InferencePool, namespace, backend) !== undefined) return;
  const kinds = ['AIServiceBackend', 'InferencePool'];
  if (kinds.some((kind) => set.isInvalid(kind, namespace, backend))) return;
  const names = kinds.flatMap((kind) => set.names(kind, namespace));
  report(table, path, `there is no ${kinds.join(' or ')} ${namespace}/${backend}${didYouMean(backend, names)}`);
}
