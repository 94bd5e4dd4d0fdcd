import { createServer } from 'node:http';
import { constants } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Dispatcher } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';

import type { H2cPool } from './pool.ts';
import { type Answer, ask, Heard, poolTo, startH2c, startRaw, startSplitter } from './server.fixture.ts';

const open: { close(): Promise<void> }[] = [];
const pools: H2cPool[] = [];
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.destroy()));
  await Promise.all(open.splice(0).map((each) => each.close()));
});

async function serve(answer: Answer, options: Parameters<typeof startH2c>[1] & { settings?: Parameters<typeof poolTo>[1] } = {}) {
  const server = await startH2c(answer, options);
  open.push(server);
  const pool = poolTo(server.origin, options.settings);
  pools.push(pool);
  return { server, pool };
}

const echo: Answer = (stream, _headers, body) => {
  stream.respond({ ':status': 200, 'content-type': 'text/plain', 'set-cookie': ['a', 'b'], x: ['1', '2'] });
  stream.end(`got ${body}`);
};

describe('a request', () => {
  it('is answered', async () => {
    const { server, pool } = await serve(echo);
    const headers = ['host', 'models.example.com', 'connection', 'keep-alive', 'te', 'trailers', 'x-a', '1', 'x-a', '2'];
    const heard = await ask(pool, { path: '/v1?x=1', headers, body: Buffer.from('hello') }).over;
    expect(heard).toMatchObject({ status: 200, body: 'got hello', ends: 1, error: undefined });
    expect(heard.headers).toMatchObject({ 'content-type': 'text/plain', 'set-cookie': ['a', 'b'], x: '1, 2' });
    expect(heard.headers).not.toHaveProperty(':status');
    const [seen] = server.seen;
    expect(seen).toMatchObject({
      ':authority': 'models.example.com',
      ':path': '/v1?x=1',
      ':method': 'POST',
      ':scheme': 'http',
      te: 'trailers',
      'content-length': '5',
      'x-a': '1, 2',
    });
    expect(seen).not.toHaveProperty('connection');
    expect(seen).not.toHaveProperty('host');
  });

  it.each([
    ['without a body', { method: 'GET', body: null }, 'got '],
    ['of text', { body: 'text' }, 'got text'],
    ['of bytes', { body: new Uint8Array([104, 105]) }, 'got hi'],
  ] as const)('%s', async (_name, options, expected) => {
    const { pool } = await serve(echo);
    expect((await ask(pool, options as Partial<Dispatcher.DispatchOptions>).over).body).toBe(expected);
  });

  it('sends a body that comes in pieces', async () => {
    const { server, pool } = await serve(echo);
    const body = new PassThrough();
    const heard = ask(pool, { body });
    for (const word of ['one ', 'two ', 'three']) {
      body.write(word);
      await sleep(2);
    }
    body.end();
    expect((await heard.over).body).toBe('got one two three');
    expect(server.seen[0]).not.toHaveProperty('content-length');
  });

  it('ends with the error of its body', async () => {
    const { pool } = await serve(echo);
    const body = new PassThrough();
    const heard = ask(pool, { body });
    body.write('one');
    await sleep(10);
    const error = new Error('too slow');
    body.destroy(error);
    expect(await heard.over).toMatchObject({ error, ends: 1 });
    // Nothing of it stays behind.
    expect((await ask(pool).over).body).toBe('got x');
  });

  it.each([
    ['in pieces', () => new PassThrough()],
    ['large', () => Buffer.alloc(5_000_000)],
  ])('that is %s and given up does not look whole', async (_name, makeBody) => {
    const whole: string[] = [];
    const codes: (number | undefined)[] = [];
    const { pool, server } = await serve((_stream, { ':path': path }) => void whole.push(path!));
    server.http2.on('stream', (stream) => {
      // Nothing more is read than what is under way.
      stream.pause();
      stream.on('close', () => codes.push(stream.rstCode));
    });
    const body = makeBody();
    if (body instanceof PassThrough) body.write('half');
    const heard = ask(pool, { body });
    await expect.poll(() => server.seen.length).toBe(1);
    heard.controller!.abort(new Error('left'));
    await expect.poll(() => codes.length).toBe(1);
    expect(codes[0]).not.toBe(constants.NGHTTP2_NO_ERROR);
    expect([whole, heard.ends]).toEqual([[], 1]);
  });

  it('is over when it was answered, though its body goes on', async () => {
    const { server, pool } = await serve(() => undefined);
    server.http2.prependListener('stream', (stream) => {
      stream.respond({ ':status': 413 });
      stream.end('enough');
    });
    const body = new PassThrough();
    const heard = ask(pool, { body });
    body.write('one');
    expect(await heard.over).toMatchObject({ status: 413, body: 'enough', error: undefined });
    await pool.close();
  });

  it('has trailers', async () => {
    const { pool } = await serve((stream) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end('body');
    });
    expect(await ask(pool).over).toMatchObject({ body: 'body', trailers: { 'grpc-status': '0' } });
  });

  it('of the older sort is served as well', async () => {
    const { pool } = await serve(echo);
    const { statusCode, headers, body } = await pool.request({ method: 'POST', path: '/', body: 'x', headers: { 'x-a': '1' } });
    expect([statusCode, headers['content-type'], await body.text()]).toEqual([200, 'text/plain', 'got x']);
    const abort = AbortSignal.abort(new Error('no longer wanted'));
    await expect(pool.request({ method: 'GET', path: '/', signal: abort })).rejects.toThrow('no longer wanted');
  });

  it.each([
    ['an upgrade', { upgrade: 'websocket' }],
    ['CONNECT', { method: 'CONNECT' }],
    ['a form', { body: new FormData() as never }],
    ['a header that cannot be', { headers: ['a b', 'x'] }],
  ] as const)('with %s is its own fault', async (_name, options) => {
    const { pool } = await serve(echo);
    const heard = await ask(pool, options as Partial<Dispatcher.DispatchOptions>).over;
    expect(heard).toMatchObject({ error: { code: 'UND_ERR_INVALID_ARG' }, ends: 1 });
    expect((await ask(pool).over).status).toBe(200);
  });
});

