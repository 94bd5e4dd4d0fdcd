import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import { Connections } from './client.ts';
import { isLocalName, localKind, lookupElsewhere } from './local-address.ts';

describe('an address', () => {
  it.each([
    ['127.0.0.1', 'a loopback address'],
    ['127.255.0.9', 'a loopback address'],
    ['::1', 'a loopback address'],
    ['0:0:0:0:0:0:0:1', 'a loopback address'],
    ['::ffff:127.0.0.1', 'a loopback address'],
    ['::ffff:7f00:1', 'a loopback address'],
    ['64:ff9b::127.0.0.1', 'a loopback address'],
    ['64:ff9b::a9fe:a9fe', 'a link-local address'],
    ['169.254.169.254', 'a link-local address'],
    ['fe80::1', 'a link-local address'],
    ['fe80::1%eth0', 'a link-local address'],
    ['febf:ffff::1', 'a link-local address'],
    ['0.0.0.0', 'an unspecified address'],
    ['0.1.2.3', 'an unspecified address'],
    ['::', 'an unspecified address'],
    ['fd00:ec2::254', 'the metadata service of a cloud'],
  ])('%s is %s', (address, kind) => {
    expect(localKind(address)).toBe(kind);
  });

  it.each([
    '10.0.0.1',
    '192.168.1.1',
    '126.255.255.255',
    '128.0.0.1',
    '169.253.1.1',
    '1.0.0.1',
    'fd00::1',
    'fec0::1',
    '2001:db8::1',
    '64:ff9b::a00:1',
    'a.test',
  ])('%s is any other', (address) => {
    expect(localKind(address)).toBeUndefined();
  });
});

it.each([
  ['localhost', true],
  ['A.LOCALHOST.', true],
  ['localhost.example.com', false],
  ['mylocalhost', false],
])('%s is a name of this machine: %s', (name, isLocal) => {
  expect(isLocalName(name)).toBe(isLocal);
});

describe('a name', () => {
  it.each([true, false])('that leads here has no address: all %s', async (all) => {
    const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => lookupElsewhere('localhost', { all }, resolve));
    expect(error).toMatchObject({
      code: 'ERR_LOCAL_ADDRESS',
      message: expect.stringMatching(/^localhost leads to .*a loopback address/) as unknown,
    });
  });

  it('that leads nowhere says so', async () => {
    const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => lookupElsewhere('nothing.invalid', {}, resolve));
    expect(error?.code).not.toBe('ERR_LOCAL_ADDRESS');
    expect(error).not.toBeNull();
  });
});

it('an address that is local is not connected to either', async () => {
  const connections = new Connections();
  connections.kept.begin();
  for (const [host, tls] of [
    ['127.0.0.1', undefined],
    ['::1', { serverName: undefined, ca: undefined, certificate: undefined, key: undefined, skipVerify: true }],
  ] as const) {
    const asked = connections.pool({ host, port: 9, tls, elsewhere: true }).request({ method: 'GET', path: '/', origin: 'http://x' });
    await expect(asked).rejects.toMatchObject({ code: 'ERR_LOCAL_ADDRESS', message: `${host} is a loopback address` });
  }
  await connections.destroy();
});

describe('a connection', () => {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  it.each([
    [true, undefined],
    [true, 'h2c'],
    [undefined, undefined],
  ] as const)('to a name that leads here is made only where that is permitted: elsewhere %s, %s', async (elsewhere, protocol) => {
    let connected = 0;
    const server = createServer((socket) => {
      connected++;
      socket.on('error', () => undefined);
      socket.end('HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const connections = new Connections();
    closing.push(
      () => connections.destroy(),
      () => server.close(),
    );
    const origin = {
      host: 'localhost',
      port: (server.address() as AddressInfo).port,
      tls: undefined,
      protocol,
      ...(elsewhere && { elsewhere }),
    };
    connections.kept.begin();
    const asked = connections.pool(origin).request({ method: 'GET', path: '/', origin: 'http://localhost' });
    const outcome = await asked.then(
      ({ statusCode }) => statusCode,
      ({ code }: NodeJS.ErrnoException) => code,
    );
    expect(outcome).toBe(elsewhere === true ? 'ERR_LOCAL_ADDRESS' : 204);
    expect(connected).toBe(elsewhere === true ? 0 : 1);
  });
});
