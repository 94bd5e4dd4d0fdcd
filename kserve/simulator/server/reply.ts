import type { ServerResponse } from 'node:http';

/** Writes a JSON answer. */
export function sendJson(response: ServerResponse, status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  const text = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': text.length, ...headers });
  response.end(text);
}

export function sendText(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

/** Begins an event stream. */
export function startEvents(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
}

/** Writes one event. @param type none for OpenAI's chat and completions */
export function sendEvent(response: ServerResponse, data: unknown, type?: string): void {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  response.write(type === undefined ? `data: ${text}\n\n` : `event: ${type}\ndata: ${text}\n\n`);
}