describe('a stream', () => {
  it('comes as it is written', async () => {
    const next: (() => void)[] = [];
    const { pool } = await serve(async (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'text/event-stream' });
      for (const word of ['a', 'b', 'c']) {
        stream.write(word);
        await new Promise<void>((resolve) => next.push(resolve));
      }
      stream.end();
    });
    const heard = ask(pool);
    for (const so of ['a', 'ab', 'abc']) {
      await heard.until(({ body }) => body === so);
      next.at(-1)!();
    }
    expect(await heard.over).toMatchObject({ body: 'abc', error: undefined });
  });

  it('is cancelled at the server when it is aborted, and nothing else with it', async () => {
    const closed: (number | undefined)[] = [];
    const { pool, server } = await serve((stream) => {
      stream.respond({ ':status': 200 });
      stream.write('a');
      stream.on('close', () => closed.push(stream.rstCode));
    });
    const gone = ask(pool);
    const stays = ask(pool);
    await Promise.all([gone, stays].map((heard) => heard.until(({ body }) => body === 'a')));
    gone.controller!.abort(new Error('left'));
    await expect.poll(() => closed).toEqual([constants.NGHTTP2_CANCEL]);
    expect(gone).toMatchObject({ ends: 1, error: { message: 'left' } });
    expect(stays.ends).toBe(0);
    expect(server.sessions).toHaveLength(1);
  });

  it('is held back while nobody reads, and the others are not', async () => {
    let written = 0;
    const { pool } = await serve((stream, { ':path': path }) => {
      stream.respond({ ':status': 200 });
      if (path === '/small') {
        stream.end('small');
        return;
      }
      const more = (): void => {
        while (written < 4_000_000 && stream.write(Buffer.alloc(10_000, 97))) written += 10_000;
        if (written >= 4_000_000) stream.end();
        else stream.once('drain', more);
      };
      more();
    });
    const slow = ask(pool, { path: '/large' });
    await slow.until(({ status }) => status === 200);
    slow.controller!.pause();
    await sleep(50);
    const before = slow.body.length;
    expect((await ask(pool, { path: '/small' }).over).body).toBe('small');
    expect(slow.body.length).toBe(before);
    expect(written).toBeLessThan(1_000_000);
    slow.controller!.resume();
    await slow.over;
    expect(slow.error).toBeUndefined();
    expect(slow.body.length).toBeGreaterThanOrEqual(4_000_000);
  });

  it.each([
    ['with an error', (stream: Parameters<Answer>[0]) => stream.destroy(new Error('crashed'))],
    ['without one', (stream: Parameters<Answer>[0]) => stream.destroy()],
    ['with its connection', (stream: Parameters<Answer>[0]) => stream.session!.destroy()],
  ])('that breaks off %s is not whole', async (_name, crash) => {
    const { pool } = await serve((stream) => {
      stream.respond({ ':status': 200 });
      stream.write('half');
      setTimeout(() => crash(stream), 20);
    });
    const heard = await ask(pool).over;
    expect(heard).toMatchObject({ body: 'half', ends: 1, trailers: undefined });
    expect(heard.error).toBeInstanceOf(Error);
  });

  it('that is whole is so for a slow reader too', async () => {
    const { pool } = await serve((stream) => {
      stream.respond({ ':status': 200 });
      stream.end(Buffer.alloc(30_000, 97));
    });
    const heard = ask(pool);
    await heard.until(({ status }) => status === 200);
    heard.controller!.pause();
    await sleep(50);
    heard.controller!.resume();
    expect(await heard.over).toMatchObject({ error: undefined, ends: 1 });
    expect(heard.body.length).toBe(30_000);
  });

  it.each([1, 2, 7, 100])('in pieces of %i bytes is the same', async (bytes) => {
    const { server } = await serve((stream, _headers, body) => {
      stream.respond({ ':status': 200, 'x-long': 'y'.repeat(300) });
      for (let at = 0; at < 50; at++) stream.write(`${at},`);
      stream.end(body);
    });
    const splitter = await startSplitter(server.origin.port, bytes);
    open.push(splitter);
    const pool = poolTo({ ...server.origin, port: splitter.port });
    pools.push(pool);
    const all = await Promise.all([1, 2, 3].map((at) => ask(pool, { body: Buffer.from(`${at}`.repeat(500)) }).over));
    const counted = Array.from({ length: 50 }, (_, at) => `${at},`).join('');
    expect(all.map(({ body }) => body)).toEqual([1, 2, 3].map((at) => counted + `${at}`.repeat(500)));
  });
});

