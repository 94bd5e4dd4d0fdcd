import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

import { onTestFinished } from 'vitest';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Undefined: no answer ever comes. */
export type Answer = { readonly status?: number; readonly headers?: Record<string, string>; readonly body: string | object } | undefined;

/** A server of tokens on this machine. @returns where it is, and what it was asked */
export async function tokenServer(answer: (asked: Asked) => Answer): Promise<{ readonly url: string; readonly asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const one = { method: request.method!, path: request.url!, headers: request.headers, body: Buffer.concat(chunks).toString() };
      asked.push(one);
      const given = answer(one);
      if (given === undefined) return;
      const { status = 200, headers, body } = given;
      response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

/** A form as it came. */
export function formOf({ body }: Asked): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(body));
}

/** What a rejection says. */
export async function reasonIn(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it did not fail');
}
