import type { Told } from '../engine/parts.ts';

/**
 * What went wrong, as spans and metrics have it: the JSON-RPC code, `tool_error` for a result that says so, or the status of the HTTP answer that
 * stood instead of one. Undefined: nothing.
 *
 * @see https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/
 */
export function errorTypeOf({ error, refused, toolFailed }: Told): string | undefined {
  if (error !== undefined) return String(error);
  if (refused !== undefined) return String(refused.status);
  return toolFailed === true ? TOOL_ERROR : undefined;
}

export const TOOL_ERROR = 'tool_error';
