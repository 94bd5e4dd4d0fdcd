import type { Report } from '../kind.ts';
import { HeaderName, object, oneOf, type Static, text } from '../schema.ts';
import { reportDuplicates } from './unique.ts';

/** A header that a request must carry. */
export const HeaderMatch = object({
  type: oneOf(['Exact', 'RegularExpression'], { default: 'Exact' }),
  name: HeaderName,
  value: text(4096),
});
export type HeaderMatch = Static<typeof HeaderMatch>;

/** Each header is matched once. */
export function checkHeaderMatches(matches: readonly HeaderMatch[] | undefined, path: string, report: Report): void {
  reportDuplicates(matches, (match) => match.name, path, 'name', report);
}
