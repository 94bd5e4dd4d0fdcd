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

const METHOD = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/;
const UNSENDABLE_PATH = /[^\u0021-\u00ff]/;
const UNSENDABLE_VALUE = /[^\t\u0020-\u007e\u0080-\u00ff]/;

/**
 * Sends a request and gives the head of its answer. The time also counts while the request waits for a connection, where undici
 * does not look at its signal, and goes on to count for the body.
 * @throws Unsendable before anything is sent: undici (7.30) would refuse it too, but its connection would not come back
 * @throws Error from undici, or a TimeoutError
 */
export async function call(dispatcher: Dispatcher, { headers, ...rest }: Call, timeoutMs: number): Promise<Dispatcher.ResponseData> {
  const bad = !METHOD.test(rest.method) || UNSENDABLE_PATH.test(rest.path) || headers.some((text) => UNSENDABLE_VALUE.test(text));
  if (bad) throw new Unsendable();
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
