import { isObject } from '#core/is-object';

import { mergeInitialize, PARTIAL_META } from '../names/merge.ts';
import { targetOf } from '../names/request.ts';
import { bitsOf, CLIENT_CAPABILITIES, SERVER_CAPABILITIES } from '../sealed/capabilities.ts';
import { openProgressToken, openRequestId, sealEventId } from '../sealed/ids.ts';
import { newSessionId, sealSession, type Session, sessionName, type SessionServer } from '../sealed/session.ts';
import { isEventStream } from '../upstream/answer.ts';
import { factsOf } from '../upstream/ask.ts';
import type { StreamCursor } from '../upstream/inbox.ts';
import type { SessionRef } from '../upstream/initialize.ts';
import { headersFor } from '../upstream/server.ts';
import { checkLegacyHeader } from '../wire/era.ts';
import { edit, type MessageEdit, paramsOf, readMessage, resultBytes, type RpcMessage } from '../wire/message.ts';
import { type Method, methodOf, METHODS } from '../wire/methods.ts';
import {
  internalError,
  invalidParams,
  invalidRequest,
  RpcError,
  serverUnreachable,
  sessionGone,
  shown,
  unknownMethod,
} from '../wire/rpc-error.ts';
import { LEGACY_VERSIONS, isLegacyVersion, isModernVersion } from '../wire/versions.ts';
import { modernCall, modernTools, toLegacyResult } from './adapt.ts';
import { type Link, listAll } from './lists.ts';
import { ModernServers } from './modern-servers.ts';
import { OpenedSessions } from './opened.ts';
import { type Asked, contextFor, type EngineOptions } from './parts.ts';
import { ServerCalls } from './server-calls.ts';
import { errorAnswer, failureOf, type Said, toClient } from './server-messages.ts';
import { absent, bitsOfServer, ownCall, type PartRef, partsOf, serverOf, Sessions } from './sessions.ts';
import { mergedStream } from './streams.ts';
import { TollGate } from './toll.ts';
import { guardTool } from './tool-guard.ts';

const SESSION_HEADER = 'mcp-session-id';

