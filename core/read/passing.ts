import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

import { GatewayError } from '../errors.ts';

import { slow } from './body.ts';

/** How long a body that nobody wants any more is read, so that its client sees the answer before the connection ends. */
const LINGER_MS = 2000;

/**
 * A request's body as a stream of its own. The connection to a backend destroys the body that it is given when it breaks: the request
 * itself must outlive that, because its connection carries the answer and the client's next requests.
 * @param timeoutMs for the whole body to arrive; 0: none
 */
export function passOn(request: IncomingMessage, timeoutMs: number): Readable {
  const onData = (chunk: Buffer) => {
    if (!body.push(chunk)) request.pause();
  };
  const timer = timeoutMs > 0 ? setTimeout(() => void body.destroy(slow(timeoutMs)), timeoutMs) : undefined;
  const onEnd = () => {
    clearTimeout(timer);
    body.push(null);
  };
  const onClose = () => void body.destroy(new GatewayError('TK_BAD_REQUEST', 'the request ended before its body was complete'));
  const body = new Readable({
    read: () => void request.resume(),
    destroy: (error, done) => {
      clearTimeout(timer);
      // Not paused: whoever discards the rest may have resumed it already.
      request.off('data', onData).off('end', onEnd).off('close', onClose);
      done(error);
    },
  });
  body.on('error', () => {
    // The request that carries it fails by itself.
  });
  request.on('data', onData).on('end', onEnd).on('close', onClose);
  request.pause();
  return body;
}

/**
 * The request is answered and the rest of its body is not wanted: it is read and forgotten for a while, then the connection ends. Unread
 * it would block the next request of the connection; closed at once, the client would lose the answer to a reset.
 */
export function discard(request: IncomingMessage): void {
  if (request.readableEnded || request.destroyed) return;
  const timer = setTimeout(() => request.destroy(), LINGER_MS);
  request.on('data', () => undefined);
  request.once('end', () => clearTimeout(timer));
  request.once('close', () => clearTimeout(timer));
  request.once('error', () => request.destroy());
  request.resume();
}
