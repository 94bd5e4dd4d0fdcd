import type { Report } from '../kind.ts';
import { HeaderName, object, oneOf, type Static, text } from '../schema.ts';
import { reportRepeated } from './collections.ts';
import { checkRegularExpression } from './regular-expression.ts';

const MatchType = oneOf(['Exact', 'RegularExpression'], { default: 'Exact' });

/** A header that a request must have for a rule to match. Names are compared without case. */
export const HTTPHeaderMatch = object({ type: MatchType, name: HeaderName, value: text(4096) });
export type HTTPHeaderMatch = Static<typeof HTTPHeaderMatch>;

/** A query parameter that a request must have. Gateway API allows the same characters in its name as in a header's; case counts. */
export const HTTPQueryParamMatch = object({ type: MatchType, name: HeaderName, value: text(1024) });
export type HTTPQueryParamMatch = Static<typeof HTTPQueryParamMatch>;

/** Names differ within a list, and patterns are readable. */
export function checkValueMatches(matches: readonly (HTTPHeaderMatch | HTTPQueryParamMatch)[], path: string, report: Report): void {
  reportRepeated(
    matches,
    (match) => match.name,
    (index) => `${path}[${index}].name`,
    (match) => `"${match.name}" is matched twice; every name may stand here once`,
    report,
  );
  for (const [index, match] of matches.entries()) {
    if (match.type === 'RegularExpression') checkRegularExpression(match.value, `${path}[${index}].value`, report);
  }
}
