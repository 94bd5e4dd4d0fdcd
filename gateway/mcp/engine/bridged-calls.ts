import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { editObject } from '#core/json/edit';
import { scanObject } from '#core/json/scan';
import { rewriteResult } from '../names/rewrite.ts';
import { isEventStream } from '../upstream/answer.ts';
import { factsOf } from '../upstream/ask.ts';
import { callServer, type CallToll, type ServerAnswer } from '../upstream/call.ts';
import { ServerFailed } from '../upstream/failed.ts';
import { follow } from '../upstream/follow.ts';
import type { ServerMessage } from '../upstream/inbox.ts';
import type { ServerSession } from '../upstream/initialize.ts';
import { headersFor, type McpServer } from '../upstream/server.ts';
import type { Watch } from '../upstream/watch.ts';
import { CLIENT_CAPABILITIES_META, LOG_LEVEL_META } from '../wire/era.ts';
import { edit, errorBytes, metaOf, notificationBytes, paramsOf, resultBytes, type RpcMessage } from '../wire/message.ts';
import { METHODS } from '../wire/methods.ts';
import { internalError, invalidParams, METHOD_NOT_FOUND, RpcError, serverUnreachable } from '../wire/rpc-error.ts';
import { isLogged, message as messageIn, toModernError, toModernResult, WITHOUT_MODERN } from './adapt.ts';
import { type BridgedSessions, capabilitiesIn } from './bridged-sessions.ts';
import { type Overheard, OverheardSessions } from './overheard.ts';
import { type Asked, type EngineOptions, viewOf } from './parts.ts';
import { hasForgotten } from './server-calls.ts';
import { readServer } from './server-messages.ts';
import { serverOf } from './sessions.ts';
import { stateFor } from './states.ts';

/** Time that a call is held while the client answers what the server asked. */
const HOLD_MS = 300_000;
/** Calls that are held at once; the oldest one is given up first. */
const MOST_HELD = 1000;
const FAREWELL_MS = 5000;
const RETRY_MS = 1000;

/** Requests that may be answered with a question. @see https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr */
const MAY_ASK: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read']);

/** What the server of a held call wants to know. */
interface Question {
  /** JSON text of the id of the server's request. */
  readonly id: string;
  /** In `inputRequests`. */
  readonly key: string;
  readonly request: Buffer;
}

/** A call of a client of the modern era at a server of the legacy era. It may outlive the request that began it. */
interface Call {
  readonly name: string;
  readonly server: McpServer;
  readonly session: ServerSession;
  readonly headers: readonly string[];
  /** JSON text of its id at the server, and of its token for progress: several clients share the session. */
  readonly id: string;
  readonly controller: AbortController;
  readonly cursor: ServerAnswer['cursor'];
  readonly watch: Watch | undefined;
  /** What the server says of it elsewhere. Undefined: the client cannot be asked anything. */
  readonly overheard: Overheard | undefined;
  /** What was asked of `messages`, and is not there yet. */
  coming?: Coming | undefined;
  messages: AsyncIterator<ServerMessage, unknown, undefined>;
  questions: number;
}

interface Held {
  readonly call: Call;
  readonly question: Question;
  readonly timer: NodeJS.Timeout;
}

/** Calls of clients of the modern era at servers of the legacy era. */
export class BridgedCalls {
  readonly #options: EngineOptions;
  readonly #sessions: BridgedSessions;
  readonly #held = new Map<string, Held>();
  readonly #overheard = new OverheardSessions();

  constructor(options: EngineOptions, sessions: BridgedSessions) {
    this.#options = options;
    this.#sessions = sessions;
  }

  /**
   * Asks, and hands on what the server says until it has answered, or asks something itself.
   * @param body the request in the server's words
   * @throws RpcError, ServerFailed
   */
  async ask(asked: Asked, request: RpcMessage, name: string, body: Buffer): Promise<void> {
    const controller = new AbortController();
    const id = JSON.stringify(randomUUID());
    let session = await this.#sessions.of(asked, name, request);
    let overheard: Overheard | undefined;
    const send = async (): Promise<Call> => {
      overheard = await this.#listen(asked, request, name, session, id);
      return this.#send(asked, name, { session, id, controller, overheard, body: bodyFor(request, body, id) });
    };
    const detach = attach(asked, () =>
      this.#giveUp({ server: serverOf(asked, name), session, headers: headersAt(asked, name), id, controller, overheard }),
    );
    try {
      const call = await send().catch(async (error: unknown) => {
        overheard?.leave();
        if (!hasForgotten(error, session)) throw error;
        this.#sessions.forget(serverOf(asked, name), session);
        session = await this.#sessions.of(asked, name, request);
        return send();
      });
      await this.#relay(asked, request, call);
    } catch (error) {
      overheard?.leave();
      throw error;
    } finally {
      detach();
    }
  }

