import { isObject } from '../../is-object.ts';

/** Members that say nothing of what a tool does, and may differ from one list to the next. */
const NOT_LOCKED: ReadonlySet<string> = new Set(['_meta', 'icons']);
/** What readers look for comes first. */
const FIRST = ['name', 'title', 'description', 'inputSchema', 'outputSchema', 'annotations'];

/**
 * What is locked of a tool, as text that is the same however the server wrote it: JSON of two spaces, members in a fixed order.
 * @param definition a tool of `tools/list`, parsed
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/tools#tool
 */
export function definitionText(definition: Readonly<Record<string, unknown>>): string {
  const names = Object.keys(definition).filter((name) => !NOT_LOCKED.has(name));
  const ordered = [...FIRST.filter((name) => names.includes(name)), ...names.filter((name) => !FIRST.includes(name)).sort()];
  return JSON.stringify(objectOf(ordered.map((name) => [name, sorted(definition[name])])), undefined, 2);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return objectOf(
    Object.keys(value)
      .sort()
      .map((name) => [name, sorted(value[name])]),
  );
}

/** A member may have the name `__proto__`, and a tool may have such a parameter. */
function objectOf(entries: readonly (readonly [string, unknown])[]): object {
  const object = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of entries) object[name] = value;
  return object;
}
