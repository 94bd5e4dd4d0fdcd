import type { IncomingMessage } from 'node:http';

import { type Cidr, contains, parseAddress, parseCidr } from '../identify/cidr.ts';

/** The address of the client, behind proxies that are trusted. */
export type ClientAddress = (request: IncomingMessage) => string;

interface ForwardedFor {
  readonly numTrustedHops?: number;
  readonly trustedCIDRs?: readonly string[];
}

/** ClientTrafficPolicy `clientIPDetection.xForwardedFor`; without it the peer of the connection is the client. */
export function compileClientAddress(forwarded: ForwardedFor | undefined): ClientAddress {
  if (forwarded === undefined) return peer;
  const ranges = (forwarded.trustedCIDRs ?? []).flatMap((range) => parseCidr(range) ?? []);
  const hops = forwarded.numTrustedHops ?? 0;
  return (request) => {
    const header = request.headers['x-forwarded-for'];
    const list = (typeof header === 'string' ? header : '').split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));
    let address = peer(request);
    if (forwarded.trustedCIDRs === undefined) {
      const named = hops === 0 ? undefined : list.at(-hops);
      return named !== undefined && isAddress(named) ? named : address;
    }
    // From the nearest hop outwards: the first one that is no proxy of ours is the client. What is no address is nobody's.
    while (trusted(address, ranges)) {
      const next = list.pop();
      if (next === undefined || !isAddress(next)) break;
      address = next;
    }
    return address;
  };
}

function peer(request: IncomingMessage): string {
  const address = request.socket.remoteAddress ?? '';
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}

function isAddress(text: string): boolean {
  return parseAddress(text) !== undefined;
}

function trusted(text: string, ranges: readonly Cidr[]): boolean {
  const address = parseAddress(text);
  return address !== undefined && ranges.some((range) => contains(range, address));
}
