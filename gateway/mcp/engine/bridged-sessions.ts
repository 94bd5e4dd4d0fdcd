import { hash } from 'node:crypto';

import { bitsOf, CLIENT_CAPABILITIES, capabilitiesOf } from '../sealed/capabilities.ts';
import { endSession, openSession, type SessionRef, type ServerSession } from '../upstream/initialize.ts';
import type { McpServer } from '../upstream/server.ts';
import { headersFor } from '../upstream/server.ts';
import { CLIENT_CAPABILITIES_META } from '../wire/era.ts';
import { metaOf, type RpcMessage } from '../wire/message.ts';
import { LEGACY_VERSIONS } from '../wire/versions.ts';
import type { Asked, EngineOptions } from './parts.ts';
import { fanOut, serverOf } from './sessions.ts';

/** So many sessions are kept; the one that was used the longest ago is closed first. */
const MOST = 2000;
/** Time without a request after which a session is closed. */
const IDLE_MS = 600_000;
const SWEEP_MS = 60_000;

/** What a client of the modern era can be asked for by a server of the legacy era. Tasks and changes of roots need a session of the client's own. */
const BRIDGED =
  CLIENT_CAPABILITIES.roots |
  CLIENT_CAPABILITIES.sampling |
  CLIENT_CAPABILITIES['sampling.context'] |
  CLIENT_CAPABILITIES['sampling.tools'] |
  CLIENT_CAPABILITIES.elicitation |
  CLIENT_CAPABILITIES['elicitation.form'] |
  CLIENT_CAPABILITIES['elicitation.url'];

interface Kept {
  readonly opening: Promise<ServerSession>;
  /** As the last one called it who used the session. */
  server: McpServer;
  readonly headers: readonly string[];
  session: ServerSession | undefined;
  usedAt: number;
}

/**
 * Sessions at servers of the legacy era for clients that have none. Requests of one subject share one, if they can be asked the same things and
 * the server gets the same headers and the same token of them. Each replica has its own.
 */
export class BridgedSessions {
  readonly #options: EngineOptions;
  /** The one that was used the longest ago is the first. */
  readonly #kept = new Map<string, Kept>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#sweep(Date.now() - IDLE_MS), SWEEP_MS).unref();
  }

  /** @throws ServerFailed */
  of(asked: Asked, name: string, message: RpcMessage): Promise<ServerSession> {
    const capabilities = capabilitiesIn(message);
    const server = serverOf(asked, name);
    const headers = headersFor(server, asked.request.headers);
    const { route, subject } = asked.place;
    const key = hash('sha256', JSON.stringify([route, subject, server.token?.caller, name, capabilities, headers]), 'base64url');
    const known = this.#kept.get(key);
    if (known !== undefined) {
      known.server = server;
      known.usedAt = Date.now();
      this.#kept.delete(key);
      this.#kept.set(key, known);
      return known.opening;
    }
    if (this.#kept.size >= MOST) void this.#close(this.#kept.keys().next().value!);
    const opening = this.open(asked, name, message);
    const kept: Kept = { opening, server, headers, session: undefined, usedAt: Date.now() };
    this.#kept.set(key, kept);
    opening.then(
      (session) => (kept.session = session),
      () => this.#kept.get(key) === kept && this.#kept.delete(key),
    );
    return opening;
  }

  /** A session of its own, which whoever wants it has to end. @throws ServerFailed */
  open(asked: Asked, name: string, message: RpcMessage): Promise<ServerSession> {
    const server = serverOf(asked, name);
    // Others may wait for it: it is opened even if the one who asked first has left.
    const { signal: _signal, ...call } = fanOut(asked, server, this.#options.limits);
    return openSession(server, {
      ...call,
      signal: AbortSignal.timeout(this.#options.limits.fanOutMs),
      protocolVersion: LEGACY_VERSIONS[0],
      capabilities: JSON.stringify(capabilitiesIn(message)),
      clientInfo: JSON.stringify(this.#options.serverInfo),
    });
  }

  /** The server does not know it any more. */
  forget({ backend, path }: McpServer, { sessionId }: SessionRef): void {
    for (const [key, { session, server }] of this.#kept)
      if (session?.sessionId === sessionId && server.backend.name === backend.name && server.path === path) this.#kept.delete(key);
  }

  /** Ends all of them. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all([...this.#kept.keys()].map((key) => this.#close(key)));
  }

  #sweep(before: number): void {
    for (const [key, { usedAt }] of this.#kept) {
      if (usedAt > before) return;
      void this.#close(key);
    }
  }

  async #close(key: string): Promise<void> {
    const { opening, server, headers } = this.#kept.get(key)!;
    this.#kept.delete(key);
    const session = await opening.catch(() => undefined);
    if (session !== undefined) await endSession(server, session, headers);
  }
}

/** What the client can be asked for. */
export function capabilitiesIn(message: RpcMessage): Record<string, unknown> {
  return capabilitiesOf(bitsOf(metaOf(message)?.parse(CLIENT_CAPABILITIES_META), CLIENT_CAPABILITIES) & BRIDGED, CLIENT_CAPABILITIES);
}
