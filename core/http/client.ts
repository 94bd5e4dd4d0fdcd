import type { Socket } from 'node:net';

import { buildConnector, type Dispatcher, Pool } from 'undici';

import { Kept } from '../kept.ts';
import { openTunnel } from './forward-proxy.ts';
import { H2cPool } from './h2c/pool.ts';
import { LocalAddressRefused, localKind, lookupElsewhere } from './local-address.ts';
import { authorityOf, type Origin, originUrl } from './origin.ts';
import { checkAltNames } from './server-identity.ts';

/** Settings of the connections to one backend. */
export interface ConnectionSettings {
  /** Of a connection; through a forward proxy also of the tunnel alone, before TLS. */
  readonly connectTimeoutMs: number;
  /** How long an idle connection is kept. */
  readonly keepAliveMs: number;
  /** Connections at most, as BackendTrafficPolicy circuitBreaker.maxConnections. */
  readonly maxConnections: number;
  /** Requests after which a connection is replaced; undefined: no such limit. */
  readonly maxRequestsPerConnection: number | undefined;
  /** Age after which a connection is replaced, so that a changed DNS answer is followed. */
  readonly maxAgeMs: number;
  /** Idle time before TCP keep-alive probes. */
  readonly tcpKeepAliveMs: number;
  /** 4 or 6 for one family of addresses only, 0 for both. A forward proxy looks up names as it likes. */
  readonly addressFamily: 0 | 4 | 6;
}

export const DEFAULT_CONNECTIONS: ConnectionSettings = {
  connectTimeoutMs: 5000,
  keepAliveMs: 60_000,
  maxConnections: 1024,
  maxRequestsPerConnection: undefined,
  maxAgeMs: 300_000,
  tcpKeepAliveMs: 60_000,
  addressFamily: 0,
};

/**
 * Connection pools, one for each origin and setting. A pool outlives a reload as long as the new configuration still uses
 * it, so a reload costs no handshake. Redirects are never followed: undici's dispatch does not.
 */
export class Connections {
  /** Closing waits for the requests in flight: a reload cuts no stream. */
  readonly kept = new Kept<Dispatcher>((pool) => void pool.close());

  pool(origin: Origin, settings: ConnectionSettings = DEFAULT_CONNECTIONS): Dispatcher {
    return this.kept.get(JSON.stringify([origin, settings]), () => open(origin, settings));
  }

  async destroy(): Promise<void> {
    await Promise.all(this.kept.values().map((pool) => pool.destroy()));
  }
}

function open(origin: Origin, settings: ConnectionSettings): Dispatcher {
  const { tls, protocol } = origin;
  if (protocol === 'h2c' && tls === undefined) return new H2cPool(origin, settings);
  const local = origin.elsewhere === true ? localKind(origin.host) : undefined;
  if (local !== undefined) return new Pool(originUrl(origin), { connect: refusing(`${origin.host} is ${local}`) });
  const options = {
    connections: settings.maxConnections,
    clientTtl: settings.maxAgeMs,
    pipelining: 1,
    connectTimeout: settings.connectTimeoutMs,
    keepAliveTimeout: settings.keepAliveMs,
    keepAliveMaxTimeout: settings.keepAliveMs,
    // The attempt has its own clocks: these would end a stream of a model that thinks for long.
    headersTimeout: 0,
    bodyTimeout: 0,
    ...(settings.maxRequestsPerConnection === undefined ? {} : { maxRequestsPerClient: settings.maxRequestsPerConnection }),
  };
  const connect = {
    timeout: settings.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelay: settings.tcpKeepAliveMs,
    ...(settings.addressFamily === 0 ? {} : { family: settings.addressFamily }),
    ...(origin.elsewhere === true ? { lookup: lookupElsewhere } : {}),
  };
  const tunnel = origin.proxy === undefined ? undefined : tunnelTo(origin, settings);
  if (tls === undefined) return new Pool(originUrl(origin), { ...options, connect: tunnel ?? connect });
  const connector = buildConnector({
    ...connect,
    ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    rejectUnauthorized: !tls.skipVerify,
    ...(tls.subjectAltNames === undefined ? {} : { checkServerIdentity: checkAltNames(tls.subjectAltNames) }),
  });
  return new TlsPool(originUrl(origin), {
    ...options,
    // Whom a backend has to be is the configuration's to say: undici would ask for the name in the Host header, which can be the client's.
    connect: ({ hostname, host = hostname, protocol, port }, done) => {
      const to = { hostname, host, protocol, port };
      if (tunnel === undefined) connector(to, done);
      else tunnel(to, (...[error, httpSocket]) => (error === null ? connector({ ...to, httpSocket }, done) : done(error, null)));
    },
  });
}

/** Connects to the proxy of an origin, and from there to the origin. */
function tunnelTo(origin: Origin, { connectTimeoutMs, tcpKeepAliveMs }: ConnectionSettings): buildConnector.connector {
  const settings = { authority: authorityOf(origin), timeoutMs: connectTimeoutMs, tcpKeepAliveMs };
  return (_to, done) =>
    openTunnel(origin.proxy!, settings, (error, socket?: Socket) => (error === undefined ? done(null, socket!) : done(error, null)));
}

/** An address is looked up by nobody: it is refused here. */
function refusing(message: string): buildConnector.connector {
  return (_to, done) => done(new LocalAddressRefused(message), null);
}

/** Requests of all hosts share its connections. */
class TlsPool extends Pool {
  override dispatch(options: Dispatcher.DispatchOptions & { servername?: string }, handler: Dispatcher.DispatchHandler): boolean {
    // undici opens a new connection where it is another one than before.
    options.servername = 'backend';
    return super.dispatch(options, handler);
  }
}
