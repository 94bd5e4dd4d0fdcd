import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import type { Failure } from './failure.ts';

/** Silence in both directions that ends a tunnel: Envoy's own limit for streams. WebSocket peers ping each other more often. */
const IDLE_MS = 300_000;

/** How a tunnel ended. */
export interface TunnelEnd {
  /** Bytes to the client, and from it. */
  readonly sent: number;
  readonly received: number;
  /** Whether both sides ended by themselves. */
  readonly complete: boolean;
  readonly clientGone: boolean;
  readonly failure: Failure | undefined;
}

/** Bytes in both directions between a client and a backend, as fast as the slower one of each direction takes them. One may end before the other. */
export class Tunnel {
  readonly #client: Duplex;
  readonly #backend: Duplex;
  readonly #done: (end: TunnelEnd) => void;
  readonly #idle: NodeJS.Timeout;
  #sent = 0;
  #received = 0;
  #open = 2;
  #clientGone = false;
  #failure: Failure | undefined;

  /** @param done called once, when both connections are closed */
  static between(client: Duplex, backend: Duplex, done: (end: TunnelEnd) => void, idleMs = IDLE_MS): Tunnel {
    return new Tunnel(client, backend, done, idleMs);
  }

  private constructor(client: Duplex, backend: Duplex, done: (end: TunnelEnd) => void, idleMs: number) {
    this.#client = client;
    this.#backend = backend;
    this.#done = done;
    this.#idle = setTimeout(() => this.#silent(idleMs), idleMs);
    // What the other side still has to say passes after this one has ended.
    if (backend instanceof Socket) backend.allowHalfOpen = true;
    backend.on('data', (chunk: Buffer) => {
      this.#sent += chunk.length;
      this.#idle.refresh();
    });
    client.on('data', (chunk: Buffer) => {
      this.#received += chunk.length;
      this.#idle.refresh();
    });
    for (const side of [client, backend])
      side.on('error', () => {
        // 'close' follows.
      });
    client.once('close', () => this.#closed(client, backend));
    backend.once('close', () => this.#closed(backend, client));
    client.pipe(backend);
    backend.pipe(client);
    // One that has gone meanwhile says nothing of it any more.
    if (client.destroyed) backend.destroy();
    if (backend.destroyed) client.destroy();
  }

  #closed(side: Duplex, other: Duplex): void {
    this.#open--;
    if (!side.readableEnded && !other.destroyed) {
      if (this.#failure === undefined) {
        if (side === this.#client) this.#clientGone = true;
        else this.#failure = { reason: 'truncated', message: 'the connection to the backend broke off' };
      }
      other.destroy();
    }
    if (this.#open > 0) return;
    clearTimeout(this.#idle);
    const complete = this.#failure === undefined && !this.#clientGone;
    this.#done({ sent: this.#sent, received: this.#received, complete, clientGone: this.#clientGone, failure: this.#failure });
  }

  #silent(ms: number): void {
    this.#failure = { reason: 'idle', message: `no side said anything for ${ms} ms` };
    this.#client.destroy();
    this.#backend.destroy();
  }
}
