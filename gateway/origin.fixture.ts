// For tests: an ordinary HTTP server whose answers may stream, and a client that shows everything of an answer.
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { gatewayYaml, httpRouteYaml } from '#core/route/route.fixture';

export interface Origin {
  readonly port: number;
  /** Heads of requests, in the order of their arrival. */
  readonly requests: IncomingMessage[];
  /** Connections since the start. */
  readonly connections: number;
  /** Connections that are open now. */
  readonly open: number;
  close(): Promise<void>;
}

export type OriginHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** @param handler answers; without one the name is the answer */
export async function startOrigin(name: string, handler?: OriginHandler): Promise<Origin> {
  const requests: IncomingMessage[] = [];
  let connections = 0;
  let open = 0;
  const server = http.createServer((request, response) => {
    requests.push(request);
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    if (handler !== undefined) handler(request, response);
    else {
      request.resume();
      response.end(name);
    }
  });
  server.on('connection', (socket) => {
    connections++;
    open++;
    socket.on('close', () => open--);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    get connections() {
      return connections;
    },
    get open() {
      return open;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** Flat: name, value, … as they came. */
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: http.OutgoingHttpHeaders | readonly string[];
  readonly body?: string | Buffer;
  readonly agent?: http.Agent;
}

/** Sends a request and reads the whole answer; a broken one is an error. */
export function ask(url: string, asking: Asking = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    open(url, asking, reject, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode = 0, headers, rawHeaders } = response;
        resolve({ status: statusCode, headers, rawHeaders, body: Buffer.concat(chunks).toString() });
      });
    }).end(asking.body);
  });
}

/** A request whose body is not written yet. */
export function open(
  url: string,
  { method = 'GET', headers = {}, agent }: Asking,
  onError: (error: Error) => void,
  onResponse: (response: IncomingMessage) => void,
): http.ClientRequest {
  const options = { method, headers: headers as http.OutgoingHttpHeaders, agent: agent ?? (false as const) };
  const request = http.request(url, options, onResponse);
  request.on('error', onError);
  return request;
}

export interface Reading {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** All that has come so far. */
  text(): string;
  /** Until what has come contains this. */
  until(part: string): Promise<void>;
  /** The whole text; rejects where the answer broke off. */
  readonly whole: Promise<string>;
  cancel(): void;
}

/** Sends a request and reads the answer as it comes. */
export function read(url: string, asking: Asking = {}): Promise<Reading> {
  return new Promise((resolve, reject) => {
    const request = open(url, asking, reject, (response) => {
      let text = '';
      let wake: (() => void) | undefined;
      let ended = false;
      const whole = new Promise<string>((done, failed) => {
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString();
          wake?.();
        });
        response.on('end', () => done(text));
        response.on('error', failed);
        response.on('close', () => {
          ended = true;
          wake?.();
        });
      });
      whole.catch(() => undefined);
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        text: () => text,
        async until(part) {
          while (!text.includes(part)) {
            if (ended) throw new Error(`the answer ended before "${part}": ${text}`);
            await new Promise<void>((next) => {
              wake = next;
            });
          }
        },
        whole,
        cancel: () => void request.destroy(),
      });
    });
    request.end(asking.body);
  });
}

/** A Gateway, a Backend for each port, and HTTPRoutes (name → rules, in flow style). `TO(name)` names a Backend. */
export function webYaml(
  ports: Readonly<Record<string, number>>,
  routes: Readonly<Record<string, string>>,
  gateway = gatewayYaml(),
): string {
  const backends = Object.entries(ports).map(
    ([name, port]) => `
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: ${name}}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: ${port}}}]}
`,
  );
  return (
    gateway +
    backends.join('') +
    Object.entries(routes)
      .map(([name, rules]) => httpRouteYaml(name, `rules: [${rules}]`))
      .join('')
  );
}

/** Backend references, in flow style. @param more further fields of each, such as `weight: 3` */
export function to(name: string, more = ''): string {
  return `backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: ${name}${more === '' ? '' : `, ${more}`}}]`;
}

/** A match by prefix, in flow style. */
export function below(prefix: string): string {
  return `matches: [{path: {value: "${prefix}"}}]`;
}
