import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';

import type { Edit } from '#core/json/edit';
import { type JsonObjectScan, scanObject } from '#core/json/scan';
import { rewriteResult } from '../names/rewrite.ts';
import { CLIENT_CAPABILITIES, capabilitiesOf, SERVER_CAPABILITIES } from '../sealed/capabilities.ts';
import { sealRequestId } from '../sealed/ids.ts';
import { type Session, sessionName, type SessionServer } from '../sealed/session.ts';
import { ParameterSchemas } from '../tools/parameter-schemas.ts';
import { toolsOf } from '../tools/read.ts';
import { isEventStream } from '../upstream/answer.ts';
import { factsOf } from '../upstream/ask.ts';
import { callServer } from '../upstream/call.ts';
import { ServerFailed } from '../upstream/failed.ts';
import type { ServerMessage } from '../upstream/inbox.ts';
import { headersFor } from '../upstream/server.ts';
import { edit, metaOf, paramsOf, requestBytes, resultBytes, type RpcMessage } from '../wire/message.ts';
import { METHODS } from '../wire/methods.ts';
import { HEADER_MISMATCH, invalidParams, METHOD_NOT_FOUND, RpcError, serverUnreachable, unacceptableAnswer } from '../wire/rpc-error.ts';
import { inputRequired, LEVELS, message as messageIn, modernCall, modernMeta, modernTools, toLegacyResult } from './adapt.ts';
import { listenAt, SUBSCRIPTION_META } from './listen.ts';
import { type Asked, contextFor, type EngineOptions, notificationFor, viewOf } from './parts.ts';
import { challengeOf } from './server-calls.ts';
import { errorAnswer, failureOf, readServer, refusalOf } from './server-messages.ts';
import { parameterHeaders } from './parameter-headers.ts';
import { ownCall, serverOf } from './sessions.ts';

/** Sessions of which something is remembered; the oldest one is forgotten first. */
const MOST_SESSIONS = 10_000;
/** Times that a server may ask the client for more in one call. */
const MOST_ROUNDS = 16;
/** Resources of a server that a session may be subscribed to. */
const MOST_WATCHED = 1000;
/** Time for the client to answer. */
const ANSWER_MS = 300_000;
/** Time for a stream to be opened with what a client has subscribed to. */
const RESTART_MS = 2000;
/** Of the log that a client gets which has not said what it wants. */
const UNASKED_LEVEL = 'info';
const BASE_MS = 1000;
const MOST_MS = 30_000;

const { tasks, 'tasks.list': list, 'tasks.cancel': cancel, ...OTHERS } = CLIENT_CAPABILITIES;
const NO_TASKS = ~(tasks | list | cancel | OTHERS['tasks.requests.sampling.createMessage'] | OTHERS['tasks.requests.elicitation.create']);

/** What this replica knows of a session that no server keeps. */
interface Memory {
  logLevel: string | undefined;
  /** URIs in the server's words, by server. */
  readonly watched: Map<string, Set<string>>;
  /** Opens the stream of a server anew, by server; resolved when it listens. */
  readonly restarts: Map<string, () => Promise<void>>;
}

interface Answer {
  readonly result: Buffer | undefined;
  readonly error: JsonObjectScan | undefined;
}

/**
 * Servers of the modern era for clients of the legacy era: what the client said once goes along with each request, and what the server asks in
 * its results becomes requests to the client. The client's answers, its log level and its subscriptions have to come to this replica.
 */
