import type { Tier } from '../plan/settings.ts';

/** Tiers as the report calls them. */
export const TIER_NAMES: Readonly<Record<Tier, string>> = {
  pods: 'the pods directly',
  two: 'tier two alone',
  one: 'tier one alone',
  both: 'both tiers',
};
