import { type IncomingMessage, METHODS, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SecureContext, TlsOptions } from 'node:tls';

import fastify, { type FastifyInstance } from 'fastify';

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

/** What a TLS server asks for each connection with a name. */
function byName(tls: ServerTls): TlsOptions['SNICallback'] {
  return (name, done) => {
    const context = tls.choose(name);
    if (context === undefined) done(new Error('no certificate'));
    else done(null, context);
  };
}

/** @param target of the request line, as it came. */
export type Handler = (request: IncomingMessage, response: ServerResponse, target: string) => void;

/** One listening address. */
export interface Listening {
  readonly port: number;
  readonly instance: FastifyInstance;
  /** Takes no new connections, and closes the ones that are idle; those in use live until their answer is sent. */
  stop(): Promise<void>;
  /** Closes what is left. */
  cut(): void;
}

/**
 * Listens, and gives every request to the handler: whatever its method and path, with its body unread. The handler answers on Node's own
 * response object, because streams are relayed with back-pressure and headers as they are.
 * @throws the system's error, such as EADDRINUSE
 */
export async function listen(settings: ServerSettings, handler: Handler): Promise<Listening> {
  const { tls } = settings;
  const app = fastify({
    ...(tls === undefined
      ? {}
      : { https: { ...tls.fallback, SNICallback: byName(tls), ALPNProtocols: ['http/1.1'], minVersion: 'TLSv1.2' } }),
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
  for (const method of METHODS) if (method !== 'CONNECT' && !app.supportedMethods.includes(method)) app.addHttpMethod(method);
  // Before anything is parsed: a body, its type and its length are the gateway's to judge.
  app.addHook('onRequest', (request, reply) => {
    reply.hijack();
    handler(request.raw, reply.raw, request.originalUrl);
    return Promise.resolve(reply);
  });
  app.route({
    method: [...app.supportedMethods],
    url: '/',
    // Never reached: the hook has taken the request.
    handler: () => undefined,
  });
  if (settings.maxConnections !== undefined) app.server.maxConnections = settings.maxConnections;
  await app.listen({ host: settings.host, port: settings.port });
  return {
    port: (app.server.address() as AddressInfo).port,
    instance: app,
    stop: () => app.close(),
    cut: () => app.server.closeAllConnections(),
  };
}
