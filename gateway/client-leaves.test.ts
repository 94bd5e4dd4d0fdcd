import http from 'node:http';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createGzip } from 'node:zlib';

import { afterEach, describe, expect, it } from 'vitest';

import { CHAT, DIALECTS, dialectOf, eventually, inFlight, logged, pairsYaml, type TestDialect } from './dialects.fixture.ts';
import { startGateway, type TestGateway, type TestGatewayOptions } from './gateway.fixture.ts';
import { answer, hang, headThen, type Script, shortBody, sse, startUpstream, type Upstream } from './upstream.fixture.ts';

let gateway: TestGateway;
const upstreams: Upstream[] = [];

afterEach(async () => {
  await gateway.close();
  await Promise.all(upstreams.splice(0).map((one) => one.close()));
});

async function upstream(script: Script): Promise<Upstream> {
  const started = await startUpstream(script);
  upstreams.push(started);
  return started;
}

async function start(script: Script, more = '', options: TestGatewayOptions = {}): Promise<Upstream> {
  const first = await upstream(script);
  gateway = await startGateway({ yaml: pairsYaml(first.port, first.port) + more, ...options });
  return first;
}

/** A client that has sent its request; its socket is at hand. */
function send(dialect: TestDialect, model: string, stream: boolean): net.Socket {
  const body = JSON.stringify(dialect.request(model, stream));
  const socket = net.connect(Number(new URL(gateway.url).port), '127.0.0.1');
  socket.on('error', () => {});
  socket.write(
    `POST ${dialect.path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  return socket;
}

const some = (dialect: TestDialect) => [...dialect.stream(['one ', 'two ']).before, ...dialect.stream(['one ', 'two ']).tokens];

const LEAVE: readonly { how: string; leave: (socket: net.Socket) => void }[] = [
  { how: 'resets', leave: (socket) => void socket.resetAndDestroy() },
  { how: 'closes', leave: (socket) => void socket.destroy() },
];

describe('a client that leaves', () => {
  for (const { how, leave } of LEAVE) {
    it(`before the head (${how}): the backend is left at once, 499`, async () => {
      for (const [script, stream] of [
        [hang, false],
        [hang, true],
        [headThen('hang', true), true],
        [shortBody(CHAT.whole('one two three'), 'hang'), false],
        [(socket, request) => sse(dialectOf(request.path).stream([]).before, { close: 'hang' })(socket, request), true],
      ] as [Script, boolean][]) {
        const first = await start(script);
        for (const [index, dialect] of DIALECTS.entries()) {
          const socket = send(dialect, dialect.model, stream);
          await eventually(() => first.requests.length > index, 'the request at the backend');
          await sleep(10);
          expect(await inFlight(gateway.adminUrl)).toBeGreaterThan(0);
          const left = performance.now();
          leave(socket);
          expect((await first.requests[index]!.closed) - left).toBeLessThan(1000);
          expect(await logged(gateway.accessLog, index + 1)).toMatchObject({ response_code: 499, response_flags: 'DC', complete: false });
          expect(await inFlight(gateway.adminUrl)).toBe(0);
        }
        // The other backend was not bothered, and no health was lost: the same port, one request for each client.
        expect(first.requests).toHaveLength(3);
        await gateway.close();
      }
    });

    it(`in the middle of a stream (${how}): what was generated is in the log`, async () => {
      const first = await start((socket, request) => sse(some(dialectOf(request.path)), { close: 'hang' })(socket, request));
      for (const [index, dialect] of DIALECTS.entries()) {
        const socket = send(dialect, dialect.model, true);
        let text = '';
        socket.on('data', (data) => (text += String(data)));
        await eventually(() => text.includes('two '), 'two tokens');
        const left = performance.now();
        leave(socket);
        expect((await first.requests[index]!.closed) - left).toBeLessThan(1000);
        expect(await logged(gateway.accessLog, index + 1)).toMatchObject({
          response_code: 200,
          response_flags: 'DC',
          complete: false,
          genai_tokens_output: 2,
          usage_source: 'estimated',
        });
        expect(await inFlight(gateway.adminUrl)).toBe(0);
      }
    });
  }

  it('is noticed while the gateway waits between two attempts: no further one is made', async () => {
    const policy = `
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: retry}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: openai-only}]
  retry: {numRetries: 5, retryOn: {triggers: [retriable-status-codes], httpStatusCodes: [503]}, perRetry: {backOff: {baseInterval: 10s, maxInterval: 10s}}}
