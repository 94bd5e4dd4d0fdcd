import type { Readable } from 'node:stream';

import type { Dispatcher } from 'undici';

import type { Endpoint } from '../attempt/backend.ts';
import type { Outbound } from '../attempt/call.ts';
import type { Mirror } from '../route/mirror.ts';
import { TooFarBehind } from './passed-body.ts';

/**
 * What became of a copy: `ok` with any answer; `failed` without one; `given_up` where the mirror took the body or answered too slowly;
 * `skipped` where it has too many already, or did not answer lately.
 */
export type Mirrored = 'ok' | 'failed' | 'given_up' | 'skipped';

export type ToldOfMirror = (mirror: Mirror, result: Mirrored) => void;

/** Time for the answer, from the last byte of the body on. */
const ANSWER_MS = 60_000;

/** Sends a copy of a request to a mirror. Nothing that happens to it reaches the request. @param body is read to its end, or destroyed */
export function sendCopy(mirror: Mirror, outbound: Omit<Outbound, 'body'>, body: Buffer | Readable | null, told: ToldOfMirror): void {
  const { backend } = mirror;
  const now = Date.now();
  if (!backend.hasRoom(false) || !backend.available(now)) {
    if (body !== null && !Buffer.isBuffer(body)) body.destroy();
    told(mirror, 'skipped');
    return;
  }
  const endpoint = backend.endpoint(now, Math.random);
  backend.started(endpoint, now, false);
  const { method, path, headers } = outbound;
  endpoint.pool.dispatch({ method, path, headers, body }, new Copy(mirror, endpoint, body, told));
}

/** A copy under way: its answer is read, and forgotten. */
class Copy implements Dispatcher.DispatchHandler {
  readonly #mirror: Mirror;
  readonly #endpoint: Endpoint;
  readonly #told: ToldOfMirror;
  readonly #timer: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | undefined;
  #over = false;

  constructor(mirror: Mirror, endpoint: Endpoint, body: Buffer | Readable | null, told: ToldOfMirror) {
    this.#mirror = mirror;
    this.#endpoint = endpoint;
    this.#told = told;
    this.#timer = setTimeout(() => this.#giveUp(), ANSWER_MS);
    if (body === null || Buffer.isBuffer(body)) return;
    body.on('data', () => this.#timer.refresh());
    // The connection takes it at its own pace.
    body.pause();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(new Error('given up'));
  }

  onResponseStart(): void {
    // Whatever it is.
  }

  onResponseData(): void {
    // Forgotten.
  }

  onResponseEnd(): void {
    this.#endpoint.health.succeeded();
    this.#end('ok');
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.#over) return;
    if (error instanceof TooFarBehind) {
      this.#endpoint.health.neutral();
      this.#end('given_up');
      return;
    }
    this.#mirror.backend.failed(this.#endpoint, 'local', Date.now());
    this.#end('failed');
  }

  #giveUp(): void {
    if (this.#over) return;
    this.#mirror.backend.failed(this.#endpoint, 'gateway', Date.now());
    this.#end('given_up');
    this.#controller?.abort(new Error('given up'));
  }

  #end(result: Mirrored): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#mirror.backend.ended(this.#endpoint, false);
    this.#told(this.#mirror, result);
  }
}
