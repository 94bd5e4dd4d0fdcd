import type { GatewayError } from '#core/errors';
import type { Edit } from '#core/json/edit';
import type { GatewayRequest } from '#core/serve/request';

import type { Naming } from '../names/naming.ts';
import { rewriteNotification, type View } from '../names/rewrite.ts';
import type { ToolSelector } from '../names/selector.ts';
import type { SealKeys } from '../sealed/keys.ts';
import type { ToolBook } from '../tools/book.ts';
import type { Operations, OperationsOptions } from '../trace/operations.ts';
import type { McpServer } from '../upstream/server.ts';
import type { RpcMessage } from '../wire/message.ts';
import type { ClientReply } from './client-reply.ts';
import type { Permits } from './permits.ts';
import type { Toll, Tolls } from './toll.ts';

/** What the engine is made with. */
export interface EngineOptions extends OperationsOptions {
  readonly keys: () => SealKeys;
  /** Of the gateway itself. */
  readonly serverInfo: { readonly name: string; readonly version: string };
  readonly limits: EngineLimits;
  /** @default calls of tools cost nothing */
  readonly tolls?: Tolls;
  /** What an operator should know. */
  readonly warn: (message: string) => void;
  /** Hears of every request that has ended, with its seconds. */
  readonly ended?: (told: Told, seconds: number) => void;
}

export interface EngineLimits {
  /** Bytes of a request. */
  readonly maxRequestBytes: number;
  /** Bytes of an answer, or of an event of a stream. */
  readonly maxAnswerBytes: number;
  /** Time for one server of several: what has not answered then is left out, and told. */
  readonly fanOutMs: number;
  /** Time for the head of an answer of the one server that is asked. */
  readonly callMs: number;
  /** Comments in streams that say nothing. */
  readonly heartbeatMs: number;
  /** So old may be what is known of the tools of a server by which a call is judged. */
  readonly toolsMs: number;
  /** How long a session lives. */
  readonly sessionSeconds: number;
}

export const DEFAULT_LIMITS: EngineLimits = {
  maxRequestBytes: 4 * 1024 * 1024,
  maxAnswerBytes: 16 * 1024 * 1024,
  fanOutMs: 10_000,
  callMs: 300_000,
  heartbeatMs: 15_000,
  toolsMs: 60_000,
  sessionSeconds: 24 * 3600,
};

/** A server of a route, and what clients see of it. */
export interface RouteServer {
  readonly server: McpServer;
  readonly selector: ToolSelector;
  /** Undefined: nothing has to be known of its tools. */
  readonly book: ToolBook | undefined;
}

/** An MCPRoute, made ready. */
export interface RouteParts {
  /** `namespace/name`. */
  readonly name: string;
  /** In the order of the route. */
  readonly servers: ReadonlyMap<string, RouteServer>;
  readonly naming: Naming;
  /** Whether a server is called in the name of callers. */
  readonly exchanges: boolean;
}

/** One request of a client, and what becomes of it. */
export interface Asked {
  readonly request: GatewayRequest;
  /** With the servers that the caller sees. */
  readonly route: RouteParts;
  readonly permits: Permits;
  /** Where what we seal is good. */
  readonly place: { readonly route: string; readonly subject: string };
  readonly reply: ClientReply;
  /** The client has left. */
  readonly signal: AbortSignal;
  /** Of the access log. */
  readonly told: Told;
  /** What the call of a tool costs; undefined: nothing. */
  toll: Toll | undefined;
  /** What is asked of servers for it. Undefined: it is no request and no notification. */
  operations?: Operations;
}

/** Changes of `_meta` by which the client's request says to a server where it stands in a trace. */
export function contextFor({ operations }: Asked, server: string): readonly Edit[] {
  return operations === undefined ? NO_EDITS : operations.at(server).meta;
}

const NO_EDITS: readonly Edit[] = [];

/** What the access log tells of a request of MCP; never what it says. */
export interface Told {
  method?: string | undefined;
  server?: string;
  /** In the client's words. */
  name?: string | undefined;
  session?: string;
  /** Revision of the protocol. */
  version?: string;
  /** JSON-RPC code of the error that the client got. */
  error?: number;
  /** A server gave no answer. */
  unreachable?: boolean;
  /** Undefined: it was answered by MCP's means. */
  refused?: GatewayError;
  /** The result says that the tool failed. */
  toolFailed?: boolean;
}

/** @param method of which something is shown */
export function viewOf({ route, permits }: Asked, server: string, method: string): View {
  const { selector, book } = route.servers.get(server)!;
  return { server, naming: route.naming, selector, book, permits: permits.ofList(server, method) };
}

/** A notification of a server in the client's words; undefined: it is not for him. */
export function notificationFor(asked: Asked, server: string, notification: RpcMessage): Buffer | undefined {
  const method = notification.method!;
  if (method === 'notifications/tools/list_changed') asked.route.servers.get(server)?.book?.outdated();
  return rewriteNotification(notification, viewOf(asked, server, method));
}
