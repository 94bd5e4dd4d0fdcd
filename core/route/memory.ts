import { AIGatewayRoute } from '../resources/ai-gateway/ai-gateway-route.ts';
import type { Resource } from '../resources/kind.ts';
import { KINDS } from '../resources/kinds.ts';
import type { Loaded } from '../resources/load.ts';

import type { Security } from '../identify/identity.ts';
import type { KnownBackends } from './ai-backend.ts';
import type { Match } from './rule.ts';
import type { Traffic } from './traffic.ts';

/** Matches of one route, by the listener that it is attached to. */
interface RememberedRoute {
  readonly body: unknown;
  readonly metadata: unknown;
  readonly matches: Map<string, Match[]>;
}

/**
 * What a configuration was compiled to, for the next one. As long as nothing but AIGatewayRoutes changes, an unchanged route is
 * not compiled again: one route among thousands is live as fast as one alone. Resources of unchanged documents are the same objects.
 */
export class CompileMemory {
  readonly security = new Map<unknown, Security>();
  readonly traffic = new Map<unknown, Traffic>();
  readonly known: KnownBackends = new Map();
  readonly routes = new Map<string, RememberedRoute>();
  readonly #base: readonly unknown[];

  /** @param previous is taken over where all but the AIGatewayRoutes is what it was */
  constructor(loaded: Loaded, previous: CompileMemory | undefined) {
    this.#base = baseOf(loaded);
    this.renewed = previous !== undefined && sameItems(this.#base, previous.#base);
    if (!this.renewed) return;
    this.security = previous!.security;
    this.traffic = previous!.traffic;
    this.known = previous!.known;
    this.#remembered = previous!.routes;
  }

  /** Whether the earlier configuration's parts are in this one. */
  readonly renewed: boolean;
  readonly #remembered: ReadonlyMap<string, RememberedRoute> = new Map();

  /** Matches of a route at a listener, from memory where neither has changed. */
  matches(route: Resource, listener: string, compile: () => Match[]): Match[] {
    const key = `${route.metadata.namespace}/${route.metadata.name}`;
    let entry = this.routes.get(key);
    if (entry === undefined) {
      const before = this.#remembered.get(key);
      const same = before !== undefined && before.body === route.body && before.metadata === route.metadata;
      entry = same ? before : { body: route.body, metadata: route.metadata, matches: new Map() };
      this.routes.set(key, entry);
    }
    let matches = entry.matches.get(listener);
    if (matches === undefined) {
      matches = compile();
      entry.matches.set(listener, matches);
    }
    return matches;
  }
}

/** The identities of all that a route may depend on. */
function baseOf({ set, namespaceLabels }: Loaded): unknown[] {
  const base: unknown[] = [...namespaceLabels].flat();
  for (const definition of KINDS) {
    if (definition.kind === AIGatewayRoute.kind) continue;
    for (const { body, metadata } of set.all(definition)) base.push(body, metadata);
  }
  return base;
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
