import { type Dispatcher, Pool, ProxyAgent } from 'undici';

import type { Credentials, Tls } from './credentials.ts';

export interface ConnectionBounds {
  /** Connections at most. HTTP/1.1: each watch holds one. */
  readonly connections: number;
  readonly connectTimeoutMs: number;
}

/** A way to the API server, and the headers that say who asks. */
export interface Route {
  readonly dispatcher: Dispatcher;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The keep-alive connections to one API server. client-node makes an undici Agent for each request, which keeps none alive; here the
 * pool stays until the CA or the client certificate changes, and the old one then ends with its last request.
 */
export class Connections {
  readonly #credentials: Credentials;
  readonly #bounds: ConnectionBounds;
  #tls: Tls | undefined;
  #dispatcher: Dispatcher | undefined;

  constructor(credentials: Credentials, bounds: ConnectionBounds) {
    this.#credentials = credentials;
    this.#bounds = bounds;
  }

  async route(): Promise<Route> {
    const { headers, tls } = await this.#credentials.access();
    if (this.#dispatcher === undefined || !sameTls(tls, this.#tls)) {
      void this.#dispatcher?.close();
      this.#dispatcher = this.#open(tls);
      this.#tls = tls;
    }
    return { dispatcher: this.#dispatcher, headers };
  }

  async close(): Promise<void> {
    await this.#dispatcher?.destroy();
  }

  #open({ ca, cert, key, serverName, verify }: Tls): Dispatcher {
    const { server, proxyUrl } = this.#credentials;
    const { connections, connectTimeoutMs } = this.#bounds;
    const tls = {
      rejectUnauthorized: verify,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(serverName === undefined ? {} : { servername: serverName }),
    };
    // Shorter than the idle timeouts of load balancers before API servers; a silent peer is noticed by TCP as well.
    const keepAlive = { keepAlive: true, keepAliveInitialDelay: 30_000 };
    const pool = {
      connections,
      pipelining: 1,
      connectTimeout: connectTimeoutMs,
      keepAliveTimeout: 45_000,
      keepAliveMaxTimeout: 45_000,
    };
    if (proxyUrl !== undefined) return new ProxyAgent({ ...pool, uri: proxyUrl, requestTls: tls, connect: keepAlive });
    return new Pool(server.origin, { ...pool, connect: { ...tls, ...keepAlive, timeout: connectTimeoutMs } });
  }
}

function sameTls(one: Tls, other: Tls | undefined): boolean {
  return (
    other !== undefined &&
    one.ca === other.ca &&
    one.cert === other.cert &&
    one.key === other.key &&
    one.serverName === other.serverName &&
    one.verify === other.verify
  );
}
