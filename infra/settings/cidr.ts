import { BlockList, isIPv6 } from 'node:net';

/** Whether a block of addresses is a part of another one, and not all of it. */
export function isWithin(inner: string, outer: string): boolean {
  const [innerNet = '', innerBits = ''] = inner.split('/');
  const [outerNet = '', outerBits = ''] = outer.split('/');
  if (isIPv6(innerNet) !== isIPv6(outerNet) || Number(innerBits) <= Number(outerBits)) return false;
  const family = isIPv6(outerNet) ? 'ipv6' : 'ipv4';
  const block = new BlockList();
  block.addSubnet(outerNet, Number(outerBits), family);
  return block.check(innerNet, family);
}

/** Whether it has the form of one, and numbers that an address has. */
export function isCidr(text: string): boolean {
  const [net = '', bits = ''] = text.split('/');
  try {
    new BlockList().addSubnet(net, Number(bits), isIPv6(net) ? 'ipv6' : 'ipv4');
    return true;
  } catch {
    return false;
  }
}
