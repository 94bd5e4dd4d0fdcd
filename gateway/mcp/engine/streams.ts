import { setTimeout as sleep } from 'node:timers/promises';

import { scanObject } from '#core/json/scan';

import { openEventId, sealEventId, type StreamPosition } from '../sealed/ids.ts';
import { type Session, sessionName } from '../sealed/session.ts';
import { ServerFailed } from '../upstream/failed.ts';
import { follow } from '../upstream/follow.ts';
import type { ServerMessage } from '../upstream/inbox.ts';
import type { SessionRef } from '../upstream/initialize.ts';
import { headersFor } from '../upstream/server.ts';
import { notificationBytes, type RpcMessage } from '../wire/message.ts';
import { CallerUnknown, invalidRequest, RpcError } from '../wire/rpc-error.ts';
import { isModernVersion } from '../wire/versions.ts';
import type { ModernServers } from './modern-servers.ts';
import type { Asked, EngineOptions } from './parts.ts';
import { answerOf, errorAnswer, failureOf, readServer, type Said, toClient } from './server-messages.ts';
import { hasForgotten } from './server-calls.ts';
import { type PartRef, partsOf, serverOf, type Sessions } from './sessions.ts';

/** Before a server that is away is tried again; doubled each time. */
const BASE_MS = 1000;
const MOST_MS = 30_000;
/** What a client asks for anew once a server has come. */
const LISTS = ['tools', 'prompts', 'resources'].map((list) => notificationBytes(`notifications/${list}/list_changed`));

interface Parts {
  readonly options: EngineOptions;
  readonly sessions: Sessions;
  readonly modern: ModernServers;
}

/**
 * The streams of all servers as one, until the client leaves or ends the session: each event says by its id how far each of them is, so
 * that any replica can go on.
 * @throws RpcError with status 400 for a `Last-Event-ID` that is none of the session: what was missed cannot be had, and nobody would know
 */
export async function mergedStream(asked: Asked, session: Session, lastEventId: string | undefined, parts: Parts): Promise<void> {
  const { options, sessions } = parts;
  const place = { ...asked.place, session: sessionName(session) };
  const resumed = lastEventId === undefined ? undefined : openEventId(lastEventId, place, options.keys());
  if (lastEventId !== undefined && resumed === undefined) throw invalidRequest('Last-Event-ID is none of this session');
  const { signal, leave, over } = sessions.stream(asked, session, resumed?.request !== undefined);
  const stream = new MergedStream({ ...parts, asked, session, signal, leave, resumed });
  try {
    asked.reply.begin(options.limits.heartbeatMs);
    await stream.run();
  } finally {
    over();
    asked.reply.end();
  }
}

interface StreamParts extends Parts {
  readonly asked: Asked;
  readonly session: Session;
  readonly signal: AbortSignal;
  /** Ends the stream. */
  readonly leave: () => void;
  readonly resumed: StreamPosition | undefined;
}

class MergedStream {
  readonly #parts: StreamParts;
  /** Event ids by server. */
  readonly #position: Map<string, string>;

  constructor(parts: StreamParts) {
    this.#parts = parts;
    this.#position = new Map(parts.resumed?.events.map(({ server, eventId }) => [server, eventId]));
  }

