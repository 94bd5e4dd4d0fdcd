import type { Dispatcher } from 'undici';

/** Reads a page of text. */
export interface PageRequest {
  readonly dispatcher: Dispatcher;
  readonly path: string;
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

/**
 * Fetches a page whose status is 200, whole.
 * @throws Error with the reason: status, size, time, connection
 */
export async function fetchPage({ dispatcher, path, timeoutMs, maxBytes }: PageRequest, signal: AbortSignal): Promise<string> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  const stop = () => abort.abort(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  try {
    signal.throwIfAborted();
    const { statusCode, body } = await dispatcher.request({
      path,
      method: 'GET',
      headers: { accept: 'text/plain;version=0.0.4' },
      signal: abort.signal,
    });
    if (statusCode !== 200) {
      // Read to its end, the connection lives on; a long page costs more than a new connection.
      await body.dump({ limit: 64 * 1024 });
      throw new Error(`status ${statusCode}`);
    }
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      length += chunk.length;
      // Leaving the loop destroys the body, and with it the connection.
      if (length > maxBytes) throw new Error(`more than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
    return (chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString('utf8');
  } catch (error) {
    throw abort.signal.aborted && abort.signal.reason instanceof Error ? abort.signal.reason : error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}
