import type { OutgoingHttpHeaders } from 'node:http2';

import type { Dispatcher } from 'undici';

/** Of a connection of HTTP/1.1: a message of HTTP/2 that has one is malformed (RFC 9113, section 8.2.2). */
const OF_HTTP1 = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  // Nothing waits for the answer that it asks for.
  'expect',
]);

/** What a request line and a Host header of HTTP/1.1 say. */
export interface RequestLine {
  readonly method: string;
  readonly path: string;
  /** Where the headers have no host. */
  readonly authority: string;
  /** Bytes of the body; undefined where that is not known before its end. */
  readonly contentLength: number | undefined;
}

/**
 * Pseudo headers and headers of a request, as `ClientHttp2Session.request` takes them. `te` may only say `trailers`. A length that the headers
 * claim gives way to the one that is known.
 */
export function http2Headers({ method, path, authority, contentLength }: RequestLine, headers: Dispatcher.DispatchOptions['headers']) {
  const result = Object.create(null) as OutgoingHttpHeaders;
  result[':method'] = method;
  result[':scheme'] = 'http';
  result[':authority'] = authority;
  result[':path'] = path;
  for (const [given, value] of entriesOf(headers)) {
    const name = given.toLowerCase();
    if (value === undefined || OF_HTTP1.has(name) || (name === 'content-length' && contentLength !== undefined)) continue;
    if (name === 'host') result[':authority'] = String(value);
    else if (name !== 'te') add(result, name, value);
    else if (takesTrailers(value)) result['te'] = 'trailers';
  }
  if (contentLength !== undefined) result['content-length'] = String(contentLength);
  return result;
}

function* entriesOf(headers: Dispatcher.DispatchOptions['headers']): Iterable<readonly [string, string | string[] | undefined]> {
  if (headers === undefined || headers === null) return;
  if (Array.isArray(headers)) {
    for (let at = 0; at + 1 < headers.length; at += 2) yield [headers[at]!, headers[at + 1]];
  } else if (Symbol.iterator in headers) yield* headers as Iterable<readonly [string, string | string[] | undefined]>;
  else yield* Object.entries(headers);
}

function add(headers: OutgoingHttpHeaders, name: string, value: string | string[]): void {
  const present = headers[name];
  headers[name] = present === undefined ? value : [present, value].flat().map(String);
}

function takesTrailers(value: string | string[]): boolean {
  return [value]
    .flat()
    .join(',')
    .split(',')
    .some((coding) => coding.trim().toLowerCase() === 'trailers');
}
