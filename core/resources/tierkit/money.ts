import { Type } from '../schema.ts';

/** An amount of money: up to 12 digits before the point and 9 behind it. A text, so that nothing of it is lost on the way. */
export const Amount = Type.String({
  pattern: '^(0|[1-9][0-9]{0,11})(\\.[0-9]{1,9})?$',
  description: 'amount in quotes such as "0.075"',
});

/** ISO 4217 code. */
export const Currency = Type.String({ pattern: '^[A-Z]{3}$', description: 'ISO 4217 code of a currency such as USD' });

const DECIMALS = 9;

/** A valid {@link Amount} in billionths. */
export function nanosOf(amount: string): bigint {
  const [whole = '', fraction = ''] = amount.split('.');
  return BigInt(whole + fraction.padEnd(DECIMALS, '0'));
}

/** Billionths as people write them: at least 2 digits behind the point, and no more than are needed. */
export function amountOf(nanos: bigint): string {
  const sign = nanos < 0n ? '-' : '';
  const digits = (nanos < 0n ? -nanos : nanos).toString().padStart(DECIMALS + 1, '0');
  const fraction = digits.slice(-DECIMALS).replace(/0+$/, '').padEnd(2, '0');
  return `${sign}${digits.slice(0, -DECIMALS)}.${fraction}`;
}