describe('connections', () => {
  it('are shared by as many requests as the server takes', async () => {
    const waiting: (() => void)[] = [];
    const { pool, server } = await serve(
      (stream) => {
        waiting.push(() => {
          stream.respond({ ':status': 200 });
          stream.end('done');
        });
      },
      { maxConcurrentStreams: 10 },
    );
    const all = Array.from({ length: 35 }, () => ask(pool));
    await expect.poll(() => waiting.length).toBe(35);
    expect(server.sessions.length).toBeLessThanOrEqual(5);
    expect(pool.size).toBe(35);
    for (const answer of waiting) answer();
    expect((await Promise.all(all.map(({ over }) => over))).every(({ body }) => body === 'done')).toBe(true);
    await expect.poll(() => pool.size).toBe(0);
  });

  it('are no more than may be: others wait', async () => {
    let most = 0;
    let now = 0;
    const { pool, server } = await serve(
      (stream) => {
        most = Math.max(most, ++now);
        setTimeout(() => {
          now--;
          stream.respond({ ':status': 200 });
          stream.end();
        }, 5);
      },
      { maxConcurrentStreams: 2, settings: { maxConnections: 2 } },
    );
    const all = await Promise.all(Array.from({ length: 20 }, () => ask(pool).over));
    expect(all.every(({ status }) => status === 200)).toBe(true);
    expect([server.sessions.length, most]).toEqual([2, 4]);
  });

  it('carry hundreds of requests at a time', async () => {
    const { pool } = await serve((stream, _headers, body) => {
      stream.respond({ ':status': 200 });
      setTimeout(() => stream.end(body), 1);
    });
    const all = await Promise.all(Array.from({ length: 500 }, (_, at) => ask(pool, { body: String(at) }).over));
    expect(all.map(({ body }) => body)).toEqual(Array.from({ length: 500 }, (_, at) => String(at)));
  });

  it('that the server is to leave carry their streams to the end, and no new one', async () => {
    const streams: Parameters<Answer>[0][] = [];
    const { pool, server } = await serve((stream) => {
      streams.push(stream);
      stream.respond({ ':status': 200 });
      stream.write('a');
    });
    const before = [ask(pool), ask(pool)];
    await Promise.all(before.map((heard) => heard.until(({ body }) => body === 'a')));
    server.sessions[0]!.goaway(constants.NGHTTP2_NO_ERROR);
    await sleep(20);
    const after = ask(pool);
    await after.until(({ body }) => body === 'a');
    expect(server.sessions).toHaveLength(2);
    for (const stream of streams) stream.end('b');
    expect((await Promise.all([...before, after].map(({ over }) => over))).map(({ body, error }) => [body, error])).toEqual(
      Array.from({ length: 3 }, () => ['ab', undefined]),
    );
  });

  it('that refuse a request untouched do not lose it', async () => {
    let refusals = 0;
    const { pool } = await serve((stream, headers, body) => {
      if (refusals++ < 2) stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else echo(stream, headers, body);
    });
    expect(await ask(pool).over).toMatchObject({ status: 200, body: 'got x', ends: 1 });
    refusals = -10;
    expect(await ask(pool).over).toMatchObject({ status: undefined, error: { code: 'ERR_HTTP2_STREAM_ERROR' }, ends: 1 });
  });

  it('are replaced after their number of requests, and at their age', async () => {
    const { pool, server } = await serve(echo, { settings: { maxRequestsPerConnection: 2 } });
    for (let at = 0; at < 5; at++) await ask(pool).over;
    expect(server.sessions).toHaveLength(3);
    const young = poolTo(server.origin, { maxAgeMs: 0 });
    pools.push(young);
    await ask(young).over;
    await ask(young).over;
    expect(server.sessions).toHaveLength(5);
  });

  it('end when they are idle', async () => {
    const { pool, server } = await serve(echo, { settings: { keepAliveMs: 30 } });
    await ask(pool).over;
    await expect.poll(() => server.sessions[0]!.destroyed).toBe(true);
    expect((await ask(pool).over).status).toBe(200);
  });

  it('that nobody listens to any more are given up once a request got no answer', async () => {
    const { server } = await serve(echo);
    let deaf = false;
    let connections = 0;
    const through = await startRaw((client) => {
      // The first connection can be made deaf; those after it are well.
      const first = connections++ === 0;
      const to = connect({ port: server.origin.port, host: '127.0.0.1' });
      to.on('error', () => undefined);
      client.on('data', (chunk: Buffer) => {
        if (!first || !deaf) to.write(chunk);
      });
      to.on('data', (chunk: Buffer) => void client.write(chunk));
    });
    open.push(through);
    const pool = poolTo({ ...server.origin, port: through.port }, { connectTimeoutMs: 60 });
    pools.push(pool);
    expect((await ask(pool).over).status).toBe(200);
    deaf = true;
    const lost = ask(pool);
    await sleep(20);
    lost.controller!.abort(new Error('timeout'));
    await lost.over;
    // Once the ping had no answer, requests that come find another connection.
    await expect.poll(() => pool.connections).toBe(0);
    expect((await ask(pool).over).status).toBe(200);
    expect(connections).toBe(2);
  });
});

