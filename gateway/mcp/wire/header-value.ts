import { isUtf8 } from 'node:buffer';

const START = '=?base64?';
const END = '?=';

// RFC 9110, section 5.5, without the bytes above ASCII, which MCP excludes.
const VISIBLE = /^[\t\u0020-\u007e]*$/;
/** Reaches the other side as it is: no white space at its ends, and not empty. */
const PLAIN = /^[\u0021-\u007e](?:[\t\u0020-\u007e]*[\u0021-\u007e])?$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * The text that a value of `Mcp-Name` or `Mcp-Param-*` stands for; undefined where it has characters that no value may have, or is
 * marked as Base64 and is not.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#value-encoding
 */
export function decodeHeaderValue(value: string): string | undefined {
  const text = trimmed(value);
  if (!VISIBLE.test(text)) return undefined;
  if (!isMarked(text)) return text;
  const encoded = text.slice(START.length, -END.length);
  if (!BASE64.test(encoded)) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  return isUtf8(bytes) ? bytes.toString() : undefined;
}

/** The value that stands for the text: the text itself where it can be a header's. */
export function encodeHeaderValue(text: string): string {
  return PLAIN.test(text) && !isMarked(text) ? text : `${START}${Buffer.from(text).toString('base64')}${END}`;
}

function isMarked(text: string): boolean {
  return text.length >= START.length + END.length && text.startsWith(START) && text.endsWith(END);
}

/** Without spaces and tabs at the ends, which belong to no field value. A loop: a regular expression would take quadratic time. */
export function trimmed(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isBlank(value.charCodeAt(start))) start++;
  while (end > start && isBlank(value.charCodeAt(end - 1))) end--;
  return value.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
