import type { Edit } from '#core/json/edit';
import { type JsonObjectScan, scanObject } from '#core/json/scan';

import { callServer, type ServerAnswer, type ServerCall } from './call.ts';
import { memberObject } from './capabilities.ts';
import { ServerFailed } from './failed.ts';
import type { McpServer } from './server.ts';
import type { Watches } from './watch.ts';

/** What the calls of one purpose have in common. */
export interface AskOptions extends Pick<ServerCall, 'headers' | 'signal' | 'headMs' | 'idleMs' | 'maxBytes'> {
  readonly watches?: Watches | undefined;
}

/** A request of the gateway's own. */
export interface OwnRequest {
  readonly method: string;
  /** Members of `params`, JSON text. @default none */
  readonly params?: string;
  /** Members of `params._meta`, JSON text. @default none */
  readonly meta?: string;
  /** JSON text; in a session that others use one that no request of theirs has. @default OWN_ID */
  readonly id?: string;
}

/** The id of the gateway's own requests in a session of its own: each is the only one of its connection. */
export const OWN_ID = '1';

export interface Asked {
  readonly answer: ServerAnswer;
  readonly result: JsonObjectScan;
}

/**
 * Sends a request of the gateway's own and waits for its result. Messages before it are notifications to nobody.
 * @throws ServerFailed; of kind `refused` where the response is an error
 */
export async function ask(server: McpServer, call: AskOptions & Partial<ServerCall>, request: OwnRequest): Promise<Asked> {
  const watch = call.watches?.own(server.name, request.method);
  const { id = OWN_ID } = request;
  const answer = await callServer(server, { ...call, method: 'POST', body: bodyOf(request, id, watch?.meta ?? []), watch });
  for await (const { data } of answer.messages) {
    const message = scan(data);
    if (!isResponse(message, id)) continue;
    const result = memberObject(message, 'result');
    if (result !== undefined) return { answer, result };
    throw new ServerFailed('refused', 'the server answered with an error', { status: answer.status, rpcError: data });
  }
  throw new ServerFailed('malformed', 'the answer of the server has no response in it', { status: answer.status });
}

function bodyOf({ method, params = '', meta = '' }: OwnRequest, id: string, context: readonly Edit[]): Buffer {
  const inMeta = joined([meta, membersOf(context)]);
  const inParams = joined([params, inMeta === '' ? '' : `"_meta":{${inMeta}}`]);
  const tail = inParams === '' ? '' : `,"params":{${inParams}}`;
  return Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)}${tail}}`);
}

/** What edits set, as members of an object: JSON text. */
export function membersOf(edits: readonly Edit[]): string {
  return joined(edits.map((edit) => ('set' in edit ? `${JSON.stringify(edit.set)}:${edit.value.toString()}` : '')));
}

function joined(members: readonly string[]): string {
  return members.filter((member) => member !== '').join(',');
}

/** Only an error may have no id: its server could not read that. */
function isResponse(message: JsonObjectScan, asked: string): boolean {
  const id = message.slice('id')?.toString();
  if (message.type('error') === 'object') return id === undefined || id === 'null' || id === asked;
  return id === asked && message.type('result') === 'object';
}

/** What a JSON-RPC error says, as far as the gateway acts on it. */
export interface RpcErrorFacts {
  readonly code: number | undefined;
  readonly message: string;
  /** `data.supported`: protocol versions. */
  readonly supported: readonly string[] | undefined;
}

/** @param rpcError a message with an `error`, checked */
export function factsOf(rpcError: Buffer): RpcErrorFacts {
  const error = memberObject(scan(rpcError), 'error');
  const supported = error === undefined ? undefined : memberObject(error, 'data')?.parse('supported');
  return { code: error?.number('code'), message: error?.string('message') ?? '', supported: textsIn(supported) };
}

/** The texts of a list; undefined: it is none. */
export function textsIn(value: unknown): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return value.filter((item): item is string => typeof item === 'string');
}

/** Of a message that was checked when it came. */
function scan(bytes: Buffer): JsonObjectScan {
  return scanObject(bytes, { maxDepth: Number.POSITIVE_INFINITY });
}
