import { compilePattern, type Pattern } from '#core/http/pattern';
import type { MCPBackendRef } from '#core/resources/ai-gateway/mcp-backend-ref';

/** Whether clients see a tool, by the name that its server gives it. */
export type ToolSelector = (name: string) => boolean;

/** Patterns look at no longer text; a name beyond this cannot be judged, so it is not seen. */
const MAX_JUDGED = 16 * 1024;

/**
 * The CRD's toolSelector: what is excluded is not seen, even if it is included; without includes, all else is. Expressions find
 * their match anywhere in a name, as in Envoy AI Gateway (Go's `MatchString`): `delete` fits `delete_issue`.
 *
 * @throws Error with RE2's reason when an expression is none
 * @see https://github.com/envoyproxy/ai-gateway/blob/main/internal/mcpproxy/config.go
 */
export function compileToolSelector(selector: MCPBackendRef['toolSelector']): ToolSelector {
  if (selector === undefined) return () => true;
  const isExcluded = oneOf(selector.exclude, selector.excludeRegex);
  const isIncluded = oneOf(selector.include, selector.includeRegex);
  const takesAll = selector.include === undefined && selector.includeRegex === undefined;
  return (name) => name.length <= MAX_JUDGED && !isExcluded(name) && (takesAll || isIncluded(name));
}

function oneOf(names: readonly string[] = [], sources: readonly string[] = []): Pattern {
  const exact = new Set(names);
  const patterns = sources.map(anywhere);
  return (name) => exact.has(name) || patterns.some((fits) => fits(name));
}

function anywhere(source: string): Pattern {
  // Alone first: `a)|(b` is no expression, and would become one.
  compilePattern(source);
  return compilePattern(`(?s:.*)(?:${source})(?s:.*)`);
}
