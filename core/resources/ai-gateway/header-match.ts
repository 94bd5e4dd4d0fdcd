import type { HTTPHeaderMatch } from '../gateway-api/header-match.ts';
import type { Report } from '../kind.ts';
import { reportDuplicates } from './unique.ts';

/** Each header is matched once. */
export function checkHeaderMatches(matches: readonly HTTPHeaderMatch[] | undefined, path: string, report: Report): void {
  reportDuplicates(matches, (match) => match.name, path, 'name', report);
}
