import type { Model, Provider } from '../settings.ts';
import { TIER_TWO } from './names.ts';

/** A backend of a name that apps call. */
export interface RouteBackend {
  readonly name: string;
  /** What it calls the model, where that is another name. */
  readonly modelNameOverride?: string;
}

/** Names of models that the same backends serve, the first of these first. */
export interface RouteRule {
  readonly names: readonly string[];
  readonly backends: readonly RouteBackend[];
}

/** A rule has so many matches at most. */
const MOST_MATCHES = 128;

/** What tier one routes. A name that several serve goes to own models first, then to the providers in their order. */
export function routeTable(models: readonly Model[], providers: readonly Provider[]): RouteRule[] {
  const backends = new Map<string, RouteBackend[]>();
  const serve = (name: string, backend: string, its: string) => {
    const known = backends.get(name) ?? [];
    backends.set(name, [...known, { name: backend, ...(its === name ? {} : { modelNameOverride: its }) }]);
  };
  for (const { model, routes, loras } of models) {
    for (const route of routes) serve(route, TIER_TWO, model);
    for (const lora of loras) serve(lora, TIER_TWO, lora);
  }
  for (const provider of providers) for (const { name, as } of provider.models) serve(as, provider.name, name);
  const rules = new Map<string, { names: string[]; backends: RouteBackend[] }>();
  for (const [name, served] of backends) {
    const key = JSON.stringify(served);
    const rule = rules.get(key);
    if (rule === undefined) rules.set(key, { names: [name], backends: served });
    else rule.names.push(name);
  }
  return [...rules.values()].flatMap(({ names, backends: served }) =>
    chunks(names, MOST_MATCHES).map((some) => ({ names: some, backends: served })),
  );
}

export function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));
}
