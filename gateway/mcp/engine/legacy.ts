import { targetOf } from '../names/request.ts';
import { mergeInitialize } from '../names/merge.ts';
import { bitsOf, CLIENT_CAPABILITIES, SERVER_CAPABILITIES } from '../sealed/capabilities.ts';
import { openProgressToken, openRequestId, sealEventId } from '../sealed/ids.ts';
import { newSessionId, openSession, sealSession, type Session, sessionName, type SessionServer } from '../sealed/session.ts';
import type { StreamCursor } from '../upstream/inbox.ts';
import { callServer, type ServerAnswer } from '../upstream/call.ts';
import { ServerFailed } from '../upstream/failed.ts';
import { headersFor } from '../upstream/server.ts';
import { checkLegacyHeader } from '../wire/era.ts';
import { edit, paramsOf, readMessage, resultBytes, type RpcMessage } from '../wire/message.ts';
import { METHODS, type Method } from '../wire/methods.ts';
import {
  internalError,
  invalidParams,
  invalidRequest,
  RpcError,
  serverUnreachable,
  sessionGone,
  unknownMethod,
} from '../wire/rpc-error.ts';
import { LEGACY_VERSIONS, isLegacyVersion, isModernVersion } from '../wire/versions.ts';
import { modernCall, toLegacyResult } from './adapt.ts';
import { type Link, listAll } from './lists.ts';
import { ModernServers } from './modern-servers.ts';
import type { Asked, EngineOptions } from './parts.ts';
import { errorAnswer, failureOf, refusalOf, type Said, toClient } from './server-messages.ts';
import { serverOf, Sessions } from './sessions.ts';
import { mergedStream } from './streams.ts';

const SESSION_HEADER = 'mcp-session-id';

