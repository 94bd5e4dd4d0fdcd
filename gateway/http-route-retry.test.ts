import type { IncomingMessage, ServerResponse } from 'node:http';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, describe, expect, it } from 'vitest';

import { startGateway, type TestGateway } from './gateway.fixture.ts';
import { ask, open, startOrigin, to, webYaml } from './origin.fixture.ts';

const running: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of running.splice(0).toReversed()) await each.close();
});

type Turn = (request: IncomingMessage, response: ServerResponse, body: string) => void;

const says =
  (status: number, text = `${status}`): Turn =>
  (_request, response) =>
    void response.writeHead(status, { 'x-own': '1', 'content-type': 'text/plain' }).end(text);
const breaks: Turn = (request) => void request.socket.resetAndDestroy();

/** References to a backend and to `a`. */
const refs = (name: string): string =>
  `backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: ${name}}, {group: gateway.envoyproxy.io, kind: Backend, name: a}]`;

/** A server whose first answers are these, and all further ones the last of them. Each waits for the whole body. */
async function turns(...each: Turn[]) {
  const bodies: string[] = [];
  const origin = await startOrigin('turns', (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      bodies.push(body);
      each[Math.min(bodies.length, each.length) - 1]!(request, response, body);
    });
  });
  running.push(origin);
  return Object.assign(origin, { bodies });
}

async function start(ports: Readonly<Record<string, number>>, rule: string): Promise<TestGateway> {
  const gateway = await startGateway({ yaml: webYaml(ports, { web: rule }) });
  running.push(gateway);
  return gateway;
}

describe('retry of an HTTPRoute', () => {
  it.each<[string, string, Turn[], number, number]>([
    ['until there is an answer', '{codes: [500], attempts: 3}', [says(500), says(500), says(200)], 200, 3],
    ['as often as it says', '{codes: [500], attempts: 2}', [says(500)], 500, 3],
    ['for its own codes only', '{codes: [500], attempts: 3}', [says(503)], 503, 1],
    ['once, where it says no number', '{codes: [503]}', [says(503), says(503), says(200)], 503, 2],
    ['never, where that is the number', '{codes: [503], attempts: 0}', [says(503)], 503, 1],
    ['after a connection that broke', '{codes: [500], attempts: 1}', [breaks, says(200)], 200, 2],
  ])('asks again %s', async (_name, retry, answers, status, asked) => {
    const a = await turns(...answers);
    const gateway = await start({ a: a.port }, `{retry: ${retry}, ${to('a')}}`);
    // The last answer is the backend's own, with all that belongs to it.
    expect(await ask(gateway.url)).toMatchObject({ status, body: `${status}`, headers: { 'x-own': '1' } });
    expect(a.bodies).toHaveLength(asked);
  });

  it('asks again where no connection can be had, or an attempt takes too long', async () => {
    const gone = await startOrigin('gone');
    await gone.close();
    const silent = await startOrigin('silent', (request) => void request.resume());
    const a = await turns(says(200));
    running.push(silent);
    const gateway = await start(
      { a: a.port, gone: gone.port, silent: silent.port },
      `{matches: [{path: {value: /gone}}], retry: {attempts: 2, backoff: 1ms}, ${refs('gone')}}, {matches: [{path: {value: /silent}}], retry: {attempts: 2, backoff: 1ms}, timeouts: {backendRequest: 30ms}, ${refs('silent')}}`,
    );
    for (let round = 0; round < 5; round++) {
      expect((await ask(`${gateway.url}/gone`)).status).toBe(200);
      expect((await ask(`${gateway.url}/silent`)).status).toBe(200);
    }
  });

  it('sends a small body again, whole', async () => {
    const a = await turns(says(500), breaks, says(200));
    const gateway = await start({ a: a.port }, `{retry: {codes: [500], attempts: 2, backoff: 1ms}, ${to('a')}}`);
    const body = 'x'.repeat(60_000);
    expect((await ask(gateway.url, { method: 'POST', body })).status).toBe(200);
    expect(a.bodies.filter((each) => each === body)).toHaveLength(3);
  });

  it('passes the answer to a large body as it is: the body has gone', async () => {
    const a = await turns(says(500));
    const gateway = await start({ a: a.port }, `{retry: {codes: [500], attempts: 2, backoff: 1ms}, ${to('a')}}`);
    const answer = await ask(gateway.url, { method: 'POST', body: 'x'.repeat(200_000) });
    expect([answer.status, answer.body, a.bodies.length]).toEqual([500, '500', 1]);
  });

  it('sends a body again of which only a part was there, and what comes after', async () => {
    // The first connection breaks in the middle of the body.
    const connections: IncomingMessage[] = [];
    const bodies: string[] = [];
    const server = await startOrigin('breaking', (request, response) => {
      connections.push(request);
      if (connections.length === 1) {
        request.once('data', () => request.socket.resetAndDestroy());
        return;
      }
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        bodies.push(body);
        response.end('ok');
      });
    });
    running.push(server);
    const gateway = await start({ a: server.port }, `{retry: {attempts: 1, backoff: 1ms}, ${to('a')}}`);
    const answered = Promise.withResolvers<number>();
    const request = open(gateway.url, { method: 'POST' }, answered.reject, (response) => {
      response.resume();
      answered.resolve(response.statusCode!);
    });
    request.write('first ');
    while (connections.length < 2) await sleep(2);
    request.write('second ');
    await sleep(5);
    request.end('third');
    expect(await answered.promise).toBe(200);
    expect(bodies).toEqual(['first second third']);
  });

  it('ends with the request: what the client does not wait for is not asked for', async () => {
    const a = await turns(says(500));
    const gateway = await start({ a: a.port }, `{retry: {codes: [500], attempts: 5, backoff: 50ms}, ${to('a')}}`);
    const socket = net.connect(Number(new URL(gateway.url).port), '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    while (a.bodies.length === 0) await sleep(2);
    socket.destroy();
    while (gateway.accessLog.length === 0) await sleep(2);
    await sleep(120);
    expect(a.bodies.length).toBeLessThanOrEqual(2);
  });
});
