import { type IncomingHttpHeaders, type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { Socket } from 'node:net';

/**
 * The answer to a request that asks for WebSocket: an ordinary one, after which the connection ends, unless the protocol is changed and the
 * connection goes on as it is.
 */
export class UpgradeResponse extends ServerResponse {
  constructor(request: IncomingMessage, socket: Socket) {
    super(request);
    // Node has taken its parser off the connection: no other request can come on it.
    this.shouldKeepAlive = false;
    this.assignSocket(socket);
    this.once('finish', () => {
      socket.resume();
      socket.destroySoon();
    });
  }
}

/**
 * Whether a request is the opening of a WebSocket (RFC 6455, section 4.1). Any other protocol that a client would like to change to is left
 * unchanged (RFC 9110, section 7.8), and the request served as it is: so do clients expect that offer HTTP/2.
 */
function opensWebSocket({ method, headers, httpVersionMajor, httpVersionMinor }: IncomingMessage): boolean {
  if (method !== 'GET' || httpVersionMajor !== 1 || httpVersionMinor < 1) return false;
  // What followed as a body would be taken for frames.
  if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0) return false;
  return wantsWebSocket(headers);
}

/** Whether a client would like to change to WebSocket; alone or among other protocols. */
export function wantsWebSocket({ upgrade, connection }: IncomingHttpHeaders): boolean {
  return upgrade !== undefined && has(upgrade, 'websocket') && has(connection ?? '', 'upgrade');
}

function has(list: string, token: string): boolean {
  return list.split(',').some((item) => item.trim().toLowerCase() === token);
}

/**
 * Gives a server's requests for WebSocket to a handler. What came after the request's head is still to be read from the connection.
 * @returns what cuts the connections that Node has let go of
 */
export function serveUpgrades(server: Server, handler: (request: IncomingMessage, response: UpgradeResponse) => void): () => void {
  const open = new Set<Duplex>();
  // Asked for every request that has an Upgrade; all others are requests like any.
  Object.assign(server, { shouldUpgradeCallback: opensWebSocket });
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    stream.on('error', () => {
      // 'close' follows.
    });
    if (!(stream instanceof Socket)) {
      stream.destroy();
      return;
    }
    open.add(stream);
    stream.once('close', () => open.delete(stream));
    if (head.length > 0) stream.unshift(head);
    handler(request, new UpgradeResponse(request, stream));
  });
  return () => {
    for (const stream of open) stream.destroy();
  };
}
