// For tests: clients of a gateway, which count what they get.
import { request } from 'node:http';
import { Readable } from 'node:stream';

export interface Counts {
  ok: number;
  /** By what was wrong: a status with the code of the error, an end before the end. */
  readonly bad: Map<string, number>;
}

export function newCounts(): Counts {
  return { ok: 0, bad: new Map() };
}

function count({ bad }: Counts, what: string): void {
  bad.set(what, (bad.get(what) ?? 0) + 1);
}

export interface ChatOptions {
  readonly stream?: boolean;
  readonly maxTokens?: number;
  readonly content?: string;
}

export function chat(
  url: string,
  model: string,
  { stream = false, maxTokens = 8, content = 'hello' }: ChatOptions = {},
): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, stream, max_tokens: maxTokens, messages: [{ role: 'user', content }] }),
  });
}

/** The same to another host of the Gateway: fetch does not let one name it. */
export function viaHost(url: string, host: string, body: object): Promise<Response> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const headers = { host, 'content-type': 'application/json' };
    const sent = request({ hostname, port, method: 'POST', path: '/v1/chat/completions', headers }, (answer) => {
      const given = new Headers({ 'content-type': answer.headers['content-type'] ?? '' });
      resolve(new Response(Readable.toWeb(answer) as ReadableStream, { status: answer.statusCode ?? 0, headers: given }));
    });
    sent.once('error', reject).end(JSON.stringify(body));
  });
}

/** One answer, counted: a stream has to have its end. */
export async function counted(counts: Counts, ask: () => Promise<Response>): Promise<void> {
  try {
    const response = await ask();
    const text = await response.text();
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
    if (response.status !== 200) count(counts, `${response.status} ${text.slice(0, 160)}`);
    else if (isStream && (!text.trimEnd().endsWith('data: [DONE]') || text.includes('"error"')))
      count(counts, `broken: ${text.slice(-120)}`);
    else counts.ok++;
  } catch (error) {
    count(counts, `${(error as Error).message}: ${String(((error as Error).cause as { code?: string } | undefined)?.code)}`);
  }
}

/** Clients that ask again and again. */
export class Clients {
  readonly counts = newCounts();
  readonly #running: Promise<unknown>;
  #ended = false;

  /** @param ask gets the number of the request, which no other one has */
  constructor(many: number, ask: (index: number) => Promise<Response>) {
    let next = 0;
    const client = async (): Promise<void> => {
      while (!this.#ended) await counted(this.counts, () => ask(next++));
    };
    this.#running = Promise.all(Array.from({ length: many }, client));
  }

  /** Lets the last requests end. */
  async end(): Promise<Counts> {
    this.#ended = true;
    await this.#running;
    return this.counts;
  }
}
