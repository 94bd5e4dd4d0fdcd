import { claimAt } from '../identify/claims.ts';
import type { Token } from '../identify/identity.ts';
import type { RateLimitUnit } from '../resources/envoy-gateway/rate-limit.ts';

/** A limit that stands in the client's own token. */
export interface GivenLimit {
  /** 0 lets nothing through. */
  readonly units: number;
  readonly per: RateLimitUnit;
}

const UNITS: ReadonlyMap<unknown, RateLimitUnit> = new Map(
  (['Second', 'Minute', 'Hour', 'Day', 'Month', 'Year'] as const).map((unit) => [unit.toUpperCase(), unit]),
);

/** Whether a key of `limit.fromMetadata` is for the tokens of a provider. */
export function isOfProvider(key: string, provider: string): boolean {
  return key.startsWith(provider) && (key.length === provider.length || key[provider.length] === '.');
}

/**
 * The limit `{requests_per_unit, unit}` (Envoy's RateLimitOverride) at `provider` or `provider.path.of.claims` of a verified token.
 * @returns undefined where there is none that makes sense: as in Envoy, the policy's own limit holds then
 */
export function givenLimit(key: string, token: Token | undefined): GivenLimit | undefined {
  if (token === undefined || !isOfProvider(key, token.provider)) return undefined;
  const { provider, claims } = token;
  const found = key.length === provider.length ? claims : claimAt(claims, key.slice(provider.length + 1));
  if (typeof found !== 'object' || found === null) return undefined;
  const { requests_per_unit: units, unit } = found as { readonly requests_per_unit?: unknown; readonly unit?: unknown };
  const per = UNITS.get(typeof unit === 'string' ? unit.toUpperCase() : undefined);
  if (typeof units !== 'number' || !Number.isSafeInteger(units) || units < 0 || per === undefined) return undefined;
  return { units, per };
}
