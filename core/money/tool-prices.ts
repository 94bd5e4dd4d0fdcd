import { isObject } from '../is-object.ts';
import { MCPRoute } from '../resources/ai-gateway/mcp-route.ts';
import { nameOf } from '../resources/kind.ts';
import { didYouMean } from '../resources/nearest.ts';
import type { ResourceSet } from '../resources/set.ts';
import { PriceTable, type ToolPriceSpec } from '../resources/tierkit/price-table.ts';
import type { ReportResource } from '../route/covering.ts';
import type { RouteInfo } from '../route/rule.ts';

import { Unpriced } from './cost.ts';
import { SameTime } from './dated-price.ts';
import { PriceLevels } from './price-levels.ts';
import { ToolPrice, toolKey, type ToolKey } from './tool-price.ts';

/** A price of a table that cannot be read. */
interface UnreadPrice extends ToolKey {
  readonly unread: Unpriced;
}

type Entry = ToolPrice | UnreadPrice;

/** Names of tools that were looked up behind one route, kept with what was found. Clients can invent names. */
const MOST_KEPT = 4096;

/** The prices of tools of all tables, as one. */
export class ToolPrices {
  /** Every entry, in the order of the tables. */
  readonly entries: readonly ToolPrice[];
  readonly #levels: PriceLevels<Entry>;
  readonly #routes = new WeakMap<RouteInfo, RouteToolPrices>();

  constructor(entries: readonly ToolPrice[], unread: readonly UnreadPrice[] = []) {
    this.entries = entries;
    this.#levels = new PriceLevels<Entry>([...unread, ...entries], ({ tool }) => tool);
  }

  get isEmpty(): boolean {
    return this.#levels.size === 0;
  }

  /** Those that hold behind an MCPRoute. */
  of(route: RouteInfo): RouteToolPrices {
    let found = this.#routes.get(route);
    if (found === undefined) this.#routes.set(route, (found = new RouteToolPrices(route, this.#levels)));
    return found;
  }
}

/** Prices of the tools behind one MCPRoute. */
export class RouteToolPrices {
  readonly #route: RouteInfo;
  readonly #levels: PriceLevels<Entry>;
  /** By server and name of the tool. */
  readonly #found = new Map<string, Map<string, readonly Entry[]>>();
  #kept = 0;

  constructor(route: RouteInfo, levels: PriceLevels<Entry>) {
    this.#route = route;
    this.#levels = levels;
  }

  /**
   * What a tool costs at a time.
   * @param server name of the backendRef
   * @param tool as the server calls it
   * @param now ms since 1970
   * @returns undefined where no entry names it: it is free. One that is named, and has no price at the time, is not.
   */
  find(server: string, tool: string, now: number): ToolPrice | Unpriced | undefined {
    const entries = this.#candidates(server, tool);
    if (entries.length === 0) return undefined;
    for (const entry of entries) {
      if ('unread' in entry) return entry.unread;
      if (entry.holdsAt(now)) return entry;
    }
    const { id, from } = entries[0] as ToolPrice;
    return new Unpriced(`the price of tool ${JSON.stringify(tool)} of ${server} (${id}) ${from > now ? 'does not hold yet' : 'has ended'}`);
  }

  /** Those that fit, the one to prefer first, whatever the time. */
  #candidates(server: string, tool: string): readonly Entry[] {
    const known = this.#found.get(server)?.get(tool);
    if (known !== undefined) return known;
    const { namespace, name: route } = this.#route;
    const levels = [{ server, route }, { server }, { route }, {}].map((place) => toolKey({ tool, ...place }, namespace).level);
    const found = levels.flatMap((level) => this.#levels.matching(level, tool));
    if (this.#kept >= MOST_KEPT) {
      this.#found.clear();
      this.#kept = 0;
    }
    let byTool = this.#found.get(server);
    if (byTool === undefined) this.#found.set(server, (byTool = new Map()));
    byTool.set(tool, found);
    this.#kept++;
    return found;
  }
}

/** The prices of tools of a load. Reports entries that hold at one time for the same, and servers and routes that are not there. */
export function toolPricesOf(set: ResourceSet, report: ReportResource): ToolPrices {
  const entries: ToolPrice[] = [];
  const sameTime = new SameTime<ToolPrice>();
  for (const table of set.all(PriceTable)) {
    const { currency, tools = [] } = table.body.spec;
    const { namespace, name } = table.metadata;
    for (const [index, spec] of tools.entries()) {
      const path = `spec.tools[${index}]`;
      checkPlace(spec, table, path, set, report);
      const entry = new ToolPrice(spec, currency, { namespace, table: name, name: `${path} of ${nameOf(table)}` });
      const other = sameTime.add(`${entry.level} ${entry.tool}`, entry);
      if (other === undefined) entries.push(entry);
      else report(table, path, `holds for the same at the same time as ${other.name}: give one of them another tool, from or until`);
    }
  }
  return new ToolPrices(Object.freeze(entries), unreadOf(set));
}

/** As of models: what of tables that cannot be read can be told. */
function unreadOf(set: ResourceSet): UnreadPrice[] {
  return set.invalid(PriceTable).flatMap((table) => {
    const { tools } = isObject(table.spec) ? table.spec : {};
    const unread = new Unpriced(`${nameOf({ kind: table.kind, metadata: table })} has problems, and no price until they are mended`);
    return (Array.isArray(tools) ? tools : []).filter(isObject).map((entry) => {
      const [tool, server, route] = [entry['tool'], entry['server'], entry['route']].map((value) =>
        typeof value === 'string' ? value : undefined,
      );
      return { unread, ...toolKey({ tool: tool ?? '*', server, route }, table.namespace) };
    });
  });
}

function checkPlace({ server, route }: ToolPriceSpec, table: PriceTable, path: string, set: ResourceSet, report: ReportResource): void {
  if (server === undefined && route === undefined) return;
  const { namespace } = table.metadata;
  const routes = set.all(MCPRoute).filter(({ metadata }) => metadata.namespace === namespace);
  if (route !== undefined) {
    if (set.isInvalid(MCPRoute, namespace, route)) return;
    if (!routes.some(({ metadata }) => metadata.name === route)) {
      const names = set.names(MCPRoute, namespace);
      report(table, `${path}.route`, `there is no MCPRoute ${namespace}/${route}${didYouMean(route, names)}`);
      return;
    }
  }
  if (server === undefined) return;
  // One that has problems may name it.
  if (route === undefined && set.invalid(MCPRoute).some((each) => each.namespace === namespace)) return;
  const there = routes.filter(({ metadata }) => route === undefined || metadata.name === route);
  const names = there.flatMap(({ body }) => body.spec.backendRefs.map(({ name }) => name));
  const where = route === undefined ? `an MCPRoute of ${namespace}` : `MCPRoute ${namespace}/${route}`;
  if (!names.includes(server))
    report(table, `${path}.server`, `${JSON.stringify(server)} is no backendRef of ${where}${didYouMean(server, names)}`);
}
