import { bitsOf, CLIENT_CAPABILITIES, capabilitiesOf, SERVER_CAPABILITIES } from '../sealed/capabilities.ts';
import { type Session, type SessionServer, sessionName } from '../sealed/session.ts';
import type { AskOptions } from '../upstream/ask.ts';
import { discover } from '../upstream/discover.ts';
import { ServerFailed } from '../upstream/failed.ts';
import { endSession, openSession, type SessionRef, type ServerSession } from '../upstream/initialize.ts';
import { headersFor, type McpServer } from '../upstream/server.ts';
import { sessionGone } from '../wire/rpc-error.ts';
import type { Asked, EngineLimits, EngineOptions } from './parts.ts';

/** Sessions of servers that were opened after the client's own: so many are remembered. */
const MOST_REOPENED = 10_000;
/** Sessions that clients have ended: so many are remembered. */
const MOST_ENDED = 10_000;

/** How a server is asked in a session, and what it can. */
export interface PartRef extends SessionRef {
  /** Bits of {@link SERVER_CAPABILITIES}. */
  readonly capabilities: number;
}

/**
 * What a replica knows of sessions beside what is in their ids. Nothing of it has to be kept: a server's session that another replica opened is
 * opened again here.
 */
export class Sessions {
  readonly #options: EngineOptions;
  /** By session and server. */
  readonly #reopened = new Map<string, Promise<PartRef>>();
  readonly #ended = new Set<string>();
  /** Streams of sessions that are open here. */
  readonly #streams = new Map<string, Set<AbortController>>();
  /** Those of them that wait for what a server may come to say. */
  readonly #waiting = new Set<AbortController>();
  #draining = false;

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  hasEnded(session: Session): boolean {
    return this.#ended.has(session.id);
  }

