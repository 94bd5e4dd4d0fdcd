import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

import { afterEach, expect, test } from 'vitest';

import { type Answer, Client } from './client.ts';

const servers: Server[] = [];
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

/** Sends one request to a server that answers with these pieces, and closes when told to. */
async function ask(
  pieces: readonly string[],
  close = false,
): Promise<{ answer: Answer | undefined; failed: string | undefined; inStream: boolean }> {
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.push(socket);
    socket.once('data', () => void send(socket));
  });
  const send = async (socket: Socket) => {
    for (const piece of pieces) {
      socket.write(piece);
      // A pause, so that each piece is read for itself.
      await new Promise((resolve) => {
        setTimeout(resolve, 10);
      });
    }
    if (close) socket.end();
  };
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve) => {
    const client = new Client(
      { port, path: '/', headers: {}, body: '{}' },
      {
        firstBody: () => undefined,
        events: () => undefined,
        done: (answer) => {
          resolve({ answer, failed: undefined, inStream: false });
          return false;
        },
        failed: (failed, inStream) => {
          resolve({ answer: undefined, failed, inStream });
          return false;
        },
      },
    );
    client.start();
  });
}

const STREAM = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';

test('counts events whose blank line and whose [DONE] are split', async () => {
  const { answer } = await ask([STREAM, '8\r\ndata: 1\n\r\n', '9\r\n\ndata: 2\n\r\n', '7\r\n\ndata: \r\n', '8\r\n[DONE]\n\n\r\n0\r\n\r\n']);
  expect(answer).toMatchObject({ stream: true, events: 3, complete: true });
});

test('a stream that ends well in HTTP but without [DONE] is not complete', async () => {
  const { answer } = await ask([`${STREAM}9\r\ndata: 1\n\n\r\n0\r\n\r\n`]);
  expect(answer).toMatchObject({ stream: true, events: 1, complete: false });
});

test('a stream that is cut is a failure within a stream', async () => {
  expect(await ask([`${STREAM}9\r\ndata: 1\n\n\r\n`], true)).toMatchObject({
    failed: 'the connection closed before the answer ended',
    inStream: true,
  });
});

test('another status than 200 is a failure', async () => {
  expect(await ask(['HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\n{}'])).toMatchObject({ failed: 'status 503', inStream: false });
});