  /** Goes on with a call whose server asked the client. @param state what `requestState` said @throws RpcError, ServerFailed */
  async resume(asked: Asked, request: RpcMessage, state: string): Promise<void> {
    const held = this.#held.get(state);
    // Another replica holds it, or it was given up.
    if (held === undefined) throw invalidParams('The call that asked is not held here any more: begin it again', { id: request.id });
    const answer = answerTo(request, held.question.key);
    if (answer === undefined) return asked.reply.json(200, this.#questionBytes(asked, request, state, held));
    clearTimeout(held.timer);
    this.#held.delete(state);
    const { question } = held;
    const { server } = held.call;
    // The token that the call began with may have ended.
    const { token = server.token } = asked.route.servers.get(held.call.name)?.server ?? server;
    const call = { ...held.call, server: { ...server, token } };
    const detach = attach(asked, () => this.#giveUp(call));
    try {
      const said = Buffer.concat([Buffer.from(`{"jsonrpc":"2.0","id":${question.id},"result":`), answer, Buffer.from('}')]);
      await this.#tell(call, said, asked.toll);
      await this.#relay(asked, request, call);
    } catch (error) {
      call.overheard?.leave();
      throw error;
    } finally {
      detach();
    }
  }

  /** Gives up what is held. */
  close(): void {
    for (const state of this.#held.keys()) this.#drop(state);
    this.#overheard.close();
  }

  /** Where the client can be asked something, what the server says on the stream of the session is a part of the call. */
  async #listen(asked: Asked, request: RpcMessage, name: string, session: ServerSession, id: string): Promise<Overheard | undefined> {
    if (!MAY_ASK.has(request.method!) || !canBeAskedAny(request)) return undefined;
    const server = serverOf(asked, name);
    const headers = headersAt(asked, name);
    const { sessionId, protocolVersion } = session;
    const stream = { sessionId, protocolVersion, headers, headMs: 0, idleMs: 0, maxBytes: this.#options.limits.maxAnswerBytes };
    const isShared = asked.place.subject === '' && server.token === undefined;
    return this.#overheard.join({ server, session, stream, isShared, reply: (body) => this.#tell({ server, session, headers }, body) }, id);
  }

  async #send(
    asked: Asked,
    name: string,
    { session, id, controller, overheard, body }: Pick<Call, 'session' | 'id' | 'controller' | 'overheard'> & { readonly body: Buffer },
  ): Promise<Call> {
    const server = serverOf(asked, name);
    const headers = headersAt(asked, name);
    const { callMs: headMs, maxAnswerBytes: maxBytes } = this.#options.limits;
    const { sessionId, protocolVersion } = session;
    const watch = asked.operations?.at(name);
    const call = {
      method: 'POST',
      body,
      sessionId,
      protocolVersion,
      headers,
      headMs,
      idleMs: 0,
      maxBytes,
      watch,
      toll: asked.toll,
    } as const;
    const answer = await callServer(server, { ...call, signal: controller.signal });
    const { messages, cursor } = answer;
    if (isEventStream(answer.headers)) asked.reply.beginLater(this.#options.limits.heartbeatMs);
    return { name, server, session, headers, id, controller, cursor, watch, overheard, messages, questions: 0 };
  }

  async #relay(asked: Asked, request: RpcMessage, call: Call): Promise<void> {
    for (;;) {
      const said = await this.#next(call, request);
      if (said.kind === 'notification') {
        const bytes = notificationFor(request, call, said);
        if (bytes === undefined) continue;
        asked.reply.begin(this.#options.limits.heartbeatMs);
        await asked.reply.event(bytes);
      } else if (said.kind === 'request') {
        const question = await this.#questionOf(request, call, said);
        if (question === undefined) continue;
        return asked.reply.last(200, this.#hold(asked, request, call, question));
      } else if (said.id === undefined || said.id === call.id) {
        void call.messages.return?.();
        call.overheard?.leave();
        return answered(asked, request, call, said);
      }
    }
  }

  /** @throws RpcError where the server ends without a response, ServerFailed */
  async #next(call: Call, { id }: RpcMessage): Promise<RpcMessage> {
    const { overheard } = call;
    for (;;) {
      const heard = overheard?.take();
      if (heard !== undefined) return heard;
      call.coming ??= new Coming(call);
      if (overheard !== undefined && !call.coming.isHere) {
        await overheard.either(call.coming.next);
        if (!call.coming.isHere) continue;
      }
      const next = await call.coming.next;
      call.coming = undefined;
      if (next !== undefined && next.done !== true) return readServer(next.value.data);
      const { lastEventId, retryMs = RETRY_MS } = call.cursor;
      if (lastEventId === undefined) throw serverUnreachable(call.name, 'it ended its answer without a response', id);
      await sleep(retryMs, undefined, { signal: call.controller.signal }).catch(() => undefined);
      if (call.controller.signal.aborted) throw new ServerFailed('aborted', 'the call was given up');
      call.messages = this.#resumed(call, lastEventId, retryMs);
    }
  }

  #resumed({ server, session, headers, controller, watch }: Call, lastEventId: string, retryMs: number): Call['messages'] {
    const { callMs: headMs, maxAnswerBytes: maxBytes } = this.#options.limits;
    const { sessionId, protocolVersion } = session;
    return follow(server, {
      sessionId,
      protocolVersion,
      headers,
      lastEventId,
      retryMs,
      signal: controller.signal,
      headMs,
      idleMs: 0,
      maxBytes,
      watch,
    });
  }

  /** What the client is to be asked; undefined where the server has its answer at once. */
  async #questionOf(request: RpcMessage, call: Call, said: RpcMessage): Promise<Question | undefined> {
    const method = said.method!;
    if (method === 'ping') {
      await this.#tell(call, resultBytes(said.id!, {}));
      return undefined;
    }
    if (!MAY_ASK.has(request.method!) || !canBeAsked(request, method)) {
      const error = new RpcError(METHOD_NOT_FOUND, 'The client cannot be asked this');
      await this.#tell(call, errorBytes(said.id, error));
      return undefined;
    }
    const params = paramsOf(said);
    const given = params === undefined ? Buffer.from('{}') : editObject(params, [{ remove: '_meta' }]);
    call.questions++;
    const body = Buffer.concat([Buffer.from(`{"method":${JSON.stringify(method)},"params":`), given, Buffer.from('}')]);
    return { id: said.id!, key: `question-${call.questions}`, request: body };
  }

  #hold(asked: Asked, request: RpcMessage, call: Call, question: Question): Buffer {
    if (this.#held.size >= MOST_HELD) this.#drop(this.#held.keys().next().value!);
    const state = randomUUID();
    const held = { call, question, timer: setTimeout(() => this.#drop(state), HOLD_MS).unref() };
    this.#held.set(state, held);
    return this.#questionBytes(asked, request, state, held);
  }

  #questionBytes(asked: Asked, request: RpcMessage, state: string, { call, question }: Held): Buffer {
    asked.toll?.asks();
    const requestState = JSON.stringify(stateFor(asked, request, { server: call.name, state }, this.#options.keys()));
    const head = Buffer.from(`{"resultType":"input_required","inputRequests":{${JSON.stringify(question.key)}:`);
    return resultBytes(request.id!, Buffer.concat([head, question.request, Buffer.from(`},"requestState":${requestState}}`)]));
  }

  #drop(state: string): void {
    const held = this.#held.get(state);
    if (held === undefined) return;
    clearTimeout(held.timer);
    this.#held.delete(state);
    this.#giveUp(held.call);
  }

  /** A server of the legacy era goes on when nobody reads any more, unless it is told. */
  #giveUp(call: Pick<Call, 'server' | 'session' | 'headers' | 'id' | 'controller' | 'overheard'>): void {
    call.controller.abort();
    call.overheard?.leave();
    const params = Buffer.from(`{"requestId":${call.id},"reason":"the client has left"}`);
    void this.#tell(call, notificationBytes('notifications/cancelled', params)).catch(() => undefined);
  }

  async #tell({ server, session, headers }: Pick<Call, 'server' | 'session' | 'headers'>, body: Buffer, toll?: CallToll): Promise<void> {
    const limits = { toll, headMs: FAREWELL_MS, idleMs: FAREWELL_MS, maxBytes: 64 * 1024, signal: AbortSignal.timeout(FAREWELL_MS) };
    const { sessionId, protocolVersion } = session;
    const { messages } = await callServer(server, { method: 'POST', body, sessionId, protocolVersion, headers, ...limits });
    await messages.return();
  }
}

function headersAt(asked: Asked, name: string): readonly string[] {
  return headersFor(serverOf(asked, name), asked.request.headers);
}

/** Until it is detached, the client's leaving ends the call. */
function attach({ signal }: Asked, end: () => void): () => void {
  if (signal.aborted) end();
  else signal.addEventListener('abort', end, { once: true });
  return () => signal.removeEventListener('abort', end);
}

function bodyFor(request: RpcMessage, body: Buffer, id: string): Buffer {
  const hasToken = metaOf(request)?.has('progressToken') === true;
  return edit(messageIn(body), { id, meta: [...WITHOUT_MODERN, ...(hasToken ? [{ set: 'progressToken', value: id }] : [])] });
}

/** @throws RpcError -32602 where the answer is no object */
function answerTo(request: RpcMessage, key: string): Buffer | undefined {
  const params = paramsOf(request);
  if (params?.has('inputResponses') !== true) return undefined;
  const refuse = (what: string): RpcError => invalidParams(`Invalid params: ${what} must be an object`, { id: request.id });
  if (params.type('inputResponses') !== 'object') throw refuse('inputResponses');
  const responses = scanObject(params.slice('inputResponses')!, { maxDepth: params.maxDepth });
  if (!responses.has(key)) return undefined;
  if (responses.type(key) !== 'object') throw refuse(`inputResponses.${key}`);
  return responses.slice(key);
}

/** The next message of an answer, which may come while something else is done. */
class Coming {
  /** Undefined: the stream broke off where it can be taken up again. */
  readonly next: Promise<IteratorResult<ServerMessage, unknown> | undefined>;
  isHere = false;

