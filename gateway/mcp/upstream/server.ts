import type { IncomingHttpHeaders } from 'node:http';

import type { Serving } from '#core/attempt/backend';
import { isInternal, OF_FRAMING } from '#core/http/headers';

/** What the gateway shows a server so that it is let in. */
export type ServerCredential =
  | { readonly header: string; readonly value: string }
  | { readonly queryParam: string; readonly value: string };

/** The token of one caller for a server that is called in his name. */
export interface CallerToken {
  /** Tells callers apart; nothing of a token is in it. */
  readonly caller: string;
  /**
   * @param signal ends the wait
   * @throws RpcError with status 401 or 403 where he has no token, or gets none; ServerFailed where it cannot be had now
   */
  get(signal: AbortSignal): Promise<string>;
  /** The server did not take it: the next one is another one. */
  forget(token: string): void;
}

/** One MCP server behind a route, as the gateway calls it. */
export interface McpServer {
  /** Of the backendRef: what its tools are called by. */
  readonly name: string;
  readonly backend: Serving;
  /** Of its MCP endpoint; may have a query. */
  readonly path: string;
  readonly credential: ServerCredential | undefined;
  /** Shown in the header authorization of every call. Undefined: the server is called in nobody's name. */
  readonly token?: CallerToken | undefined;
  /** Headers of the client that the server gets, and the names under which it gets them. Lower case. */
  readonly forwardHeaders: readonly { readonly name: string; readonly as: string }[];
}

/** By which routes share what is known of a server; a reload does not make another one of it. */
export function keyOf({ backend, path }: Pick<McpServer, 'backend' | 'path'>): string {
  return `${backend.name} ${path}`;
}

/** Written by every call itself, from what the call is about. */
export const OF_TRANSPORT: ReadonlySet<string> = new Set([
  ...OF_FRAMING,
  'host',
  'accept',
  'accept-encoding',
  'content-type',
  'content-encoding',
  'last-event-id',
  'mcp-session-id',
  'mcp-protocol-version',
]);

/**
 * The headers of a call that come from the client and from the configuration, as a flat list: those that `forwardHeaders` names, and then
 * the credential, which takes the place of a forwarded header of its name. Nothing else of the client reaches the server: MCP forbids
 * to hand on a token that was made out for somebody else.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/security_best_practices
 */
export function headersFor({ forwardHeaders, credential }: McpServer, client: IncomingHttpHeaders): string[] {
  const own = credential !== undefined && 'header' in credential ? credential.header.toLowerCase() : undefined;
  const headers: string[] = [];
  for (const { name, as } of forwardHeaders) {
    const to = as.toLowerCase();
    // Those of MCP say what is in the body: whoever writes the body writes them.
    if (to === own || OF_TRANSPORT.has(to) || isInternal(to) || to.startsWith('mcp-')) continue;
    for (const value of [client[name.toLowerCase()] ?? []].flat()) headers.push(to, value);
  }
  if (credential !== undefined && own !== undefined) headers.push(own, credential.value);
  return headers;
}

/** Path and query of a call: with the credential, where that is a parameter of the query. It is a secret then. */
export function pathFor({ path, credential }: McpServer): string {
  if (credential === undefined || 'header' in credential) return path;
  const { queryParam, value } = credential;
  const [before = '', query = ''] = path.split(/\?(.*)/s, 2);
  const name = encodeURIComponent(queryParam);
  // A parameter of that name in the configured path would stand in front of the credential, and some servers take the first.
  const others = query.split('&').filter((pair) => pair !== '' && pair.split('=', 1)[0] !== name);
  return `${before}?${[...others, `${name}=${encodeURIComponent(value)}`].join('&')}`;
}
