import type { IncomingMessage } from 'node:http';

import { describe, expect, it } from 'vitest';

import { compileClientAddress } from './client-address.ts';

/** @param forwarded as Node gives it: lines of one name are joined */
const from = (peer: string | undefined, forwarded?: string) =>
  ({
    socket: { remoteAddress: peer },
    headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
  }) as unknown as IncomingMessage;

it('is the peer, whatever the request says, where no proxy is trusted', () => {
  const address = compileClientAddress(undefined);
  expect([from('192.0.2.1', '198.51.100.7'), from('::ffff:192.0.2.1'), from('2001:db8::1'), from(undefined)].map(address)).toEqual([
    '192.0.2.1',
    '192.0.2.1',
    '2001:db8::1',
    '',
  ]);
});

describe('behind a number of proxies', () => {
  it.each<[number, string | undefined, string]>([
    [1, '198.51.100.7', '198.51.100.7'],
    // What the client itself wrote stands in front, and does not count.
    [1, '203.0.113.9, 198.51.100.7', '198.51.100.7'],
    [2, '203.0.113.9, 198.51.100.7, 10.0.0.2', '198.51.100.7'],
    [2, '198.51.100.7,10.0.0.2', '198.51.100.7'],
    [2, ' 198.51.100.7 ,, 10.0.0.2 ,', '198.51.100.7'],
    [1, '2001:db8::7', '2001:db8::7'],
    // Fewer hops than there should be: nobody in the list is to be believed.
    [2, '198.51.100.7', '192.0.2.1'],
    [1, undefined, '192.0.2.1'],
    [1, '', '192.0.2.1'],
    [0, '198.51.100.7', '192.0.2.1'],
    // No address: nothing that a rule about addresses could decide on.
    [1, 'unknown', '192.0.2.1'],
    [1, '198.51.100.7:4711', '192.0.2.1'],
  ])('%i, %s: %s', (numTrustedHops, forwarded, expected) => {
    expect(compileClientAddress({ numTrustedHops })(from('192.0.2.1', forwarded))).toBe(expected);
  });
});

describe('behind proxies of known addresses', () => {
  const address = compileClientAddress({ trustedCIDRs: ['10.0.0.0/8', '2001:db8::/32', '192.0.2.1/32'] });
  it.each<[string, string | undefined, string]>([
    ['192.0.2.1', '198.51.100.7', '198.51.100.7'],
    ['10.1.2.3', '203.0.113.9, 198.51.100.7, 10.0.0.2', '198.51.100.7'],
    ['::ffff:10.1.2.3', '198.51.100.7, 2001:db8::5', '198.51.100.7'],
    ['10.1.2.3', '198.51.100.7, ::ffff:10.0.0.9', '198.51.100.7'],
    // The peer is a stranger: what it forwards is its own word.
    ['198.51.100.1', '203.0.113.9', '198.51.100.1'],
    ['198.51.100.1', '10.0.0.1', '198.51.100.1'],
    // All of them are ours: the outermost one asked.
    ['10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['10.0.0.1', undefined, '10.0.0.1'],
    // A stranger's lie stands before the stranger's address, and ends there.
    ['10.0.0.1', '10.0.0.66, 198.51.100.7', '198.51.100.7'],
    ['10.0.0.1', 'unknown', '10.0.0.1'],
    ['10.0.0.1', '198.51.100.7, _hidden, 10.0.0.2', '10.0.0.2'],
  ])('%s, %s: %s', (peer, forwarded, expected) => {
    expect(address(from(peer, forwarded))).toBe(expected);
  });
});
