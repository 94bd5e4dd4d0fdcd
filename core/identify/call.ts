import { isHeaderValue, isRequestTarget, isToken } from '../http/sendable.ts';
import type { Dispatcher } from 'undici';

/** A request of the gateway's own, without a body. */
export interface Call {
  /** Where the dispatcher is not bound to one origin. */
  readonly origin?: string;
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Flat. */
  readonly headers: readonly string[];
}

/** The call has characters that no HTTP request can carry. */
export class Unsendable extends Error {
  constructor() {
    super('has characters that no HTTP request can carry');
    this.name = 'Unsendable';
  }
}

/**
 * Sends a request and gives the head of its answer. The time also counts while the request waits for a connection, where undici
 * does not look at its signal, and goes on to count for the body.
 * @throws Unsendable before anything is sent
 * @throws Error from undici, or a TimeoutError
 */
export async function call(dispatcher: Dispatcher, { headers, ...rest }: Call, timeoutMs: number): Promise<Dispatcher.ResponseData> {
  if (!isToken(rest.method) || !isRequestTarget(rest.path) || !headers.every(isHeaderValue)) throw new Unsendable();
  const signal = AbortSignal.timeout(timeoutMs);
  return new Promise((resolve, reject) => {
    signal.addEventListener(
      'abort',
      () => {
        reject(signal.reason as Error);
      },
      { once: true },
    );
    dispatcher.request({ ...rest, headers: [...headers], signal }).then(resolve, reject);
  });
}
