import type { IncomingMessage } from 'node:http';

import { GatewayError } from '../errors.ts';

/**
 * Reads a request's body into one Buffer.
 * @throws GatewayError TK_LENGTH, TK_TIMEOUT_REQUEST, TK_BAD_REQUEST when the client left in the middle
 */
export function readBody(request: IncomingMessage, limit: number, timeoutMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const declared = Number(request.headers['content-length'] ?? Number.NaN);
    if (declared > limit) {
      reject(tooLarge(limit));
      return;
    }
    const chunks: Buffer[] = [];
    let length = 0;
    const timer = timeoutMs > 0 ? setTimeout(() => fail(slow(timeoutMs)), timeoutMs) : undefined;
    const fail = (error: GatewayError) => {
      clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('close', onClose);
      request.pause();
      reject(error);
    };
    const onData = (chunk: Buffer) => {
      length += chunk.length;
      if (length > limit) fail(tooLarge(limit));
      else chunks.push(chunk);
    };
    const onEnd = () => {
      clearTimeout(timer);
      request.off('close', onClose);
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length));
    };
    const onClose = () => fail(new GatewayError('TK_BAD_REQUEST', 'the request ended before its body was complete'));
    request.on('data', onData).on('end', onEnd).on('close', onClose);
  });
}

export function tooLarge(limit: number): GatewayError {
  return new GatewayError('TK_LENGTH', `the body is larger than ${limit} bytes, the limit of this gateway`, {
    headers: { connection: 'close' },
  });
}

export function slow(timeoutMs: number): GatewayError {
  return new GatewayError('TK_TIMEOUT_REQUEST', `the body did not arrive within ${timeoutMs} ms`, { headers: { connection: 'close' } });
}