`;
    const first = await start(answer(503, {}), policy);
    const socket = send(CHAT, 'openai-only', false);
    await eventually(() => first.requests.length === 1, 'the first attempt');
    await sleep(50);
    expect(await inFlight(gateway.adminUrl)).toBe(0);
    socket.destroy();
    expect(await logged(gateway.accessLog)).toMatchObject({ response_code: 499, response_flags: 'DC' });
    await sleep(50);
    expect(first.requests).toHaveLength(1);
  });

  it('is noticed while an extension decides: no backend is asked', async () => {
    let entered = 0;
    const release = Promise.withResolvers<void>();
    const first = await start((socket, request) => sse(some(dialectOf(request.path)), { close: 'hang' })(socket, request), '', {
      extensions: [
        {
          name: 'slow',
          authorize: async () => {
            entered++;
            await release.promise;
          },
        },
      ],
    });
    const socket = send(CHAT, 'openai-pair', true);
    await eventually(() => entered === 1, 'the extension asked');
    socket.destroy();
    await sleep(50);
    release.resolve();
    expect(await logged(gateway.accessLog)).toMatchObject({ response_code: 499, response_flags: 'DC' });
    await sleep(30);
    expect(first.requests).toHaveLength(0);
    expect(await inFlight(gateway.adminUrl)).toBe(0);
  });

  it('is noticed while an attempt is prepared: nothing is sent', async () => {
    let entered = 0;
    const release = Promise.withResolvers<void>();
    const first = await start(hang, '', {
      extensions: [
        {
          name: 'slow',
          attempt: async () => {
            entered++;
            await release.promise;
            return undefined;
          },
        },
      ],
    });
    const socket = send(CHAT, 'openai-pair', false);
    await eventually(() => entered === 1, 'the extension asked');
    socket.destroy();
    expect(await logged(gateway.accessLog)).toMatchObject({ response_code: 499, response_flags: 'DC' });
    release.resolve();
    await sleep(30);
    expect(first.requests).toHaveLength(0);
    expect(await inFlight(gateway.adminUrl)).toBe(0);
  });

  it('leaves nothing behind when many leave at random moments', async () => {
    const first = await start((socket, request) =>
      sse([...some(dialectOf(request.path)), ...Array<string>(20).fill(some(dialectOf(request.path)).at(-1)!)], {
        pauseMs: 3,
        close: 'hang',
      })(socket, request),
    );
    const sockets = Array.from({ length: 60 }, (_, index) => {
      const dialect = DIALECTS[index % 3]!;
      const socket = send(dialect, dialect.model, true);
      const leave = () => void setTimeout(() => socket.destroy(), index % 20);
      if (index % 4 === 0) leave();
      else socket.once('data', leave);
      return socket;
    });
    await eventually(() => sockets.every((socket) => socket.closed), 'all clients gone');
    await eventually(async () => (await inFlight(gateway.adminUrl)) === 0, 'nothing in flight');
    // A connection that was made for a client who had gone by then may wait for the next one; those that were asked on are closed.
    await Promise.all(first.requests.map(({ closed }) => closed));
    expect(first.requests.length).toBeGreaterThan(20);
    expect(gateway.tier.metrics.families.inFlight.with().value).toBe(0);
  });
});

/** Reads nothing until told. */
function slowly(path: string, body: object): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = http.request(gateway.url + path, { method: 'POST', agent: false, headers: { 'content-type': 'application/json' } });
    request.on('error', reject);
    request.on('response', (response) => resolve(response.pause()));
    request.end(JSON.stringify(body));
  });
}

const MEGABYTE = 1024 * 1024;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes in the process's buffers that someone still holds. */
function bufferBytes(): number {
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

/** Tokens of 64 KiB, written as fast as they are taken; counts the bytes that the gateway took. */
function flood(megabytes: number, zipped: boolean, count: { taken: number }): Script {
  const { before, tokens, after } = CHAT.stream(['x'.repeat(64 * 1024)]);
  return async (socket) => {
    const coding = zipped ? 'content-encoding: gzip\r\n' : '';
    socket.write(`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n${coding}connection: close\r\n\r\n`);
    const out = zipped ? createGzip({ level: 1 }) : socket;
    if (out !== socket) out.pipe(socket);
    const write = async (text: string) => {
      if (!out.write(text)) await new Promise((resolve) => out.once('drain', resolve));
      count.taken += text.length;
    };
    for (const event of before) await write(event);
    for (let index = 0; index < megabytes * 16; index++) await write(tokens[0]!);
    for (const event of after) await write(event);
    out.end();
  };
}

describe('a client that reads slowly', () => {
  for (const zipped of [false, true]) {
    it(`does not make the gateway hold the stream, and gets every byte in the end (${zipped ? 'gzip' : 'plain'} backend)`, async () => {
      const size = 64;
      const count = { taken: 0 };
      await start(flood(size, zipped, count), '');
      const atFirst = bufferBytes();
      const response = await slowly(CHAT.path, CHAT.request('openai-pair', true));
      let before = -1;
      await eventually(async () => {
        const same = before === count.taken;
        before = count.taken;
        await sleep(60);
        return same;
      }, 'the backend is held back');
      // The system's own socket buffers are some megabytes; the whole gzip of one letter fits in there.
      expect(count.taken).toBeLessThan(zipped ? Infinity : 24 * MEGABYTE);
      // Of the 64; garbage that nobody has collected yet, and what the test itself compresses, count as well.
      expect(bufferBytes() - atFirst).toBeLessThan(32 * MEGABYTE);
      expect(gateway.accessLog).toHaveLength(0);
      let bytes = 0;
      let tail = Buffer.alloc(0);
      response.on('data', (data: Buffer) => {
        bytes += data.length;
        tail = Buffer.concat([tail, data]).subarray(-100);
      });
      await new Promise((resolve) => response.resume().on('close', resolve));
      expect(response.complete).toBe(true);
      const { before: preamble, tokens, after } = CHAT.stream(['x'.repeat(64 * 1024)]);
      expect(bytes).toBe([...preamble, after[0]!, after[2]!].join('').length + tokens[0]!.length * size * 16);
      expect(tail.toString().endsWith('data: [DONE]\n\n')).toBe(true);
      expect(await logged(gateway.accessLog)).toMatchObject({ complete: true, genai_tokens_output: 7 });
    });
  }

  it('is not taken for a silent backend', async () => {
    const count = { taken: 0 };
    const first = await upstream(flood(16, false, count));
    gateway = await startGateway({ yaml: pairsYaml(first.port, first.port, '    streamIdleTimeout: 300ms') });
    const response = await slowly(CHAT.path, CHAT.request('openai-pair', true));
    await sleep(900);
    let text = '';
    response.on('data', (data: Buffer) => (text = (text + data.toString('latin1')).slice(-100)));
    await new Promise((resolve) => response.resume().on('close', resolve));
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(await logged(gateway.accessLog)).toMatchObject({ complete: true });
  });

  it('may leave while the backend is held back', async () => {
    const count = { taken: 0 };
    const first = await start(flood(64, false, count));
    const response = await slowly(CHAT.path, CHAT.request('openai-pair', true));
    await sleep(150);
    response.destroy();
    await first.requests[0]!.closed;
    expect(await logged(gateway.accessLog)).toMatchObject({ response_flags: 'DC', complete: false });
    expect(await inFlight(gateway.adminUrl)).toBe(0);
  });
});
