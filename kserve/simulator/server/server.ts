import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

import { chat } from './chat.ts';
import { completions } from './completions.ts';
import * as control from './control.ts';
import { embeddings } from './embeddings.ts';
import { ApiError } from './errors.ts';
import { cut, type Exchange } from './exchange.ts';
import { type Fields, isFields } from './fields.ts';
import { countTokens, messages } from './messages.ts';
import { sendJson } from './reply.ts';
import { responses } from './responses.ts';
import type { Runner } from './run.ts';

type Handler = (exchange: Exchange) => void;

/** Endpoints that the failure rules hold for. */
const MODEL_ROUTES: Readonly<Record<string, Handler>> = {
  'POST /v1/chat/completions': chat,
  'POST /v1/completions': completions,
  'POST /v1/responses': responses,
  'POST /v1/messages': messages,
  'POST /v1/embeddings': embeddings,
};

const CONTROL_ROUTES: Readonly<Record<string, Handler>> = {
  'POST /v1/messages/count_tokens': countTokens,
  'GET /v1/models': control.models,
  'POST /v1/load_lora_adapter': control.loadLora,
  'POST /v1/unload_lora_adapter': control.unloadLora,
  'POST /tokenize': control.tokenizeText,
  'POST /detokenize': control.detokenizeIds,
  'GET /health': control.health,
  'GET /ping': control.health,
  'GET /metrics': control.metrics,
  'GET /version': control.version,
  'POST /sleep': control.sleep,
  'POST /wake_up': control.wakeUp,
  'GET /is_sleeping': control.isSleeping,
  'POST /reset_prefix_cache': control.resetPrefixCache,
  'GET /admin/config': control.showConfig,
  'PUT /admin/config': control.setConfig,
};

const ROUTES = new Map(Object.entries({ ...MODEL_ROUTES, ...CONTROL_ROUTES }));
const MAX_BODY_BYTES = 64 * 1024 * 1024;

export interface PodServerOptions {
  readonly runner: Runner;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly served: readonly string[];
  /** Only this data-parallel rank is behind the port. @default all */
  readonly rank?: number;
  readonly promptTokensDetails: boolean;
}

/** One port of a pod: vLLM's HTTP interface. */
export class PodServer {
  readonly #options: PodServerOptions;
  readonly #sockets = new Set<Socket>();
  readonly #hanging = new Set<ServerResponse>();
  #server: Server | undefined;
  #port: number;
  #closed = false;

  constructor(options: PodServerOptions) {
    this.#options = options;
    this.#port = options.port;
  }

  get port(): number {
    return this.#port;
  }

  /** @throws the system's error, such as EADDRINUSE */
  async listen(): Promise<void> {
    if (this.#closed) return;
    const server = createServer(
      { keepAliveTimeout: 75_000, requestTimeout: 0 },
      (request, response) => void this.#serve(request, response),
    );
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      socket.setNoDelay(true);
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject);
    server.listen(this.#port, this.#options.host, resolve);
    await promise;
    // Closed in the meantime.
    if (this.#closed) {
      server.close();
      return;
    }
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Refuses connections and cuts those that are there, like a process that died. */
  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#hanging.clear();
    const closed = server === undefined ? undefined : new Promise((resolve) => server.close(resolve));
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await closed;
  }

  /** Never listens again, and cuts everything. */
  async kill(): Promise<void> {
    this.#closed = true;
    await this.down();
  }

  /** Takes no more connections, and waits for the answers under way. Requests that hang are cut. */
  async close(): Promise<void> {
    this.#closed = true;
    const server = this.#server;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const response of this.#hanging) cut(response);
    server.closeIdleConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { runner, served } = this.#options;
    const url = new URL(request.url ?? '/', 'http://pod');
    const path = url.pathname;
    const given = request.headers['x-request-id'];
    const id = typeof given === 'string' && given !== '' ? given : randomUUID().replaceAll('-', '');
    // A connection that was in use when the server closed would stay open for the client's next request.
    response.once('close', () => {
      if (this.#closed) setImmediate(() => request.socket.destroySoon());
    });
    response.setHeader('x-request-id', id);
    response.setHeader('x-inference-pod', runner.pod.name);
    response.setHeader('x-inference-port', String(this.#port));
    try {
      const key = `${request.method} ${path}`;
      const handler = ROUTES.get(key);
      if (handler === undefined) {
        const known = [...ROUTES.keys()].some((route) => route.endsWith(` ${path}`));
        sendJson(response, known ? 405 : 404, { detail: known ? 'Method Not Allowed' : 'Not Found' });
        request.resume();
        return;
      }
      const body = request.method === 'GET' ? {} : await readBody(request);
      let resetAfterTokens: number | undefined;
      if (Object.hasOwn(MODEL_ROUTES, key)) {
        const admitted = runner.admit(path);
        if (admitted === 'hang') {
          this.#hanging.add(response);
          response.once('close', () => this.#hanging.delete(response));
          return;
        }
        if (admitted === 'broken') {
          cut(response);
          return;
        }
        ({ resetAfterTokens } = admitted);
      }
      handler({
        request,
        response,
        path,
        query: url.searchParams,
        body,
        // The engine knows requests by id: a client may use one twice.
        id: given === undefined ? id : `${id}-${randomUUID().slice(0, 8)}`,
        runner,
        served,
        rank: this.#rank(request),
        resetAfterTokens,
        settings: {
          promptTokensDetails: this.#options.promptTokensDetails,
          host: this.#options.host,
          port: () => this.#port,
        },
      });
    } catch (error) {
      fail(response, path, error);
    }
  }

  #rank(request: IncomingMessage): number | undefined {
    if (this.#options.rank !== undefined) return this.#options.rank;
    const header = request.headers['x-data-parallel-rank'];
    if (header === undefined) return undefined;
    const rank = Number(header);
    const { ranks } = this.#options.runner.pod;
    if (Number.isInteger(rank) && rank >= 0 && rank < ranks) return rank;
    throw new ApiError(400, `X-data-parallel-rank must be from 0 to ${ranks - 1}, got ${String(header)}.`);
  }
}

async function readBody(request: IncomingMessage): Promise<Fields> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new ApiError(413, `the request is larger than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  if (bytes === 0) return {};
  let body: unknown;
  try {
    body = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    throw new ApiError(400, `the request is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isFields(body)) throw new ApiError(400, 'the request must be a JSON object');
  return body;
}

function fail(response: ServerResponse, path: string, error: unknown): void {
  if (response.destroyed || response.headersSent) {
    cut(response);
    return;
  }
  const known = error instanceof ApiError ? error : new ApiError(500, error instanceof Error ? error.message : String(error));
  sendJson(response, known.status, path.startsWith('/v1/messages') ? known.anthropicBody() : known.body(), known.headers);
}
