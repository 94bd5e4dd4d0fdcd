import type { Edit } from '#core/json/edit';
import { scanObject } from '#core/json/scan';

import { mergeLists, type ServerResult } from '../names/merge.ts';
import { rewriteResult } from '../names/rewrite.ts';
import { type ListPosition, openCursor, sealCursor } from '../sealed/ids.ts';
import type { SealKeys } from '../sealed/keys.ts';
import { factsOf } from '../upstream/ask.ts';
import { callServer } from '../upstream/call.ts';
import { ServerFailed } from '../upstream/failed.ts';
import type { SessionRef } from '../upstream/initialize.ts';
import { edit, paramsOf, resultBytes, type RpcMessage } from '../wire/message.ts';
import type { ListMember, Method } from '../wire/methods.ts';
import { invalidParams, METHOD_NOT_FOUND } from '../wire/rpc-error.ts';
import { type Asked, type EngineLimits, viewOf } from './parts.ts';
import { readServer } from './server-messages.ts';
import { fanOut, serverOf } from './sessions.ts';

/** How a server is asked, and what else goes along. */
export interface Link extends SessionRef {
  readonly headers: readonly string[];
  /** Changes of `_meta` that put the request into the words of the server's era. */
  readonly meta?: readonly Edit[];
  /** JSON text of the id of the request, where several clients share the session. @default the client's own */
  readonly id?: string;
  /** The server does not know the session any more: the next link is to be another one. */
  readonly gone?: () => unknown;
}

export interface ListOptions {
  readonly method: Method & { readonly list: ListMember };
  /** Servers that have such a list, in the order of the route. */
  readonly servers: readonly string[];
  readonly link: (server: string) => Link | Promise<Link>;
  readonly limits: EngineLimits;
  readonly keys: SealKeys;
  /** Puts the result into the words of the client's era. */
  readonly finish?: (result: Buffer) => Buffer;
}

interface Page {
  readonly server: string;
  /** Undefined: the server has no such list. */
  readonly result: Buffer | undefined;
  readonly nextCursor: string | undefined;
}

/**
 * One list of all servers. Those that do not answer in time are left out, and named in `_meta`.
 * @returns the JSON-RPC response
 * @throws RpcError -32602 for a cursor that is none of ours
 */
export async function listAll(asked: Asked, message: RpcMessage, options: ListOptions): Promise<Buffer> {
  const { method, keys } = options;
  const place = { ...asked.place, about: method.name };
  const given = paramsOf(message)?.string('cursor');
  const positions =
    given === undefined ? options.servers.map((server): ListPosition => ({ server, cursor: undefined })) : openCursor(given, place, keys);
  if (positions === undefined) throw invalidParams('Invalid params: cursor is none of this list', { id: message.id });
  const known = positions.filter(({ server }) => asked.route.servers.has(server));
  const pages = await Promise.all(known.map((position) => pageOf(asked, message, position, options).catch(() => undefined)));
  const parts = pages.filter((page) => page !== undefined);
  const missing = known.flatMap(({ server }, index) => (pages[index] === undefined ? [server] : []));
  const next = parts.flatMap(({ server, nextCursor }): ListPosition[] =>
    nextCursor === undefined ? [] : [{ server, cursor: nextCursor }],
  );
  const nextCursor = next.length === 0 ? undefined : sealCursor(next, place, keys);
  const results = parts.flatMap(({ server, result }): ServerResult[] => (result === undefined ? [] : [{ server, result }]));
  const merged = mergeLists(method.list, results, { missing, nextCursor });
  return resultBytes(message.id!, options.finish?.(merged) ?? merged);
}

async function pageOf(asked: Asked, message: RpcMessage, position: ListPosition, options: ListOptions): Promise<Page> {
  const link = await options.link(position.server);
  const again = async (error: unknown): Promise<Page> => {
    if (!(error instanceof ServerFailed) || error.kind !== 'session_gone' || link.gone === undefined) throw error;
    await link.gone();
    return askPage(asked, message, position, { ...options, link: await options.link(position.server) });
  };
  try {
    return await askPage(asked, message, position, { ...options, link }).catch(again);
  } catch (error) {
    // It has no such list, so that none of it is missing.
    if (error instanceof ServerFailed && error.rpcError !== undefined && factsOf(error.rpcError).code === METHOD_NOT_FOUND)
      return { server: position.server, result: undefined, nextCursor: undefined };
    throw error;
  }
}

async function askPage(
  asked: Asked,
  message: RpcMessage,
  { server, cursor }: ListPosition,
  options: Omit<ListOptions, 'link'> & { readonly link: Link },
): Promise<Page> {
  const target = serverOf(asked, server);
  const { headers, sessionId, protocolVersion, meta = [], id = message.id! } = options.link;
  const params = cursor === undefined ? { remove: 'cursor' } : { set: 'cursor', value: JSON.stringify(cursor) };
  const isSame = paramsOf(message) === undefined && cursor === undefined && meta.length === 0 && id === message.id;
  const body = isSame ? message.scan.bytes : edit(message, { id, params: [params], meta });
  const call = { ...fanOut(asked, target, options.limits), headers };
  const answer = await callServer(target, { ...call, method: 'POST', body, sessionId, protocolVersion });
  for await (const { data } of answer.messages) {
    const said = readServer(data);
    if (said.kind !== 'response' || said.id !== id) continue;
    const result = said.scan.slice('result');
    // What it says of an error is for nobody who asked several.
    if (result === undefined) throw new ServerFailed('refused', 'the server answered with an error', { rpcError: data });
    const nextCursor = scanObject(result, { maxDepth: 256 }).string('nextCursor');
    return { server, result: rewriteResult(options.method.name, result, viewOf(asked, server)).bytes, nextCursor };
  }
  throw new Error('the server gave no response');
}
