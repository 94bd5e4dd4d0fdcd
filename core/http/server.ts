import { type IncomingMessage, METHODS, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { SecureContext, TlsOptions, TLSSocket } from 'node:tls';

import fastify, { type FastifyInstance } from 'fastify';

import { tellApart } from './h2/preface.ts';
import { Http2Front } from './h2/server.ts';
import { IdleConnections } from './idle-connections.ts';
import { serveUpgrades } from './upgrade.ts';

export interface ServerSettings {
  readonly host: string;
  readonly port: number;
  /** Idle time after which a client's connection is closed. */
  readonly keepAliveMs: number;
  /** Connections at one time; undefined: as many as the system gives. */
  readonly maxConnections: number | undefined;
  /** Undefined: plain HTTP. */
  readonly tls: ServerTls | undefined;
}

/** How a server shows who it is. */
export interface ServerTls {
  /** For a client that asks for this name (SNI); asked for each connection. */
  choose(name: string): SecureContext | undefined;
  /** For clients that ask for no name. */
  readonly fallback: KeyPair;
  /** Whose certificates clients have to show, and whether those pass as well that have none or a wrong one; undefined: they are not asked. */
  readonly clients: { readonly ca: string; readonly optional: boolean } | undefined;
}

/** Certificate chain and key in PEM. */
export interface KeyPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Head of a request at most; OpenAI's and Anthropic's own limits are below it. */
const MAX_HEADER_BYTES = 32 * 1024;
/** A head that takes longer to arrive is no client's but an attack (slow loris). */
const HEADERS_TIMEOUT_MS = 15_000;
/** Node looks for such heads at this interval; its own default is 30 s. */
const CHECK_MS = 5000;
/** How often connections that have become idle are looked for when the server is closed, and the others are waited for. */
const IDLE_CHECK_MS = 100;

/** What a TLS server asks for each connection with a name. */
function byName(tls: ServerTls): TlsOptions['SNICallback'] {
  return (name, done) => {
    const context = tls.choose(name);
    if (context === undefined) done(new Error('no certificate'));
    else done(null, context);
  };
}

/** What connections that come are shown, and asked for. */
export function tlsOptions({ fallback, clients }: Pick<ServerTls, 'fallback' | 'clients'>): TlsOptions {
  const shown = { ...fallback, minVersion: 'TLSv1.2' } as const;
  if (clients === undefined) return { ...shown, requestCert: false, rejectUnauthorized: false };
  // Where all pass nothing is verified: of a signature that is wrong OpenSSL leaves an error behind, and Node ends the connection by it.
  if (clients.optional) return { ...shown, requestCert: true, rejectUnauthorized: false };
  return { ...shown, ca: clients.ca, requestCert: true, rejectUnauthorized: true };
}

/** @param target of the request line, as it came. */
export type Handler = (request: IncomingMessage, response: ServerResponse, target: string) => void;

/** One listening address. */
export interface Listening {
  readonly port: number;
  readonly instance: FastifyInstance;
  /** Takes no new connections, and closes those that are idle or become it; those in use live until their answer is sent. */
  stop(): Promise<void>;
  /** Closes what is left. */
  cut(): void;
}

/**
 * Listens for HTTP/1.1 and HTTP/2, and gives every request to the handler: whatever its method and path, with its body unread. The handler
 * answers on Node's own response object, because streams are relayed with back-pressure and headers as they are.
 * @throws the system's error, such as EADDRINUSE
 */
export async function listen(settings: ServerSettings, handler: Handler): Promise<Listening> {
  const { tls } = settings;
  const app = fastify({
    ...(tls === undefined ? {} : { https: { ...tlsOptions(tls), SNICallback: byName(tls), ALPNProtocols: ['h2', 'http/1.1'] } }),
    logger: false,
    keepAliveTimeout: settings.keepAliveMs,
    requestTimeout: 0,
    // The gateway decides on paths and ids itself.
    rewriteUrl: () => '/',
    genReqId: () => '',
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: CHECK_MS,
      insecureHTTPParser: false,
      requireHostHeader: true,
    },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    exposeHeadRoutes: false,
  });
  const idle = new IdleConnections();
  // What Fastify and Node call when the server is closed.
  app.server.closeIdleConnections = () => idle.close();
  for (const method of METHODS) if (method !== 'CONNECT' && !app.supportedMethods.includes(method)) app.addHttpMethod(method);
  // Before anything is parsed: a body, its type and its length are the gateway's to judge.
  app.addHook('onRequest', (request, reply) => {
    reply.hijack();
    idle.asked(reply.raw);
    handler(request.raw, reply.raw, request.originalUrl);
    return Promise.resolve(reply);
  });
  app.route({
    method: [...app.supportedMethods],
    url: '/',
    // Never reached: the hook has taken the request.
    handler: () => undefined,
  });
  const http2 = new Http2Front({ firstMs: HEADERS_TIMEOUT_MS, idleMs: () => app.server.keepAliveTimeout }, handler);
  app.server.on('connection', (socket: Socket) => idle.opened(socket));
  divide(app.server, tls !== undefined, http2, idle);
  const cutUpgraded = serveUpgrades(app.server, (request, response) => {
    idle.left(request.socket);
    handler(request, response, request.url ?? '/');
  });
  if (settings.maxConnections !== undefined) app.server.maxConnections = settings.maxConnections;
  await app.listen({ host: settings.host, port: settings.port });
  return {
    port: (app.server.address() as AddressInfo).port,
    instance: app,
    stop: async () => {
      http2.stop();
      // From a timer to an immediate the event loop reads what has come.
      const round = setInterval(() => setImmediate(() => idle.close()), IDLE_CHECK_MS);
      try {
        await app.close();
      } finally {
        clearInterval(round);
      }
    },
    cut: () => {
      app.server.closeAllConnections();
      cutUpgraded();
      http2.cut();
    },
  };
}

/** Gives connections of HTTP/2 to their own server: with TLS those that agreed on it (ALPN), else those that begin with it. */
function divide(server: FastifyInstance['server'], hasTls: boolean, http2: Http2Front, idle: IdleConnections): void {
  const event = hasTls ? 'secureConnection' : 'connection';
  const [http1] = server.listeners(event) as [(this: typeof server, socket: Socket) => void];
  const give = (socket: Socket, isHttp2: boolean): void => {
    if (isHttp2) http2.accept(socket);
    else {
      idle.speaks(socket);
      http1.call(server, socket);
    }
  };
  server.off(event, http1);
  if (hasTls) server.on(event, (socket: TLSSocket) => give(socket, socket.alpnProtocol === 'h2'));
  else server.on(event, (socket: Socket) => tellApart(socket, HEADERS_TIMEOUT_MS, (isHttp2) => give(socket, isHttp2)));
}
