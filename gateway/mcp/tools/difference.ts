import { isObject } from '#core/is-object';

/** One place where two definitions differ. */
export interface Difference {
  /** Such as `inputSchema.properties.path.description`. */
  readonly path: string;
  /** Undefined: it is not there. */
  readonly before: unknown;
  readonly after: unknown;
}

const MOST = 100;

/** Where two JSON values differ, as deep as they are of one shape; 100 places at most. */
export function differences(before: unknown, after: unknown): Difference[] {
  const found: Difference[] = [];
  compare(before, after, '', found);
  return found;
}

function compare(before: unknown, after: unknown, path: string, found: Difference[]): void {
  if (found.length >= MOST) return;
  if (Array.isArray(before) && Array.isArray(after)) {
    for (let index = 0; index < Math.max(before.length, after.length); index++)
      compare(before[index], after[index], `${path}[${index}]`, found);
  } else if (isObject(before) && isObject(after)) {
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)]))
      compare(memberOf(before, name), memberOf(after, name), path === '' ? name : `${path}.${name}`, found);
  } else if (!Object.is(before, after)) found.push({ path, before, after });
}

function memberOf(object: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}
