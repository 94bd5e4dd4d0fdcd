import type { IncomingHttpHeaders } from 'node:http';

/** Headers of one connection, not of the message (RFC 9110, section 7.6.1, and their old relatives). */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'expect',
];

/** Names that a route or a policy cannot write: those of the connection, and the framing of a message. */
export const OF_FRAMING: ReadonlySet<string> = new Set([...HOP_BY_HOP, 'content-length']);

/** Carry a client's credential, under any provider's name for it. They end at the gateway. */
const CREDENTIALS = [
  'authorization',
  'proxy-authorization',
  'proxy-authenticate',
  'cookie',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
  'x-amz-security-token',
];

/** Rewritten by every hop that means them. */
const REWRITTEN = [
  'host',
  'content-length',
  'accept-encoding',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'forwarded',
  'x-real-ip',
];

/** Names by which gateways and pickers speak to each other: from a client they are forgeries. */
const INTERNAL_PREFIXES = ['x-ai-eg-', 'x-aigw-', 'x-envoy-', 'x-tierkit-', 'x-gateway-'];

const OF_CONNECTION = new Set([...OF_FRAMING, 'host']);
const OF_ORDINARY = new Set([
  ...HOP_BY_HOP,
  ...REWRITTEN.filter((name) => name !== 'accept-encoding'),
  'proxy-authorization',
  'proxy-authenticate',
]);
const OF_CREDENTIALS = new Set(CREDENTIALS);
const OF_AI = new Set([...HOP_BY_HOP, ...REWRITTEN, ...CREDENTIALS]);

/** Whether a header carries a client's credential, under any provider's name for it. */
export function isCredential(name: string): boolean {
  return OF_CREDENTIALS.has(name);
}

/** Whether a header from a client is a name that only gateways may set. */
export function isInternal(name: string): boolean {
  return name.charCodeAt(0) === 120 && INTERNAL_PREFIXES.some((prefix) => name.startsWith(prefix));
}

/** How a backend with a CGI-like interface (WSGI, Rack, PHP) reads a name: for it `x_client_id` is `x-client-id`. */
function asRead(name: string): string {
  return name.includes('_') ? name.replaceAll('_', '-') : name;
}

/** Names that `Connection` adds to the hop-by-hop ones, in lower case. */
function namedByConnection(headers: IncomingHttpHeaders): readonly string[] {
  const { connection } = headers;
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return [];
  return connection.split(',').map((name) => name.trim().toLowerCase());
}

/**
 * The client's end-to-end headers as a flat list `[name, value, …]`, as undici takes it. A name with underscores goes where the one with
 * hyphens goes: else it would stand in for a header that only the gateway may set.
 * @param kind `ai` takes every credential away; `ordinary` leaves those that the backend itself may check.
 * @param alsoStripped names, in lower case, that the route's own policies read or set.
 */
export function forwardable(headers: IncomingHttpHeaders, kind: 'ai' | 'ordinary', alsoStripped: ReadonlySet<string>): string[] {
  const stripped = kind === 'ai' ? OF_AI : OF_ORDINARY;
  const named = namedByConnection(headers);
  const result: string[] = [];
  for (const name in headers) {
    const read = asRead(name);
    if (stripped.has(read) || alsoStripped.has(read) || alsoStripped.has(name) || isInternal(read)) continue;
    if (named.length > 0 && named.includes(name)) continue;
    const value = headers[name];
    if (typeof value === 'string') result.push(name, value);
    else if (value !== undefined) for (const item of value) result.push(name, item);
  }
  return result;
}

/** Takes headers off a flat list, in place. @param isGone by name */
export function removeHeaders(headers: string[], isGone: (name: string) => boolean): void {
  for (let at = headers.length - 2; at >= 0; at -= 2) if (isGone(headers[at]!)) headers.splice(at, 2);
}

/** Headers of an upstream's answer that go on to the client. */
export function returnable(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const named = namedByConnection(headers);
  const result: Record<string, string | string[]> = {};
  for (const name in headers) {
    if (OF_CONNECTION.has(name) || isInternal(name) || (named.length > 0 && named.includes(name))) continue;
    const value = headers[name];
    if (value !== undefined) result[name] = value;
  }
  return result;
}
