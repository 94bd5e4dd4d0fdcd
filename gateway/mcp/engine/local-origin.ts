import type { IncomingMessage } from 'node:http';

import { GatewayError } from '#core/errors';
import { isLocalName, localKind } from '#core/http/local-address';
import { hostOf } from '#core/serve/request';

/**
 * A page of another site can have a name lead to this machine, and so speak to what listens here alone (DNS rebinding): there only names
 * of this machine are taken.
 * @throws GatewayError TK_FORBIDDEN
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#security-warning
 */
export function checkLocalOrigin({ socket, headers }: IncomingMessage): void {
  if (localKind(socket.localAddress ?? '') !== 'a loopback address') return;
  if (!isHere(hostOf(headers.host))) throw forbidden('Host');
  const { origin } = headers;
  if (origin === undefined) return;
  const url = URL.parse(origin);
  if (url === null || !isHere(hostOf(url.host))) throw forbidden('Origin');
}

function isHere(host: string): boolean {
  return isLocalName(host) || localKind(host.replace(/^\[|\]$/g, '')) === 'a loopback address';
}

function forbidden(header: string): GatewayError {
  return new GatewayError('TK_FORBIDDEN', `on an address of this machine alone the ${header} header must name this machine`);
}
