import type { Found } from './find.ts';
import { ABOUT, NoPart, type PartName, PARTS, TRACE_PARTS } from './parts.ts';
import type { OwnTraces } from './traces.ts';

/** What runs a part: its own program, or docker. */
export interface Source {
  readonly by: 'program' | 'docker';
  readonly path: string;
}

/** Which parts are started, and why others are not. */
export interface Choice {
  readonly parts: Readonly<Partial<Record<PartName, Source>>>;
  /** Wished for, and not found. */
  readonly missing: readonly PartName[];
  /** Not looked for: traces go elsewhere, or nowhere. */
  readonly idle: readonly PartName[];
}

/** What is looked for. Where the user's traces go elsewhere no part is to take them. @param wish undefined: all */
export function candidates(
  wish: readonly PartName[] | undefined,
  own: OwnTraces,
): { readonly names: PartName[]; readonly idle: PartName[] } {
  const wished = wish ?? PARTS;
  const isIdle = (name: PartName) => own.to !== 'unset' && name !== 'prometheus';
  return { names: wished.filter((name) => !isIdle(name)), idle: wished.filter(isIdle) };
}

/**
 * Without a list, what PATH has is started; docker stands in for Prometheus, and for Phoenix where nothing else takes traces.
 * @throws NoPart when a part of the list is not there
 */
export function choose(wish: readonly PartName[] | undefined, own: OwnTraces, found: Found): Choice {
  const { names, idle } = candidates(wish, own);
  const isProgram = (name: PartName) => found.programs[name] !== undefined;
  const sourceOf = (name: PartName): Source | undefined => {
    const path = found.programs[name];
    if (path !== undefined) return { by: 'program', path };
    return found.docker === undefined ? undefined : { by: 'docker', path: found.docker };
  };
  const onPath = TRACE_PARTS.filter(isProgram);
  const takesTraces: readonly PartName[] = onPath.length > 0 || found.docker === undefined ? onPath : ['phoenix'];
  const wanted = names.filter(
    (name) => wish !== undefined || name === 'prometheus' || takesTraces.length === 0 || takesTraces.includes(name),
  );
  const sources = wanted.map((name) => [name, sourceOf(name)] as const);
  const missing = sources.flatMap(([name, source]) => (source === undefined ? [name] : []));
  if (wish !== undefined && missing.length > 0) throw new NoPart(missing.map(sayMissing).join('\n'));
  return { parts: Object.fromEntries(sources.filter(([, source]) => source !== undefined)), missing, idle };
}

function sayMissing(name: PartName): string {
  const { title, how } = ABOUT[name];
  return `${title} was asked for and is not there: put "${name}" on PATH (${how}), or start docker, which was not found or does not answer`;
}
