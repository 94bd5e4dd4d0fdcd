import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, describe, expect, it } from 'vitest';

import { type Listening, listen } from './server.ts';

const GET = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';

let listening: Listening | undefined;
const clients: Socket[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  listening?.cut();
  await listening?.stop();
});

async function serve(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<Listening> {
  listening = await listen({ host: '127.0.0.1', port: 0, keepAliveMs: 60_000, maxConnections: undefined, tls: undefined }, handler);
  return listening;
}

/** Connected; what it hears, and whether its connection is over. */
async function client({ port }: Listening): Promise<{ socket: Socket; heard: () => number; over: Promise<string> }> {
  const socket = connect(port, '127.0.0.1');
  clients.push(socket);
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
  const over = new Promise<string>((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.once('end', () => resolve('end'));
  });
  await once(socket, 'connect');
  return { socket, heard: () => bytes, over };
}

describe('a server that stops', () => {
  it('closes connections that are idle, and those that nothing ever came on', async () => {
    const server = await serve((_request, response) => void response.end('x'));
    const [used, unused] = [await client(server), await client(server)];
    used.socket.write(GET);
    await once(used.socket, 'data');
    await server.stop();
    expect([await used.over, await unused.over]).toEqual(['end', 'end']);
  });

  it('lets a slow client have its answer to the end', async () => {
    const answer = Buffer.alloc(30_000_000);
    const server = await serve((_request, response) => void response.end(answer));
    const slow = await client(server);
    slow.socket.write(GET);
    await once(slow.socket, 'data');
    slow.socket.pause();
    const stopped = server.stop();
    await sleep(500);
    slow.socket.resume();
    expect(await slow.over).toBe('end');
    expect(slow.heard()).toBeGreaterThan(answer.length);
    await stopped;
  });

  it('answers a request that had come when it was too busy to see it', async () => {
    const server = await serve((_request, response) => {
      if (!listening!.instance.server.listening) response.shouldKeepAlive = false;
      response.end('x');
    });
    const late = await client(server);
    late.socket.write(GET);
    await once(late.socket, 'data');
    const before = late.heard();
    const stopped = server.stop();
    // In the midst of every pause between two looks at what is idle, it comes, and nobody sees it for longer than that pause.
    for (let round = 0; round < 3; round++) {
      await sleep(40);
      if (late.socket.writable) late.socket.write(GET);
      const until = performance.now() + 150;
      while (performance.now() < until);
    }
    expect(await late.over).toBe('end');
    expect(late.heard()).toBeGreaterThan(before);
    await stopped;
  });

  it('waits for a head that is on its way', async () => {
    const server = await serve((_request, response) => void response.end('x'));
    const used = await client(server);
    used.socket.write(GET);
    await once(used.socket, 'data');
    const before = used.heard();
    const stopped = server.stop();
    for (const piece of [GET.slice(0, 5), GET.slice(5, 20)]) {
      used.socket.write(piece);
      await sleep(60);
    }
    used.socket.write(GET.slice(20));
    expect(await used.over).toBe('end');
    expect(used.heard()).toBeGreaterThan(before);
    await stopped;
  });
});
