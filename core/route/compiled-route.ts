import { bornAt, type Resource } from '../resources/kind.ts';
import type { ParentOutcome } from './attach.ts';
import type { Match } from './rule.ts';

/** The matches of one route at one listener. */
export interface Part {
  readonly matches: readonly Match[];
  /** When the route was made, in milliseconds since 1970. */
  readonly born: number;
  /** `namespace/name` of the route. */
  readonly name: string;
  /** Whether rules among them have limits. */
  readonly limited: boolean;
}

/** Where a part is served. */
export interface PlacedPart {
  /** `namespace/gateway/listener`. */
  readonly listener: string;
  readonly hosts: readonly string[];
  readonly part: Part;
}

/** What a route of our Gateways comes to. */
export interface CompiledRoute {
  readonly parents: readonly ParentOutcome[];
  /** Empty where the route is not accepted. */
  readonly placed: readonly PlacedPart[];
}

export function partOf(route: Resource, matches: readonly Match[]): Part {
  const { namespace, name } = route.metadata;
  const limited = matches.some(({ rule }) => rule.limits.length > 0);
  return { matches, born: bornAt(route), name: `${namespace}/${name}`, limited };
}
