// For tests: an upstream that remembers what it was sent, and a client that writes any bytes.
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';

export interface Recorded {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

export interface Recorder {
  readonly port: number;
  /** Whole requests, in the order of their ends. */
  readonly seen: Recorded[];
  /** The last request; it must be there. */
  last(): Recorded;
  close(): Promise<void>;
}

export type Answer = (request: Recorded, response: ServerResponse, raw: IncomingMessage) => void;

/** A JSON answer that every endpoint's reader accepts. */
export const CHAT_ANSWER = {
  id: 'x',
  object: 'chat.completion',
  model: 'upstream-model',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
};

export function answerJson(body: unknown = CHAT_ANSWER, status = 200, headers: Record<string, string | string[]> = {}): Answer {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
}

export function answerEvents(events: readonly string[], end = true): Answer {
  return (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const event of events) response.write(event);
    if (end) response.end();
  };
}

/** Listens on a free port. `answer` may be replaced between requests. */
export async function startRecorder(answer: Answer = answerJson()): Promise<Recorder & { answer: Answer }> {
  const seen: Recorded[] = [];
  const server = createServer((raw, response) => {
    const chunks: Buffer[] = [];
    raw.on('data', (chunk: Buffer) => chunks.push(chunk));
    raw.on('error', () => undefined);
    response.on('error', () => undefined);
    raw.on('end', () => {
      const { method = '', url = '', headers, rawHeaders } = raw;
      const request = { method, url, headers, rawHeaders, body: Buffer.concat(chunks) };
      seen.push(request);
      recorder.answer(request, response, raw);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const recorder = {
    port: (server.address() as AddressInfo).port,
    seen,
    answer,
    last() {
      const last = seen.at(-1);
      if (last === undefined) throw new Error('the upstream was not asked');
      return last;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return recorder;
}

export interface RawAnswer {
  /** 0 when the connection ended without an answer. */
  readonly status: number;
  /** Of the first answer, with what may follow it. */
  readonly text: string;
  readonly body: string;
  /** How many heads of answers came. */
  readonly answers: number;
  /** Whether the gateway closed the connection; else it was still open when the time was up. */
  readonly closed: boolean;
}

/**
 * Writes pieces of bytes to the gateway, each in a packet of its own, and gives what comes back until the connection ends or nothing came
 * for `quietMs` behind an answer.
 */
export function sendRaw(url: string, pieces: readonly (string | Buffer)[] | string, quietMs = 60, patienceMs = 4000): Promise<RawAnswer> {
  const { port } = new URL(url);
  const list = typeof pieces === 'string' ? [pieces] : pieces;
  return new Promise((resolve) => {
    let text = '';
    let quiet: NodeJS.Timeout | undefined;
    const socket = connect(Number(port), '127.0.0.1');
    const finish = (closed: boolean) => {
      clearTimeout(quiet);
      clearTimeout(patience);
      socket.destroy();
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
      const body = text.slice(text.indexOf('\r\n\r\n') + 4);
      resolve({ status, text, body, answers: text.match(/HTTP\/1\.1 \d{3} /g)?.length ?? 0, closed });
    };
    const patience = setTimeout(() => finish(false), patienceMs);
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      clearTimeout(quiet);
      quiet = setTimeout(() => finish(false), quietMs);
    });
    socket.on('error', () => finish(true));
    socket.on('close', () => finish(true));
    socket.on('connect', () => {
      void (async () => {
        for (const piece of list) {
          if (socket.destroyed) return;
          socket.write(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece);
          if (list.length > 1)
            await new Promise((next) => {
              setTimeout(next, 5);
            });
        }
      })();
    });
  });
}
