import { Type, type Static, type TObject, type TProperties, type TSchema } from 'typebox';

/** An object of exactly these fields: what is not listed is reported, with the nearest name that is. */
export function object<P extends TProperties>(properties: P): TObject<P> {
  return Type.Object(properties, { additionalProperties: false });
}

/** One of these words. */
export function oneOf<const V extends readonly string[]>(values: V, options: { default?: V[number] } = {}) {
  return Type.Unsafe<V[number]>({ type: 'string', enum: [...values], ...options });
}

/** A string of `minLength`–`maxLength` characters, as most fields of the CRDs are. */
export function text(maxLength: number, minLength = 1, pattern?: string) {
  return Type.String({ minLength, maxLength, ...(pattern === undefined ? {} : { pattern }) });
}

const DURATION = /^([0-9]{1,5}(h|m|s|ms)){1,4}$/;
/** Gateway API Duration (GEP-2257): `1h30m`, `250ms`. */
export const Duration = Type.String({ pattern: DURATION.source, description: 'duration' });

/** Name of a resource: an RFC 1123 subdomain. */
export const ObjectName = text(253);
export const Namespace = text(63, 1, '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$');
export const Group = text(253, 0, '^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$');
export const KindName = text(63, 1, '^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$');
export const SectionName = text(253, 1, '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$');
export const PortNumber = Type.Integer({ minimum: 1, maximum: 65_535 });
/** Field name of an HTTP header (RFC 9110, section 5.1). */
export const HeaderName = text(256, 1, "^[A-Za-z0-9!#$%&'*+\\-.^_`|~]+$");
export const Hostname = text(253, 1, '^(\\*\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$');

/** A list that the CRD bounds. */
export function list<S extends TSchema>(items: S, maxItems: number, minItems = 0) {
  return Type.Array(items, { maxItems, minItems });
}

const UNIT_MS: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** Whether a text that no schema checks is a {@link Duration}. */
export function isDuration(text: string): boolean {
  return DURATION.test(text);
}

/** A valid {@link Duration} in milliseconds. */
export function durationMs(duration: string): number {
  let total = 0;
  for (const [, amount, unit] of duration.matchAll(/(\d+)(ms|h|m|s)/g)) total += Number(amount) * UNIT_MS[unit!]!;
  return total;
}

export { Type };
export type { Static, TSchema };
