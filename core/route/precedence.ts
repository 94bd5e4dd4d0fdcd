import type { Sliced } from '../resources/slices.ts';
import type { Part } from './compiled-route.ts';
import type { Match } from './rule.ts';

const PATH_ORDER = { exact: 0, pattern: 1, prefix: 2 } as const;
/** So many are sorted, or merged, before work can be left off. */
const AT_ONCE = 1024;

interface Keyed {
  readonly match: Match;
  readonly part: Part;
}

/**
 * Matches in Gateway API's order of precedence, each with its rank: exact path, pattern, longest prefix; a method; most headers; most
 * query parameters; the older route; the name; the earlier rule.
 * @param parts of routes that are alike in all of that come in the order of their precedence
 */
export function* byPrecedence(parts: readonly Part[]): Sliced<Match[]> {
  let runs: Keyed[][] = [];
  let run: Keyed[] = [];
  for (const part of parts) {
    for (const match of part.matches) run.push({ match, part });
    if (run.length < AT_ONCE) continue;
    runs.push(run.sort(compare));
    run = [];
    yield;
  }
  runs.push(run.sort(compare));
  while (runs.length > 1) {
    const merged: Keyed[][] = [];
    for (let at = 0; at < runs.length; at += 2) {
      const other = runs[at + 1];
      merged.push(other === undefined ? runs[at]! : yield* merge(runs[at]!, other));
    }
    runs = merged;
  }
  // A route may stand in tables of several host names: each table has its own ranks, so each its own copies.
  return runs[0]!.map(({ match }, rank) => ({ ...match, rank }));
}

function compare(a: Keyed, b: Keyed): number {
  return (
    PATH_ORDER[a.match.path.type] - PATH_ORDER[b.match.path.type] ||
    b.match.path.value.length - a.match.path.value.length ||
    Number(b.match.method !== undefined) - Number(a.match.method !== undefined) ||
    b.match.headers.length - a.match.headers.length ||
    b.match.query.length - a.match.query.length ||
    a.part.born - b.part.born ||
    (a.part.name === b.part.name ? 0 : a.part.name < b.part.name ? -1 : 1)
  );
}

/** Of two that are alike, that of the first list comes first. */
function* merge(one: readonly Keyed[], other: readonly Keyed[]): Sliced<Keyed[]> {
  const all: Keyed[] = [];
  let a = 0;
  let b = 0;
  while (a < one.length && b < other.length) {
    all.push(compare(one[a]!, other[b]!) <= 0 ? one[a++]! : other[b++]!);
    if (all.length % AT_ONCE === 0) yield;
  }
  while (a < one.length) all.push(one[a++]!);
  while (b < other.length) all.push(other[b++]!);
  return all;
}
