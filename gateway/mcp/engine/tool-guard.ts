import type { ToolBook } from '../tools/book.ts';
import { toolsOf, type ToolsCall } from '../tools/read.ts';
import type { SessionRef } from '../upstream/initialize.ts';
import { paramsOf, type RpcMessage } from '../wire/message.ts';
import { invalidParams, shown } from '../wire/rpc-error.ts';
import type { Asked } from './parts.ts';
import { hasForgotten } from './server-calls.ts';
import { serverOf } from './sessions.ts';

/** How the server of a call is asked for its tools. @param gone a session that it has forgotten */
export type AskTools = (gone?: SessionRef) => Promise<ToolsCall>;

/** A call of a tool, in the server's words. */
export interface GuardedCall {
  readonly server: string;
  readonly tool: string;
  readonly message: RpcMessage;
  readonly book: ToolBook;
}

/**
 * Judges a call before its server hears of it.
 * @returns the result to answer with in the server's place: as a result a model reads what it did wrong
 * @throws RpcError -32602 for a tool that is locked out; ServerFailed where the server does not say what its tools are
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/tools#error-handling
 */
export async function guardTool(asked: Asked, call: GuardedCall, askTools: AskTools): Promise<object | undefined> {
  const { book, tool, message, server } = call;
  asked.told.server = server;
  if (serverOf(asked, server).token !== undefined) await readAsCaller(asked, call, askTools);
  else {
    const reading = book.fresh(() => readAll(asked, call, askTools));
    if (reading !== undefined) await reading;
  }
  const standing = book.standing(tool);
  if (standing !== 'accepted') {
    const why = standing === 'new' ? 'nobody has accepted it' : 'it is not what was accepted';
    throw invalidParams(`Tool ${shown(asked.told.name ?? tool)} is locked: ${why}`, { id: message.id });
  }
  if (!book.checksArguments) return undefined;
  const problems = book.problemsOf(tool, paramsOf(message)?.slice('arguments'));
  if (problems.length === 0) return undefined;
  return { content: [{ type: 'text', text: `The arguments do not fit the schema of the tool:\n${problems.join('\n')}` }], isError: true };
}

/** What a server refuses one caller it may grant another: who waited for somebody else's reading makes one of his own. */
async function readAsCaller(asked: Asked, call: GuardedCall, askTools: AskTools): Promise<void> {
  let isOwn = false;
  const read = (): Promise<ReadonlySet<string>> => {
    isOwn = true;
    return readAll(asked, call, askTools);
  };
  for (let reading = call.book.fresh(read); reading !== undefined; reading = call.book.fresh(read)) {
    try {
      return await reading;
    } catch (error) {
      if (isOwn) throw error;
    }
  }
}

async function readAll(asked: Asked, guarded: GuardedCall, askTools: AskTools, gone?: SessionRef): Promise<ReadonlySet<string>> {
  const { server, book } = guarded;
  const call = await askTools(gone);
  const listed = new Set<string>();
  try {
    for await (const { name, entry } of toolsOf(serverOf(asked, server), call)) {
      book.shows(name, entry);
      listed.add(name);
    }
    return listed;
  } catch (error) {
    if (gone !== undefined || !hasForgotten(error, call)) throw error;
    return readAll(asked, guarded, askTools, call);
  }
}
