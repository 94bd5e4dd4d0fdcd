// For tests: an HTTP proxy that knows CONNECT.
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface TestProxy {
  readonly address: string;
  /** Requests as they came, head and all. */
  readonly heads: readonly string[];
  /** Everything else that came through from the client. */
  passed(): string;
  /** Connections that are open now. */
  readonly open: number;
  /** What becomes of requests from now on: those for one authority, or all for which nothing else is said. */
  behave(how: ProxyBehaviour, authority?: string): void;
  close(): Promise<void>;
}

/**
 * `tunnel` does what it is asked to; other texts are its answer, as they are, after which it closes the connection; undefined: it never says
 * anything.
 */
export type ProxyBehaviour = 'tunnel' | `HTTP/${string}` | `garbage${string}` | '' | undefined;

/** @param hosts where names lead to: a port of this machine; others are what they are asked for */
export async function startProxy(hosts: Readonly<Record<string, number>> = {}): Promise<TestProxy> {
  const sockets = new Set<Socket>();
  const heads: string[] = [];
  const passed: Buffer[] = [];
  const behaviours = new Map<string | undefined, ProxyBehaviour>([[undefined, 'tunnel']]);

  const tunnel = (client: Socket, authority: string): void => {
    const [host, port] = [authority.slice(0, authority.lastIndexOf(':')), Number(authority.slice(authority.lastIndexOf(':') + 1))];
    const known = hosts[authority];
    const other = connect(known === undefined ? { host, port } : { host: '127.0.0.1', port: known });
    sockets.add(other);
    other.on('error', () => client.destroy());
    other.on('close', () => {
      sockets.delete(other);
      client.destroy();
    });
    client.on('close', () => other.destroy());
    other.once('connect', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.on('data', (chunk: Buffer) => passed.push(chunk));
      client.pipe(other).pipe(client);
    });
  };

  const server = createServer((client) => {
    sockets.add(client);
    client.on('error', () => undefined);
    client.on('close', () => sockets.delete(client));
    let head = '';
    const read = (chunk: Buffer): void => {
      head += chunk.toString('latin1');
      if (!head.endsWith('\r\n\r\n')) return;
      client.off('data', read);
      heads.push(head);
      const authority = head.split(' ')[1]!;
      const behaviour = behaviours.get(behaviours.has(authority) ? authority : undefined);
      if (behaviour === 'tunnel') tunnel(client, authority);
      else if (behaviour !== undefined) client.end(behaviour);
    };
    client.on('data', read);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    heads,
    passed: () => Buffer.concat(passed).toString('latin1'),
    get open() {
      return sockets.size;
    },
    behave(how, authority) {
      behaviours.set(authority, how);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
