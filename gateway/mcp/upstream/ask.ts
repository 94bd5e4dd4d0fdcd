import { type JsonObjectScan, scanObject } from '#core/json/scan';

import { callServer, type ServerAnswer, type ServerCall } from './call.ts';
import { memberObject } from './capabilities.ts';
import { ServerFailed } from './failed.ts';
import type { McpServer } from './server.ts';

/** What the calls of one purpose have in common. */
export type AskOptions = Pick<ServerCall, 'headers' | 'signal' | 'headMs' | 'idleMs' | 'maxBytes'>;

/** The id of the gateway's own requests in a session of its own: each is the only one of its connection. */
export const OWN_ID = '1';

export interface Asked {
  readonly answer: ServerAnswer;
  readonly result: JsonObjectScan;
}

/**
 * Sends a request of the gateway's own and waits for its result. Messages before it are notifications to nobody.
 *
 * @param id of the request, as JSON text
 * @throws ServerFailed; of kind `refused` where the response is an error
 */
export async function ask(
  server: McpServer,
  call: Omit<ServerCall, 'method' | 'body'>,
  body: Buffer | string,
  id = OWN_ID,
): Promise<Asked> {
  const answer = await callServer(server, { ...call, method: 'POST', body: typeof body === 'string' ? Buffer.from(body) : body });
  for await (const { data } of answer.messages) {
    const message = scan(data);
    if (!isResponse(message, id)) continue;
    const result = memberObject(message, 'result');
    if (result !== undefined) return { answer, result };
    throw new ServerFailed('refused', 'the server answered with an error', { status: answer.status, rpcError: data });
  }
  throw new ServerFailed('malformed', 'the answer of the server has no response in it', { status: answer.status });
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
