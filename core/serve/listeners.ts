import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { type Listening, listen, type ServerSettings } from '../http/server.ts';

import type { PortTable } from '../route/ports.ts';

/** @param port of the Gateway's listener, to which the address belongs at this moment */
export type PortHandler = (request: IncomingMessage, response: ServerResponse, target: string, port: number) => void;

/** One address that is listened on. */
interface Address {
  /** Place after the first port. */
  readonly offset: number;
  readonly listening: Listening;
  /** Open connections. */
  readonly sockets: ReadonlySet<Socket>;
  /** Port of the Gateway's listener. */
  readonly serves: { port: number };
}

const CLIENT_IDLE_MS = 75_000;
/** How often connections that have become idle are looked for while the others are waited for. */
const IDLE_CHECK_MS = 100;

/** The addresses of a process: one for each port that its Gateways name, in the order of their numbers from one port on. */
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
    const sorted = this.#addresses.toSorted((a, b) => a.serves.port - b.serves.port);
    return new Map(sorted.map(({ serves, listening }) => [serves.port, listening.port]));
  }

  /**
   * Listens for the ports of a configuration that have no address yet. A port that stays keeps its address; one that is new gets
   * that of a port that goes, else the first that is free.
   * @returns what makes the change, at once; before, the new addresses answer for no port
   * @throws the system's error when an address cannot be had; then nothing has changed
   */
  async prepare(ports: readonly PortTable[]): Promise<() => void> {
    const stay = this.#addresses.filter(({ serves }) => ports.some(({ port }) => port === serves.port));
    const free = this.#addresses.filter((address) => !stay.includes(address)).sort((a, b) => a.offset - b.offset);
    const wanted = ports.filter(({ port }) => !stay.some(({ serves }) => serves.port === port));
    const given = new Map<Address, number>();
    const opened: Address[] = [];
    try {
      for (const { port } of wanted) {
        let address = free.shift();
        if (address === undefined) {
          address = await this.#open([...this.#addresses, ...opened], ports);
          opened.push(address);
        }
        given.set(address, port);
      }
    } catch (error) {
      await Promise.all(opened.map(({ listening }) => listening.stop()));
      throw error;
    }
    return () => {
      for (const [{ serves }, port] of given) serves.port = port;
      this.#addresses = [...stay, ...given.keys()];
      for (const { serves, listening } of this.#addresses) adjust(listening, settingsOf(ports.find(({ port }) => port === serves.port)!));
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

  async #open(taken: readonly Address[], ports: readonly PortTable[]): Promise<Address> {
    let offset = 0;
    while (taken.some((other) => other.offset === offset)) offset++;
    const serves = { port: 0 };
    const settings = { host: this.#host, port: this.#port === 0 ? 0 : this.#port + offset, ...settingsOf(ports[0]!) };
    const listening = await listen(settings, (request, response, target) => this.#handler(request, response, target, serves.port));
    const sockets = new Set<Socket>();
    listening.instance.server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    return { offset, listening, sockets, serves };
  }

  #leave({ listening, sockets }: Address): Promise<void> {
    // A connection whose answer was under way becomes idle with its end, and would stay open for the client's next request. One that
    // has not sent anything yet is none of Node's idle ones.
    const idle = setInterval(() => {
      listening.instance.server.closeIdleConnections();
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
    }, IDLE_CHECK_MS);
    const left = listening.stop().finally(() => {
      clearInterval(idle);
      this.#leaving.delete(listening);
    });
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

/** A policy that changed holds for the connections that come. */
function adjust({ instance: { server } }: Listening, { keepAliveMs, maxConnections }: ReturnType<typeof settingsOf>): void {
  server.keepAliveTimeout = keepAliveMs;
  server.maxConnections = maxConnections ?? Number.POSITIVE_INFINITY;
}
