import { isIPv4, isIPv6 } from 'node:net';

/** An address as words of 32 bits: one for IPv4, four for IPv6. An IPv4 address in IPv6 clothes (`::ffff:10.0.0.1`) is IPv4. */
export type Address = readonly number[];

/** A range of addresses of one family. */
export interface Cidr {
  readonly words: Address;
  readonly masks: readonly number[];
}

/** @returns undefined for what is no IP address; a zone (`fe80::1%eth0`) does not count. */
export function parseAddress(text: string): Address | undefined {
  if (isIPv4(text)) return [ipv4(text)];
  const zone = text.indexOf('%');
  const plain = zone === -1 ? text : text.slice(0, zone);
  if (!isIPv6(plain)) return undefined;
  const words = ipv6(plain);
  return isMapped(words) ? [words[3]!] : words;
}

/** RFC 4291, section 2.5.5.2. */
function isMapped(words: Address): boolean {
  return words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
}

function ipv4(text: string): number {
  let word = 0;
  for (const part of text.split('.')) word = word * 256 + Number(part);
  return word;
}

function ipv6(text: string): number[] {
  let hex = text;
  const colon = text.lastIndexOf(':');
  if (text.includes('.')) {
    const word = ipv4(text.slice(colon + 1));
    hex = `${text.slice(0, colon + 1)}${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`;
  }
  const [head = '', tail] = hex.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...front, ...Array<string>(8 - front.length - back.length).fill('0'), ...back].map((group) => Number.parseInt(group, 16));
  return [0, 2, 4, 6].map((index) => groups[index]! * 0x1_0000 + groups[index + 1]!);
}

/** Reads `10.0.0.0/8` or `2001:db8::/32`; bits behind the prefix do not count. @returns undefined for what is no such range. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  if (slash === -1 || !/^\d{1,3}$/.test(text.slice(slash + 1))) return undefined;
  const base = text.slice(0, slash);
  const words = parseAddress(base);
  if (words === undefined || base.includes('%')) return undefined;
  // A range that is written as IPv4 in IPv6 counts its prefix from the front of the IPv6 address.
  const length = Number(text.slice(slash + 1)) - (words.length === 1 && base.includes(':') ? 96 : 0);
  if (length < 0 || length > words.length * 32) return undefined;
  const masks = words.map((_, index) => {
    const bits = Math.min(32, Math.max(0, length - index * 32));
    return bits === 0 ? 0 : (0xffff_ffff << (32 - bits)) >>> 0;
  });
  return { words, masks };
}

/** Whether the range has the address. An IPv4 address lies in no IPv6 range, not even `::/0`. */
export function contains(cidr: Cidr, address: Address): boolean {
  if (cidr.words.length !== address.length) return false;
  for (const [index, mask] of cidr.masks.entries()) if (((cidr.words[index]! ^ address[index]!) & mask) !== 0) return false;
  return true;
}
