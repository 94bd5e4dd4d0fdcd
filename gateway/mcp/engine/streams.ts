import { openEventId, sealEventId, type StreamPosition } from '../sealed/ids.ts';
import { type Session, sessionName, type SessionServer } from '../sealed/session.ts';
import { ServerFailed } from '../upstream/failed.ts';
import { follow } from '../upstream/follow.ts';
import { headersFor } from '../upstream/server.ts';
import { RpcError } from '../wire/rpc-error.ts';
import { isModernVersion } from '../wire/versions.ts';
import type { ModernServers } from './modern-servers.ts';
import type { Asked, EngineOptions } from './parts.ts';
import { readServer, toClient } from './server-messages.ts';
import { serverOf, type Sessions } from './sessions.ts';

interface Parts {
  readonly options: EngineOptions;
  readonly sessions: Sessions;
  readonly modern: ModernServers;
}

/**
 * The streams of all servers as one, until the client leaves: each event says by its id how far each of them is, so that any replica can
 * go on.
 */
export async function mergedStream(asked: Asked, session: Session, lastEventId: string | undefined, parts: Parts): Promise<void> {
  const { options } = parts;
  const place = { ...asked.place, session: sessionName(session) };
  const resumed = lastEventId === undefined ? undefined : openEventId(lastEventId, place, options.keys());
  const position = new Map((resumed?.events ?? []).map(({ server, eventId }) => [server, eventId]));
  // A stream that answered a request is of that server alone.
  const wanted = resumed?.request === undefined ? session.servers : session.servers.filter(({ name }) => position.has(name));
  asked.reply.begin(options.limits.heartbeatMs);
  const say = async (server: string, data: Buffer, eventId: string | undefined): Promise<boolean> => {
    const request = resumed?.request;
    const isResponse = readServer(data).kind === 'response';
    const said = isResponse ? { bytes: data } : toClient(asked, session, server, data, undefined, options.keys());
    if (eventId !== undefined) position.set(server, eventId);
    if (said === undefined) return false;
    const events = [...position].map(([name, id]): StreamPosition['events'][number] => ({ server: name, eventId: id }));
    await asked.reply.event(said.bytes, eventId === undefined ? undefined : sealEventId({ request, events }, place, options.keys()));
    return isResponse && request !== undefined;
  };
  const following = wanted.map((part) => followOne(asked, session, part, position.get(part.name), say, parts));
  const ended = await Promise.all(following);
  // What was asked has its answer; or nobody has a stream of its own, and the client would wait for ever.
  if (ended.some((done) => done)) {
    asked.reply.end();
    return;
  }
  if (!asked.signal.aborted) await new Promise<void>((resolve) => asked.signal.addEventListener('abort', () => resolve(), { once: true }));
  asked.reply.end();
}

/** @returns whether the response that was waited for has come */
async function followOne(
  asked: Asked,
  session: Session,
  part: SessionServer,
  lastEventId: string | undefined,
  say: (server: string, data: Buffer, eventId: string | undefined) => Promise<boolean>,
  { options, sessions, modern }: Parts,
): Promise<boolean> {
  const { name } = part;
  const { callMs, maxAnswerBytes } = options.limits;
  try {
    const server = serverOf(asked, name);
    const ref = await sessions.of(asked, session, part);
    if (isModernVersion(ref.protocolVersion)) {
      for await (const data of modern.stream(asked, session, part)) await say(name, data, undefined);
      return false;
    }
    const call = { ...ref, headers: headersFor(server, asked.request.headers), headMs: callMs, idleMs: 0, maxBytes: maxAnswerBytes };
    for await (const { data, eventId } of follow(server, { ...call, lastEventId, signal: asked.signal }))
      if (await say(name, data, eventId)) return true;
  } catch (error) {
    // The others go on; what this one has to say is asked for with the next request to it.
    if (!(error instanceof ServerFailed) && !(error instanceof RpcError)) throw error;
  }
  return false;
}
