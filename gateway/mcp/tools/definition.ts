import { type JsonObjectScan, JsonSyntaxError, scanObject, type Span } from '#core/json/scan';
import { definitionText } from '#core/resources/tierkit/tool-definition';

import { entriesOf } from '../wire/spans.ts';

/** The largest one that can be accepted, in bytes: as long as a lock may write it. */
const MOST_BYTES = 65_536;
const MOST_DEPTH = 64;

/**
 * What a lock has of a tool, from its entry in the list of a server.
 * @returns undefined for what no lock can accept: it is too large or too deep, or says one thing twice, so that readers could differ
 */
export function textOf(entry: Buffer): string | undefined {
  if (entry.length > MOST_BYTES) return undefined;
  try {
    const scan = scanObject(entry, { maxDepth: MOST_DEPTH });
    if (saysTwice(scan)) return undefined;
    return definitionText(Object.fromEntries(scan.members.map(({ name }) => [name, scan.parse(name)])));
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
}

/** Whether a member occurs twice, at any depth. */
function saysTwice(scan: JsonObjectScan): boolean {
  return (
    scan.duplicates.length > 0 ||
    scan.members.some(({ name }) => {
      const { start, end } = scan.value(name)!;
      return valueSaysTwice(scan.bytes, { start, end }, scan.maxDepth - 1);
    })
  );
}

function valueSaysTwice(bytes: Buffer, span: Span, maxDepth: number): boolean {
  if (bytes[span.start] === 0x7b) return saysTwice(scanObject(bytes.subarray(span.start, span.end), { maxDepth }));
  return bytes[span.start] === 0x5b && entriesOf(bytes, span).some((entry) => valueSaysTwice(bytes, entry, maxDepth - 1));
}
