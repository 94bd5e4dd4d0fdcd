import { randomUUID } from 'node:crypto';

import { editObject, type Edit } from '#core/json/edit';
import { scanObject } from '#core/json/scan';
import { targetOf } from '../names/request.ts';
import { mergeDiscover, type ServerHello } from '../names/merge.ts';
import { rewriteResult } from '../names/rewrite.ts';
import { isEventStream } from '../upstream/answer.ts';
import { factsOf } from '../upstream/ask.ts';
import { callServer } from '../upstream/call.ts';
import { discover } from '../upstream/discover.ts';
import { EraMemory } from '../upstream/era.ts';
import { ServerFailed } from '../upstream/failed.ts';
import type { SessionRef } from '../upstream/initialize.ts';
import { headersFor } from '../upstream/server.ts';
import { CLIENT_CAPABILITIES_META, CLIENT_INFO_META, checkModernHeaders } from '../wire/era.ts';
import { edit, metaOf, paramsOf, resultBytes, type RpcMessage } from '../wire/message.ts';
import { type Method, methodOf, METHODS } from '../wire/methods.ts';
import { invalidParams, serverUnreachable, shown, unacceptableAnswer, unknownMethod } from '../wire/rpc-error.ts';
import { isModernVersion, SUPPORTED_VERSIONS } from '../wire/versions.ts';
import {
  inputRequired,
  message as messageIn,
  modernCall,
  modernMeta,
  modernTools,
  toModernResult,
  toPrivate,
  WITHOUT_MODERN,
} from './adapt.ts';
import { BridgedCalls } from './bridged-calls.ts';
import { BridgedSessions } from './bridged-sessions.ts';
import { listAll, type Link } from './lists.ts';
import { listenAll } from './listen.ts';
import { type Asked, type EngineOptions, notificationFor, viewOf } from './parts.ts';
import { errorAnswer, failureOf, readServer } from './server-messages.ts';
import { fanOut, ownCall, serverOf } from './sessions.ts';
import { stateFor, stateIn } from './states.ts';
import { guardTool } from './tool-guard.ts';

/** How long a description of legacy servers may be kept, in ms: they do not say, and tell of changes on a stream alone. */
const LEGACY_TTL_MS = 60_000;

type Kept = Readonly<Record<string, string>>;

