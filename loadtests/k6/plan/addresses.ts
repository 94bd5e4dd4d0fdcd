import type { Environment, Tier } from './settings.ts';

/** Where the load goes. */
export interface Addresses {
  readonly both: string | undefined;
  /** Tier one with the pods right behind it. */
  readonly one: string | undefined;
  /** Tier two, which must take requests without tier one's token; an API key may be asked for. */
  readonly two: string | undefined;
  readonly pods: readonly string[];
  /** A tier one that counts the tokens of two tenants. */
  readonly tenants: string | undefined;
}

/** The variables that name a platform; where one is set, none is started. */
export const ADDRESSES = ['BASE_URL', 'TIER_TWO_URL', 'TIER_ONE_URL', 'POD_URLS', 'TENANTS_URL'] as const;

/** What `npm start` listens on. */
export const DEFAULT_BASE_URL = 'http://127.0.0.1:1975';
export const DEFAULT_POD_URLS = 'http://127.0.0.1:8000,http://127.0.0.1:8001';

/**
 * BASE_URL (both tiers), TIER_TWO_URL, TIER_ONE_URL (without tier two), POD_URLS (with commas), TENANTS_URL. Where none of them is set,
 * both tiers and the pods are those of `npm start`, whose tier two takes nothing but tier one's requests.
 */
export function addressesOf(env: Environment): Addresses {
  const has = (name: string): string | undefined => {
    const value = env[name];
    return value === undefined || value === '' ? undefined : value.replace(/\/+$/, '');
  };
  const isOwn = ADDRESSES.every((name) => has(name) === undefined);
  const pods = has('POD_URLS') ?? (isOwn ? DEFAULT_POD_URLS : '');
  return {
    both: has('BASE_URL') ?? (isOwn ? DEFAULT_BASE_URL : undefined),
    one: has('TIER_ONE_URL'),
    two: has('TIER_TWO_URL'),
    pods: pods === '' ? [] : pods.split(',').map((each) => each.trim().replace(/\/+$/, '')),
    tenants: has('TENANTS_URL'),
  };
}

export function isThere(addresses: Addresses, tier: Tier): boolean {
  return tier === 'pods' ? addresses.pods.length > 0 : addresses[tier] !== undefined;
}
