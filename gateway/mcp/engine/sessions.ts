import { CLIENT_CAPABILITIES, capabilitiesOf } from '../sealed/capabilities.ts';
import { type Session, type SessionServer, sessionName } from '../sealed/session.ts';
import type { AskOptions } from '../upstream/ask.ts';
import { discover } from '../upstream/discover.ts';
import { ServerFailed } from '../upstream/failed.ts';
import { endSession, openSession, type SessionRef, type ServerSession } from '../upstream/initialize.ts';
import { headersFor, type McpServer } from '../upstream/server.ts';
import type { Asked, EngineLimits, EngineOptions } from './parts.ts';

/** Sessions of servers that were opened after the client's own: so many are remembered. */
const MOST_REOPENED = 10_000;
/** Sessions that clients have ended: so many are remembered. */
const MOST_ENDED = 10_000;

/**
 * What a replica knows of sessions beside what is in their ids. Nothing of it has to be kept: a server's session that another replica opened is
 * opened again here.
 */
export class Sessions {
  readonly #options: EngineOptions;
  /** By session and server. */
  readonly #reopened = new Map<string, Promise<SessionRef>>();
  readonly #ended = new Set<string>();

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  hasEnded(session: Session): boolean {
    return this.#ended.has(session.id);
  }

  end(session: Session): void {
    forgetOldest(this.#ended, MOST_ENDED);
    this.#ended.add(session.id);
  }

  /** How a server of a session is asked. @throws ServerFailed */
  of(asked: Asked, session: Session, { name, sessionId, protocolVersion }: SessionServer): SessionRef | Promise<SessionRef> {
    const reopened = this.#reopened.get(keyOf(session, name));
    if (reopened !== undefined) return reopened;
    // A server that was away when the session began.
    return protocolVersion === '' ? this.reopen(asked, session, name, undefined) : { sessionId, protocolVersion };
  }

  /**
   * Opens a server's part of a session anew: it has forgotten it. Requests that find out at the same time wait for the same one.
   * @param gone what was used @throws ServerFailed
   */
  reopen(asked: Asked, session: Session, name: string, gone: SessionRef | undefined): Promise<SessionRef> {
    const key = keyOf(session, name);
    const known = this.#reopened.get(key);
    if (known === undefined) return this.#open(asked, session, name, key);
    return known.then((ref) =>
      ref.sessionId !== gone?.sessionId || gone === undefined
        ? ref
        : (this.#replacing(key, known) ?? this.#open(asked, session, name, key)),
    );
  }

  #replacing(key: string, known: Promise<SessionRef>): Promise<SessionRef> | undefined {
    const now = this.#reopened.get(key);
    return now === known ? undefined : now;
  }

  #open(asked: Asked, session: Session, name: string, key: string): Promise<SessionRef> {
    forgetOldest(this.#reopened, MOST_REOPENED);
    const opening: Promise<SessionRef> = this.open(asked, name, {
      protocolVersion: session.protocolVersion,
      capabilities: JSON.stringify(capabilitiesOf(session.clientCapabilities, CLIENT_CAPABILITIES)),
      clientInfo: JSON.stringify(this.#options.serverInfo),
    });
    this.#reopened.set(key, opening);
    opening.catch(() => {
      if (this.#reopened.get(key) === opening) this.#reopened.delete(key);
    });
    return opening;
  }

  /** Opens a session at one server; a server of the modern era has none, and says what it can. @throws ServerFailed */
  async open(
    asked: Asked,
    name: string,
    hello: { readonly protocolVersion: string; readonly capabilities: string; readonly clientInfo: string },
  ): Promise<ServerSession> {
    const server = serverOf(asked, name);
    const options = { ...hello, ...this.fanOut(asked, server) };
    try {
      return await openSession(server, options);
    } catch (error) {
      if (!(error instanceof ServerFailed) || error.kind !== 'other_era') throw error;
      const { protocolVersion, capabilities, serverInfo, instructions } = await discover(server, options);
      return { sessionId: undefined, protocolVersion, capabilities, serverInfo, instructions };
    }
  }

  /** Ends a session at all servers at once. */
  async close(asked: Asked, session: Session): Promise<void> {
    const closing = session.servers.map(async (part) => {
      const reopened = this.#reopened.get(keyOf(session, part.name));
      this.#reopened.delete(keyOf(session, part.name));
      const ref = reopened === undefined ? part : await reopened.catch(() => undefined);
      const server = asked.route.servers.get(part.name)?.server;
      if (ref !== undefined && server !== undefined) await endSession(server, ref, headersFor(server, asked.request.headers));
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
  return { headers: headersFor(server, asked.request.headers), signal, headMs: fanOutMs, idleMs: fanOutMs, maxBytes: maxAnswerBytes };
}

export function serverOf({ route }: Asked, name: string): McpServer {
  const found = route.servers.get(name);
  if (found === undefined) throw new ServerFailed('refused', 'the server is no longer a part of the route');
  return found.server;
}

function keyOf(session: Session, server: string): string {
  return `${sessionName(session)} ${server}`;
}

function forgetOldest(kept: Set<string> | Map<string, unknown>, most: number): void {
  if (kept.size < most) return;
  const [oldest] = kept.keys();
  kept.delete(oldest!);
}
