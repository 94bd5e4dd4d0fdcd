import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import type { ServerEvent } from './http.ts';
import { send } from './send.ts';

test.each([
  { name: 'between two events', paceMs: 5, bytes: 10, read: true },
  { name: 'while the buffers are full', paceMs: 0, bytes: 1_000_000, read: false },
])('a stream that is far from its end stops when the reader leaves $name', async ({ paceMs, bytes, read }) => {
  const stopped = Promise.withResolvers<number>();
  function* long(): Generator<ServerEvent> {
    let made = 0;
    try {
      while (made < 300) {
        made += 1;
        yield { data: 'x'.repeat(bytes) };
      }
    } finally {
      stopped.resolve(made);
    }
  }
  const done = Promise.withResolvers<void>();
  const server = createServer((_, reply) => {
    send(reply, { kind: 'events', events: long() }, paceMs).then(done.resolve, done.reject);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const request = get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
  const [reply] = (await once(request, 'response')) as [IncomingMessage];
  if (read) await once(reply, 'data');
  request.destroy();
  // Back-pressure: a reader that takes nothing must not be sent more than the sockets hold.
  expect(await stopped.promise).toBeLessThan(100);
  await done.promise;
  server.close();
});