  end(session: Session): void {
    forgetOldest(this.#ended, MOST_ENDED);
    this.#ended.add(session.id);
    for (const stream of this.#streams.get(session.id) ?? []) stream.abort();
  }

  /** The gateway is about to stop: streams that only wait end, so that clients open them elsewhere. */
  drain(): void {
    this.#draining = true;
    for (const stream of this.#waiting) stream.abort();
  }

  /**
   * A signal for a stream: the client has left, or has ended the session, or the gateway drains.
   * @param isAnswer the stream answers a request, and will end by itself
   * @returns it, what ends the stream as well, and what to call when it is over
   */
  stream(
    asked: Asked,
    session: Session,
    isAnswer: boolean,
  ): { readonly signal: AbortSignal; readonly leave: () => void; readonly over: () => void } {
    const stream = new AbortController();
    const streams = this.#streams.get(session.id) ?? new Set();
    this.#streams.set(session.id, streams.add(stream));
    const leave = (): void => stream.abort();
    asked.signal.addEventListener('abort', leave, { once: true });
    if (!isAnswer) this.#waiting.add(stream);
    if (asked.signal.aborted || (this.#draining && !isAnswer)) leave();
    const over = (): void => {
      asked.signal.removeEventListener('abort', leave);
      streams.delete(stream);
      this.#waiting.delete(stream);
      if (streams.size === 0) this.#streams.delete(session.id);
    };
    return { signal: stream.signal, leave, over };
  }

  /** How a server of a session is asked; one that has no part of it yet gets one. @throws ServerFailed */
  of(asked: Asked, session: Session, name: string): PartRef | Promise<PartRef> {
    return this.known(session, name) ?? this.reopen(asked, session, name, undefined);
  }

  /** How a server is asked that has a part of the session. */
  known(session: Session, name: string): PartRef | Promise<PartRef> | undefined {
    const reopened = this.#reopened.size === 0 ? undefined : this.#reopened.get(keyOf(session, name));
    if (reopened !== undefined) return reopened;
    const part = session.servers.find((each) => each.name === name);
    if (part === undefined || part.protocolVersion === '') return undefined;
    const { sessionId, protocolVersion, capabilities } = part;
    return { sessionId, protocolVersion, capabilities };
  }

  /**
   * Opens a server's part of a session anew: it has forgotten it. Requests that find out at the same time wait for the same one.
   * @param gone what was used @throws ServerFailed, RpcError
   */
  async reopen(asked: Asked, session: Session, name: string, gone: SessionRef | undefined): Promise<PartRef> {
    const key = keyOf(session, name);
    const known = this.#reopened.get(key);
    if (known === undefined) return this.#open(asked, session, name, key);
    const ref = await known;
    if (gone === undefined || ref.sessionId !== gone.sessionId) return ref;
    const now = this.#reopened.get(key);
    return now === undefined || now === known ? this.#open(asked, session, name, key) : now;
  }

  #open(asked: Asked, session: Session, name: string, key: string): Promise<PartRef> {
    this.#reopened.delete(key);
    forgetOldest(this.#reopened, MOST_REOPENED);
    const opening = this.#openFor(asked, session, name);
    this.#reopened.set(key, opening);
    opening.catch(() => {
      if (this.#reopened.get(key) === opening) this.#reopened.delete(key);
    });
    return opening;
  }

  async #openFor(asked: Asked, session: Session, name: string): Promise<PartRef> {
    const hello = {
      protocolVersion: session.protocolVersion,
      capabilities: JSON.stringify(capabilitiesOf(session.clientCapabilities, CLIENT_CAPABILITIES)),
      clientInfo: JSON.stringify(this.#options.serverInfo),
    };
    const server = serverOf(asked, name);
    const opened = await openEither(server, { ...ownCall(asked, server, this.#options.limits), ...hello });
    const { sessionId, protocolVersion } = opened;
    if (!this.hasEnded(session)) return { sessionId, protocolVersion, capabilities: bitsOfServer(opened) };
    await endSession(server, opened, headersFor(server, asked.request.headers));
    throw sessionGone();
  }

  /** Opens a session at one server; a server of the modern era has none, and says what it can. @throws ServerFailed */
  open(
    asked: Asked,
    name: string,
    hello: { readonly protocolVersion: string; readonly capabilities: string; readonly clientInfo: string },
  ): Promise<ServerSession> {
    const server = serverOf(asked, name);
    return openEither(server, { ...hello, ...this.fanOut(asked, server) });
  }

  /** Ends a session at all servers at once. */
  async close(asked: Asked, session: Session): Promise<void> {
    const closing = [...asked.route.servers].map(async ([name, { server }]) => {
      const known = this.known(session, name);
      this.#reopened.delete(keyOf(session, name));
      const ref = await Promise.resolve(known).catch(() => undefined);
      if (ref !== undefined) await endSession(server, ref, headersFor(server, asked.request.headers));
    });
    await Promise.all(closing);
  }

  /** Of a call that is one of several. */
  fanOut(asked: Asked, server: McpServer): AskOptions {
    return fanOut(asked, server, this.#options.limits);
  }
}

/** Of a call that is one of several. */
export function fanOut(asked: Asked, server: McpServer, { fanOutMs, maxAnswerBytes }: EngineLimits): AskOptions {
  const signal = AbortSignal.any([asked.signal, AbortSignal.timeout(fanOutMs)]);
  const headers = headersFor(server, asked.request.headers);
  return { headers, signal, headMs: fanOutMs, idleMs: fanOutMs, maxBytes: maxAnswerBytes, watches: asked.operations };
}

/** Of a call of the gateway's own, which others may wait for as well: it goes on where the client leaves. */
export function ownCall(asked: Asked, server: McpServer, limits: EngineLimits): AskOptions {
  return { ...fanOut(asked, server, limits), signal: AbortSignal.timeout(limits.fanOutMs) };
}

export async function openEither(server: McpServer, options: Parameters<typeof openSession>[1]): Promise<ServerSession> {
  try {
    return await openSession(server, options);
  } catch (error) {
    if (!(error instanceof ServerFailed) || error.kind !== 'other_era') throw error;
    const { protocolVersion, capabilities, serverInfo, instructions } = await discover(server, options);
    return { sessionId: undefined, protocolVersion, capabilities, serverInfo, instructions };
  }
}

/** What a server can, as sessions have it. */
export function bitsOfServer({ capabilities }: ServerSession): number {
  return bitsOf(JSON.parse(capabilities.json.toString()), SERVER_CAPABILITIES);
}

/** @throws ServerFailed where the route has it no longer */
export function serverOf({ route }: Asked, name: string): McpServer {
  const found = route.servers.get(name);
  if (found === undefined) throw new ServerFailed('refused', 'the server is no longer a part of the route');
  return found.server;
}

/** The servers of the route as the session has them: some may have joined the route since it began, or have been away. */
export function partsOf({ route }: Asked, { servers }: Session): readonly SessionServer[] {
  const known = new Map(servers.map((part) => [part.name, part]));
  return [...route.servers.keys()].map((name) => known.get(name) ?? absent(name));
}

/** The part of a server that has none yet. */
export function absent(name: string): SessionServer {
  return { name, sessionId: undefined, protocolVersion: '', capabilities: 0 };
}

function keyOf(session: Session, server: string): string {
  return `${sessionName(session)} ${server}`;
}

function forgetOldest(kept: Set<string> | Map<string, unknown>, most: number): void {
  if (kept.size < most) return;
  const [oldest] = kept.keys();
  kept.delete(oldest!);
}
