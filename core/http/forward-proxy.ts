import { request as newRequest } from 'node:http';
import { connect, isIP, type Socket } from 'node:net';

import { lookupElsewhere } from './local-address.ts';

/** A proxy that connections are made through. It is spoken to without TLS, and without a login. */
export interface ForwardProxy {
  /** IP address or host name, without brackets. */
  readonly host: string;
  readonly port: number;
  /** Whether it may not be this machine. @default false */
  readonly elsewhere?: true;
}

const LABEL = /^[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?$/i;

/** `proxy.example.com:3128`, `10.0.0.1:3128` or `[fd00::1]:3128`. @returns undefined for what is none of these */
export function proxyAddress(text: string): ForwardProxy | undefined {
  const [, host = '', bracketed = '', digits = ''] = /^((?:\[([^\]]*)\])|[^:[\]]*):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (port < 1 || port > 65_535) return undefined;
  if (host.startsWith('[')) return isIP(bracketed) === 6 ? { host: bracketed, port } : undefined;
  const isName =
    host.length <= 253 &&
    host
      .replace(/\.$/, '')
      .split('.')
      .every((label) => LABEL.test(label));
  // What ends in digits only is meant as an address.
  return isName && (isIP(host) === 4 || !/(^|\.)\d+\.?$/.test(host)) ? { host, port } : undefined;
}

/** There is no tunnel: it is the proxy that failed, and nothing of the request was sent. */
export class ForwardProxyFailed extends Error {
  override readonly name = 'ForwardProxyFailed';
  readonly code = 'ERR_FORWARD_PROXY';
  /** What became of it, without an address. */
  readonly fault: string;

  constructor(fault: string, where: string, cause?: unknown) {
    super(`the forward proxy ${where} ${fault}`, { cause });
    this.fault = fault;
  }
}

/** How a tunnel is opened. */
export interface TunnelSettings {
  /** `host:port` of whom it leads to, with IPv6 addresses in brackets. */
  readonly authority: string;
  /** Time for the connection to the proxy and its answer. */
  readonly timeoutMs: number;
  /** Idle time before TCP keep-alive probes. */
  readonly tcpKeepAliveMs: number;
}

/**
 * A connection through a proxy (CONNECT: RFC 9110, section 9.3.6). The proxy learns the host and the port, and nothing else; it is the proxy
 * that looks up the name.
 * @param done called once: with a {@link ForwardProxyFailed}, or with a socket whose bytes are the other end's
 */
export function openTunnel(
  proxy: ForwardProxy,
  { authority, timeoutMs, tcpKeepAliveMs }: TunnelSettings,
  done: (error: Error | undefined, socket: Socket | undefined) => void,
): void {
  let isReached = false;
  const request = newRequest({
    method: 'CONNECT',
    path: authority,
    headers: { host: authority },
    setDefaultHeaders: false,
    createConnection: () =>
      connect({
        host: proxy.host,
        port: proxy.port,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: tcpKeepAliveMs,
        ...(proxy.elsewhere === true ? { lookup: lookupElsewhere } : {}),
      }),
  });
  const clock = setTimeout(() => {
    fail(isReached ? `did not answer within ${timeoutMs} ms` : `cannot be reached within ${timeoutMs} ms`);
  }, timeoutMs);
  const fail = (fault: string, cause?: Error): void => {
    clearTimeout(clock);
    request.off('error', onError).on('error', ignore).destroy();
    done(new ForwardProxyFailed(fault, `${proxy.host}:${proxy.port}`, cause), undefined);
  };
  const onError = (error: NodeJS.ErrnoException): void => fail(faultOf(error, isReached), error);
  request.on('error', onError);
  request.once('socket', (socket) => socket.once('connect', () => (isReached = true)));
  request.once('connect', ({ statusCode = 0 }, socket: Socket, head) => {
    if (statusCode < 200 || statusCode > 299) {
      socket.on('error', ignore).destroy();
      fail(statusCode === 407 ? 'asks for a login (407), and none is sent to it' : `answered CONNECT with ${statusCode}`);
      return;
    }
    clearTimeout(clock);
    request.off('error', onError).on('error', ignore);
    // Where the other end speaks first, its bytes can be there already.
    if (head.length > 0) socket.unshift(head);
    // TLS takes the connection over, and tells of its errors itself.
    done(undefined, socket.on('error', ignore));
  });
  request.end();
}

function faultOf({ code = '' }: NodeJS.ErrnoException, isReached: boolean): string {
  if (code.startsWith('HPE_')) return `did not answer in HTTP (${code})`;
  return isReached ? 'closed the connection before it answered' : `cannot be reached${code === '' ? '' : ` (${code})`}`;
}

function ignore(): void {
  // Told already.
}