/** The revision without sessions: 2026-07-28. Servers of the legacy era are bridged to. */
export class ModernEra {
  readonly #options: EngineOptions;
  readonly #eras = new EraMemory();
  readonly #sessions: BridgedSessions;
  readonly #calls: BridgedCalls;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#sessions = new BridgedSessions(options);
    this.#calls = new BridgedCalls(options, this.#sessions);
  }

  /** @throws RpcError, ServerFailed */
  async post(asked: Asked, message: RpcMessage): Promise<void> {
    const { kept } = checkModernHeaders(asked.request.headers, message);
    const names = [...asked.route.servers.keys()];
    const isAlone = asked.route.naming.kind === 'passthrough';
    const method = methodOf(message, { from: 'client', era: 'modern', hasOneServer: isAlone });
    if (message.kind === 'notification') {
      // A client cancels by closing its stream, and there is nothing else to tell that is known.
      if (method === undefined) await this.#notify(asked, names[0]!, message, kept);
      return asked.reply.empty(202);
    }
    try {
      await this.#requested(asked, names, message, method, kept);
    } catch (error) {
      if (!asked.reply.begun || asked.signal.aborted) throw error;
      const failure = failureOf(error, asked.told.server ?? '', message.id);
      asked.told.error = failure.code;
      await asked.reply.last(200, errorAnswer(message.id, failure));
    }
  }

  async close(): Promise<void> {
    this.#calls.close();
    await this.#sessions.close();
  }

  async #requested(asked: Asked, names: readonly string[], message: RpcMessage, method: Method | undefined, kept: Kept): Promise<void> {
    const { route, told, permits } = asked;
    const isAlone = route.naming.kind === 'passthrough';
    const [only] = names;
    if (method === undefined) {
      permits.require(only!, message, undefined);
      return this.#ask(asked, only!, message, message.scan.bytes, kept);
    }
    switch (method.name) {
      case 'server/discover':
        return this.#discover(asked, names, message, kept);
      case 'subscriptions/listen':
        return listenAll(asked, message, {
          options: this.#options,
          sessions: this.#sessions,
          isModern: (name) => this.#isModern(asked, name),
        });
      default:
    }
    if (method.list !== undefined && !isAlone) return this.#list(asked, names, message, method);
    const target = targetOf(message, method, route.naming);
    // A task's id does not say whose it is.
    if (target === undefined && !isAlone) throw unknownMethod(method.name, 'modern', message.id);
    const name = target?.server ?? only!;
    told.name = paramsOf(message)?.string('name') ?? paramsOf(message)?.string('uri');
    if (method.name === 'tools/call' && !route.servers.get(name)!.selector(target!.name))
      throw invalidParams(`Unknown tool: ${shown(told.name ?? '')}`, { id: message.id });
    if (method.scope === 'one server') permits.require(name, message, target?.name);
    const refusal = method.name === 'tools/call' ? await this.#guard(asked, name, message, target!.name) : undefined;
    if (refusal !== undefined) return asked.reply.json(200, resultBytes(message.id!, { ...refusal, resultType: 'complete' }));
    return this.#ask(asked, name, message, edit(message, { params: target?.edits ?? [] }), kept);
  }

  #guard(asked: Asked, server: string, message: RpcMessage, tool: string): Promise<object | undefined> | undefined {
    const { book } = asked.route.servers.get(server)!;
    if (book === undefined) return undefined;
    return guardTool(asked, { server, tool, message, book }, async (gone) => {
      const target = serverOf(asked, server);
      const call = ownCall(asked, target, this.#options.limits);
      if (await this.#isModern(asked, server)) {
        const meta = metaOf(message)!;
        const capabilities = meta.slice(CLIENT_CAPABILITIES_META)!.toString();
        const clientInfo = JSON.stringify(this.#options.serverInfo);
        return modernTools(call, modernMeta({ capabilities, clientInfo, logLevel: undefined }));
      }
      if (gone !== undefined) this.#sessions.forget(target, gone);
      const { sessionId, protocolVersion } = await this.#sessions.of(asked, server, message);
      return { ...call, sessionId, protocolVersion, meta: [] };
    });
  }

  /** @param body the request in the server's words */
  async #ask(asked: Asked, name: string, message: RpcMessage, body: Buffer, kept: Kept): Promise<void> {
    asked.told.server = name;
    const state = stateIn(asked, message, name, this.#options.keys());
    if (await this.#isModern(asked, name)) {
      const edits: Edit[] = state === undefined ? [] : [stateEdit(state.state)];
      return this.#askModern(asked, name, message, edit(messageIn(body), { params: edits }), kept);
    }
    // A task belongs to a session, which clients of this era do not have.
    if (METHODS.get(message.method!)?.subject === 'params.taskId') throw unknownMethod(message.method!, 'modern', message.id);
    if (state !== undefined) return this.#calls.resume(asked, message, state.state ?? '');
    return this.#calls.ask(asked, message, name, body);
  }

  async #askModern(asked: Asked, name: string, message: RpcMessage, body: Buffer, kept: Kept): Promise<void> {
    const { reply } = asked;
    const { heartbeatMs } = this.#options.limits;
    const answer = await this.#call(asked, name, body, kept);
    if (isEventStream(answer.headers)) reply.beginLater(heartbeatMs);
    for await (const { data } of answer.messages) {
      const said = readServer(data);
      if (said.kind === 'request') throw unacceptableAnswer(name, 'a request, which this revision does not have');
      if (said.kind === 'notification') {
        const bytes = notificationFor(asked, name, said);
        if (bytes === undefined) continue;
        reply.begin(heartbeatMs);
        await reply.event(bytes);
      } else if (said.id === undefined || said.id === message.id)
        return reply.last(answer.status, this.#answer(asked, name, message, said));
    }
    throw serverUnreachable(name, 'it ended its answer without a response', message.id);
  }

  #answer(asked: Asked, name: string, message: RpcMessage, said: RpcMessage): Buffer {
    const result = said.scan.slice('result');
    if (result === undefined) {
      asked.told.error = factsOf(said.scan.bytes).code ?? 0;
      return said.scan.bytes;
    }
    const rewritten = rewriteResult(message.method!, result, viewOf(asked, name, message.method!));
    let bytes = ownFor(asked, message.method!, rewritten.bytes);
    const state = inputRequired(scanObject(bytes, { maxDepth: 256 }))?.requestState;
    if (state !== undefined) {
      const sealed = stateFor(asked, message, { server: name, state }, this.#options.keys());
      bytes = editObject(scanObject(bytes, { maxDepth: 256 }), [stateEdit(sealed)]);
    }
    if (message.method === 'server/discover')
      bytes = editObject(scanObject(bytes, { maxDepth: 256 }), [{ set: 'supportedVersions', value: JSON.stringify(SUPPORTED_VERSIONS) }]);
    return bytes === result ? said.scan.bytes : resultBytes(message.id!, bytes);
  }

  #call(asked: Asked, name: string, body: Buffer, kept: Kept) {
    const server = serverOf(asked, name);
    const { protocolVersion, headers } = modernCall(body, kept);
    const { callMs: headMs, maxAnswerBytes: maxBytes } = this.#options.limits;
    const call = { method: 'POST', body, protocolVersion, headMs, idleMs: 0, maxBytes, signal: asked.signal } as const;
    return callServer(server, { ...call, headers: [...headersFor(server, asked.request.headers), ...headers] }).catch((error: unknown) => {
      // A modern server says with its refusals that it is one: this is another one by now.
      if (error instanceof ServerFailed && error.kind === 'status' && error.rpcError === undefined) this.#eras.forget(server);
      throw error;
    });
  }

  async #notify(asked: Asked, name: string, message: RpcMessage, kept: Kept): Promise<void> {
    if (!(await this.#isModern(asked, name))) return;
    const { messages } = await this.#call(asked, name, message.scan.bytes, kept);
    await messages.return();
  }

  async #list(asked: Asked, names: readonly string[], message: RpcMessage, method: Method): Promise<void> {
    const { list } = method;
    const reopened = (name: string, gone: SessionRef): Promise<Link> => {
      this.#sessions.forget(serverOf(asked, name), gone);
      return this.#link(asked, name, message);
    };
    const bytes = await listAll(asked, message, {
      method: { ...method, list: list! },
      servers: names,
      link: (name) => this.#link(asked, name, message),
      reopened,
      limits: this.#options.limits,
      keys: this.#options.keys(),
      finish: (result) => ownFor(asked, method.name, toModernResult(method.name, result)),
    });
    asked.reply.json(200, bytes);
  }

  async #link(asked: Asked, name: string, message: RpcMessage): Promise<Link> {
    const server = serverOf(asked, name);
    const headers = headersFor(server, asked.request.headers);
    if (await this.#isModern(asked, name)) {
      const call = modernCall(message.scan.bytes);
      return { sessionId: undefined, protocolVersion: call.protocolVersion, headers: [...headers, ...call.headers] };
    }
    const session = await this.#sessions.of(asked, name, message);
    const { sessionId, protocolVersion } = session;
    return {
      sessionId,
      protocolVersion,
      headers,
      meta: WITHOUT_MODERN,
      id: JSON.stringify(randomUUID()),
    };
  }

  async #discover(asked: Asked, names: readonly string[], message: RpcMessage, kept: Kept): Promise<void> {
    const [only] = names;
    if (asked.route.naming.kind === 'passthrough' && (await this.#isModern(asked, only!))) {
      asked.told.server = only!;
      return this.#askModern(asked, only!, message, message.scan.bytes, kept);
    }
    const said = await Promise.all(names.map((name) => this.#hello(asked, name, message).catch((error: unknown) => error as Error)));
    const hellos = said.filter((each): each is Hello => !(each instanceof Error));
    const [failed] = said;
    if (hellos.length === 0) throw failureOf(failed, only!, message.id);
    const missing = names.filter((_, index) => said[index] instanceof Error);
    const ttlMs = Math.min(...hellos.map((hello) => hello.ttlMs));
    const [first] = hellos;
    const serverInfo = asked.route.naming.kind === 'passthrough' && first!.info !== undefined ? first!.info : this.#options.serverInfo;
    asked.reply.json(200, resultBytes(message.id!, mergeDiscover(hellos, { serverInfo, ttlMs, missing })));
  }

  async #hello(asked: Asked, name: string, message: RpcMessage): Promise<Hello> {
    const server = serverOf(asked, name);
    if (await this.#isModern(asked, name)) {
      const meta = metaOf(message)!;
      const found = await discover(server, {
        ...fanOut(asked, server, this.#options.limits),
        capabilities: meta.slice(CLIENT_CAPABILITIES_META)!.toString(),
        clientInfo: meta.slice(CLIENT_INFO_META)?.toString() ?? JSON.stringify(this.#options.serverInfo),
      });
      return {
        server: name,
        capabilities: parsed(found.capabilities.json),
        instructions: found.instructions,
        ttlMs: found.ttlMs,
        info: undefined,
      };
    }
    const { capabilities, instructions, serverInfo } = await this.#sessions.of(asked, name, message);
    // Tasks of the legacy era are not those of the modern one.
    const { tasks: _tasks, ...bridged } = parsed(capabilities.json) as Record<string, unknown>;
    const info = serverInfo === undefined ? undefined : (parsed(serverInfo) as Hello['info']);
    return { server: name, capabilities: bridged, instructions, ttlMs: LEGACY_TTL_MS, info };
  }

  /** Whether the server is spoken to in this era. @throws ServerFailed where it does not say */
  async #isModern(asked: Asked, name: string): Promise<boolean> {
    const server = serverOf(asked, name);
    const hello = { clientInfo: JSON.stringify(this.#options.serverInfo), capabilities: '{}' };
    const found = await this.#eras.eraOf(server, { ...hello, ...fanOut(asked, server, this.#options.limits) });
    return found.era === 'modern' && (found.versions.length === 0 || found.versions.some(isModernVersion));
  }
}

interface Hello extends ServerHello {
  readonly ttlMs: number;
  readonly info: { readonly name: string; readonly version: string } | undefined;
}

/** A result without the promise that it is for everybody, where callers may use different things. */
function ownFor({ permits }: Asked, method: string, result: Buffer): Buffer {
  return permits.isPersonal ? toPrivate(method, result) : result;
}

function parsed(json: Buffer): unknown {
  return JSON.parse(json.toString());
}

function stateEdit(state: string | undefined): Edit {
  return state === undefined ? { remove: 'requestState' } : { set: 'requestState', value: JSON.stringify(state) };
}
