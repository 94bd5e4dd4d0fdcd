import type { Match } from './rule.ts';

const PATH_ORDER = { exact: 0, pattern: 1, prefix: 2 } as const;

/**
 * Matches in Gateway API's order of precedence, each with its rank: exact path, pattern, longest prefix; a method; most headers; most
 * query parameters; the older route; the name; the earlier rule.
 * @param order place of each route by age and name, by `kind namespace/name`
 */
export function byPrecedence(matches: readonly Match[], order: ReadonlyMap<string, number>): Match[] {
  const places = new Map<Match['rule']['route'], number>();
  const routeOrder = ({ rule: { route } }: Match) => {
    let place = places.get(route);
    if (place === undefined) {
      place = order.get(`${route.kind} ${route.namespace}/${route.name}`) ?? 0;
      places.set(route, place);
    }
    return place;
  };
  const keyed = matches.map((match, index) => ({ match, index, route: routeOrder(match) }));
  keyed.sort((a, b) => compare(a.match, b.match) || a.route - b.route || a.index - b.index);
  // A route may stand in tables of several host names: each table has its own ranks, so each its own copies.
  return keyed.map(({ match }, rank) => ({ ...match, rank }));
}

function compare(a: Match, b: Match): number {
  return (
    PATH_ORDER[a.path.type] - PATH_ORDER[b.path.type] ||
    b.path.value.length - a.path.value.length ||
    Number(b.method !== undefined) - Number(a.method !== undefined) ||
    b.headers.length - a.headers.length ||
    b.query.length - a.query.length
  );
}
