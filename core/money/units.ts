/**
 * Money is counted in ten-millionths of the currency: a count is a number of at most 2^53 − 1, and a budget of 900 million in a window
 * still fits. What a request costs is rounded up to the next one, so that a hard budget is never passed for it.
 */
export const NANOS_PER_UNIT = 100;

/** Units that a cost counts, rounded up. @param nanos billionths of the currency */
export function unitsOfCost(nanos: number): number {
  // Of a number this large a fraction of a unit would be lost.
  const rest = nanos % NANOS_PER_UNIT;
  return (nanos - rest) / NANOS_PER_UNIT + (rest > 0 ? 1 : 0);
}

/** Units of an amount that is a whole number of them. */
export function unitsOfNanos(nanos: bigint): number {
  return Number(nanos / BigInt(NANOS_PER_UNIT));
}

/** Billionths of the currency that units stand for. */
export function nanosOfUnits(units: number): bigint {
  return BigInt(units) * BigInt(NANOS_PER_UNIT);
}
