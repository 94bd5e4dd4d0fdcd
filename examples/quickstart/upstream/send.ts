/** Writes an answer to the connection. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, ServerEvent } from './http.ts';

/** @param paceMs milliseconds after each event of a stream */
export async function send(reply: ServerResponse, answer: Answer, paceMs: number): Promise<void> {
  switch (answer.kind) {
    case 'json':
      sendJson(reply, 200, answer.body);
      return;
    case 'bytes':
      reply.writeHead(200, { 'content-type': answer.contentType, 'content-length': Buffer.byteLength(answer.body) }).end(answer.body);
      return;
    case 'events':
      await sendEvents(reply, answer.events, paceMs);
  }
}

export function sendJson(reply: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  reply.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
}

/** Writes one event per pace, waits for slow readers, and stops when the reader has gone. */
async function sendEvents(reply: ServerResponse, events: Iterable<ServerEvent>, paceMs: number): Promise<void> {
  const gone = new AbortController();
  reply.once('close', () => gone.abort());
  reply.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
  try {
    for (const { event, data } of events) {
      const flushed = reply.write(`${event === undefined ? '' : `event: ${event}\n`}data: ${data}\n\n`);
      if (!flushed) await once(reply, 'drain', { signal: gone.signal });
      if (paceMs > 0) await sleep(paceMs, undefined, { signal: gone.signal });
    }
    reply.end();
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  }
}
