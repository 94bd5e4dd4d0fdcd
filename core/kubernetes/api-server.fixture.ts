// For tests: an API server in memory, with lists, pages, watches and the ways in which they fail.
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { KubernetesClient } from './client.ts';
import { ObjectTable, type Stored, type TableEvent } from './object-table.fixture.ts';
import { apiVersionOf, type RequestTarget, resourceName, type ResourceType, targetOf } from './resource.ts';
import type { TransportOptions } from './transport.ts';

export type Fault =
  | { readonly act: 'status'; readonly status: number; readonly headers?: Record<string, string>; readonly body?: object | string }
  /** The socket goes before an answer, or after so many bytes of one. */
  | { readonly act: 'cut'; readonly afterBytes?: number }
  /** No answer; of a watch: nothing after its start. */
  | { readonly act: 'hang' }
  /** A watch ends cleanly at once. */
  | { readonly act: 'end' }
  /** A watch says these lines first. */
  | { readonly act: 'say'; readonly lines: readonly string[] }
  /** A watch comes in pieces of so many bytes. */
  | { readonly act: 'split'; readonly bytes: number };

export interface FaultRule {
  readonly verb: string;
  readonly plural?: string;
  readonly fault: Fault;
  /** @default 1 */
  times?: number;
}

export interface Seen extends RequestTarget {
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

interface Watcher {
  readonly response: ServerResponse;
  readonly type: ResourceType;
  readonly target: RequestTarget;
  readonly query: URLSearchParams;
  readonly pieces: number;
  muted: boolean;
}

export class FakeApiServer {
  readonly table = new ObjectTable();
  readonly seen: Seen[] = [];
  readonly faults: FaultRule[] = [];
  /** Denies: `verb resource` → nobody may. */
  readonly denied = new Set<string>();
  readonly #types: ResourceType[] = [];
  readonly #watchers = new Set<Watcher>();
  readonly #server: Server = createServer((request, response) => void this.#answer(request, response));
  #port = 0;

  private constructor() {
    this.table.onEvent = (event) => {
      for (const watcher of this.#watchers) this.#send(watcher, event);
    };
  }

  static async start(...types: ResourceType[]): Promise<FakeApiServer> {
    const server = new FakeApiServer();
    server.#types.push(...types);
    await server.listen();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Sockets that clients have open. */
  connections(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
    });
  }

  async client(options?: TransportOptions, user: object = { token: 'secret-token' }): Promise<KubernetesClient> {
    const kubeconfig = join(mkdtempSync(join(tmpdir(), 'kubeconfig-')), 'config');
    const parts = {
      clusters: [{ name: 'c', cluster: { server: this.url } }],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    };
    writeFileSync(kubeconfig, JSON.stringify({ 'current-context': 'x', ...parts }));
    return KubernetesClient.connect({ kubeconfig }, options);
  }

  serve(type: ResourceType): void {
    this.#types.push(type);
  }

  unserve(type: ResourceType): void {
    this.#types.splice(this.#types.indexOf(type), 1);
    this.cutWatches();
  }

