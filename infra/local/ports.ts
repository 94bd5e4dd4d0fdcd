import { createServer } from 'node:net';

const HOST = '127.0.0.1';
const LAST = 65_535;

/** One port, or several in a row, that a process is to listen on. */
export interface WantedPorts {
  readonly process: string;
  /** 0: any free one. */
  readonly port: number;
  /** @default 1 */
  readonly count?: number;
}

export interface FoundPorts {
  readonly process: string;
  readonly port: number;
  readonly count: number;
  readonly wanted: number;
}

/** No port can be had. */
export class NoPort extends Error {
  override readonly name = 'NoPort';
}

/**
 * Free ports of the loopback address, in the order of the wishes. A port that is taken shifts to the next free one. Wishes
 * that can be met are met first, so that what shifts takes no port from another one.
 * @throws NoPort
 */
export async function findPorts(wishes: readonly WantedPorts[]): Promise<FoundPorts[]> {
  const given = new Set<number>();
  const found = new Map<WantedPorts, number>();
  const take = (wish: WantedPorts, port: number) => {
    for (const each of rowOf(port, wish)) given.add(each);
    found.set(wish, port);
  };
  const fits = async (wish: WantedPorts, port: number) => {
    const row = rowOf(port, wish);
    return !row.some((each) => given.has(each)) && (await allFree(row, wish));
  };
  for (const wish of wishes) {
    if (wish.port !== 0 && (await fits(wish, wish.port))) take(wish, wish.port);
  }
  for (const wish of wishes) {
    if (found.has(wish)) continue;
    let port = wish.port === 0 ? await anyPort() : wish.port + 1;
    while (!(await fits(wish, port))) {
      port = wish.port === 0 ? await anyPort() : port + 1;
      if (port > LAST) throw new NoPort(`${wish.process}: no port from ${wish.port} to ${LAST} is free`);
    }
    take(wish, port);
  }
  return wishes.map((wish) => ({ process: wish.process, port: found.get(wish)!, count: wish.count ?? 1, wanted: wish.port }));
}

function rowOf(port: number, { count = 1 }: WantedPorts): number[] {
  return Array.from({ length: count }, (_, index) => port + index);
}

async function allFree(row: readonly number[], wish: WantedPorts): Promise<boolean> {
  for (const port of row) {
    if (port > LAST) return false;
    const code = await listen(port).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error.code,
    );
    if (code === 'EACCES') throw new NoPort(`${wish.process}: port ${port} needs more rights than this user has; choose one above 1023`);
    if (code !== undefined) return false;
  }
  return true;
}

function anyPort(): Promise<number> {
  return listen(0);
}

/** Listens for a moment. @returns the port */
function listen(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: HOST, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port));
    });
  });
}
