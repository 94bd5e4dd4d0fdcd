import type { Want } from '../redis/counts.ts';
import type { Charge } from '../store.ts';

/** What a request wants of Redis beyond what the lease has. */
export function restOf({ counter, amount, least, shadow }: Charge, leased: number): Want {
  const rest = amount - leased;
  if (shadow) return { counter, amount: rest, least: 0, mode: 'shadow' };
  // The lease alone is enough: whatever else is left is welcome.
  if (leased >= Math.max(least, 1)) return { counter, amount: rest, least: 1, mode: 'lease' };
  return { counter, amount: rest, least: Math.max(0, least - leased), mode: 'normal' };
}
