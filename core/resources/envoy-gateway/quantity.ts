import { Type } from '../schema.ts';

/** Kubernetes quantity of bytes as Envoy Gateway takes it: `1024`, `64k`, `50Mi`. No fraction, no exponent. */
export const ByteQuantity = Type.Unsafe<string | number>({
  type: ['integer', 'string'],
  minimum: 1,
  pattern: '^[1-9][0-9]*([EPTGMK]i|[EPTGMk])?$',
  description: 'quantity of bytes such as 64k or 50Mi',
});

const POWERS = 'KMGTPE';

/** A valid {@link ByteQuantity} in bytes. */
export function quantityBytes(quantity: string | number): number {
  if (typeof quantity === 'number') return quantity;
  const [, digits, prefix, binary] = /^(\d+)(?:([kKMGTPE])(i?))?$/.exec(quantity)!;
  if (prefix === undefined) return Number(digits);
  return Number(digits) * (binary === 'i' ? 1024 : 1000) ** (POWERS.indexOf(prefix.toUpperCase()) + 1);
}
