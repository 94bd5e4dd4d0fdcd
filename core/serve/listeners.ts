import type { IncomingMessage, ServerResponse } from 'node:http';
import { Server as TlsServer } from 'node:tls';

import { type Listening, listen, type ServerSettings, type ServerTls, tlsOptions } from '../http/server.ts';

import type { PortTable } from '../route/ports.ts';

/** @param port key of the port to which the address belongs at this moment */
export type PortHandler = (request: IncomingMessage, response: ServerResponse, target: string, port: string) => void;

/** One address that is listened on. */
interface Address {
  /** Place after the first port; undefined: the port was given. */
  readonly offset: number | undefined;
  readonly listening: Listening;
  /** What it answers for; before its first configuration for nothing. */
  readonly serves: { table: PortTable | undefined };
}

const CLIENT_IDLE_MS = 75_000;

/** The addresses of a process: one for each port that its Gateways name, where it says itself or in the order of their numbers from one port on. */
export class Listeners {
  readonly #host: string;
  readonly #port: number;
  readonly #handler: PortHandler;
  #addresses: Address[] = [];
  /** Those that take no new connections, until their last one has ended. */
  readonly #leaving = new Map<Listening, Promise<void>>();

  /** @param port of the first address; 0: any free ones */
  constructor(host: string, port: number, handler: PortHandler) {
    this.#host = host;
    this.#port = port;
    this.#handler = handler;
  }

  /** Ports that are listened on, by the port of the Gateway's listener. */
  get ports(): ReadonlyMap<number, number> {
    const listened = this.#addresses.flatMap(({ serves, listening }) =>
      serves.table === undefined ? [] : [[serves.table.port, listening.port] as const],
    );
    return new Map(listened.sort(([a], [b]) => a - b));
  }

  /**
   * Listens for the ports of a configuration that have no address yet. A port that stays keeps its address; one that is new gets
   * that of a port that goes, else the first that is free.
   * @returns what makes the change, at once; before, the new addresses answer for no port
   * @throws the system's error when an address cannot be had; then nothing has changed
   */
  async prepare(ports: readonly PortTable[]): Promise<() => void> {
    const given = new Map<Address, PortTable>();
    const free = [...this.#addresses];
    const take = (port: PortTable, fits: (address: Address) => boolean): boolean => {
      const at = free.findIndex((address) => address.serves.table?.protocol === port.protocol && fits(address));
      if (at !== -1) given.set(free.splice(at, 1)[0]!, port);
      return at !== -1;
    };
    const moved = ports.filter(
      (port) => !take(port, ({ serves, listening }) => serves.table?.key === port.key && listensAt(listening, port)),
    );
    free.sort((a, b) => (a.offset ?? 0) - (b.offset ?? 0));
    const wanted = moved.filter(
      (port) => !take(port, ({ offset, listening }) => (offset !== undefined ? port.listenOn === undefined : listensAt(listening, port))),
    );
    const opened: Address[] = [];
    try {
      for (const port of wanted) {
        const address = await this.#open([...this.#addresses, ...opened], port);
        opened.push(address);
        given.set(address, port);
      }
    } catch (error) {
      await Promise.all(opened.map(({ listening }) => listening.stop()));
      throw error;
    }
    return () => {
      for (const [{ serves, listening }, table] of given) {
        serves.table = table;
        adjust(listening, table);
      }
      this.#addresses = [...given.keys()];
      for (const address of free) void this.#leave(address);
    };
  }

  /** Takes no new connections; resolves when those that are left have ended, or were cut. */
  async stop(drainMs: number): Promise<void> {
    for (const address of this.#addresses) void this.#leave(address);
    this.#addresses = [];
    const cut = setTimeout(() => this.#cut(), drainMs);
    await Promise.all(this.#leaving.values());
    clearTimeout(cut);
  }

  /** Closes everything at once. */
  async close(): Promise<void> {
    const stopped = this.stop(0);
    this.#cut();
    await stopped;
  }

  #cut(): void {
    for (const listening of this.#leaving.keys()) listening.cut();
  }

  async #open(taken: readonly Address[], table: PortTable): Promise<Address> {
    const { listenOn } = table;
    let offset = 0;
    while (taken.some((other) => other.offset === offset)) offset++;
    const serves: Address['serves'] = { table: undefined };
    const settings = {
      host: this.#host,
      port: listenOn ?? (this.#port === 0 ? 0 : this.#port + offset),
      ...settingsOf(table),
      tls: tlsOf(table, serves),
    };
    const listening = await listen(settings, (request, response, target) =>
      this.#handler(request, response, target, serves.table?.key ?? ''),
    );
    return { offset: listenOn === undefined ? offset : undefined, listening, serves };
  }

  #leave({ listening }: Address): Promise<void> {
    const left = listening.stop().finally(() => this.#leaving.delete(listening));
    this.#leaving.set(listening, left);
    return left;
  }
}

function settingsOf({ listeners }: PortTable): Pick<ServerSettings, 'keepAliveMs' | 'maxConnections'> {
  const idle = listeners.flatMap(({ client }) => client.idleMs ?? []);
  const limits = listeners.flatMap(({ client }) => client.connectionLimit ?? []);
  return {
    keepAliveMs: idle.length === 0 ? CLIENT_IDLE_MS : Math.min(...idle),
    maxConnections: limits.length === 0 ? undefined : Math.min(...limits),
  };
}

/** Whether an address is where a port is to be listened on. */
function listensAt({ port }: Listening, { listenOn }: PortTable): boolean {
  return listenOn === undefined || listenOn === port;
}

/** Certificates of the configuration in service, whichever that is when a client connects. */
function tlsOf(first: PortTable, serves: Address['serves']): ServerTls | undefined {
  if (first.protocol === 'HTTP') return undefined;
  const { pair, clients } = first.certificate(undefined)!;
  return { choose: (name) => (serves.table ?? first).certificate(name)?.context, fallback: pair, clients };
}

/** What changed holds for the connections that come. */
function adjust({ instance: { server } }: Listening, table: PortTable): void {
  const { keepAliveMs, maxConnections } = settingsOf(table);
  server.keepAliveTimeout = keepAliveMs;
  server.maxConnections = maxConnections ?? Number.POSITIVE_INFINITY;
  const certificate = table.certificate(undefined);
  if (certificate === undefined || !(server instanceof TlsServer)) return;
  const options = tlsOptions({ fallback: certificate.pair, clients: certificate.clients });
  // With the context the keys of session tickets change: nobody comes back by one that was given before clients had to show theirs.
  server.setSecureContext(options);
  const { requestCert, rejectUnauthorized } = options;
  // Node looks at them for each connection.
  Object.assign(server, { requestCert, rejectUnauthorized });
}
