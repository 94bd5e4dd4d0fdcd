import type { Span } from '#core/json/scan';
import { skipSpace, skipValue } from '#core/json/skip';

const COMMA = 0x2c;
const CLOSE_ARRAY = 0x5d;

/** Where the entries of an array lie, in JSON that has been checked. */
export function entriesOf(bytes: Buffer, array: Span): readonly Span[] {
  const entries: Span[] = [];
  let at = skipSpace(bytes, array.start + 1);
  while (bytes[at] !== CLOSE_ARRAY) {
    const end = skipValue(bytes, at, Infinity, 0);
    entries.push({ start: at, end });
    at = skipSpace(bytes, end);
    if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
  }
  return entries;
}
