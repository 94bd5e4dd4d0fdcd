import type { Report } from '../kind.ts';
import { HeaderName, list, object, type Static, text, Type } from '../schema.ts';
import { reportRepeated, set } from './collections.ts';

export const HTTPHeader = object({ name: HeaderName, value: text(4096) });
export type HTTPHeader = Static<typeof HTTPHeader>;

/** Edits of the headers of a request or an answer (HTTPHeaderFilter): `set` replaces, `add` appends, `remove` takes away. */
export const HTTPHeaderFilter = object({
  set: Type.Optional(list(HTTPHeader, 16)),
  add: Type.Optional(list(HTTPHeader, 16)),
  remove: Type.Optional(set(Type.String(), 16)),
});
export type HTTPHeaderFilter = Static<typeof HTTPHeaderFilter>;

/** Names differ within a list, and values can travel in a header (RFC 9110, section 5.5, forbids CR, LF and NUL). */
export function checkHeaderFilter(filter: HTTPHeaderFilter, path: string, report: Report): void {
  for (const action of ['set', 'add'] as const) {
    const headers = filter[action] ?? [];
    reportRepeated(
      headers,
      (header) => header.name,
      (index) => `${path}.${action}[${index}].name`,
      (header) => `"${header.name}" stands twice in ${action}; every name may stand here once`,
      report,
    );
    for (const [index, { value }] of headers.entries()) {
      if (/[\r\n\0]/.test(value))
        report(`${path}.${action}[${index}].value`, 'holds a line break or a NUL, which no HTTP header can carry');
    }
  }
}
