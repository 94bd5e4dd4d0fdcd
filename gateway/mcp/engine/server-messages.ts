import { scanObject } from '#core/json/scan';

import { rewriteResult } from '../names/rewrite.ts';
import { sealProgressToken, sealRequestId } from '../sealed/ids.ts';
import type { SealKeys } from '../sealed/keys.ts';
import { type Session, sessionName } from '../sealed/session.ts';
import { edit, errorBytes, metaOf, paramsOf, readMessage, resultBytes, type RpcMessage } from '../wire/message.ts';
import { RpcError, serverUnreachable } from '../wire/rpc-error.ts';
import { ServerFailed } from '../upstream/failed.ts';
import { type Asked, notificationFor, viewOf } from './parts.ts';

/** Schemas of tools nest deeper than requests. */
const DEPTH = { maxDepth: 256, maxBytes: Number.MAX_SAFE_INTEGER };

/** What a server said, in the client's words. */
export interface Said {
  readonly bytes: Buffer;
  /** It is the response to the request. */
  readonly isAnswer: boolean;
  readonly isError: boolean;
}

/** @throws ServerFailed where what the server says is no message */
export function readServer(data: Buffer): RpcMessage {
  return ofServers(() => readMessage(data, DEPTH));
}

/** What would be the client's fault in its own messages is the server's here. @throws ServerFailed, RpcError */
function ofServers<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof RpcError && error.httpStatus !== 200) throw new ServerFailed('malformed', 'it sent what is no message of MCP');
    throw error;
  }
}

/**
 * A server's message in the client's words.
 * @param request that it may be the response to; undefined: none, on a stream of the server's own
 * @returns undefined for what the client must not hear
 */
export function toClient(
  asked: Asked,
  session: Session,
  server: string,
  data: Buffer,
  request: RpcMessage | undefined,
  keys: SealKeys,
): Said | undefined {
  const message = readServer(data);
  switch (message.kind) {
    case 'response': {
      // Of somebody else: nobody here has asked.
      if (request === undefined || (message.id !== undefined && message.id !== request.id)) return undefined;
      return answerOf(asked, server, message, request);
    }
    case 'request':
      return { bytes: ofServers(() => requestFrom(asked, session, server, message, keys)), isAnswer: false, isError: false };
    case 'notification': {
      if (message.method === 'notifications/cancelled') return ofServers(() => cancelled(asked, session, server, message, keys));
      const bytes = notificationFor(asked, server, message);
      return bytes === undefined ? undefined : { bytes, isAnswer: false, isError: false };
    }
  }
}

export function answerOf(asked: Asked, server: string, message: RpcMessage, request: Pick<RpcMessage, 'id' | 'method'>): Said {
  if (message.scan.has('error')) return { bytes: message.scan.bytes, isAnswer: true, isError: true };
  const result = message.scan.slice('result')!;
  const { bytes } = rewriteResult(request.method!, result, viewOf(asked, server, request.method!));
  return { bytes: bytes === result ? message.scan.bytes : resultBytes(request.id!, bytes), isAnswer: true, isError: false };
}

/** A server wants no answer any more to a request that the client has under our id. */
function cancelled(asked: Asked, session: Session, server: string, message: RpcMessage, keys: SealKeys): Said | undefined {
  const json = paramsOf(message)?.slice('requestId')?.toString();
  const id = json === undefined ? undefined : sealRequestId({ server, json }, { ...asked.place, session: sessionName(session) }, keys);
  if (id === undefined) return undefined;
  return { bytes: edit(message, { params: [{ set: 'requestId', value: JSON.stringify(id) }] }), isAnswer: false, isError: false };
}

/** A request of a server to the client: its id, and its token for progress, say whose they are. */
function requestFrom(asked: Asked, session: Session, server: string, message: RpcMessage, keys: SealKeys): Buffer {
  const place = { ...asked.place, session: sessionName(session) };
  const id = sealRequestId({ server, json: message.id! }, place, keys);
  if (id === undefined) throw serverUnreachable(server, 'the id of its request is too long');
  const token = metaOf(message)?.slice('progressToken')?.toString();
  const sealed = token === undefined ? undefined : sealProgressToken({ server, json: token }, place, keys);
  return edit(message, {
    id: JSON.stringify(id),
    ...(sealed === undefined ? {} : { meta: [{ set: 'progressToken', value: JSON.stringify(sealed) }] }),
  });
}

/** What went wrong at a server, as a client gets it. */
export function failureOf(error: unknown, server: string, id: string | undefined): RpcError {
  if (error instanceof RpcError) return error;
  if (!(error instanceof ServerFailed)) throw error;
  // Of a client that has left nobody hears this.
  return serverUnreachable(server, error.kind === 'aborted' ? 'it did not answer in time' : error.message, id);
}

/** A JSON-RPC error of a server that stood beside a status, with the id that the client gave its request. */
export function refusalOf(error: unknown, request: RpcMessage): Buffer | undefined {
  if (!(error instanceof ServerFailed) || error.rpcError === undefined) return undefined;
  const scan = scanObject(error.rpcError, { maxDepth: DEPTH.maxDepth });
  const said = scan.slice('error');
  return said === undefined
    ? undefined
    : Buffer.concat([Buffer.from(`{"jsonrpc":"2.0","id":${request.id},"error":`), said, Buffer.from('}')]);
}

export function errorAnswer(id: string | undefined, error: RpcError): Buffer {
  return errorBytes(id, error);
}
