import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { constants, type IncomingHttpHeaders, Http2ServerRequest, Http2ServerResponse, type ServerHttp2Stream } from 'node:http2';
import type { ReadableOptions } from 'node:stream';

/**
 * A request of HTTP/2 as handlers of HTTP/1.1 read it: the authority is the host, pseudo headers are in no list of headers, and a body of
 * unknown length says so. A body whose client breaks off is cut: Node itself would let it end.
 */
export class Http2Request extends Http2ServerRequest {
  /** Why it is to be refused. */
  readonly malformed: string | undefined;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, options: ReadableOptions, rawHeaders: readonly string[]) {
    const { host } = headers;
    super(stream, likeHttp1(headers, stream), options, rawHeaders);
    this.malformed = faultOf(headers[':authority'], host);
    stream.once('aborted', () => {
      if (!this.readableEnded) this.destroy();
    });
  }

  get target(): string {
    return this.url;
  }

  /** Nobody wants the rest: the client is told to send no more (RFC 9113, section 8.1). */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const { stream } = this;
    if (!stream.closed && !stream.destroyed) {
      const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR } = constants;
      stream.close(stream.writableEnded ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
    }
    done(error);
  }
}

/** RFC 9113, section 8.3.1. */
function faultOf(authority: string | undefined, host: string | undefined): string | undefined {
  if ((authority ?? host ?? '') === '') return 'the request has no :authority';
  if (authority !== undefined && host !== undefined && host.toLowerCase() !== authority.toLowerCase()) {
    return 'the request has a :authority and another Host';
  }
  return undefined;
}

function likeHttp1(headers: IncomingHttpHeaders, { endAfterHeaders }: ServerHttp2Stream): IncomingHttpHeaders {
  // Node looks its pseudo headers up here.
  for (const name in headers) if (name.startsWith(':')) Object.defineProperty(headers, name, { enumerable: false });
  if (headers[':authority'] !== undefined) headers.host = headers[':authority'];
  if (!endAfterHeaders && headers['content-length'] === undefined) headers['transfer-encoding'] = 'chunked';
  return headers;
}

/** An answer of HTTP/2 that takes what an answer of HTTP/1.1 takes. */
export class Http2Response<Request extends Http2ServerRequest = Http2ServerRequest> extends Http2ServerResponse<Request> {
  #bodiless = false;

  override writeHead(status: number, headers?: OutgoingHttpHeaders | string | readonly string[]): this {
    // Of a connection that is shared: there is nothing to close.
    if (typeof headers === 'object' && 'connection' in headers) delete headers.connection;
    // RFC 9110, section 8.6; clients of HTTP/2 refuse the answer.
    if (typeof headers === 'object' && status === 204 && 'content-length' in headers) delete headers['content-length'];
    super.writeHead(status, headers as OutgoingHttpHeaders);
    this.#bodiless = this.req.method === 'HEAD' || status === 204 || status === 205 || status === 304;
    return this;
  }

  override write(chunk: string | Uint8Array): boolean {
    return this.#bodiless || super.write(chunk);
  }

  /** The client can tell that bytes are missing: Node itself would end the stream without an error. */
  override destroy(): this {
    if (!this.stream.destroyed) this.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    return this;
  }
}

// Declared as fields by the types, and looked up as they are in HTTP/1.1.
Object.defineProperties(Http2Response.prototype, {
  destroyed: {
    get(this: Http2Response): boolean {
      return this.stream.destroyed || this.stream.closed;
    },
  },
  /** A stream that was reset counts as written for Node. */
  writableFinished: {
    get(this: Http2Response): boolean {
      const { stream, writableEnded } = this;
      return writableEnded && stream.writableFinished && (stream.rstCode ?? 0) === constants.NGHTTP2_NO_ERROR;
    },
  },
});

/** Whether a request came over HTTP/2. */
export function isHttp2(request: object): boolean {
  return request instanceof Http2Request;
}

/** What handlers of HTTP/1.1 are given: they use of it what both have. */
export function asHttp1(request: Http2Request, response: Http2Response): [IncomingMessage, ServerResponse] {
  return [request as unknown as IncomingMessage, response as unknown as ServerResponse];
}
