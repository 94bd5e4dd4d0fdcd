import { Type } from '../schema.ts';

/** A count. The CRDs say `int32` without a lower bound for some; less than nothing has no meaning for any. */
export const Count = Type.Integer({ minimum: 0, maximum: 2_147_483_647 });

/** A count that Envoy holds in 32 bits without a sign. */
export const Limit = Type.Integer({ minimum: 0, maximum: 4_294_967_295 });

export const Percent = Type.Integer({ minimum: 0, maximum: 100 });

/** Status code of HTTP (RFC 9110, section 15). */
export const StatusCode = Type.Integer({ minimum: 100, maximum: 599 });

/** A switch that is served in its off position; the on position is on the kind's list of refusals as `path=true`. */
export const Off = Type.Unsafe<false>({ type: 'boolean', enum: [false] });
