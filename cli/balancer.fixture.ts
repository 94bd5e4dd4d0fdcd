// For tests: spreads requests over replicas, each by a connection of its own: one that is kept could be closed just when it is used again.
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Balancer {
  readonly url: string;
  /** Gets requests from now on. @param url of a replica */
  add(url: string): void;
  /** Gets no new ones; those that it has are answered. */
  remove(url: string): void;
  close(): Promise<void>;
}

export async function startBalancer(): Promise<Balancer> {
  const targets: string[] = [];
  let next = 0;
  const server = createServer((request, response) => {
    const { method, headers, url } = request;
    const passed = httpRequest(new URL(url!, targets[next++ % targets.length]), { method, headers, agent: false }, (answer) => {
      const { connection: _connection, ...kept } = answer.headers;
      response.writeHead(answer.statusCode!, kept);
      response.flushHeaders();
      answer.on('error', () => response.destroy()).pipe(response);
    });
    passed.on('error', (error) => (response.headersSent ? response.destroy() : response.writeHead(502).end(JSON.stringify(error.message))));
    response.on('close', () => passed.destroy());
    request.pipe(passed);
  });
  // Nor does it close those of clients.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add: (url) => void targets.push(url),
    remove: (url) => void targets.splice(targets.indexOf(url), 1),
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