  constructor({ messages, cursor }: Call) {
    this.next = messages.next().catch((error: unknown) => {
      if (error instanceof ServerFailed && error.kind === 'reset' && cursor.lastEventId !== undefined) return undefined;
      throw error;
    });
    const here = (): void => void (this.isHere = true);
    this.next.then(here, here);
  }
}

/** Whether the client said that it can be asked anything. */
function canBeAskedAny(request: RpcMessage): boolean {
  return Object.keys(capabilitiesIn(request)).length > 0;
}

/** Whether the client said that it can be asked this. */
function canBeAsked(request: RpcMessage, method: string): boolean {
  const capabilities = metaOf(request)?.parse(CLIENT_CAPABILITIES_META);
  const known = METHODS.get(method);
  if (known?.from !== 'server' || known.kind !== 'request') return false;
  return known.capabilities.some(([name]) => Object.hasOwn(capabilities as object, name!));
}

/** Undefined for what is none of this request's: servers of the legacy era say on any stream what they have to say. */
function notificationFor(request: RpcMessage, call: Call, said: RpcMessage): Buffer | undefined {
  const meta = metaOf(request);
  if (said.method === 'notifications/progress') {
    const token = paramsOf(said)?.slice('progressToken')?.toString();
    const own = meta?.slice('progressToken');
    return token === call.id && own !== undefined ? edit(said, { params: [{ set: 'progressToken', value: own }] }) : undefined;
  }
  if (said.method === 'notifications/message')
    return isLogged(meta?.string(LOG_LEVEL_META), paramsOf(said)?.string('level')) ? said.scan.bytes : undefined;
  return METHODS.has(said.method!) ? undefined : said.scan.bytes;
}

function answered(asked: Asked, request: RpcMessage, { name }: Call, said: RpcMessage): Promise<void> {
  const id = request.id!;
  const error = said.scan.slice('error');
  if (error !== undefined) {
    asked.told.error = factsOf(said.scan.bytes).code ?? 0;
    asked.toll?.answered(asked.told.error);
    const status = scanObject(error, { maxDepth: 256 }).number('code') === METHOD_NOT_FOUND ? 404 : 200;
    const changed = toModernError(request.method!, error);
    return asked.reply.last(status, Buffer.concat([Buffer.from(`{"jsonrpc":"2.0","id":${id},"error":`), changed, Buffer.from('}')]));
  }
  const result = said.scan.slice('result');
  if (result === undefined) throw internalError('The server gave no result', id);
  asked.toll?.answered(undefined);
  const { bytes } = rewriteResult(request.method!, result, viewOf(asked, name, request.method!));
  return asked.reply.last(200, resultBytes(id, toModernResult(request.method!, bytes)));
}
