import { isIPv6 } from 'node:net';

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { inSubset, parseEndpoint, parseEndpoints } from './endpoints.ts';

describe('parseEndpoints', () => {
  it('keeps the order, drops repeats, and tells what it cannot read', () => {
    expect(parseEndpoints(' 10.0.0.2:8000,10.0.0.1:8000 , ,10.0.0.2:8000,pod-1:80,10.0.0.3')).toEqual({
      endpoints: ['10.0.0.2:8000', '10.0.0.1:8000'],
      ignored: ['pod-1:80', '10.0.0.3'],
    });
    expect(parseEndpoints('')).toEqual({ endpoints: [], ignored: [] });
  });

  it('reads IPv6 with and without brackets', () => {
    expect(parseEndpoint('[FD00::1]:8000')).toBe('[fd00::1]:8000');
    expect(parseEndpoint('fd00::1:8000')).toBe('[fd00::1]:8000');
    // Eight groups without a port, which would leave seven.
    expect(parseEndpoint('1:2:3:4:5:6:7:8')).toBeUndefined();
    expect(parseEndpoint('fe80::1%eth0:8000')).toBeUndefined();
    expect(parseEndpoint('[fe80::1%eth0]:8000')).toBeUndefined();
  });

  it('refuses ports out of range, names, and addresses that are none', () => {
    const texts = [
      '10.0.0.1:0',
      '10.0.0.1:65536',
      '10.0.0.256:80',
      '010.0.0.1:80',
      'localhost:80',
      '10.0.0.1',
      '10.0.0.1:',
      ':80',
      '[10.0.0.1]:80',
      '10.0.0.1:+8',
      '10.0.0.1:80/x',
    ];
    expect(texts.filter((text) => parseEndpoint(text) !== undefined)).toEqual([]);
  });

  it('reads back every endpoint it accepts', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 1, max: 65_535 }), (ip, port) => {
        const endpoint = parseEndpoint(isIPv6(ip) ? `[${ip}]:${port}` : `${ip}:${port}`);
        expect(endpoint).toBeDefined();
        expect(parseEndpoint(endpoint!)).toBe(endpoint);
      }),
    );
  });
});

describe('inSubset', () => {
  it('compares addresses and ports; an address alone stands for all its ports', () => {
    expect(inSubset('10.0.0.1:8000', ['10.0.0.1:8001'])).toBe(false);
    expect(inSubset('10.0.0.1:8000', ['10.0.0.1'])).toBe(true);
    expect(inSubset('10.0.0.11:8000', ['10.0.0.1'])).toBe(false);
    expect(inSubset('[fd00::1]:8000', ['FD00::1'])).toBe(true);
    expect(inSubset('[fd00::1]:8000', [' fd00::1:8000'])).toBe(true);
    expect(inSubset('10.0.0.1:8000', [])).toBe(false);
  });
});
