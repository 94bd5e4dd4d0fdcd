import type { IncomingHttpHeaders } from 'node:http';

import { GatewayError } from '#core/errors';
import { isHeaderValue, isRequestTarget, isToken } from '#core/http/sendable';

import { AnswerReader } from './answer.ts';
import { ServerFailed } from './failed.ts';
import type { ServerMessages, StreamCursor } from './inbox.ts';
import { type CallerToken, type McpServer, OF_TRANSPORT, pathFor } from './server.ts';
import type { Watch } from './watch.ts';

const ACCEPT = 'application/json, text/event-stream';

/** What a request costs: hears whether the server got it. */
export interface CallToll {
  /** It is on its way to the server, over a connection that there is. */
  sent(): void;
  failed(failure: ServerFailed): void;
}

/** One request to a server. */
export interface ServerCall {
  readonly method: 'POST' | 'GET' | 'DELETE';
  /** One JSON-RPC message. */
  readonly body?: Buffer;
  readonly sessionId?: string | undefined;
  readonly protocolVersion?: string | undefined;
  /** Names in lower case and values in turn: those of `headersFor`, and the engine's own such as `mcp-method`. */
  readonly headers: readonly string[];
  /** Where a stream goes on from. */
  readonly lastEventId?: string | undefined;
  /** Hears of events that carry no message: of those by which a server says where its stream can be taken up, and when. */
  readonly stepped?: ((cursor: Readonly<StreamCursor>) => void) | undefined;
  readonly toll?: CallToll | undefined;
  /** Closes the request at the server at once; the reader gets `aborted`. */
  readonly signal: AbortSignal;
  /** Time for the head of the answer, connecting included; 0: no limit. */
  readonly headMs: number;
  /** Silence after the head that ends the answer; time in which the reader is slow does not count. Comments are no silence. 0: no limit. */
  readonly idleMs: number;
  /** Of a JSON answer, and of each event of a stream. */
  readonly maxBytes: number;
  readonly watch?: Watch | undefined;
}

export interface ServerAnswer {
  /** 2xx; or 405 for GET (the server has no stream of its own) and DELETE (its sessions end by themselves). */
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly sessionId?: string;
  /**
   * To be read once, by one reader. The server is read as fast as the reader takes. After a reader that leaves, the server has a second to
   * end its answer, GET excepted; the signal closes the request at once. A stream that nobody reads and nobody leaves is held until then.
   *
   * @throws ServerFailed while it is read, after the messages that came before the failure
   */
  readonly messages: ServerMessages;
  readonly cursor: Readonly<StreamCursor>;
}

/**
 * Asks a server, once: nothing is sent again but where it did not take the token of its caller, and redirects are not followed. The backend's health and circuit limits count it. An endpoint
 * that health has ejected is asked after all where there is no other one.
 *
 * @throws ServerFailed when there is no answer; GatewayError TK_BAD_REQUEST when a header or the path cannot be sent; what is thrown where the
 * caller has no token for the server
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports
 */
export function callServer(server: McpServer, call: ServerCall): Promise<ServerAnswer> {
  return server.token === undefined ? send(server, call) : callWith(server.token, server, call);
}

async function callWith(token: CallerToken, server: McpServer, call: ServerCall): Promise<ServerAnswer> {
  const first = await token.get(call.signal);
  try {
    return await send(server, call, first);
  } catch (error) {
    if (!(error instanceof ServerFailed) || error.status !== 401) throw error;
    // It may have been withdrawn. With a 401 nothing was done: it can be sent again.
    token.forget(first);
    return send(server, call, await token.get(call.signal));
  }
}

async function send(server: McpServer, call: ServerCall, token?: string): Promise<ServerAnswer> {
  const { watch } = call;
  watch?.begun(call.protocolVersion);
  const failure = failureBefore(server, call);
  if (failure !== undefined) {
    watch?.over(failure);
    throw failure;
  }
  const { backend } = server;
  const now = Date.now();
  const endpoint = backend.endpoint(now, Math.random);
  const outbound = { method: call.method, path: pathFor(server), headers: ['host', endpoint.hostHeader, ...headersOf(call)] };
  if (token !== undefined) outbound.headers.push('authorization', `Bearer ${token}`);
  watch?.sent(server, endpoint, outbound.headers);
  refuseUnsendable(outbound);
  backend.started(endpoint, now, false);
  return new Promise((resolve, reject) => new AnswerReader({ server, endpoint, call, settled: { resolve, reject } }).dispatch(outbound));
}

function failureBefore({ backend }: McpServer, { signal }: ServerCall): ServerFailed | undefined {
  if (signal.aborted) return new ServerFailed('aborted', 'the call was given up', { cause: signal.reason });
  return backend.hasRoom(false) ? undefined : new ServerFailed('busy', 'the server has as many requests under way as its limits allow');
}

function headersOf({ body, sessionId, protocolVersion, lastEventId, headers }: ServerCall): string[] {
  const all = ['accept', ACCEPT, 'accept-encoding', 'identity'];
  if (body !== undefined) all.push('content-type', 'application/json');
  if (sessionId !== undefined) all.push('mcp-session-id', sessionId);
  if (protocolVersion !== undefined) all.push('mcp-protocol-version', protocolVersion);
  // Ids are UTF-8 (WHATWG HTML, section 9.2.4), and undici takes one character for each byte.
  if (lastEventId !== undefined) all.push('last-event-id', Buffer.from(lastEventId).toString('latin1'));
  for (let at = 0; at < headers.length; at += 2) if (!OF_TRANSPORT.has(headers[at]!)) all.push(headers[at]!, headers[at + 1]!);
  return all;
}

/** @throws GatewayError TK_BAD_REQUEST. undici would refuse the same, and lose a connection over it. */
function refuseUnsendable({ path, headers }: { readonly path: string; readonly headers: readonly string[] }): void {
  if (!isRequestTarget(path)) throw new GatewayError('TK_BAD_REQUEST', 'the path of the MCP server has a character that no path can have');
  for (let at = 0; at < headers.length; at += 2) {
    if (!isToken(headers[at]!)) throw new GatewayError('TK_BAD_REQUEST', 'a header for the MCP server has a name that no header can have');
    if (!isHeaderValue(headers[at + 1]!))
      throw new GatewayError('TK_BAD_REQUEST', `the header ${headers[at]} for the MCP server has a character that no header can have`);
  }
}
