import { MCPRoute } from '../resources/ai-gateway/mcp-route.ts';
import { nameOf } from '../resources/kind.ts';
import { didYouMean } from '../resources/nearest.ts';
import { type LockedServer, MCPToolLock } from '../resources/tierkit/mcp-tool-lock.ts';
import { definitionText } from '../resources/tierkit/tool-definition.ts';

import { remember } from './remember.ts';
import type { Scope } from './scope.ts';

/** What tools of a server may be, by name, as `definitionText`. All others are locked out. */
export type ToolLock = ReadonlyMap<string, string>;

const NOTHING: ToolLock = new Map();
/** One for each part of a resource, so that what was found out by it holds over reloads. */
const locks = new WeakMap<LockedServer, ToolLock>();

/** The lock of a server of a route; undefined: its tools are not locked. Where a lock cannot be read, nothing is accepted by it. */
export function toolLockOf(route: MCPRoute, server: string, scope: Scope): ToolLock | undefined {
  const { namespace, name } = route.metadata;
  const isBroken = scope.set
    .invalidTargets(MCPToolLock)
    .some((target) => target.namespace === namespace && target.kind === MCPRoute.kind && target.name === name);
  if (isBroken) return NOTHING;
  for (const lock of locksOf(route, scope)) {
    const locked = lock.body.spec.servers.find((each) => each.name === server);
    if (locked !== undefined) return remember(locks, locked, () => lockOf(locked));
  }
  return undefined;
}

function locksOf(route: MCPRoute, scope: Scope): MCPToolLock[] {
  return scope.set
    .list(MCPToolLock)
    .filter(({ metadata, body }) => metadata.namespace === route.metadata.namespace && body.spec.targetRef.name === route.metadata.name);
}

function lockOf({ tools }: LockedServer): ToolLock {
  return new Map(tools.map(({ name, definition }) => [name, definitionText(JSON.parse(definition) as Record<string, unknown>)]));
}

/** Reports locks of what is not there, and of what another one locks. */
export function checkToolLocks(scope: Scope): void {
  const lockedBy = new Map<string, MCPToolLock>();
  for (const lock of scope.set.list(MCPToolLock)) {
    const { namespace } = lock.metadata;
    const { targetRef, servers } = lock.body.spec;
    const route = scope.set.get(MCPRoute, namespace, targetRef.name);
    if (route === undefined) {
      scope.report(lock, 'spec.targetRef.name', scope.references.missing(MCPRoute, namespace, targetRef.name));
      continue;
    }
    const names = route.body.spec.backendRefs.map(({ name }) => name);
    for (const [index, { name }] of servers.entries()) {
      const path = `spec.servers[${index}].name`;
      if (!names.includes(name)) scope.report(lock, path, `"${name}" is no backendRef of ${nameOf(route)}${didYouMean(name, names)}`);
      const key = `${nameOf(route)} ${name}`;
      const earlier = lockedBy.get(key);
      if (earlier !== undefined) scope.report(lock, path, `"${name}" is locked by ${nameOf(earlier)} already`);
      else lockedBy.set(key, lock);
    }
  }
}
