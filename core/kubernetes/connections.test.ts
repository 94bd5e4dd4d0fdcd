import { expect, it } from 'vitest';

import { Connections } from './connections.ts';
import type { Credentials, Tls } from './credentials.ts';

it('keeps its pool while tokens change, and makes another one when a certificate does', async () => {
  const tls: Tls = { ca: 'ca', cert: 'one', key: 'key', serverName: undefined, verify: true };
  let access = { headers: { authorization: 'one' }, tls };
  const credentials = { server: new URL('https://127.0.0.1:1'), proxyUrl: undefined, access: () => Promise.resolve(access) };
  const connections = new Connections(credentials as unknown as Credentials, { connections: 1, connectTimeoutMs: 100 });
  const first = await connections.route();
  access = { headers: { authorization: 'two' }, tls: { ...tls } };
  const second = await connections.route();
  expect(second.dispatcher).toBe(first.dispatcher);
  expect(second.headers).toEqual({ authorization: 'two' });
  for (const changed of [{ cert: 'two' }, { ca: 'other' }, { key: 'other' }, { serverName: 'other' }, { verify: false }]) {
    const before = (await connections.route()).dispatcher;
    access = { headers: { authorization: 'two' }, tls: { ...access.tls, ...changed } };
    expect((await connections.route()).dispatcher).not.toBe(before);
  }
  await connections.close();
});