  async run(): Promise<void> {
    const { asked, session, signal, resumed } = this.#parts;
    const names = partsOf(asked, session).map(({ name }) => name);
    if (resumed?.request !== undefined) {
      // A stream that answers a request is of that server alone, and ends with the response.
      const [name] = this.#position.keys();
      if (name !== undefined) await this.#resume(name);
      return;
    }
    await Promise.all(names.map((name) => this.#keep(name)));
    // Nobody has a stream of its own: the client would only come back at once.
    if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }

  /** The rest of an answer. */
  async #resume(name: string): Promise<void> {
    const { asked, session, sessions, resumed } = this.#parts;
    const id = resumed!.request!;
    try {
      const ref = await sessions.of(asked, session, name);
      for await (const message of this.#follow(name, ref)) if (await this.#say(name, message)) return;
    } catch (error) {
      await asked.reply.event(errorAnswer(id, failureOf(error, name, id)));
    }
  }

  /** Follows a server for as long as the client stays: one that is away is opened when it comes, and one that forgot the session anew. */
  async #keep(name: string): Promise<void> {
    const { asked, session, sessions, modern, signal } = this.#parts;
    let wasAway = sessions.known(session, name) === undefined;
    let gone: SessionRef | undefined;
    for (let tries = 0; !signal.aborted && !sessions.hasEnded(session); tries++) {
      let ref: PartRef | undefined;
      try {
        ref = await (gone === undefined ? sessions.of(asked, session, name) : sessions.reopen(asked, session, name, gone));
        if (wasAway || gone !== undefined) for (const list of LISTS) await asked.reply.event(list);
        wasAway = false;
        gone = undefined;
        const { protocolVersion, capabilities } = ref;
        const said = isModernVersion(protocolVersion)
          ? modern.stream(asked, session, { name, capabilities }, signal)
          : this.#follow(name, ref);
        for await (const message of said) {
          tries = 0;
          await this.#say(name, message);
        }
        return;
      } catch (error) {
        if (ref !== undefined && hasForgotten(error, ref)) {
          gone = ref;
          this.#position.delete(name);
        } else if (error instanceof CallerUnknown && error.hasLapsed) {
          // The client comes again, with a token that holds.
          this.#parts.leave();
          return;
        } else if (ref !== undefined || !isPassing(error)) return;
      }
      await sleep(Math.min(MOST_MS, BASE_MS * 2 ** Math.min(tries, 16)) * (0.5 + Math.random() / 2), undefined, { signal }).catch(
        () => undefined,
      );
    }
  }

  #follow(name: string, ref: SessionRef): AsyncGenerator<ServerMessage, void, undefined> {
    const { asked, signal, options } = this.#parts;
    const server = serverOf(asked, name);
    // A server may wait with the head of the answer until it has something to say.
    const call = { ...ref, headers: headersFor(server, asked.request.headers), headMs: 0, idleMs: 0 };
    return follow(server, { ...call, maxBytes: options.limits.maxAnswerBytes, lastEventId: this.#position.get(name), signal });
  }

  /** @returns whether it is the response that the stream is for */
  async #say(server: string, { data, eventId }: ServerMessage): Promise<boolean> {
    const { asked, session, options, resumed } = this.#parts;
    const said = this.#saidOf(server, data);
    if (eventId !== undefined) this.#position.set(server, eventId);
    if (said === undefined) return false;
    const events = [...this.#position].map(([name, id]) => ({ server: name, eventId: id }));
    const place = { ...asked.place, session: sessionName(session) };
    const id = eventId === undefined ? undefined : sealEventId({ request: resumed?.request, events }, place, options.keys());
    await asked.reply.event(said.bytes, id);
    return said.isAnswer;
  }

  /** @returns undefined for what the client must not hear, or could not read */
  #saidOf(server: string, data: Buffer): Said | undefined {
    const { asked, session, options, resumed } = this.#parts;
    try {
      const message = readServer(data);
      if (message.kind !== 'response') return toClient(asked, session, server, data, undefined, options.keys());
      const id = resumed?.request;
      return id !== undefined && message.id === id ? answerOf(asked, server, message, { id, method: methodAnswered(message) }) : undefined;
    } catch (error) {
      if (error instanceof RpcError || error instanceof ServerFailed) return undefined;
      throw error;
    }
  }
}

/** By the members of results. */
const ANSWERED: Readonly<Record<string, string>> = {
  tools: 'tools/list',
  prompts: 'prompts/list',
  resources: 'resources/list',
  resourceTemplates: 'resources/templates/list',
  contents: 'resources/read',
  messages: 'prompts/get',
};

/** The method that a response is of, by what is in it: where a stream goes on, nobody remembers the request. */
function methodAnswered({ scan }: RpcMessage): string {
  const result = scan.type('result') === 'object' ? scanObject(scan.slice('result')!, { maxDepth: scan.maxDepth }) : undefined;
  const member = Object.keys(ANSWERED).find((name) => result?.type(name) === 'array');
  return member === undefined ? 'tools/call' : ANSWERED[member]!;
}

/** Whether a server that could not be opened may come yet. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof ServerFailed)) {
    if (error instanceof RpcError) return false;
    throw error;
  }
  return error.kind !== 'refused' && error.kind !== 'other_era';
}
