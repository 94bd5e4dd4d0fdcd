// The upstream of the bench: a process that answers every request from memory, on a bare socket. It takes one message with its options,
// and tells its port in one message. It ends with its parent.
import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

import { MessageReader } from './message-reader.ts';
import { type AnswerName, answerBody, streamEvents } from './payloads.ts';

export interface MockOptions {
  /** The answer to requests that ask for no stream. */
  readonly answer: AnswerName;
  /** Streams are answered with so many chunks of content; undefined: there are no streams, and bodies are not looked at. */
  readonly chunks: number | undefined;
  /** Pause before every event after the first two, which are the role and the first content; 0: none. */
  readonly intervalMs: number;
}

process.on('disconnect', () => process.exit());
process.once('message', (options: MockOptions) => {
  const unary = unaryBytes(options.answer);
  const frames = streamFrames(options.chunks ?? 0);
  const server = createServer({ noDelay: true }, (socket) => {
    let wantsStream = false;
    const reader = new MessageReader({
      head: () => {
        wantsStream = false;
      },
      body: (piece) => {
        if (options.chunks !== undefined && !wantsStream) wantsStream = piece.includes('"stream":true');
      },
      end: () => {
        if (wantsStream) sendStream(socket, frames, options.intervalMs);
        else socket.write(unary);
      },
    });
    socket.on('data', (bytes) => reader.push(bytes));
    socket.on('error', () => socket.destroy());
  });
  server.listen({ host: '127.0.0.1', port: 0, backlog: 2048 }, () => process.send?.({ port: (server.address() as AddressInfo).port }));
});

function unaryBytes(name: AnswerName): Buffer {
  const body = answerBody(name);
  return Buffer.from(
    `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: keep-alive\r\n\r\n${body}`,
  );
}

/** What is written for a stream: head and first event, an event each, the last event and the end. */
function streamFrames(chunks: number): Buffer[] {
  const frames = streamEvents(chunks).map((event) => `${Buffer.byteLength(event).toString(16)}\r\n${event}\r\n`);
  frames[0] = `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n${frames[0]}`;
  frames[frames.length - 1] += '0\r\n\r\n';
  return frames.map((frame) => Buffer.from(frame));
}

function sendStream(socket: Socket, frames: readonly Buffer[], intervalMs: number): void {
  if (intervalMs === 0) {
    // One write each, as a model server does; the system may still join them on the way.
    for (const frame of frames) socket.write(frame);
    return;
  }
  let at = 0;
  const next = () => {
    const frame = frames[at++];
    if (frame === undefined || socket.destroyed) {
      clearInterval(timer);
      return;
    }
    socket.write(frame);
  };
  const timer = setInterval(next, intervalMs);
  next();
  next();
}
