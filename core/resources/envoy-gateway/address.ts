import { isIP } from 'node:net';

/** Whether this is an IPv4 or IPv6 address without a zone (`%eth0`), which has a meaning on one host only. */
export function isAddress(text: string): boolean {
  return isIP(text) !== 0 && !text.includes('%');
}

/** Whether this is an address range: `10.0.0.0/8`, `2001:db8::/32`. */
export function isAddressRange(text: string): boolean {
  const slash = text.indexOf('/');
  const address = text.slice(0, Math.max(0, slash));
  const bits = text.slice(slash + 1);
  return isAddress(address) && /^(0|[1-9]\d{0,2})$/.test(bits) && Number(bits) <= (isIP(address) === 4 ? 32 : 128);
}
