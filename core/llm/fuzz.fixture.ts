// For tests: bodies that are nearly right, and what may come of them.
import type { UnacceptableAnswer } from '../attempt/failure.ts';
import type { GatewayError } from '../errors.ts';

/** The value with something else where the numbers lead. */
export function mutated(value: unknown, way: readonly number[], put: unknown): unknown {
  const [first, ...rest] = way;
  if (first === undefined || typeof value !== 'object' || value === null) return put;
  const entries = Object.entries(value);
  if (entries.length === 0) return put;
  const at = first % entries.length;
  const changed = entries.map(([name, each], index) => [name, index === at ? mutated(each, rest, put) : (each as unknown)] as const);
  return Array.isArray(value) ? changed.map(([, each]) => each) : Object.fromEntries(changed);
}

/** Lets nothing but one kind of refusal pass. */
export function orRefused(as: typeof GatewayError | typeof UnacceptableAnswer, act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof as)) throw error;
  }
}