export class ModernServers {
  readonly #options: EngineOptions;
  readonly #memories = new Map<string, Memory>();
  readonly #schemas = new ParameterSchemas();
  /** Requests under way, by session and the client's id. */
  readonly #running = new Map<string, AbortController>();
  /** What clients were asked, by the id that the gateway gave it. */
  readonly #questions = new Map<string, (answer: Answer) => void>();

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  /** Changes of `_meta` that say what the server would know of the session. */
  meta(session: Session, server: string): readonly Edit[] {
    const part = session.servers.find(({ name }) => name === server);
    // Servers of the legacy era log unless they are told otherwise, and clients of it wait for that.
    const unasked = ((part?.capabilities ?? 0) & SERVER_CAPABILITIES.logging) === 0 ? undefined : UNASKED_LEVEL;
    return modernMeta({
      capabilities: JSON.stringify(capabilitiesOf(session.clientCapabilities & NO_TASKS, CLIENT_CAPABILITIES)),
      clientInfo: JSON.stringify(this.#options.serverInfo),
      logLevel: this.#memories.get(session.id)?.logLevel ?? unasked,
    });
  }

  /** @param request `logging/setLevel` @throws RpcError -32602 */
  setLevel(session: Session, request: RpcMessage): void {
    const level = paramsOf(request)?.string('level');
    if (level === undefined || !LEVELS.includes(level)) throw invalidParams('Invalid params: level is none of MCP', { id: request.id });
    this.#memoryOf(session).logLevel = level;
  }

  /** @param request `resources/subscribe` or `unsubscribe` in the server's words @throws RpcError -32602 */
  async watch(session: Session, server: string, request: RpcMessage): Promise<void> {
    const { id } = request;
    const uri = paramsOf(request)?.string('uri') ?? '';
    const isWatched = request.method === 'resources/subscribe';
    const { watched, restarts } = this.#memoryOf(session);
    const uris = watched.get(server) ?? new Set();
    watched.set(server, uris);
    if (uris.has(uri) === isWatched) return;
    if (isWatched && uris.size >= MOST_WATCHED)
      throw invalidParams(`A session is subscribed to ${MOST_WATCHED} resources of a server at most`, { id });
    if (isWatched) uris.add(uri);
    else uris.delete(uri);
    await restarts.get(server)?.();
  }

  /** The client does not want the answer any more. @param id JSON text */
  cancel(session: Session, id: string): void {
    this.#running.get(`${session.id} ${id}`)?.abort();
  }

  forget(session: Session): void {
    this.#memories.delete(session.id);
  }

  /** @param json text of the id that the gateway gave the request @returns whether it is waited for here */
  answered(json: string, response: RpcMessage): boolean {
    const take = this.#questions.get(json);
    const error = response.scan.slice('error');
    take?.({ result: response.scan.slice('result'), error: error && scanObject(error, { maxDepth: 256 }) });
    return take !== undefined;
  }

  /** @param body the request in the server's words @throws RpcError, ServerFailed */
  async ask(asked: Asked, session: Session, name: string, request: RpcMessage, body: Buffer): Promise<void> {
    const running = new AbortController();
    const key = `${session.id} ${request.id}`;
    this.#running.set(key, running);
    const signal = AbortSignal.any([asked.signal, running.signal]);
    try {
      await this.#rounds(asked, session, name, request, edit(messageIn(body), { meta: this.meta(session, name) }), signal);
    } catch (error) {
      // Who cancels gets no response.
      if (running.signal.aborted && !asked.signal.aborted) {
        asked.reply.begin(0);
        return asked.reply.end();
      }
      const own = refusalOf(error, request);
      // A challenge is for the client, with its status.
      const isChallenge = !asked.reply.begun && error instanceof ServerFailed && challengeOf(asked, error) !== undefined;
      if (own !== undefined && !isChallenge) {
        asked.told.error = factsOf(own).code ?? 0;
        return await asked.reply.last(200, own);
      }
      if (!asked.reply.begun || asked.signal.aborted) throw error;
      const failure = failureOf(error, name, request.id);
      asked.told.error = failure.code;
      await asked.reply.last(200, errorAnswer(request.id, failure));
    } finally {
      if (this.#running.get(key) === running) this.#running.delete(key);
    }
  }

  /** Asks; with other headers of parameters where the server wants them by now. @param headers of parameters; changed in place */
  async #calling(
    asked: Asked,
    session: Session,
    name: string,
    request: RpcMessage,
    body: Buffer,
    signal: AbortSignal,
    headers: Record<string, string>,
  ): Promise<RpcMessage> {
    try {
      return await this.#call(asked, name, request, body, signal, headers);
    } catch (error) {
      const isMismatch = error instanceof ServerFailed && error.rpcError !== undefined && factsOf(error.rpcError).code === HEADER_MISMATCH;
      if (!isMismatch || request.method !== 'tools/call') throw error;
      this.#schemas.forget(serverOf(asked, name));
      const wanted = await this.#parameterHeaders(asked, session, name, body);
      if (isDeepStrictEqual(wanted, headers)) throw error;
      Object.assign(headers, wanted);
      return this.#call(asked, name, request, body, signal, headers);
    }
  }

  /** The headers that a tool wants of its arguments. @param body `tools/call` in the server's words */
  async #parameterHeaders(asked: Asked, session: Session, name: string, body: Buffer): Promise<Record<string, string>> {
    const server = serverOf(asked, name);
    const params = paramsOf(messageIn(body));
    const schema = await this.#schemas.of(server, params?.string('name') ?? '', () =>
      toolsOf(server, modernTools(ownCall(asked, server, this.#options.limits), this.meta(session, name))),
    );
    return schema === undefined ? {} : parameterHeaders(schema, params?.parse('arguments'));
  }

  async #rounds(asked: Asked, session: Session, name: string, request: RpcMessage, body: Buffer, signal: AbortSignal): Promise<void> {
    let sent = body;
    const headers = request.method === 'tools/call' ? await this.#parameterHeaders(asked, session, name, body) : {};
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const said = await this.#calling(asked, session, name, request, sent, signal, headers);
      const result = said.scan.slice('result');
      if (result === undefined) {
        asked.told.error = factsOf(said.scan.bytes).code ?? 0;
        asked.toll?.answered(asked.told.error);
        return asked.reply.last(200, said.id === request.id ? said.scan.bytes : edit(said, { id: request.id! }));
      }
      const scan = scanObject(result, { maxDepth: 256 });
      const needed = inputRequired(scan);
      if (needed === undefined) {
        asked.toll?.answered(undefined);
        const { bytes } = rewriteResult(request.method!, result, viewOf(asked, name, request.method!));
        return asked.reply.last(200, resultBytes(request.id!, toLegacyResult(bytes)));
      }
      asked.toll?.asks();
      const inputResponses = await this.#gather(asked, session, name, scan, signal);
      const { requestState } = needed;
      asked.operations?.again(name);
      sent = edit(messageIn(body), {
        // Each round is a request of its own.
        id: JSON.stringify(randomUUID()),
        meta: contextFor(asked, name),
        params: [
          { set: 'inputResponses', value: inputResponses },
          ...(requestState === undefined ? [] : [{ set: 'requestState', value: JSON.stringify(requestState) }]),
        ],
      });
    }
    throw serverUnreachable(name, 'it asks for more without end', request.id);
  }

