import type { Random } from '../../kserve/simulator/engine/random.ts';
import type { Prompt } from './prompt.ts';

/** One request of a workload. */
export interface Turn {
  readonly prompt: Prompt;
  /** What the client asked for at most; the gateway sees it. */
  readonly maxTokens?: number;
  readonly lora?: string;
  /** Between the answer before and this request. @default 0 */
  readonly thinkMs?: number;
}

/** Requests of one client, one after the other. */
export interface Session {
  /** ms from the beginning of the stage */
  readonly at: number;
  readonly turns: readonly Turn[];
}

/** A part of a run. The next one begins when all requests of this one are answered. */
export interface Stage {
  readonly name: string;
  /** Fills the caches, and is not counted. */
  readonly isWarmUp?: boolean;
  readonly sessions: readonly Session[];
}

/** Sessions that come by chance at a rate a second: a Poisson process. */
export function poisson(random: Random, rate: number, count: number, turnsOf: (number: number) => readonly Turn[]): readonly Session[] {
  let at = 0;
  return Array.from({ length: count }, (_, number) => {
    at += random.exponential(1000 / rate);
    return { at, turns: turnsOf(number) };
  });
}

/** A length around a median with a long tail, within bounds. @param spread standard deviation of the logarithm */
export function lognormal(random: Random, median: number, spread: number, least: number, most: number): number {
  // Box and Muller
  const normal = Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
  return Math.round(Math.max(least, Math.min(most, median * Math.exp(spread * normal))));
}