describe('a server that cannot be had', () => {
  it('refuses the connection', async () => {
    const raw = await startRaw(() => undefined);
    await raw.close();
    const pool = poolTo({ host: '127.0.0.1', port: raw.port, tls: undefined });
    const all = await Promise.all([ask(pool).over, ask(pool).over]);
    expect(all.map(({ error, ends }) => [error!.code, ends])).toEqual([
      ['ECONNREFUSED', 1],
      ['ECONNREFUSED', 1],
    ]);
  });

  it('speaks HTTP/1 only', async () => {
    const requests: string[] = [];
    const server = createServer((request, response) => {
      requests.push(request.url!);
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const heard = await ask(poolTo({ host: '127.0.0.1', port, tls: undefined })).over;
    expect(heard).toMatchObject({ ends: 1, error: { code: 'ERR_NOT_HTTP2' } });
    expect(heard.error!.message).toBe(`127.0.0.1:${port} does not speak HTTP/2 (appProtocol kubernetes.io/h2c)`);
    expect(requests).toEqual([]);
    await new Promise((resolve) => server.close(resolve));
  });

  it.each([
    ['closes at once', 'closed the connection before it spoke HTTP/2', (socket: { end(): void }) => socket.end()],
    ['says nothing', 'said nothing of HTTP/2 within 50 ms', () => undefined],
  ])('%s', async (_name, message, onConnection) => {
    const raw = await startRaw(onConnection);
    open.push(raw);
    const heard = await ask(poolTo({ host: '127.0.0.1', port: raw.port, tls: undefined }, { connectTimeoutMs: 50 })).over;
    expect(heard).toMatchObject({ ends: 1, error: { code: 'ERR_NOT_HTTP2' } });
    expect(heard.error!.message).toContain(message);
  });

  it('takes no stream at all: the request waits, and not a thousand connections with it', async () => {
    const { pool, server } = await serve(echo, { maxConcurrentStreams: 0 });
    const heard = ask(pool);
    await sleep(50);
    expect([heard.ends, pool.connections]).toEqual([0, 1]);
    server.sessions[0]!.settings({ maxConcurrentStreams: 5 });
    expect((await heard.over).body).toBe('got x');
  });
});

describe('an end', () => {
  it('waits for what runs and what waits, and takes nothing new', async () => {
    const streams: Parameters<Answer>[0][] = [];
    const { pool } = await serve((stream) => void streams.push(stream), { maxConcurrentStreams: 1, settings: { maxConnections: 1 } });
    const all = [ask(pool), ask(pool)];
    await expect.poll(() => streams.length).toBe(1);
    let closed = false;
    const end = pool.close().then(() => (closed = true));
    expect(await ask(pool).over).toMatchObject({ error: { code: 'UND_ERR_CLOSED' }, ends: 1 });
    for (let at = 0; at < 2; at++) {
      await expect.poll(() => streams.length).toBe(at + 1);
      expect(closed).toBe(false);
      streams[at]!.respond({ ':status': 200 });
      streams[at]!.end('done');
    }
    expect((await Promise.all(all.map(({ over }) => over))).map(({ body }) => body)).toEqual(['done', 'done']);
    await end;
  });

  it('by force ends everything once', async () => {
    const { pool } = await serve(() => undefined, { maxConcurrentStreams: 1, settings: { maxConnections: 1 } });
    const all = [ask(pool), ask(pool)];
    await sleep(30);
    await pool.destroy();
    expect(all.map(({ ends }) => ends)).toEqual([1, 1]);
    expect(await ask(pool).over).toMatchObject({ error: { code: 'UND_ERR_DESTROYED' } });
  });

  it('while it connects', async () => {
    const { pool } = await serve(echo);
    const heard = ask(pool);
    await pool.close();
    expect(heard).toMatchObject({ status: 200, ends: 1 });
  });

  it('of a request that waits for a connection sends nothing of it', async () => {
    const { pool, server } = await serve(echo);
    const heard = ask(pool);
    heard.controller!.abort(new Error('left'));
    expect((await ask(pool, { path: '/other' }).over).status).toBe(200);
    expect(heard).toMatchObject({ ends: 1, error: { message: 'left' } });
    expect(server.seen.map((seen) => seen[':path'])).toEqual(['/other']);
  });

  it('of a request before it is there', async () => {
    const { pool, server } = await serve(echo);
    const heard = new (class extends Heard {
      override onRequestStart(controller: Dispatcher.DispatchController): void {
        controller.abort(new Error('never wanted'));
      }
    })();
    pool.dispatch({ method: 'GET', path: '/' }, heard);
    expect(heard).toMatchObject({ ends: 1, error: { message: 'never wanted' } });
    expect(server.seen).toEqual([]);
  });
});
