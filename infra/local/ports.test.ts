import { createServer, type Server } from 'node:net';

import { afterEach, expect, test } from 'vitest';

import { findPorts, NoPort } from './ports.ts';

const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

function occupy(port: number, host = '127.0.0.1'): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    servers.push(server);
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' ? address!.port : 0);
    });
  });
}

/** A port with free ones behind it. */
async function row(count: number): Promise<number> {
  const [found] = await findPorts([{ process: 'row', port: 0, count }]);
  return found!.port;
}

test('free ports stay as they are wished for', async () => {
  const port = await row(3);
  expect(
    await findPorts([
      { process: 'a', port },
      { process: 'b', port: port + 1, count: 2 },
    ]),
  ).toEqual([
    { process: 'a', port, count: 1, wanted: port },
    { process: 'b', port: port + 1, count: 2, wanted: port + 1 },
  ]);
});

test.each(['127.0.0.1', '0.0.0.0', '::'])(
  'a port that is taken on %s shifts, and takes none that another process is to have',
  async (host) => {
    const port = await row(4);
    await occupy(port, host);
    const found = await findPorts([
      { process: 'one', port },
      { process: 'two', port: port + 1 },
    ]);
    expect(found[1]!.port).toBe(port + 1);
    expect(found[0]!.port).toBeGreaterThan(port + 1);
  },
);

test('a row shifts as a whole when its last port is taken', async () => {
  const port = await row(6);
  await occupy(port + 2);
  const [found] = await findPorts([{ process: 'pods', port, count: 3 }]);
  expect(found!.port).toBeGreaterThan(port + 2);
});

test('the same wish twice gives two ports, and 0 a different one each time', async () => {
  const port = await row(3);
  const wishes = [port, port, 0, 0].map((each) => ({ process: 'p', port: each }));
  const ports = (await findPorts(wishes)).map((each) => each.port);
  expect(ports[0]).toBe(port);
  expect(new Set(ports).size).toBe(4);
  expect(ports).not.toContain(0);
});

test('the end of the ports is an error', async () => {
  await occupy(65_535).catch(() => 0);
  await expect(findPorts([{ process: 'tier-one', port: 65_535 }])).rejects.toThrow(NoPort);
  await expect(findPorts([{ process: 'pods', port: 65_535, count: 2 }])).rejects.toThrow('pods: no port from 65535 to 65535 is free');
});
