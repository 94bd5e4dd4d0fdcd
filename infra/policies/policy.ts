import type { Manifest, SecretNeed } from '../charts/part.ts';

/** Everything that is in one cluster. */
export interface World {
  readonly manifests: readonly Manifest[];
  readonly secrets: readonly SecretNeed[];
  /** `Kind/namespace/name` of objects that come later ({@link LateObject}), or that others make. */
  readonly elsewhere: readonly string[];
}

/** A rule that every object has to keep. Pure. @returns what is wrong, each with why it matters; empty where nothing is */
export type Policy = (manifest: Manifest, world: World) => string[];

/** A field of plain data, whatever it is. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((found, field) => (found as Record<string, unknown> | undefined)?.[field], value);
}

export function listAt(value: unknown, ...path: readonly string[]): readonly Readonly<Record<string, unknown>>[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? (found as readonly Readonly<Record<string, unknown>>[]) : [];
}

/** A value of plain data in a message, or to be compared. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : Array.isArray(value) ? value.map(text).join() : (JSON.stringify(value) ?? '');
}

const WORKLOADS: ReadonlySet<string> = new Set(['Deployment', 'StatefulSet', 'DaemonSet', 'Job']);

/** The pod template of a workload; undefined of other kinds. */
export function templateOf(manifest: Manifest): unknown {
  return WORKLOADS.has(manifest.kind) ? at(manifest, 'spec', 'template') : undefined;
}

export function containersOf(manifest: Manifest): readonly Readonly<Record<string, unknown>>[] {
  const template = templateOf(manifest);
  return [...listAt(template, 'spec', 'initContainers'), ...listAt(template, 'spec', 'containers')];
}

/** Whether labels are among others. */
export function selects(selector: unknown, labels: unknown): boolean {
  const wanted = Object.entries((selector ?? {}) as Record<string, string>);
  return wanted.length > 0 && wanted.every(([label, value]) => at(labels, label) === value);
}

export function pathOf({ kind, metadata: { namespace, name } }: Manifest): string {
  return [kind, namespace, name].filter((part) => part !== undefined).join('/');
}
