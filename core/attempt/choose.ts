import type { Plan, Target } from './plan.ts';

/** Which targets were tried, and how often; {@link EXHAUSTED}: nothing is left there for this request. */
export type Tried<T extends Target> = Map<T, number>;

export const EXHAUSTED = Number.POSITIVE_INFINITY;

/**
 * The target of the next attempt, or undefined when there is none.
 *
 * Lowest priority number first; within one, by weight among those not tried. A target whose backend is ejected, cooling down or full is
 * passed over while another one is left; when none is, the ejected ones are tried after all: a guess beats a certain failure. A full backend never is.
 * @param last the target of the attempt before
 */
export function choose<T extends Target>(
  plan: Plan<T>,
  tried: Tried<T>,
  attempts: number,
  now: number,
  random: () => number,
  last?: T,
): T | undefined {
  const { targets, retry } = plan;
  const isRetry = attempts > 0;
  // A pool is left when its endpoints have been tried, not before: its models are what was asked for.
  if (last !== undefined && last.tries !== undefined && (retry.maxAttempts === undefined || attempts < retry.maxAttempts)) {
    if (hasTriesLeft(last, tried) && last.backend.hasRoom(isRetry) && last.backend.available(now)) return last;
  }
  if (targets.length === 1) {
    const only = targets[0]!;
    if (retry.maxAttempts === undefined ? isRetry : attempts >= retry.maxAttempts) return undefined;
    return only.weight > 0 && only.backend.hasRoom(isRetry) && tried.get(only) !== EXHAUSTED ? only : undefined;
  }
  if (retry.maxAttempts !== undefined && attempts >= retry.maxAttempts) return undefined;
  const open = targets.filter((target) => target.weight > 0 && target.backend.hasRoom(isRetry) && tried.get(target) !== EXHAUSTED);
  const fresh = open.filter((target) => !tried.has(target));
  const available = (target: T) => target.backend.available(now);
  const again = retry.maxAttempts === undefined ? [] : open;
  return (
    stay(plan, tried, again.filter(available), random) ??
    pick(fresh.filter(available), random) ??
    pick(again.filter(available), random) ??
    pick(fresh, random) ??
    pick(again, random)
  );
}

/** With a number of attempts at each priority: a target of the first one that has attempts left, a fresh one where there is one. */
function stay<T extends Target>(
  { targets, retry: { attemptsPerPriority } }: Plan<T>,
  tried: Tried<T>,
  candidates: readonly T[],
  random: () => number,
): T | undefined {
  if (attemptsPerPriority === undefined) return undefined;
  const from = prioritiesUsedUp(targets, tried, attemptsPerPriority);
  const left = candidates.filter(({ priority }) => priority >= from);
  const lowest = Math.min(...left.map(({ priority }) => priority));
  const here = left.filter(({ priority }) => priority === lowest);
  const freshHere = here.filter((target) => !tried.has(target));
  return pick(freshHere.length > 0 ? freshHere : here, random);
}

/** The first priority that has not had its number of attempts; Infinity when all have. */
function prioritiesUsedUp<T extends Target>(targets: readonly T[], tried: Tried<T>, each: number): number {
  const counts = new Map<number, number>();
  for (const target of targets) counts.set(target.priority, (counts.get(target.priority) ?? 0) + (tried.get(target) ?? 0));
  return Math.min(...[...counts].map(([priority, count]) => (count >= each ? Number.POSITIVE_INFINITY : priority)));
}

/** By weight among the targets of the lowest priority number. */
function pick<T extends Target>(targets: readonly T[], random: () => number): T | undefined {
  if (targets.length === 0) return undefined;
  let lowest = Number.POSITIVE_INFINITY;
  let total = 0;
  for (const target of targets) {
    if (target.priority > lowest) continue;
    if (target.priority < lowest) {
      lowest = target.priority;
      total = 0;
    }
    total += target.weight;
  }
  let mark = random() * total;
  let last: T | undefined;
  for (const target of targets) {
    if (target.priority !== lowest) continue;
    last = target;
    mark -= target.weight;
    if (mark < 0) break;
  }
  return last;
}

function hasTriesLeft<T extends Target>(target: T, tried: Tried<T>): boolean {
  return (tried.get(target) ?? 0) < (target.tries ?? 1);
}