/** The revisions with sessions: 2025-06-18 and 2025-11-25. */
export class LegacyEra {
  readonly #options: EngineOptions;
  readonly #sessions: Sessions;
  readonly #modern: ModernServers;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#sessions = new Sessions(options);
    this.#modern = new ModernServers(options);
  }

  /** @throws RpcError, ServerFailed */
  async post(asked: Asked, message: RpcMessage): Promise<void> {
    if (message.method === 'initialize') return this.#initialize(asked, message);
    const session = this.#session(asked, message.id);
    checkLegacyHeader(asked.request.headers, message.id);
    if (message.kind === 'response') return this.#answered(asked, session, message);
    if (message.kind === 'notification') return this.#notified(asked, session, message);
    return this.#requested(asked, session, message);
  }

  /** The stream on which servers speak by themselves, or one that broke off. */
  async get(asked: Asked): Promise<void> {
    const session = this.#session(asked, undefined);
    checkLegacyHeader(asked.request.headers);
    const { lastEventId } = headersOf(asked);
    await mergedStream(asked, session, lastEventId, {
      options: this.#options,
      sessions: this.#sessions,
      modern: this.#modern,
    });
  }

  async delete(asked: Asked): Promise<void> {
    const session = this.#session(asked, undefined);
    this.#sessions.end(session);
    this.#modern.forget(session);
    await this.#sessions.close(asked, session);
    asked.reply.empty(204);
  }

  /** @throws RpcError */
  #session(asked: Asked, id: string | undefined): Session {
    const text = asked.request.headers[SESSION_HEADER];
    if (typeof text !== 'string') throw invalidRequest('Mcp-Session-Id is required: initialize first', { id });
    const session = openSession(text, asked.place, this.#options.keys(), Math.floor(Date.now() / 1000));
    if (session === undefined || this.#sessions.hasEnded(session)) throw sessionGone(id);
    asked.told.session = sessionName(session);
    return session;
  }

  async #initialize(asked: Asked, message: RpcMessage): Promise<void> {
    const params = paramsOf(message);
    const requested = params?.string('protocolVersion');
    if (requested === undefined) throw invalidParams('Invalid params: protocolVersion must be a string', { id: message.id });
    const protocolVersion = isLegacyVersion(requested) ? requested : LEGACY_VERSIONS[0];
    const capabilities = params!.slice('capabilities')?.toString() ?? '{}';
    const clientInfo = params!.slice('clientInfo')?.toString() ?? JSON.stringify(this.#options.serverInfo);
    const names = [...asked.route.servers.keys()];
    const hello = { protocolVersion, capabilities, clientInfo };
    const opened = await Promise.all(names.map((name) => this.#sessions.open(asked, name, hello).catch((error: unknown) => error)));
    const failed = opened.filter((each) => each instanceof Error);
    if (failed.length === opened.length) throw failureOf(failed[0], names[0]!, message.id);
    const now = Math.floor(Date.now() / 1000);
    const session: Session = {
      id: newSessionId(),
      protocolVersion,
      clientCapabilities: bitsOf(params!.parse('capabilities'), CLIENT_CAPABILITIES),
      servers: names.map((name, index) => partOf(name, opened[index])),
      startedAt: now,
      expiresAt: now + this.#options.limits.sessionSeconds,
    };
    const sealed = sealSession(session, asked.place, this.#options.keys());
    if (sealed === undefined) throw internalError('The sessions of all servers do not fit into one', message.id);
    asked.told.session = sessionName(session);
    const result = this.#helloOf(names, opened, requested);
    asked.reply.json(200, resultBytes(message.id!, result), { [SESSION_HEADER]: sealed });
  }

  #helloOf(names: readonly string[], opened: readonly unknown[], requested: string): object {
    const hellos = names.flatMap((server, index) => {
      const session = opened[index];
      if (!isOpened(session)) return [];
      return [
        {
          server,
          capabilities: JSON.parse(session.capabilities.json.toString()) as unknown,
          instructions: session.instructions,
          info: session.serverInfo,
        },
      ];
    });
    const missing = names.filter((_, index) => !isOpened(opened[index]));
    const merged = mergeInitialize(hellos, { requested, serverInfo: this.#options.serverInfo, missing });
    // The only server is what the client talks to.
    const [only] = hellos;
    return names.length === 1 && only?.info !== undefined ? { ...merged, serverInfo: JSON.parse(only.info.toString()) as unknown } : merged;
  }

  async #requested(asked: Asked, session: Session, message: RpcMessage): Promise<void> {
    const method = METHODS.get(message.method!);
    const [only] = session.servers;
    if (method === undefined || !method.eras.includes('legacy') || method.from === 'server') {
      if (session.servers.length > 1) throw unknownMethod(message.method!, 'legacy', message.id);
      return this.#ask(asked, session, only!.name, message, message.scan.bytes);
    }
    if (method.name === 'ping') return asked.reply.json(200, resultBytes(message.id!, {}));
    if (method.scope === 'all servers') return this.#askAll(asked, session, message, method);
    const target = targetOf(message, method, asked.route.naming);
    const name = target?.server ?? only!.name;
    asked.told.name = paramsOf(message)?.string('name') ?? paramsOf(message)?.string('uri');
    if (method.name === 'tools/call' && !asked.route.servers.get(name)!.selector(target!.name))
      throw invalidParams(`Unknown tool: ${asked.told.name}`, { id: message.id });
    return this.#ask(asked, session, name, message, edit(message, { params: target?.edits ?? [] }));
  }

  async #askAll(asked: Asked, session: Session, message: RpcMessage, method: Method): Promise<void> {
    const bit = capabilityBit(method);
    const able = session.servers.filter(({ capabilities, protocolVersion }) => protocolVersion === '' || (capabilities & bit) === bit);
    const [only] = able;
    // One server says it in its own words, with all that it has to say beside.
    if (able.length === 1 && session.servers.length === 1) return this.#ask(asked, session, only!.name, message, message.scan.bytes);
    const { list } = method;
    if (list === undefined) {
      if (method.name === 'logging/setLevel') this.#modern.setLevel(session, paramsOf(message)?.string('level'));
      await this.#tellAll(asked, session, able, message.scan.bytes);
      return asked.reply.json(200, resultBytes(message.id!, {}));
    }
    const bytes = await listAll(asked, message, {
      method: { ...method, list },
      servers: able.map(({ name }) => name),
      link: (name) => this.#link(asked, session, name, message),
      limits: this.#options.limits,
      keys: this.#options.keys(),
      finish: toLegacyResult,
    });
    asked.reply.json(200, bytes);
  }

  async #link(asked: Asked, session: Session, name: string, message: RpcMessage): Promise<Link> {
    const ref = await this.#refOf(asked, session, name);
    const headers = headersFor(serverOf(asked, name), asked.request.headers);
    if (!isModernVersion(ref.protocolVersion)) return { ...ref, headers, gone: () => this.#sessions.reopen(asked, session, name, ref) };
    const meta = this.#modern.meta(session, name);
    return { ...ref, headers: [...headers, ...modernCall(edit(message, { meta })).headers], meta };
  }

  #refOf(asked: Asked, session: Session, name: string) {
    const part = session.servers.find((each) => each.name === name);
    if (part === undefined) throw new ServerFailed('refused', 'the server was added to the route after the session began');
    return this.#sessions.of(asked, session, part);
  }

  /** Asks one server, and hands on what it says until it has answered. */
  async #ask(asked: Asked, session: Session, name: string, message: RpcMessage, body: Buffer): Promise<void> {
    asked.told.server = name;
    if (await this.#isModern(asked, session, name)) return this.#askModern(asked, session, name, message, body);
    const answer = await this.#call(asked, session, name, body, (cursor) => this.#mark(asked, session, name, message, cursor));
    const isStream = answer.headers['content-type']?.startsWith('text/event-stream') === true;
    let answered = false;
    try {
      for await (const { data, eventId } of answer.messages) {
        const said = toClient(asked, session, name, data, message, this.#options.keys());
        if (said === undefined) continue;
        answered ||= said.isAnswer;
        await this.#say(asked, session, name, said, isStream, eventId, message);
        if (answered && !isStream) break;
      }
      // A client that knows where it was asks for the rest.
      const isResumable = asked.reply.begun && answer.cursor.lastEventId !== undefined;
      if (!answered && !isResumable) throw serverUnreachable(name, 'it ended its answer without a response', message.id);
    } catch (error) {
      if (!asked.reply.begun) throw error;
      const failure = failureOf(error, name, message.id);
      asked.told.error = failure.code;
      await asked.reply.event(errorAnswer(message.id, failure));
    }
    if (asked.reply.begun && isStream) asked.reply.end();
  }

  async #isModern(asked: Asked, session: Session, name: string): Promise<boolean> {
    return isModernVersion((await this.#refOf(asked, session, name)).protocolVersion);
  }

  /** What the modern era does not have any more is done here. @param body the request in the server's words */
  async #askModern(asked: Asked, session: Session, name: string, message: RpcMessage, body: Buffer): Promise<void> {
    const { method } = message;
    const done = (): void => asked.reply.json(200, resultBytes(message.id!, {}));
    if (method === 'logging/setLevel') {
      this.#modern.setLevel(session, paramsOf(message)?.string('level'));
      return done();
    }
    if (method === 'resources/subscribe' || method === 'resources/unsubscribe') {
      const uri = paramsOf(readMessage(body))?.string('uri') ?? '';
      await this.#modern.watch(session, name, uri, method === 'resources/subscribe');
      return done();
    }
    if (METHODS.get(method!)?.eras.includes('modern') === false) throw unknownMethod(method!, 'legacy', message.id);
    return this.#modern.ask(asked, session, name, message, body);
  }

  async #say(
    asked: Asked,
    session: Session,
    server: string,
    { bytes }: Said,
    isStream: boolean,
    eventId: string | undefined,
    { id }: RpcMessage,
  ): Promise<void> {
    if (!isStream) return asked.reply.json(200, bytes);
    if (!asked.reply.begun) asked.reply.begin(this.#options.limits.heartbeatMs);
    await asked.reply.event(bytes, this.#eventId(asked, session, server, eventId, id));
  }

  #eventId(asked: Asked, session: Session, server: string, eventId: string | undefined, request: string | undefined): string | undefined {
    if (eventId === undefined) return undefined;
    const place = { ...asked.place, session: sessionName(session) };
    return sealEventId({ request, events: [{ server, eventId }] }, place, this.#options.keys());
  }

  /** Says, as the server does, where the answer can be taken up again. */
  #mark(asked: Asked, session: Session, server: string, { id }: RpcMessage, { lastEventId, retryMs }: Readonly<StreamCursor>): void {
    if (!asked.reply.begun) asked.reply.begin(this.#options.limits.heartbeatMs);
    asked.reply.mark(this.#eventId(asked, session, server, lastEventId, id), retryMs);
  }

  /** Sends a message to one server; where it has forgotten the session, in a new one. */
  async #call(
    asked: Asked,
    session: Session,
    name: string,
    body: Buffer,
    stepped?: (cursor: Readonly<StreamCursor>) => void,
  ): Promise<ServerAnswer> {
    const server = serverOf(asked, name);
    const ref = await this.#refOf(asked, session, name);
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
    } as const;
    try {
      return await callServer(server, { ...call, ...ref });
    } catch (error) {
      if (!(error instanceof ServerFailed) || error.kind !== 'session_gone') throw error;
      const opened = await this.#sessions.reopen(asked, session, name, ref);
      return callServer(server, { ...call, ...opened });
    }
  }

  /** What is for all servers, and answered by none. */
  async #tellAll(asked: Asked, session: Session, servers: readonly SessionServer[], body: Buffer): Promise<void> {
    const telling = servers.map(async ({ name }) => {
      // It has no session that could be told, and is told with each request.
      if (await this.#isModern(asked, session, name)) return;
      const answer = await this.#call(asked, session, name, body);
      for await (const _ of answer.messages) if (_.data.length > 0) break;
    });
    await Promise.allSettled(telling);
  }

  async #notified(asked: Asked, session: Session, message: RpcMessage): Promise<void> {
    if (message.method === 'notifications/progress') await this.#progressed(asked, session, message);
    // Its servers were told when the session was opened.
    else if (message.method !== 'notifications/initialized') {
      const id = message.method === 'notifications/cancelled' ? paramsOf(message)?.slice('requestId')?.toString() : undefined;
      if (id !== undefined) this.#modern.cancel(session, id);
      await this.#tellAll(asked, session, session.servers, message.scan.bytes);
    }
    asked.reply.empty(202);
  }

  async #progressed(asked: Asked, session: Session, message: RpcMessage): Promise<void> {
    const token = paramsOf(message)?.string('progressToken');
    const of =
      token === undefined ? undefined : openProgressToken(token, { ...asked.place, session: sessionName(session) }, this.#options.keys());
    if (of === undefined) return;
    const body = edit(message, { params: [{ set: 'progressToken', value: of.json }] });
    await this.#tellAll(
      asked,
      session,
      session.servers.filter(({ name }) => name === of.server),
      body,
    );
  }

  /** What a server asked the client is answered. */
  async #answered(asked: Asked, session: Session, message: RpcMessage): Promise<void> {
    const id = message.scan.string('id');
    const of = id === undefined ? undefined : openRequestId(id, { ...asked.place, session: sessionName(session) }, this.#options.keys());
    if (of === undefined) throw invalidRequest('The response is to no request of this session');
    if (await this.#isModern(asked, session, of.server)) {
      if (!this.#modern.answered(JSON.parse(of.json) as string, message)) throw invalidRequest('The request is not waited for any more');
      return asked.reply.empty(202);
    }
    await this.#tellAll(
      asked,
      session,
      session.servers.filter(({ name }) => name === of.server),
      edit(message, { id: of.json }),
    );
    asked.reply.empty(202);
  }
}

function isOpened(session: unknown): session is Awaited<ReturnType<Sessions['open']>> {
  return session !== undefined && !(session instanceof Error);
}

function partOf(name: string, session: unknown): SessionServer {
  if (!isOpened(session)) return { name, sessionId: undefined, protocolVersion: '', capabilities: 0 };
  const { sessionId, protocolVersion, capabilities } = session;
  return { name, sessionId, protocolVersion, capabilities: bitsOf(JSON.parse(capabilities.json.toString()), SERVER_CAPABILITIES) };
}

/** The first capability that a method needs, as sessions have it; 0: none. */
function capabilityBit({ capabilities: [path] }: Method): number {
  return path === undefined ? 0 : ((SERVER_CAPABILITIES as Readonly<Record<string, number>>)[path.join('.')] ?? 0);
}

function headersOf({ request }: Asked): { readonly lastEventId: string | undefined } {
  const value = request.headers['last-event-id'];
  return { lastEventId: typeof value === 'string' ? value : undefined };
}

export { refusalOf, RpcError };
