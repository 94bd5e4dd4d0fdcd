import { isHeaderValue } from '#core/http/sendable';

import type { Session } from '../sealed/session.ts';
import { factsOf } from '../upstream/ask.ts';
import { callServer, type ServerAnswer } from '../upstream/call.ts';
import { ServerFailed } from '../upstream/failed.ts';
import type { StreamCursor } from '../upstream/inbox.ts';
import type { SessionRef } from '../upstream/initialize.ts';
import { headersFor } from '../upstream/server.ts';
import { edit, resultBytes, type RpcMessage } from '../wire/message.ts';
import { serverUnreachable } from '../wire/rpc-error.ts';
import { isModernVersion } from '../wire/versions.ts';
import type { ModernServers } from './modern-servers.ts';
import { type Asked, contextFor, type EngineOptions } from './parts.ts';
import { readServer } from './server-messages.ts';
import { serverOf, type Sessions } from './sessions.ts';

/** What the SDKs' example servers answer for a session that they do not know, with status 400. */
const NO_SESSION = -32000;

/** Messages of a client's session to one of its servers. */
export class ServerCalls {
  readonly #options: EngineOptions;
  readonly #sessions: Sessions;
  readonly #modern: ModernServers;

  constructor(options: EngineOptions, sessions: Sessions, modern: ModernServers) {
    this.#options = options;
    this.#sessions = sessions;
    this.#modern = modern;
  }

  /** Whether the server has no part of the session, for its era has none: it is told everything with each request. @throws ServerFailed */
  async isModern(asked: Asked, session: Session, name: string): Promise<boolean> {
    serverOf(asked, name);
    return isModernVersion((await this.#sessions.of(asked, session, name)).protocolVersion);
  }

  /** Sends a request to one server; where it has forgotten the session, in a new one. @throws ServerFailed */
  async call(
    asked: Asked,
    session: Session,
    name: string,
    body: Buffer,
    stepped?: (cursor: Readonly<StreamCursor>) => void,
  ): Promise<ServerAnswer> {
    const server = serverOf(asked, name);
    const ref = await this.#sessions.of(asked, session, name);
    const { callMs, maxAnswerBytes } = this.#options.limits;
    const call = {
      method: 'POST',
      body,
      headers: headersFor(server, asked.request.headers),
      signal: asked.signal,
      headMs: callMs,
      idleMs: 0,
      maxBytes: maxAnswerBytes,
      stepped,
      toll: asked.toll,
      watch: asked.operations?.at(name),
    } as const;
    try {
      return await callServer(server, { ...call, ...ref });
    } catch (error) {
      if (!hasForgotten(error, ref)) throw error;
      return callServer(server, { ...call, ...(await this.#sessions.reopen(asked, session, name, ref)) });
    }
  }

  /** The response of one of several servers that are asked for the same setting. @throws ServerFailed, RpcError */
  async response(asked: Asked, session: Session, name: string, request: RpcMessage): Promise<RpcMessage> {
    const server = serverOf(asked, name);
    const ref = await this.#sessions.of(asked, session, name);
    if (isModernVersion(ref.protocolVersion)) {
      this.#modern.setLevel(session, request);
      return readServer(resultBytes(request.id!, {}));
    }
    const body = edit(request, { meta: contextFor(asked, name) });
    const call = { method: 'POST', body, ...this.#sessions.fanOut(asked, server), watch: asked.operations?.at(name) } as const;
    const answer = await callServer(server, { ...call, ...ref }).catch(async (error: unknown) => {
      if (!hasForgotten(error, ref)) throw error;
      return callServer(server, { ...call, ...(await this.#sessions.reopen(asked, session, name, ref)) });
    });
    for await (const { data } of answer.messages) {
      const said = readServer(data);
      if (said.kind === 'response' && (said.id === undefined || said.id === request.id)) return said;
    }
    throw serverUnreachable(name, 'it ended its answer without a response', request.id);
  }

  /**
   * Sends what has no response. It is never sent in a session that was opened after it: there it would be about something else.
   * @returns false where the server has no part of the session yet @throws ServerFailed
   */
  async tell(asked: Asked, session: Session, name: string, body: Buffer): Promise<boolean> {
    const server = serverOf(asked, name);
    const ref = await this.#sessions.known(session, name);
    if (ref === undefined) return false;
    // There is no session in which it could be told anything.
    if (isModernVersion(ref.protocolVersion)) return true;
    const call = { ...this.#sessions.fanOut(asked, server), ...ref, watch: asked.operations?.at(name) };
    const { messages } = await callServer(server, { method: 'POST', body, ...call });
    await messages.return();
    return true;
  }
}

/** Whether a server says that it does not know the session, in one of the two ways that are in use. */
export function hasForgotten(error: unknown, { sessionId }: SessionRef): boolean {
  if (!(error instanceof ServerFailed) || sessionId === undefined) return false;
  if (error.kind === 'session_gone') return true;
  if (error.status !== 400 || error.rpcError === undefined) return false;
  const { code, message } = factsOf(error.rpcError);
  return code === NO_SESSION && /session|initialized/i.test(message);
}

/** The challenge of a server, where the client itself can meet it: its own credential is what the server gets. */
export function challengeOf(asked: Asked, error: ServerFailed): string | undefined {
  const { wwwAuthenticate } = error;
  const server = asked.route.servers.get(asked.told.server ?? '')?.server;
  const isClients = server?.forwardHeaders.some(
    ({ name, as }) => name.toLowerCase() === 'authorization' && as.toLowerCase() === 'authorization',
  );
  return isClients === true && wwwAuthenticate !== undefined && isHeaderValue(wwwAuthenticate) ? wwwAuthenticate : undefined;
}
