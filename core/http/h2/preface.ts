import type { Socket } from 'node:net';

/** What a connection of HTTP/2 begins with, with or without TLS (RFC 9113, section 3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** Of a client that leaves before it has said anything. */
function onError(): void {
  // Nobody waits for it.
}

/**
 * Looks at the first bytes of a connection, and leaves them there. One byte tells the two apart, or two for methods that begin with P.
 * @param timeoutMs for these bytes; then the connection is closed
 * @param chosen told once whether it is HTTP/2
 */
export function tellApart(socket: Socket, timeoutMs: number, chosen: (isHttp2: boolean) => void): void {
  let held: Buffer | undefined;
  const onTimeout = (): void => void socket.destroy();
  const onReadable = (): void => {
    const read = socket.read() as Buffer | null;
    // It has ended.
    if (read === null) return;
    const bytes = held === undefined ? read : Buffer.concat([held, read]);
    const compared = Math.min(bytes.length, PREFACE.length);
    const isAlike = bytes.compare(PREFACE, 0, compared, 0, compared) === 0;
    if (isAlike && compared < PREFACE.length) {
      // Given back they would be readable at once, again and again.
      held = bytes;
      return;
    }
    socket.off('readable', onReadable).off('timeout', onTimeout).off('error', onError);
    socket.setTimeout(0);
    socket.unshift(bytes);
    chosen(isAlike);
  };
  socket.setTimeout(timeoutMs);
  socket.on('readable', onReadable).on('timeout', onTimeout).on('error', onError);
}
