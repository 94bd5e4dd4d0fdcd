import { describe, expect, it } from 'vitest';

import { type ListenerTable, PortTable } from './ports.ts';

const listener = (hostname: string): ListenerTable =>
  ({ name: hostname, protocol: 'HTTPS', hostname, certificates: [] }) as unknown as ListenerTable;
const port = (...hostnames: string[]): PortTable =>
  new PortTable({ key: '443', port: 443, protocol: 'HTTPS', listenOn: undefined }, hostnames.map(listener));
const misdirected = (table: PortTable, name: string, host: string): boolean => table.isMisdirected(name, table.listener(host)!);

describe('a request on a connection for a name', () => {
  const all = port('*', 'b.test', '*.c.test', 'x.c.test');
  it.each([
    ['a.test', 'a.test', false],
    ['a.test', 'other.test', false],
    ['a.test', 'b.test', true],
    ['b.test', 'b.test', false],
    ['B.TEST', 'b.test', false],
    ['b.test', 'a.test', true],
    ['y.c.test', 'z.c.test', false],
    ['y.c.test', 'x.c.test', true],
    ['x.c.test', 'y.c.test', true],
  ])('%s is for %s: misdirected %s', (name, host, expected) => {
    expect(misdirected(all, name, host)).toBe(expected);
  });

  it('is never misdirected where there is one listener', () => {
    expect(misdirected(port('b.test'), 'a.test', 'b.test')).toBe(false);
  });

  it('that no listener has is taken as one without a name', () => {
    expect(misdirected(port('b.test', 'c.test'), 'a.test', 'b.test')).toBe(false);
  });
});
