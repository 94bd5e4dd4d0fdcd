import { lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/** What an address is that leads to this machine, or to what only this machine may ask. */
export type LocalKind = 'a loopback address' | 'a link-local address' | 'an unspecified address' | 'the metadata service of a cloud';

type Range = readonly [network: string, prefix: number];

/** @see RFC 6890; the last are AWS's own, of which fd00:ec2::254 has the credentials of a node. */
const RANGES: readonly (readonly [LocalKind, ...Range[]])[] = [
  ['a loopback address', ['127.0.0.0', 8], ['::1', 128]],
  ['a link-local address', ['169.254.0.0', 16], ['fe80::', 10]],
  ['an unspecified address', ['0.0.0.0', 8], ['::', 128]],
  ['the metadata service of a cloud', ['fd00:ec2::', 32]],
];

const LISTS = RANGES.map(([kind, ...ranges]): [LocalKind, BlockList] => {
  const list = new BlockList();
  for (const [network, prefix] of ranges) list.addSubnet(network, prefix, familyOf(network));
  return [kind, list];
});

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}

/** NAT64 (RFC 6052): the last four bytes are the IPv4 address that is meant. */
const NAT64 = new BlockList();
NAT64.addSubnet('64:ff9b::', 96, 'ipv6');

/**
 * Whether an address is one that a resource of a cluster has no business to name. IPv4 that is written as IPv6 counts as what it is.
 * @param address an IP address, perhaps with a zone
 * @returns undefined for others, and for what is no address
 */
export function localKind(address: string): LocalKind | undefined {
  const [bare = ''] = address.split('%');
  if (isIP(bare) === 0) return undefined;
  const family = familyOf(bare);
  if (family === 'ipv6' && NAT64.check(bare, family)) return localKind(lastFour(bare));
  return LISTS.find(([, list]) => list.check(bare, family))?.[0];
}

export function lastFour(address: string): string {
  if (address.includes('.')) return address.slice(address.lastIndexOf(':') + 1);
  const groups = new URL(`http://[${address}]`).hostname.slice(1, -1).split(':');
  const [high = 0, low = 0] = groups.slice(-2).map((group) => Number.parseInt(group === '' ? '0' : group, 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** Whether a name means this machine wherever it is asked for (RFC 6761, section 6.3). */
export function isLocalName(name: string): boolean {
  return /^(?:.+\.)?localhost\.?$/i.test(name);
}

/** A name leads to an address that is refused. Nothing was sent. */
export class LocalAddressRefused extends Error {
  override readonly name = 'LocalAddressRefused';
  readonly code = 'ERR_LOCAL_ADDRESS';
}

/**
 * For `net.connect`: resolves a name once, and gives only addresses that may be: what is connected to is what was looked at.
 * @param kindOf what an address is that may not be
 */
export function lookupUnless(kindOf: (address: string) => string | undefined): LookupFunction {
  return (name, options, done) => {
    lookup(name, { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        done(error, '', 0);
        return;
      }
      const permitted = addresses.filter(({ address }) => kindOf(address) === undefined);
      const [first] = permitted;
      if (first === undefined) {
        const found = addresses.map(({ address }) => `${address}, ${kindOf(address)}`).join('; ');
        done(new LocalAddressRefused(`${name} leads to ${found}`), '', 0);
      } else if (options.all === true) done(null, permitted);
      else done(null, first.address, first.family);
    });
  };
}

/** Gives only addresses that are not {@link localKind local}. */
export const lookupElsewhere: LookupFunction = lookupUnless(localKind);
