// For tests: a provider of its own on this machine, which refuses what the real one refuses.
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';

import { type Certificate, selfSigned } from '#core/http/self-signed';

import type { Recorded } from '../../gateway/recorder.fixture.ts';

/** What a fake answers: JSON, or bytes of a type of their own. */
export interface Reply {
  readonly status: number;
  readonly body: object | string | Buffer;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A provider's API, written from the page that it names. Refusals are part of it: a request that the provider would not take is not answered. */
export type Fake = (request: Recorded) => Reply;

/** Where one operation is, and the header that a key goes in. */
export interface Door {
  /** Name that it is asked by. */
  readonly host: string;
  /** Paths with their queries, by operation. */
  readonly paths: Readonly<Record<string, string>>;
  /** Headers that have to be there, with exactly this value. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The operation that a request is for; or why it gets none. */
export function enter({ method, url, headers }: Recorded, door: Door): string | Reply {
  if (headers.host?.replace(/:\d+$/, '') !== door.host) return refusal(421, `nobody is called ${String(headers.host)} here`);
  for (const [name, value] of Object.entries(door.headers))
    if (headers[name] !== value) return refusal(401, `${name} is not what it has to be: ${String(headers[name])}`);
  const operation = Object.keys(door.paths).find((each) => door.paths[each] === url);
  if (method !== 'POST' || operation === undefined) return refusal(404, `nothing is at ${method} ${url}`);
  if (headers['content-type'] !== 'application/json') return refusal(415, `the content type is ${String(headers['content-type'])}`);
  return operation;
}

export function refusal(status: number, message: string): Reply {
  return { status, body: { error: { message, type: 'invalid_request_error', param: null, code: null } } };
}

export function bodyOf({ body }: Recorded): Record<string, unknown> {
  return JSON.parse(body.toString()) as Record<string, unknown>;
}

export const data = (event: object): string => `data: ${JSON.stringify(event)}\n\n`;
export const event = (of: { readonly type: string }): string => `event: ${of.type}\n${data(of)}`;

/** A stream in pieces that do not keep to the bounds of its events. */
export const events = (...all: readonly string[]): Reply => ({ status: 200, type: 'text/event-stream', body: all.join('') });

/** Bytes of a piece: few enough that most events are cut. */
const PIECE = 70;

export interface Started {
  readonly port: number;
  /** Whole requests, in the order of their ends. */
  readonly seen: Recorded[];
  /** Of a server with TLS: what it has to be trusted by. */
  readonly certificate: Certificate | undefined;
  close(): Promise<void>;
}

/** @param name the fake has a certificate of this name; without one it speaks plain HTTP */
export async function startFake(fake: Fake, name: string | undefined): Promise<Started> {
  const seen: Recorded[] = [];
  const certificate = name === undefined ? undefined : selfSigned([name]);
  const listener = (raw: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    raw.on('data', (chunk: Buffer) => chunks.push(chunk));
    raw.on('end', () => {
      const { method = '', url = '', headers, rawHeaders } = raw;
      const request = { method, url, headers, rawHeaders, body: Buffer.concat(chunks) };
      seen.push(request);
      write(fake(request), response);
    });
  };
  const server = certificate === undefined ? http.createServer(listener) : https.createServer(certificate, listener);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { port: (server.address() as AddressInfo).port, seen, certificate, close };
}

function write({ status, body, type = 'application/json', headers = {} }: Reply, response: ServerResponse): void {
  response.writeHead(status, { 'content-type': type, ...headers });
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  for (let at = 0; at < bytes.length; at += PIECE) response.write(bytes.subarray(at, at + PIECE));
  response.end();
}
