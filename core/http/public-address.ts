import { BlockList, isIP, type LookupFunction } from 'node:net';

import { lastFour, lookupUnless } from './local-address.ts';

type Range = readonly [network: string, prefix: number];

/** @see https://www.iana.org/assignments/iana-ipv4-special-registry */
const SPECIAL_IPV4: readonly Range[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  // Multicast, and what is reserved, up to the broadcast address.
  ['224.0.0.0', 3],
];

/** Within 2000::/3, beside which nothing is public. @see https://www.iana.org/assignments/iana-ipv6-special-registry */
const SPECIAL_IPV6: readonly Range[] = [
  // Teredo, benchmarks, ORCHID.
  ['2001::', 23],
  ['2001:db8::', 32],
  // 6to4 leads to the IPv4 address that is in it.
  ['2002::', 16],
  ['3fff::', 20],
];

const SPECIAL = new BlockList();
for (const [network, prefix] of SPECIAL_IPV4) SPECIAL.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of SPECIAL_IPV6) SPECIAL.addSubnet(network, prefix, 'ipv6');
const GLOBAL_UNICAST = new BlockList();
GLOBAL_UNICAST.addSubnet('2000::', 3, 'ipv6');
/** RFC 6052: of a network that has IPv6 alone. */
const NAT64 = new BlockList();
NAT64.addSubnet('64:ff9b::', 96, 'ipv6');

/**
 * What an address is that is none of the public Internet: private, local, reserved, or a way to such a one.
 * @param address an IP address, perhaps with a zone
 * @returns undefined for a public one
 */
export function privateKind(address: string): 'no public address' | undefined {
  switch (isIP(address)) {
    case 4:
      return SPECIAL.check(address, 'ipv4') ? 'no public address' : undefined;
    case 6:
      if (NAT64.check(address, 'ipv6')) return privateKind(lastFour(address));
      return GLOBAL_UNICAST.check(address, 'ipv6') && !SPECIAL.check(address, 'ipv6') ? undefined : 'no public address';
    default:
      return 'no public address';
  }
}

/** For `net.connect`: gives public addresses alone. */
export const lookupPublic: LookupFunction = lookupUnless(privateKind);
