import { assert, bigInt, boolean, nat, pre, property } from 'fast-check';
import { expect, it } from 'vitest';

import { contains, parseAddress, parseCidr } from './cidr.ts';

const inside = (cidr: string, address: string): boolean => contains(parseCidr(cidr)!, parseAddress(address)!);

it.each([
  ['10.0.0.0/8', '10.255.255.255', true],
  ['10.0.0.0/8', '11.0.0.0', false],
  ['10.1.2.3/8', '10.9.9.9', true],
  ['0.0.0.0/0', '255.255.255.255', true],
  ['0.0.0.0/0', '::1', false],
  ['192.0.2.1/32', '192.0.2.1', true],
  ['192.0.2.1/32', '192.0.2.0', false],
  ['128.0.0.0/1', '127.255.255.255', false],
  ['128.0.0.0/1', '128.0.0.0', true],
  ['10.0.0.0/8', '::ffff:10.1.2.3', true],
  ['10.0.0.0/8', '::ffff:a01:203', true],
  ['::ffff:10.0.0.0/104', '10.1.2.3', true],
  ['::/0', '10.1.2.3', false],
  ['::/0', '::ffff:10.1.2.3', false],
  ['::/0', '2001:db8::1', true],
  ['2001:db8::/32', '2001:db8:ffff::', true],
  ['2001:db8::/32', '2001:db9::', false],
  ['2001:db8::/33', '2001:db8:8000::', false],
  ['::1/128', '::1', true],
  ['::1/128', '::', false],
  ['fe80::/10', 'fe80::1%eth0', true],
  ['64:ff9b::/96', '64:ff9b::192.0.2.1', true],
])('%s and %s: %s', (cidr, address, expected) => {
  expect(inside(cidr, address)).toBe(expected);
});

it.each([
  '10.0.0.0',
  '10.0.0.0/33',
  '10.0.0.0/-1',
  '10.0.0.0/',
  '10.0.0.0/8 ',
  '010.0.0.0/8',
  '10.0.0/8',
  '::/129',
  'fe80::1%eth0/64',
  '::ffff:10.0.0.0/8',
  'x/8',
  '/8',
])('%s is no range', (text) => {
  expect(parseCidr(text)).toBeUndefined();
});

it('looks at exactly the bits of the prefix', () => {
  assert(
    property(bigInt({ min: 0n, max: 2n ** 128n - 1n }), nat(127), nat(128), boolean(), (bits, flipped, length, v4) => {
      const [size, write] = v4 ? [32, ipv4Text] : [128, ipv6Text];
      const base = bits % 2n ** BigInt(size);
      // Addresses that begin as IPv4 in IPv6 does are of the other family.
      pre(v4 || (base >> 32n !== 0xffffn && (base ^ (1n << BigInt(127 - flipped))) >> 32n !== 0xffffn));
      const position = flipped % size;
      const prefix = length % (size + 1);
      const other = base ^ (1n << BigInt(size - 1 - position));
      expect(inside(`${write(base)}/${prefix}`, write(base))).toBe(true);
      expect(inside(`${write(base)}/${prefix}`, write(other))).toBe(position >= prefix);
    }),
    { numRuns: 1000 },
  );
});

function ipv4Text(bits: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 255n).join('.');
}

/** Written by the URL parser of Node, so with `::` where it belongs. */
function ipv6Text(bits: bigint): string {
  const groups = [112n, 96n, 80n, 64n, 48n, 32n, 16n, 0n].map((shift) => ((bits >> shift) & 0xffffn).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
