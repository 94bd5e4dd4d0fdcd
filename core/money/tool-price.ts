import { nanosOf } from '../resources/tierkit/money.ts';
import type { ToolPriceSpec } from '../resources/tierkit/price-table.ts';

import type { ToolCost } from './cost.ts';
import { DatedPrice } from './dated-price.ts';
import type { Origin } from './price-entry.ts';
import type { Priced } from './price-levels.ts';

/** What a price of a tool is of. */
export interface ToolKey extends Priced {
  /** With its `*`. */
  readonly tool: string;
}

interface ToolPlace {
  readonly tool: string;
  readonly server?: string | undefined;
  readonly route?: string | undefined;
}

/** @param namespace of the table, and of the route */
export function toolKey({ tool, server, route }: ToolPlace, namespace: string): ToolKey {
  const place = server === undefined && route === undefined ? '' : JSON.stringify([namespace, server, route]);
  return { tool, prefix: tool.endsWith('*') ? tool.slice(0, -1) : undefined, level: place };
}

/** One price of a tool. */
export class ToolPrice extends DatedPrice implements ToolKey {
  /** The same after a reload: `default/list/tool/git:create_*@2026-01-01`. */
  readonly id: string;
  readonly name: string;
  readonly currency: string;
  readonly tool: string;
  readonly prefix: string | undefined;
  readonly level: string;
  /** Of one call. */
  readonly cost: ToolCost;

  constructor(spec: ToolPriceSpec, currency: string, { namespace, table, name }: Origin) {
    super(spec);
    const { tool, server, route, from } = spec;
    const place = `${route === undefined ? '' : `${route}/`}${server === undefined ? '' : `${server}:`}`;
    this.id = `${namespace}/${table}/tool/${place}${tool}${from === undefined ? '' : `@${from}`}`;
    this.name = name;
    this.currency = currency;
    const key = toolKey(spec, namespace);
    this.tool = key.tool;
    this.prefix = key.prefix;
    this.level = key.level;
    const nanos = Number(nanosOf(spec.price));
    this.cost = Object.freeze({ nanos, currency, entry: this.id, parts: [{ kind: 'perCall', nanos }] as const });
    Object.freeze(this);
  }
}
