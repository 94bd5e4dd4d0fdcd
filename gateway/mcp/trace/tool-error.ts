import { scanObject } from '#core/json/scan';
import { skipSpace } from '#core/json/skip';

const MEMBER = Buffer.from('"isError"');
const COLON = 0x3a;
/** Of `true`. */
const T = 0x74;

/**
 * Whether the result of `tools/call` says that the tool failed. Results can be large, and nearly all of them say that it did not: the members are
 * only located where the bytes have what would say so.
 *
 * @param result JSON, checked
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/tools#error-handling
 */
export function isToolError(result: Buffer): boolean {
  return maySaySo(result) && scanObject(result, { maxDepth: Number.POSITIVE_INFINITY }).boolean('isError') === true;
}

function maySaySo(result: Buffer): boolean {
  for (let at = result.indexOf(MEMBER); at >= 0; at = result.indexOf(MEMBER, at)) {
    at = skipSpace(result, at + MEMBER.length);
    if (result[at] === COLON && result[skipSpace(result, at + 1)] === T) return true;
  }
  return false;
}
