import type { Edit } from '#core/json/edit';
import { JsonSyntaxError, scanObject } from '#core/json/scan';

import { mergeLists, type ServerResult } from '../names/merge.ts';
import { rewriteResult } from '../names/rewrite.ts';
import { type ListPosition, openCursor, sealCursor } from '../sealed/ids.ts';
import type { SealKeys } from '../sealed/keys.ts';
import { factsOf } from '../upstream/ask.ts';
import { callServer, type ServerAnswer } from '../upstream/call.ts';
import { ServerFailed } from '../upstream/failed.ts';
import type { SessionRef } from '../upstream/initialize.ts';
import { edit, paramsOf, resultBytes, type RpcMessage } from '../wire/message.ts';
import type { ListMember, Method } from '../wire/methods.ts';
import { invalidParams, METHOD_NOT_FOUND, unacceptableAnswer } from '../wire/rpc-error.ts';
import { type Asked, contextFor, type EngineLimits, viewOf } from './parts.ts';
import { hasForgotten } from './server-calls.ts';
import { failureOf, readServer } from './server-messages.ts';
import { fanOut, serverOf } from './sessions.ts';

/** How a server is asked, and what else goes along. */
export interface Link extends SessionRef {
  readonly headers: readonly string[];
  /** Changes of `_meta` that put the request into the words of the server's era. */
  readonly meta?: readonly Edit[];
  /** JSON text of the id of the request, where several clients share the session. @default the client's own */
  readonly id?: string;
}

export interface ListOptions {
  readonly method: Method & { readonly list: ListMember };
  /** Servers that have such a list, in the order of the route. */
  readonly servers: readonly string[];
  readonly link: (server: string) => Link | Promise<Link>;
  /** The same for a server that has forgotten the session. */
  readonly reopened?: (server: string, gone: SessionRef) => Promise<Link>;
  readonly limits: EngineLimits;
  readonly keys: SealKeys;
  /** Puts the result into the words of the client's era. */
  readonly finish?: (result: Buffer) => Buffer;
}

interface Page {
  readonly server: string;
  readonly result: Buffer;
  readonly nextCursor: string | undefined;
}

/**
 * One list of all servers. Those that do not answer in time are left out, and named in `_meta`.
 * @returns the JSON-RPC response
 * @throws RpcError -32602 for a cursor that is none of ours; what went wrong at the first server where none has answered
 */
export async function listAll(asked: Asked, message: RpcMessage, options: ListOptions): Promise<Buffer> {
  const { method, keys } = options;
  const place = { ...asked.place, about: method.name };
  const given = paramsOf(message)?.string('cursor');
  const positions =
    given === undefined ? options.servers.map((server): ListPosition => ({ server, cursor: undefined })) : openCursor(given, place, keys);
  if (positions === undefined) throw invalidParams('Invalid params: cursor is none of this list', { id: message.id });
  const known = positions.filter(({ server }) => asked.route.servers.has(server));
  const settled = await Promise.allSettled(known.map((position) => pageOf(asked, message, position, options)));
  const parts = settled.flatMap((page) => (page.status === 'fulfilled' ? [page.value] : []));
  const failed = settled.findIndex(({ status }) => status === 'rejected');
  if (parts.length === 0 && failed >= 0)
    throw failureOf((settled[failed] as PromiseRejectedResult).reason, known[failed]!.server, message.id);
  const next = parts.flatMap(({ server, nextCursor }): ListPosition[] =>
    nextCursor === undefined ? [] : [{ server, cursor: nextCursor }],
  );
  const nextCursor = next.length === 0 ? undefined : sealCursor(next, place, keys);
  // Cursors that do not fit: what is behind them cannot be had.
  const unfinished = new Set(nextCursor === undefined ? next.map(({ server }) => server) : []);
  const missing = known.flatMap(({ server }, index) => (settled[index]!.status === 'rejected' || unfinished.has(server) ? [server] : []));
  const results = parts.map(({ server, result }): ServerResult => ({ server, result }));
  const merged = mergeLists(method.list, results, { missing, nextCursor });
  return resultBytes(message.id!, options.finish?.(merged) ?? merged);
}

/** @throws ServerFailed, RpcError */
async function pageOf(asked: Asked, message: RpcMessage, position: ListPosition, options: ListOptions): Promise<Page> {
  const { method } = options;
  const { server } = position;
  const link = await options.link(server);
  let asking = await askAt(asked, message, position, link, options.limits).catch((error: unknown) => error);
  if (options.reopened !== undefined && hasForgotten(asking, link))
    asking = await askAt(asked, message, position, await options.reopened(server, link), options.limits).catch((error: unknown) => error);
  // With the status of the modern era.
  if (asking instanceof ServerFailed && asking.rpcError !== undefined) return withoutList(server, asking.rpcError, method.list, asking);
  if (!isAnswer(asking)) throw asking;
  const { answer, id } = asking;
  for await (const { data } of answer.messages) {
    const said = readServer(data);
    if (said.kind !== 'response' || (said.id !== undefined && said.id !== id)) continue;
    const result = said.scan.slice('result');
    if (result === undefined) return withoutList(server, data, method.list);
    const { bytes } = rewriteResult(method.name, result, viewOf(asked, server, method.name));
    return { server, result: bytes, nextCursor: cursorOf(server, bytes, method.list) };
  }
  throw new ServerFailed('malformed', 'it ended its answer without a response');
}

interface Asking {
  readonly answer: ServerAnswer;
  /** JSON text of the id of the request. */
  readonly id: string;
}

function isAnswer(asking: unknown): asking is Asking {
  return !(asking instanceof Error);
}

async function askAt(
  asked: Asked,
  message: RpcMessage,
  { server, cursor }: ListPosition,
  { meta = [], id = message.id!, headers, sessionId, protocolVersion }: Link,
  limits: EngineLimits,
): Promise<Asking> {
  const target = serverOf(asked, server);
  const params = cursor === undefined ? { remove: 'cursor' } : { set: 'cursor', value: JSON.stringify(cursor) };
  const context = contextFor(asked, server);
  const isSame = paramsOf(message) === undefined && cursor === undefined && meta.length === 0 && context.length === 0 && id === message.id;
  const body = isSame ? message.scan.bytes : edit(message, { id, params: [params], meta: [...meta, ...context] });
  const call = { ...fanOut(asked, target, limits), method: 'POST', body, headers, sessionId, protocolVersion } as const;
  return { answer: await callServer(target, { ...call, watch: asked.operations?.at(server) }), id };
}

/** A server that does not know the method has nothing of the kind. @throws ServerFailed for any other error */
function withoutList(server: string, error: Buffer, list: ListMember, failed?: ServerFailed): Page {
  const { code } = factsOf(error);
  if (code !== METHOD_NOT_FOUND) throw failed ?? new ServerFailed('refused', 'the server answered with an error', { rpcError: error });
  return { server, result: Buffer.from(`{"${list}":[]}`), nextCursor: undefined };
}

/** @throws RpcError for a list that cannot be one with others: it is to be missed alone */
function cursorOf(server: string, result: Buffer, list: ListMember): string | undefined {
  try {
    const scan = scanObject(result);
    if (scan.type(list) !== 'array') throw unacceptableAnswer(server, `it has no "${list}"`);
    if (scan.duplicates.length > 0) throw unacceptableAnswer(server, 'a member of the result occurs twice');
    return scan.string('nextCursor');
  } catch (error) {
    throw error instanceof JsonSyntaxError ? unacceptableAnswer(server, error.message) : error;
  }
}
