import { Type } from '../schema.ts';

/** A whole number from 0 that fits `int32`. `fallback` is the CRD's default. */
export function count(fallback: number, maximum = 2_147_483_647) {
  return Type.Integer({ minimum: 0, maximum, default: fallback });
}