/** The revisions with sessions: 2025-06-18 and 2025-11-25. */
export class LegacyEra {
  readonly #options: EngineOptions;
  readonly #sessions: Sessions;
  readonly #modern: ModernServers;
  readonly #calls: ServerCalls;
  readonly #opened: OpenedSessions;
  readonly #tolls: TollGate;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#sessions = new Sessions(options);
    this.#modern = new ModernServers(options);
    this.#calls = new ServerCalls(options, this.#sessions, this.#modern);
    this.#opened = new OpenedSessions(options.keys);
    this.#tolls = new TollGate(options.tolls);
  }

  /** @throws RpcError, ServerFailed */
  async post(asked: Asked, message: RpcMessage): Promise<void> {
    if (message.method === 'initialize' && message.kind === 'request') return this.#initialize(asked, message);
    const session = this.#session(asked, message.id);
    checkLegacyHeader(asked.request.headers, message.id);
    if (message.kind === 'response') return this.#answered(asked, session, message);
    if (message.kind === 'notification') return this.#notified(asked, session, message);
    return this.#requested(asked, session, message);
  }

  /** Ends streams that wait, so that clients open them elsewhere. */
  drain(): void {
    this.#sessions.drain();
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
    // For the client it is over now, however long the servers take.
    asked.reply.empty(204);
    await this.#sessions.close(asked, session);
  }

  /** @throws RpcError */
  #session(asked: Asked, id: string | undefined): Session {
    const text = asked.request.headers[SESSION_HEADER];
    if (typeof text !== 'string') throw invalidRequest('Mcp-Session-Id is required: initialize first', { id });
    const session = this.#opened.open(text, asked.place, Math.floor(Date.now() / 1000));
    if (session === undefined || this.#sessions.hasEnded(session)) throw sessionGone(id);
    asked.told.session = sessionName(session);
    asked.told.version = session.protocolVersion;
    return session;
  }

  async #initialize(asked: Asked, message: RpcMessage): Promise<void> {
    const params = paramsOf(message);
    const requested = params?.string('protocolVersion');
    if (requested === undefined) throw invalidParams('Invalid params: protocolVersion must be a string', { id: message.id });
    const protocolVersion = isLegacyVersion(requested) ? requested : LEGACY_VERSIONS[0];
    asked.told.version = protocolVersion;
    for (const name of ['capabilities', 'clientInfo'])
      if (params!.has(name) && params!.type(name) !== 'object')
        throw invalidParams(`Invalid params: ${name} must be an object`, { id: message.id });
    const capabilities = params!.slice('capabilities')?.toString() ?? '{}';
    const clientInfo = params!.slice('clientInfo')?.toString() ?? JSON.stringify(this.#options.serverInfo);
    const names = [...asked.route.servers.keys()];
    const hello = { protocolVersion, capabilities, clientInfo };
    const opened = await Promise.all(names.map((name) => this.#sessions.open(asked, name, hello).catch((error: unknown) => error)));
    const failed = opened.filter((each) => each instanceof Error);
    if (failed.length === opened.length) {
      const [only] = names;
      if (names.length > 1) throw failureOf(failed[0], only!, message.id);
      asked.told.server = only!;
      throw failed[0]!;
    }
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
    if (sealed === undefined || asked.signal.aborted) {
      // Nobody will ever use what was opened.
      await this.#sessions.close(asked, session);
      throw internalError('The sessions of all servers do not fit into one', message.id);
    }
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
    if (names.length > 1) return { ...merged, capabilities: capabilitiesOfSeveral(hellos, merged['capabilities'], missing.length > 0) };
    // The only server is what the client talks to.
    const [only] = hellos;
    return names.length === 1 && only?.info !== undefined ? { ...merged, serverInfo: JSON.parse(only.info.toString()) as unknown } : merged;
  }

  async #requested(asked: Asked, session: Session, message: RpcMessage): Promise<void> {
    const { route, told, permits } = asked;
    const isAlone = route.naming.kind === 'passthrough';
    const method = methodOf(message, { from: 'client', era: 'legacy', hasOneServer: isAlone });
    const [first] = route.servers.keys();
    if (method === undefined) {
      permits.require(first!, message, undefined);
      return this.#ask(asked, session, first!, message, edit(message, { meta: contextFor(asked, first!) }));
    }
    if (method.name === 'ping') return asked.reply.json(200, resultBytes(message.id!, {}));
    if (method.scope === 'all servers' && !isAlone) return this.#askAll(asked, session, message, method);
    const target = targetOf(message, method, route.naming);
    const name = target?.server ?? (isAlone ? first! : ownerOfTasks(asked, session, message));
    told.name = paramsOf(message)?.string('name') ?? paramsOf(message)?.string('uri');
    if (method.name === 'tools/call' && !route.servers.get(name)!.selector(target!.name))
      throw invalidParams(`Unknown tool: ${shown(told.name ?? '')}`, { id: message.id });
    if (method.scope === 'one server') permits.require(name, message, target?.name);
    const refusal = method.name === 'tools/call' ? await this.#guard(asked, session, name, message, target!.name) : undefined;
    if (refusal !== undefined) return asked.reply.json(200, resultBytes(message.id!, refusal));
    const paying = method.name === 'tools/call' ? this.#tolls.pass(asked, message, target!) : undefined;
    if (paying !== undefined) await paying;
    const body = edit(message, { params: target?.edits ?? [], meta: contextFor(asked, name) });
    return this.#ask(asked, session, name, message, body);
  }

  #guard(asked: Asked, session: Session, server: string, message: RpcMessage, tool: string): Promise<object | undefined> | undefined {
    const { book } = asked.route.servers.get(server)!;
    if (book === undefined) return undefined;
    return guardTool(asked, { server, tool, message, book }, async (gone) => {
      const ref = await this.#refOf(asked, session, server, gone);
      const call = ownCall(asked, serverOf(asked, server), this.#options.limits);
      return isModernVersion(ref.protocolVersion) ? modernTools(call, this.#modern.meta(session, server)) : { ...call, ...ref, meta: [] };
    });
  }

  /** Asks all servers of several that have what it takes; one that was away may have it. */
  async #askAll(asked: Asked, session: Session, message: RpcMessage, method: Method): Promise<void> {
    const bit = capabilityBit(method);
    const able = partsOf(asked, session).filter(
      ({ capabilities, protocolVersion }) => protocolVersion === '' || (capabilities & bit) === bit,
    );
    const { list } = method;
    if (list === undefined) return this.#setAll(asked, session, message, able);
    if (list === 'tasks') {
      const owner = ownerOfTasks(asked, session, message);
      return this.#ask(asked, session, owner, message, edit(message, { meta: contextFor(asked, owner) }));
    }
    const link = (name: string, gone?: SessionRef): Promise<Link> => this.#link(asked, session, name, message, gone);
    const bytes = await listAll(asked, message, {
      method: { ...method, list },
      servers: able.map(({ name }) => name),
      link,
      reopened: link,
      limits: this.#options.limits,
      keys: this.#options.keys(),
      finish: toLegacyResult,
    });
    asked.reply.json(200, bytes);
  }

  async #link(asked: Asked, session: Session, name: string, message: RpcMessage, gone: SessionRef | undefined): Promise<Link> {
    const ref = await this.#refOf(asked, session, name, gone);
    const headers = headersFor(serverOf(asked, name), asked.request.headers);
    if (!isModernVersion(ref.protocolVersion)) return { ...ref, headers };
    const meta = this.#modern.meta(session, name);
    return { ...ref, headers: [...headers, ...modernCall(edit(message, { meta })).headers], meta };
  }

  async #refOf(asked: Asked, session: Session, name: string, gone: SessionRef | undefined): Promise<PartRef> {
    return gone === undefined ? this.#sessions.of(asked, session, name) : this.#sessions.reopen(asked, session, name, gone);
  }

  /** A setting for all servers: it is made where one has taken it, and who has not is named. */
  async #setAll(asked: Asked, session: Session, message: RpcMessage, servers: readonly SessionServer[]): Promise<void> {
    if (servers.length === 0) throw unknownMethod(message.method!, 'legacy', message.id);
    const setting = servers.map(({ name }) => this.#calls.response(asked, session, name, message));
    const answers = await Promise.allSettled(setting);
    const missing = servers.flatMap(({ name }, index) => (isResult(answers[index]) ? [] : [name]));
    const [failed] = answers;
    if (missing.length < servers.length) {
      const partial = missing.length === 0 ? {} : { _meta: { [PARTIAL_META]: missing } };
      return asked.reply.json(200, resultBytes(message.id!, partial));
    }
    if (failed?.status === 'rejected') throw failureOf(failed.reason, servers[0]!.name, message.id);
    asked.reply.json(200, failed!.value.scan.bytes);
  }

  /** Asks one server, and hands on what it says until it has answered. */
  async #ask(asked: Asked, session: Session, name: string, message: RpcMessage, body: Buffer): Promise<void> {
    const { reply, told } = asked;
    told.server = name;
    if (await this.#calls.isModern(asked, session, name)) return this.#askModern(asked, session, name, message, body);
    const answer = await this.#calls.call(asked, session, name, body, (cursor) => this.#mark(asked, session, name, message, cursor));
    const isStream = isEventStream(answer.headers);
    let answered = false;
    try {
      for await (const { data, eventId } of answer.messages) {
        const said = toClient(asked, session, name, data, message, this.#options.keys());
        // As JSON there is room for the response alone.
        if (said === undefined || (!isStream && !said.isAnswer)) continue;
        if (said.isError) told.error = factsOf(data).code ?? 0;
        if (said.isAnswer) asked.toll?.answered(told.error);
        await this.#say(asked, session, name, said, isStream, eventId, message);
        answered = said.isAnswer;
        if (answered) break;
      }
      // A client that knows where it was asks for the rest.
      const isResumable = reply.begun && answer.cursor.lastEventId !== undefined;
      if (!answered && !isResumable) throw serverUnreachable(name, 'it ended its answer without a response', message.id);
    } catch (error) {
      if (!reply.begun || asked.signal.aborted) throw error;
      const failure = failureOf(error, name, message.id);
      told.error = failure.code;
      await reply.event(errorAnswer(message.id, failure));
    }
    if (isStream) reply.end();
  }

  /** What the modern era does not have any more is done here. @param body the request in the server's words */
  async #askModern(asked: Asked, session: Session, name: string, message: RpcMessage, body: Buffer): Promise<void> {
    const { method } = message;
    const done = (): void => asked.reply.json(200, resultBytes(message.id!, {}));
    if (method === 'logging/setLevel') {
      this.#modern.setLevel(session, message);
      return done();
    }
    if (method === 'resources/subscribe' || method === 'resources/unsubscribe') {
      await this.#modern.watch(session, name, readMessage(body));
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

  async #notified(asked: Asked, session: Session, message: RpcMessage): Promise<void> {
    const method = METHODS.get(message.method!);
    // What is refused as a request is not let through without an id.
    if (method?.kind === 'request') throw invalidRequest(`${method.name} is a request: it needs an id`);
    if (method?.from === 'server') throw invalidRequest(`${method.name} is for clients`);
    if (message.method === 'notifications/progress') await this.#progressed(asked, session, message);
    // Its servers were told when the session was opened.
    else if (message.method !== 'notifications/initialized') {
      const id = message.method === 'notifications/cancelled' ? paramsOf(message)?.slice('requestId')?.toString() : undefined;
      if (id !== undefined) this.#modern.cancel(session, id);
      await this.#tell(asked, session, [...asked.route.servers.keys()], message);
    }
    asked.reply.empty(202);
  }

  async #progressed(asked: Asked, session: Session, message: RpcMessage): Promise<void> {
    const token = paramsOf(message)?.string('progressToken');
    const place = { ...asked.place, session: sessionName(session) };
    const of = token === undefined ? undefined : openProgressToken(token, place, this.#options.keys());
    if (of === undefined) return;
    await this.#tell(asked, session, [of.server], message, { params: [{ set: 'progressToken', value: of.json }] });
  }

  /** What a server asked the client is answered. */
  async #answered(asked: Asked, session: Session, message: RpcMessage): Promise<void> {
    const id = message.scan.string('id');
    const of = id === undefined ? undefined : openRequestId(id, { ...asked.place, session: sessionName(session) }, this.#options.keys());
    if (of === undefined) throw invalidRequest('The response is to no request of this session');
    if (await this.#calls.isModern(asked, session, of.server)) {
      if (!this.#modern.answered(of.json, message)) throw invalidRequest('The request is not waited for any more');
      return asked.reply.empty(202);
    }
    await this.#tell(asked, session, [of.server], message, { id: of.json });
    asked.reply.empty(202);
  }

  /** Tells servers what has no response. @throws RpcError where none of them took it */
  async #tell(asked: Asked, session: Session, names: readonly string[], said: RpcMessage, changes: MessageEdit = {}): Promise<void> {
    const [only] = names;
    if (names.length === 1) asked.told.server = only!;
    const bodyAt = (name: string): Buffer => edit(said, { ...changes, meta: contextFor(asked, name) });
    const told = await Promise.allSettled(names.map((name) => this.#calls.tell(asked, session, name, bodyAt(name))));
    const failed = told.findIndex(({ status }) => status === 'rejected');
    if (failed < 0 || told.some((each) => each.status === 'fulfilled' && each.value)) return;
    const { code, message, httpStatus, headers } = failureOf((told[failed] as PromiseRejectedResult).reason, names[failed]!, undefined);
    throw new RpcError(code, message, { httpStatus: httpStatus === 200 ? 502 : httpStatus, headers });
  }
}

function isOpened(session: unknown): session is Awaited<ReturnType<Sessions['open']>> {
  return session !== undefined && !(session instanceof Error);
}

function partOf(name: string, session: unknown): SessionServer {
  if (!isOpened(session)) return absent(name);
  const { sessionId, protocolVersion } = session;
  return { name, sessionId, protocolVersion, capabilities: bitsOfServer(session) };
}

/** The first capability that a method needs, as sessions have it; 0: none. */
function capabilityBit({ capabilities: [path] }: Method): number {
  return path === undefined ? 0 : ((SERVER_CAPABILITIES as Readonly<Record<string, number>>)[path.join('.')] ?? 0);
}

/**
 * Whose task a request is about. Task ids do not say it, so of several servers only one may have tasks.
 * @throws RpcError -32601
 */
function ownerOfTasks(asked: Asked, session: Session, { method, id }: RpcMessage): string {
  const [owner, another] = partsOf(asked, session).filter(({ capabilities }) => (capabilities & SERVER_CAPABILITIES.tasks) !== 0);
  if (owner === undefined || another !== undefined) throw unknownMethod(method!, 'legacy', id);
  return owner.name;
}

/** What clients may count on where there are several servers. */
function capabilitiesOfSeveral(hellos: readonly { readonly capabilities: unknown }[], merged: unknown, isPartial: boolean): object {
  const { tasks, ...others } = merged as Readonly<Record<string, unknown>>;
  const owners = hellos.filter(({ capabilities }) => isObject(capabilities) && isObject(capabilities['tasks']));
  // A server that is away may have any of them, and the client hears when it joins.
  const lists = isPartial ? ['tools', 'prompts', 'resources'] : [];
  const joining = lists.map((name) => [name, { ...(isObject(others[name]) ? others[name] : {}), listChanged: true }]);
  return { ...others, ...Object.fromEntries(joining), ...(tasks !== undefined && owners.length === 1 && { tasks }) };
}

function isResult(answer: PromiseSettledResult<RpcMessage> | undefined): boolean {
  return answer?.status === 'fulfilled' && answer.value.scan.has('result');
}

function headersOf({ request }: Asked): { readonly lastEventId: string | undefined } {
  const value = request.headers['last-event-id'];
  return { lastEventId: typeof value === 'string' && value !== '' ? value : undefined };
}
