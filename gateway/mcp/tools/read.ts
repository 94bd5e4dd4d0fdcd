import { randomUUID } from 'node:crypto';

import type { Edit } from '#core/json/edit';
import { scanObject } from '#core/json/scan';

import { ask, type AskOptions, factsOf } from '../upstream/ask.ts';
import { ServerFailed } from '../upstream/failed.ts';
import type { SessionRef } from '../upstream/initialize.ts';
import type { McpServer } from '../upstream/server.ts';
import { edit, readMessage, requestBytes } from '../wire/message.ts';
import { METHOD_NOT_FOUND } from '../wire/rpc-error.ts';
import { entriesOf } from '../wire/spans.ts';

/** Pages of a list that are read. */
const MOST_PAGES = 64;
/** Schemas of tools nest deeply. */
const MAX_DEPTH = 256;

/** How a server is asked for its tools. */
export interface ToolsCall extends SessionRef, AskOptions {
  /** What has to stand in `_meta`. */
  readonly meta: readonly Edit[];
  /** Headers that say what is in the body, in the modern era. @param body the request */
  readonly headersOf?: ((body: Buffer) => readonly string[]) | undefined;
}

/** A tool, in the server's words. */
export interface ListedTool {
  readonly name: string;
  /** JSON: a part of the answer. */
  readonly entry: Buffer;
}

/** All tools of a server, by requests of the gateway's own. A server that does not know the method has none. @throws ServerFailed */
export async function* toolsOf(server: McpServer, { meta, headersOf, ...call }: ToolsCall): AsyncGenerator<ListedTool, void, undefined> {
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    // In a session of a client no other request may have it.
    const id = JSON.stringify(randomUUID());
    const request = readMessage(requestBytes(id, 'tools/list', cursor === undefined ? {} : { cursor }));
    const body = edit(request, { meta });
    const headers = [...call.headers, ...(headersOf?.(body) ?? [])];
    const asked = await ask(server, { ...call, headers }, body, id).catch((error: unknown) => {
      if (isWithoutTools(error)) return undefined;
      throw error;
    });
    if (asked === undefined) return;
    yield* toolsIn(asked.result.slice('tools'));
    cursor = asked.result.string('nextCursor');
    if (cursor === undefined) return;
  }
}

function* toolsIn(list: Buffer | undefined): Generator<ListedTool, void, undefined> {
  if (list?.[0] !== 0x5b) return;
  for (const { start, end } of entriesOf(list, { start: 0, end: list.length })) {
    if (list[start] !== 0x7b) continue;
    const entry = list.subarray(start, end);
    const name = scanObject(entry, { maxDepth: MAX_DEPTH }).string('name');
    if (name !== undefined) yield { name, entry };
  }
}

function isWithoutTools(error: unknown): boolean {
  return error instanceof ServerFailed && error.rpcError !== undefined && factsOf(error.rpcError).code === METHOD_NOT_FOUND;
}
