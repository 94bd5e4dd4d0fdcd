import type { Dispatcher } from 'undici';

import { Connections } from './connections.ts';
import type { Credentials } from './credentials.ts';
import { describe, errorOfAnswer, KubernetesError, type ServerStatus } from './error.ts';
import { type RequestTarget, targetOf } from './resource.ts';
import { errorOfFailure } from './unreachable.ts';

export interface TransportOptions {
  /** Watches at most at one time; each has a connection of its own. @default 512 */
  readonly maxWatches?: number | undefined;
  /** Other requests that go out at one time. @default 16 */
  readonly maxRequests?: number | undefined;
  /** @default 10000 */
  readonly connectTimeoutMs?: number | undefined;
  /** For a whole request, and for the start of a watch. @default 30000 */
  readonly timeoutMs?: number | undefined;
  /** Bytes of one answer at most; a longer one fails with the reason `TooLarge`. @default 64 MiB */
  readonly maxBytes?: number | undefined;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;
export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface RequestOptions {
  readonly query?: Query | undefined;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** @default application/json */
  readonly contentType?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

/** An open watch: its bytes as they come. The iteration throws a KubernetesError when the connection breaks. */
export interface ByteStream extends AsyncIterable<Uint8Array> {
  /** Ends the stream; safe to repeat. */
  close(): void;
}

/** Requests of one cluster over one bounded pool of connections. */
export class Transport {
  readonly #credentials: Credentials;
  readonly #connections: Connections;
  readonly #maxWatches: number;
  readonly #timeoutMs: number;
  readonly #maxBytes: number;
  readonly #prefix: string;
  #watches = 0;

  constructor(credentials: Credentials, options: TransportOptions = {}) {
    const { maxWatches = 512, maxRequests = 16, connectTimeoutMs = 10_000, timeoutMs = 30_000, maxBytes = 64 * 1024 * 1024 } = options;
    this.#credentials = credentials;
    // Watches are counted, so that they never leave other requests without a connection.
    this.#connections = new Connections(credentials, { connections: maxWatches + maxRequests, connectTimeoutMs });
    this.#maxWatches = maxWatches;
    this.#timeoutMs = timeoutMs;
    this.#maxBytes = maxBytes;
    this.#prefix = credentials.server.pathname.replace(/\/$/, '');
  }

  get server(): string {
    return this.#credentials.server.origin;
  }

  /** Watches that are open now. */
  get watches(): number {
    return this.#watches;
  }

  /**
   * One request with a JSON answer.
   * @throws KubernetesError
   */
  async request<T>(method: Method, path: string, options: RequestOptions = {}): Promise<T> {
    const target = targetOf(method, path);
    // Not AbortSignal.any: it leaves something behind at a signal that lives as long as the process.
    const ends = new AbortController();
    const timer = setTimeout(() => ends.abort(new DOMException('', 'TimeoutError')), options.timeoutMs ?? this.#timeoutMs);
    const forward = () => ends.abort(options.signal?.reason);
    if (options.signal?.aborted === true) forward();
    options.signal?.addEventListener('abort', forward);
    try {
      const answer = await this.#send(target, method, path, { ...options, signal: ends.signal });
      const bytes = await readAll(target, answer.body, this.#maxBytes);
      return parseJson(target, bytes) as T;
    } catch (error) {
      throw errorOfFailure(target, this.server, error);
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', forward);
    }
  }

  /**
   * Opens a watch.
   * @throws KubernetesError when it is refused, or does not start in time
   */
  async stream(path: string, options: Pick<RequestOptions, 'query' | 'signal'> = {}): Promise<ByteStream> {
    const target = targetOf('GET', path, true);
    if (this.#watches >= this.#maxWatches) {
      throw new KubernetesError({
        ...target,
        status: 0,
        reason: 'TooManyWatches',
        message: `${describe(target)}: ${this.#maxWatches} watches are open, and more are not allowed`,
      });
    }
    this.#watches++;
    let open = true;
    const end = () => {
      if (open) this.#watches--;
      open = false;
    };
    try {
      const { body } = await this.#send(target, 'GET', path, options);
      body.on('error', () => undefined).once('close', end);
      const { server } = this;
      return {
        close: () => void body.destroy(),
        async *[Symbol.asyncIterator]() {
          try {
            for await (const chunk of body) yield chunk as Uint8Array;
          } catch (error) {
            throw errorOfFailure(target, server, error);
          }
        },
      };
    } catch (error) {
      end();
      throw errorOfFailure(target, this.server, error);
    }
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }

  /** Sends, and once again with fresh credentials when they are not accepted: tokens and certificates rotate. */
  async #send(target: RequestTarget, method: Method, path: string, options: RequestOptions): Promise<Dispatcher.ResponseData> {
    for (let renewed = false; ; renewed = true) {
      const answer = await this.#sendOnce(target, method, path, options);
      if (answer.statusCode < 300) return answer;
      const status = readStatus(await readAll(target, answer.body, 1024 * 1024));
      if (answer.statusCode === 401 && !renewed) {
        this.#credentials.renew();
        continue;
      }
      const retryAfter = answer.headers['retry-after'];
      throw errorOfAnswer(target, answer.statusCode, status, Array.isArray(retryAfter) ? retryAfter[0] : retryAfter);
    }
  }

  async #sendOnce(target: RequestTarget, method: Method, path: string, options: RequestOptions): Promise<Dispatcher.ResponseData> {
    const { query, body, contentType = 'application/json', signal } = options;
    const { dispatcher, headers } = await this.#connections.route().catch((error: unknown) => {
      const text = error instanceof Error ? error.message : String(error);
      throw new KubernetesError({ ...target, status: 0, reason: 'Credentials', message: `no credentials: ${text}`, cause: error });
    });
    return dispatcher.request({
      origin: this.server,
      method,
      path: `${this.#prefix}${path}${queryText(query)}`,
      headers: {
        ...headers,
        accept: 'application/json',
        'user-agent': 'tierkit',
        ...(body === undefined ? {} : { 'content-type': contentType }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      headersTimeout: this.#timeoutMs,
      // A watch may be silent for long; whoever reads it has a clock of its own.
      bodyTimeout: 0,
      ...(signal === undefined ? {} : { signal }),
    });
  }
}

function queryText(query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== '') parameters.set(name, String(value));
  return parameters.size === 0 ? '' : `?${parameters.toString()}`;
}

async function readAll(target: RequestTarget, body: Dispatcher.ResponseData['body'], maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += (chunk as Buffer).length;
    if (bytes > maxBytes) {
      body.destroy();
      const message = `the answer to ${describe(target)} has more than ${maxBytes} bytes`;
      throw new KubernetesError({ ...target, status: 0, reason: 'TooLarge', message });
    }
    chunks.push(chunk as Buffer);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes);
}

function parseJson(target: RequestTarget, bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    const message = `the answer to ${describe(target)} is no JSON: is this a Kubernetes API?`;
    throw new KubernetesError({ ...target, status: 0, reason: 'BadAnswer', message, cause: error });
  }
}

function readStatus(bytes: Buffer): ServerStatus | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