  /** Away: nothing listens. */
  async leave(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await once(this.#server.close(), 'close');
  }

  async listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  cutWatches(): void {
    for (const { response } of this.#watchers) response.destroy();
    this.#watchers.clear();
  }

  endWatches(): void {
    for (const { response } of this.#watchers) response.end();
    this.#watchers.clear();
  }

  /** Watches that are open go silent, without an end. */
  muteWatches(): void {
    for (const watcher of this.#watchers) watcher.muted = true;
  }

  bookmark(): void {
    const metadata = { resourceVersion: String(this.table.version) };
    for (const watcher of this.#watchers) write(watcher, `${JSON.stringify({ type: 'BOOKMARK', object: { metadata } })}\n`);
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  count(verb: string): number {
    return this.seen.filter((each) => each.verb === verb && each.plural !== '').length;
  }

  #fault(verb: string, plural: string): Fault | undefined {
    const index = this.faults.findIndex((rule) => rule.verb === verb && (rule.plural === undefined || rule.plural === plural));
    const rule = this.faults[index];
    if (rule === undefined) return undefined;
    rule.times = (rule.times ?? 1) - 1;
    if (rule.times <= 0) this.faults.splice(index, 1);
    return rule.fault;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => undefined);
    const { pathname, searchParams: query } = new URL(request.url!, this.url);
    const target = targetOf(request.method!, pathname, query.get('watch') === 'true');
    const body = await text(request).catch(() => '');
    this.seen.push({ ...target, query, headers: request.headers, body });
    const fault = this.#fault(target.verb, target.plural);
    if (fault?.act === 'status') {
      response.writeHead(fault.status, fault.headers).end(typeof fault.body === 'object' ? JSON.stringify(fault.body) : fault.body);
    } else if (fault?.act === 'cut' && fault.afterBytes === undefined) request.socket.destroy();
    else if (fault?.act === 'hang' && target.verb !== 'watch') return;
    else if (target.plural === '') this.#discover(pathname, response);
    else if (this.denied.has(`${target.verb} ${resourceName(target)}`)) this.#deny(target, response);
    else {
      const type = this.#types.find(
        (each) => each.group === target.group && each.version === target.version && each.plural === target.plural,
      );
      if (type === undefined) response.writeHead(404).end('404 page not found');
      else if (target.verb === 'watch') this.#watch(type, target, query, response, fault);
      else {
        const { status, answer } = this.table.answer(type, target, query, body);
        const bytes = JSON.stringify(answer);
        response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(bytes) });
        if (fault?.act === 'cut') response.write(bytes.slice(0, fault.afterBytes), () => request.socket.destroy());
        else response.end(bytes);
      }
    }
  }

  #deny(target: RequestTarget, response: ServerResponse): void {
    const message = `${target.plural} is forbidden: User "system:serviceaccount:apps:narrow" cannot ${target.verb} resource "${target.plural}" in API group "${target.group}"`;
    response
      .writeHead(403)
      .end(JSON.stringify({ kind: 'Status', message, reason: 'Forbidden', code: 403, details: { kind: target.plural } }));
  }

  #discover(path: string, response: ServerResponse): void {
    const resources = this.#types
      .filter((type) => path === (type.group === '' ? `/api/${type.version}` : `/apis/${apiVersionOf(type)}`))
      .map(({ plural, kind, namespaced }) => ({ name: plural, kind, namespaced }));
    if (resources.length === 0) response.writeHead(404).end('404 page not found');
    else response.end(JSON.stringify({ kind: 'APIResourceList', resources }));
  }

  #watch(type: ResourceType, target: RequestTarget, query: URLSearchParams, response: ServerResponse, fault: Fault | undefined): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const pieces = fault?.act === 'split' ? fault.bytes : 0;
    const watcher: Watcher = { response, type, target, query, pieces, muted: fault?.act === 'hang' };
    if (fault?.act === 'say') for (const line of fault.lines) response.write(`${line}\n`);
    if (fault?.act === 'end') {
      response.end();
      return;
    }
    const from = Number(query.get('resourceVersion'));
    if (from < this.table.compacted) {
      const status = { kind: 'Status', code: 410, reason: 'Expired', message: `too old resource version: ${from}` };
      response.end(`${JSON.stringify({ type: 'ERROR', object: status })}\n`);
      return;
    }
    for (const event of this.table.since(from)) this.#send(watcher, event);
    if (fault?.act === 'cut') {
      setImmediate(() => response.destroy());
      return;
    }
    this.#watchers.add(watcher);
    response.on('close', () => this.#watchers.delete(watcher));
  }

  #send(watcher: Watcher, { type, object, before, of }: TableEvent): void {
    if (of !== resourceName(watcher.type)) return;
    const selects = (each: Stored | undefined) => each !== undefined && this.table.selects(each, watcher.target, watcher.query);
    const was = selects(before);
    const is = type !== 'DELETED' && selects(object);
    if (!was && !is) return;
    write(watcher, `${JSON.stringify({ type: is ? (was ? 'MODIFIED' : 'ADDED') : 'DELETED', object })}\n`);
  }
}

function write({ response, pieces, muted }: Watcher, line: string): void {
  if (muted) return;
  if (pieces === 0) response.write(line);
  else {
    const bytes = Buffer.from(line);
    for (let from = 0; from < bytes.length; from += pieces) response.write(bytes.subarray(from, from + pieces));
  }
}