  async #call(
    asked: Asked,
    name: string,
    request: RpcMessage,
    body: Buffer,
    signal: AbortSignal,
    kept: Readonly<Record<string, string>>,
  ): Promise<RpcMessage> {
    const server = serverOf(asked, name);
    const { callMs: headMs, maxAnswerBytes: maxBytes, heartbeatMs } = this.#options.limits;
    const { id, protocolVersion, headers } = modernCall(body, kept);
    const watch = asked.operations?.at(name);
    const call = { method: 'POST', body, protocolVersion, headMs, idleMs: 0, maxBytes, signal, watch, toll: asked.toll } as const;
    const answer = await callServer(server, { ...call, headers: [...headersFor(server, asked.request.headers), ...headers] });
    if (isEventStream(answer.headers)) asked.reply.beginLater(heartbeatMs);
    for await (const { data } of answer.messages) {
      const said = readServer(data);
      if (said.kind === 'request') throw unacceptableAnswer(name, 'a request, which its revision does not have');
      if (said.kind === 'response') {
        if (said.id === undefined || said.id === id) return said;
        continue;
      }
      const bytes = notificationFor(asked, name, said);
      if (bytes === undefined) continue;
      asked.reply.begin(heartbeatMs);
      await asked.reply.event(bytes);
    }
    throw serverUnreachable(name, 'it ended its answer without a response', request.id);
  }

  /** Asks the client all that the server wants to know. @returns `inputResponses` @throws RpcError where the client answers with an error */
  async #gather(asked: Asked, session: Session, name: string, result: JsonObjectScan, signal: AbortSignal): Promise<Buffer> {
    if (result.type('inputRequests') !== 'object') return Buffer.from('{}');
    const requests = scanObject(result.slice('inputRequests')!, { maxDepth: 256 });
    const answers = await Promise.all(
      requests.members.map(async ({ name: key }) => {
        const answer = await this.#question(asked, session, name, requests.slice(key)!, signal);
        return Buffer.concat([Buffer.from(`${JSON.stringify(key)}:`), answer]);
      }),
    );
    const pieces = answers.flatMap((answer, index) => (index === 0 ? [answer] : [Buffer.from(','), answer]));
    return Buffer.concat([Buffer.from('{'), ...pieces, Buffer.from('}')]);
  }

  async #question(asked: Asked, session: Session, name: string, request: Buffer, signal: AbortSignal): Promise<Buffer> {
    const scan = scanObject(request, { maxDepth: 256 });
    const method = scan.string('method') ?? '';
    const known = METHODS.get(method);
    if (known?.from !== 'server' || known.kind !== 'request') throw unacceptableAnswer(name, 'an input request that no client knows');
    const bit = (CLIENT_CAPABILITIES as Readonly<Record<string, number>>)[known.capabilities[0]![0]!]!;
    if ((session.clientCapabilities & bit) === 0)
      throw unacceptableAnswer(name, `an input request ${method}, which the client cannot answer`);
    const own = JSON.stringify(randomUUID());
    const place = { ...asked.place, session: sessionName(session) };
    const id = sealRequestId({ server: name, json: own }, place, this.#options.keys());
    const answering = this.#answerTo(own, signal);
    asked.reply.begin(this.#options.limits.heartbeatMs);
    await asked.reply.event(requestBytes(JSON.stringify(id), method, scan.slice('params')));
    const { result, error } = await answering;
    if (result !== undefined) return result;
    // A user who was not asked has not answered.
    if (method === 'elicitation/create') return Buffer.from('{"action":"cancel"}');
    throw new RpcError(error?.number('code') ?? METHOD_NOT_FOUND, error?.string('message') ?? 'The client gave no answer');
  }

  #answerTo(id: string, signal: AbortSignal): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const settle = (then: () => void): void => {
        this.#questions.delete(id);
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        then();
      };
      const fail = (kind: 'aborted' | 'timeout', why: string) => (): void => settle(() => reject(new ServerFailed(kind, why)));
      const onAbort = fail('aborted', 'the call was given up');
      const timer = setTimeout(fail('timeout', `the client did not answer the server within ${ANSWER_MS} ms`), ANSWER_MS).unref();
      this.#questions.set(id, (answer) => settle(() => resolve(answer)));
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** What a server says by itself, until the signal. */
  async *stream(
    asked: Asked,
    session: Session,
    { name, capabilities }: Pick<SessionServer, 'name' | 'capabilities'>,
    left: AbortSignal,
  ): AsyncGenerator<ServerMessage, void, undefined> {
    const { watched, restarts } = this.#memoryOf(session);
    const { limits } = this.#options;
    let fruitless = 0;
    let restart = new AbortController();
    let listening = Promise.withResolvers<void>();
    restarts.set(name, () => {
      listening = Promise.withResolvers();
      restart.abort();
      return Promise.race([listening.promise, sleep(RESTART_MS, undefined, { ref: false })]);
    });
    try {
      while (!left.aborted) {
        restart = new AbortController();
        const signal = AbortSignal.any([left, restart.signal]);
        const params = { notifications: filterFor(capabilities, [...(watched.get(name) ?? [])]) };
        const body = edit(messageIn(requestBytes(JSON.stringify(randomUUID()), 'subscriptions/listen', params)), {
          meta: this.meta(session, name),
        });
        try {
          for await (const said of listenAt(asked, name, body, signal, limits)) {
            fruitless = 0;
            if (said.method === 'notifications/subscriptions/acknowledged') listening.resolve();
            else yield { data: metaOf(said) === undefined ? said.scan.bytes : edit(said, { meta: [{ remove: SUBSCRIPTION_META }] }) };
          }
        } catch (error) {
          if (!(error instanceof ServerFailed)) throw error;
          // It has nothing to say by itself.
          if (error.kind === 'refused' || error.rpcError !== undefined) return;
        }
        fruitless++;
        if (!restart.signal.aborted) await sleep(Math.min(MOST_MS, BASE_MS * 2 ** fruitless), undefined, { signal }).catch(() => undefined);
      }
    } finally {
      restarts.delete(name);
    }
  }

  #memoryOf({ id }: Session): Memory {
    const known = this.#memories.get(id);
    if (known !== undefined) return known;
    if (this.#memories.size >= MOST_SESSIONS) this.#memories.delete(this.#memories.keys().next().value!);
    const memory: Memory = { logLevel: undefined, watched: new Map(), restarts: new Map() };
    this.#memories.set(id, memory);
    return memory;
  }
}

function filterFor(capabilities: number, uris: readonly string[]): object {
  const has = (path: keyof typeof SERVER_CAPABILITIES): boolean => (capabilities & SERVER_CAPABILITIES[path]) !== 0;
  return {
    ...(has('tools.listChanged') && { toolsListChanged: true }),
    ...(has('prompts.listChanged') && { promptsListChanged: true }),
    ...(has('resources.listChanged') && { resourcesListChanged: true }),
    ...(uris.length > 0 && { resourceSubscriptions: uris }),
  };
}
