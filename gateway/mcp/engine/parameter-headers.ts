import { isObject } from '#core/is-object';
import { isToken } from '#core/http/sendable';

import { encodeHeaderValue } from '../wire/header-value.ts';

/** Schemas of tools nest no deeper than anybody reads. */
const MOST_DEPTH = 16;

/**
 * The headers that a tool wants to have of its arguments, names in lower case: those of parameters with `x-mcp-header` in its input schema.
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#custom-headers-from-tool-parameters
 */
export function parameterHeaders(inputSchema: unknown, args: unknown, depth = 0): Record<string, string> {
  const headers: Record<string, string> = {};
  if (!isObject(inputSchema) || !isObject(args) || !isObject(inputSchema['properties']) || depth > MOST_DEPTH) return headers;
  for (const [name, schema] of Object.entries(inputSchema['properties'])) {
    const value = Object.hasOwn(args, name) ? args[name] : undefined;
    if (!isObject(schema) || value === undefined) continue;
    const header = schema['x-mcp-header'];
    if (typeof header === 'string' && isToken(header)) {
      if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number')
        headers[`mcp-param-${header.toLowerCase()}`] = encodeHeaderValue(String(value));
    } else Object.assign(headers, parameterHeaders(schema, value, depth + 1));
  }
  return headers;
}
