import { once } from 'node:events';
import { request as request1 } from 'node:http';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants, type OutgoingHttpHeaders } from 'node:http2';
import { request as requestTls } from 'node:https';
import { connect as connectSocket, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';

import { afterEach, describe, expect, it } from 'vitest';

import { selfSigned } from '../self-signed.ts';
import { type Handler, type Listening, listen, type ServerSettings } from '../server.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

const own = selfSigned(['localhost']);
const pair = { cert: Buffer.from(own.cert), key: Buffer.from(own.key) };
const TLS: ServerSettings['tls'] = { choose: () => createSecureContext(pair), fallback: pair, clients: undefined };
const PLAIN = { host: '127.0.0.1', port: 0, keepAliveMs: 60_000, maxConnections: undefined, tls: undefined };

async function serve(handler: Handler, settings: Partial<ServerSettings> = {}): Promise<Listening> {
  const listening = await listen({ ...PLAIN, ...settings }, handler);
  closing.push(() => {
    listening.cut();
    void listening.stop();
  });
  return listening;
}

function session(port: number, scheme = 'http'): ClientHttp2Session {
  const client = connect(`${scheme}://localhost:${port}`, { ca: own.cert });
  client.on('error', () => undefined);
  closing.push(() => client.destroy());
  return client;
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: string;
  readonly error: string | undefined;
  readonly rstCode: number;
}

async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  let headers: Record<string, unknown> = {};
  let body = '';
  let error: string | undefined;
  stream.on('response', (given) => void (headers = { ...given }));
  stream.on('data', (chunk: Buffer) => void (body += chunk.toString()));
  stream.on('error', (thrown: Error) => void (error = thrown.message));
  await once(stream, 'close').catch(() => undefined);
  return { status: Number(headers[':status'] ?? 0), headers, body, error, rstCode: stream.rstCode ?? 0 };
}

function ask(client: ClientHttp2Session, headers: OutgoingHttpHeaders = {}, body?: string): Promise<Answer> {
  const stream = client.request({ ':path': '/', ...headers }, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return answerOf(stream);
}

const echo: Handler = (request, response, target) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { method, headers, httpVersion } = request;
    const body = Buffer.from(
      JSON.stringify({ method, target, headers: { ...headers }, httpVersion, body: Buffer.concat(chunks).toString() }),
    );
    response.writeHead(200, { 'content-type': 'application/json', connection: 'close', 'content-length': body.length });
    response.end(body);
  });
};
interface Echo {
  readonly method: string;
  readonly target: string;
  readonly headers: Record<string, string>;
  readonly httpVersion: string;
  readonly body: string;
}
const read = ({ body }: Pick<Answer, 'body'>): Echo => JSON.parse(body) as Echo;

function get1(port: number, tls = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host: 'localhost', port, ca: own.cert, agent: false };
    const request = (tls ? requestTls : request1)(options, (answer) => {
      let body = '';
      answer.on('data', (chunk: Buffer) => void (body += chunk.toString()));
      answer.on('end', () => resolve(body));
    });
    request.on('error', reject).end();
  });
}

describe('a connection', () => {
  it('speaks HTTP/2 or HTTP/1.1 without TLS, as it begins', async () => {
    const { port } = await serve(echo);
    expect(read(await ask(session(port))).httpVersion).toBe('2.0');
    expect(read({ body: await get1(port) }).httpVersion).toBe('1.1');
  });

  it('speaks what both agree on with TLS', async () => {
    const { port } = await serve(echo, { tls: TLS });
    expect(read(await ask(session(port, 'https'))).httpVersion).toBe('2.0');
    expect(read({ body: await get1(port, true) }).httpVersion).toBe('1.1');
  });

  it.each([
    ['GET', ['G', 'ET / HTTP/1.1\r\nhost: a\r\n\r\n']],
    ['a method that begins as HTTP/2 does', ['P', 'OST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi']],
    ['two in one packet', ['GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n']],
  ])('may begin slowly: %s', async (_name, parts) => {
    const { port } = await serve(echo);
    const socket = connectSocket(port, '127.0.0.1');
    closing.push(() => socket.destroy());
    await sendParts(socket, parts);
    expect(await textOf(socket)).toMatch(/^HTTP\/1\.1 200 OK/);
  });

  it('of HTTP/2 may begin slowly', async () => {
    const { port } = await serve(echo);
    const socket = connectSocket(port, '127.0.0.1');
    closing.push(() => socket.destroy());
    await sendParts(socket, ['PRI * HT', 'TP/2.0\r\n\r\nS', 'M\r\n\r\n\0\0\0\u0004\0\0\0\0\0']);
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    // A frame of settings comes first.
    expect(bytes[3]).toBe(4);
  });

  it('without a request is closed, and one with a request is not', async () => {
    const { port } = await serve(
      (_request, response) => {
        setTimeout(() => response.end('late'), 200);
      },
      { keepAliveMs: 50 },
    );
    const client = session(port);
    expect((await ask(client)).body).toBe('late');
    await once(client, 'close');
  });
});

async function sendParts(socket: Socket, parts: readonly string[]): Promise<void> {
  socket.setNoDelay(true);
  for (const part of parts) {
    socket.write(part, 'latin1');
    await sleep(20);
  }
}

async function textOf(socket: Socket): Promise<string> {
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  return bytes.toString();
}

/** Of stream 1, settings apart. @see RFC 9113, section 4.1 */
function frame(type: number, flags: number, payload = Buffer.alloc(0)): Buffer {
  return Buffer.concat([Buffer.from([0, 0, payload.length, type, flags, 0, 0, 0, type === 4 ? 0 : 1]), payload]);
}

describe('a request', () => {
  it('reads as one of HTTP/1.1', async () => {
    const { port } = await serve(echo);
    const { method, target, headers, body } = read(
      await ask(
        session(port),
        { ':method': 'POST', ':path': '/a?b=c', ':authority': 'a.test:80', 'x-a': '1', cookie: ['a=1', 'b=2'] },
        'hello',
      ),
    );
    expect({ method, target, body }).toEqual({ method: 'POST', target: '/a?b=c', body: 'hello' });
    expect(headers).toEqual({ host: 'a.test:80', 'x-a': '1', cookie: 'a=1; b=2', 'transfer-encoding': 'chunked' });
  });

  it('says the length of its body where that is known, and has none where it has none', async () => {
    const { port } = await serve(echo);
    const client = session(port);
    const known = read(await ask(client, { ':method': 'POST', 'content-length': '2' }, 'hi')).headers;
    expect(known).toMatchObject({ 'content-length': '2' });
    expect(known).not.toHaveProperty('transfer-encoding');
    expect(read(await ask(client)).headers).not.toHaveProperty('transfer-encoding');
  });

  it.each([
    ['two hosts', { ':authority': 'a.test', host: 'b.test' }, 400],
    ['one host, said twice', { ':authority': 'a.test', host: 'A.test' }, 200],
    // Node's own parser resets the stream.
    ['an empty host', { ':authority': '' }, 0],
  ])('with %s', async (_name, headers, status) => {
    const { port } = await serve(echo);
    expect((await ask(session(port), headers)).status).toBe(status);
  });

  it.each([
    ['with a reset', frame(3, 0, Buffer.from([0, 0, 0, 8]))],
    ['with the connection', undefined],
  ])('whose body breaks off does not end: %s', async (_name, last) => {
    const seen: string[] = [];
    const { port } = await serve((request) => {
      for (const event of ['data', 'end', 'close']) request.on(event, () => seen.push(event));
    });
    const socket = connectSocket(port, '127.0.0.1');
    closing.push(() => socket.destroy());
    socket.on('error', () => undefined);
    // POST http / of "a", by numbers of the static table (RFC 7541, appendix A).
    const head = Buffer.from([0x83, 0x86, 0x84, 0x41, 0x01, 0x61]);
    socket.write(
      Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0), frame(1, 4, head), frame(0, 0, Buffer.from('half'))]),
    );
    await expect.poll(() => seen).toEqual(['data']);
    if (last === undefined) socket.destroy();
    else socket.write(last);
    await expect.poll(() => seen).toContain('close');
    await sleep(50);
    expect(seen).not.toContain('end');
  });

  it('whose body nobody wants is told so, after the answer', async () => {
    const { port } = await serve((request, response) => {
      response.writeHead(413).end('no');
      setTimeout(() => request.destroy(), 20);
    });
    const stream = session(port).request({ ':method': 'POST' });
    stream.write('half');
    expect(await answerOf(stream)).toMatchObject({ status: 413, body: 'no', rstCode: constants.NGHTTP2_NO_ERROR });
  });

  it('with too much of a head is refused', async () => {
    const { port } = await serve(echo);
    const client = session(port);
    // The bound holds once the client has heard of it.
    await ask(client);
    expect((await ask(client, { 'x-large': 'a'.repeat(60_000) })).status).not.toBe(200);
  });
});

describe('an answer', () => {
  it('has no header of a connection', async () => {
    const { port } = await serve(echo);
    expect((await ask(session(port))).headers).not.toHaveProperty('connection');
  });

  it.each([
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ])('to %s of status %d has no body', async (method, status) => {
    const { port } = await serve((_request, response) => {
      response.writeHead(status, { 'content-length': 5 });
      response.write('he');
      response.end('llo');
    });
    expect(await ask(session(port), { ':method': method })).toMatchObject({ status, body: '', error: undefined });
  });

  it('that is cut is not whole for its client', async () => {
    const { port } = await serve((_request, response) => {
      response.writeHead(200);
      response.write('half');
      setTimeout(() => response.destroy(), 50);
    });
    expect(await ask(session(port))).toMatchObject({ body: 'half', rstCode: constants.NGHTTP2_INTERNAL_ERROR });
  });

  it('whose client leaves is closed, and not finished', async () => {
    let finished: boolean | undefined;
    let destroyed: boolean | undefined;
    const { port } = await serve((_request, response) => {
      response.writeHead(200);
      response.write('half');
      response.once('close', () => {
        finished = response.writableFinished;
        destroyed = response.destroyed;
      });
    });
    const stream = session(port).request({ ':path': '/' });
    stream.on('error', () => undefined);
    await once(stream, 'response');
    stream.close(constants.NGHTTP2_CANCEL);
    await expect.poll(() => [finished, destroyed]).toEqual([false, true]);
  });

  it('waits for a client that reads slowly', async () => {
    const block = Buffer.alloc(64 * 1024, 'x');
    let waited = false;
    const { port } = await serve((_request, response) => {
      let left = 40;
      const more = (): void => {
        while (left > 0) {
          left--;
          if (!response.write(block)) {
            waited = true;
            response.once('drain', more);
            return;
          }
        }
        response.end();
      };
      more();
    });
    const { body } = await ask(session(port));
    expect([body.length, waited]).toEqual([40 * block.length, true]);
  });
});

describe('what one connection may do', () => {
  it('is told', async () => {
    const { port } = await serve(echo);
    const client = session(port);
    const [settings] = (await once(client, 'remoteSettings')) as [Record<string, unknown>];
    expect(settings).toMatchObject({ maxConcurrentStreams: 100, maxHeaderListSize: 32_768, enablePush: false });
  });

  it('is bounded for streams that are opened and reset', async () => {
    let begun = 0;
    const { port } = await serve((_request, response) => {
      begun++;
      response.on('error', () => undefined);
    });
    const client = session(port);
    await once(client, 'connect');
    const gone = once(client, 'close').catch(() => undefined);
    for (let sent = 0; sent < 2000 && !client.destroyed; sent++) {
      const stream = client.request({ ':path': '/' });
      stream.on('error', () => undefined);
      stream.close(constants.NGHTTP2_CANCEL);
      if (sent % 50 === 0) await sleep(1);
    }
    await gone;
    // Node's own bound is 1000.
    expect(begun).toBeLessThan(800);
  });
});

describe('a server that stops', () => {
  it.each(['http', 'https'])('lets what runs end, tells its clients, and closes: %s', async (scheme) => {
    const waiting: (() => void)[] = [];
    const listening = await serve(
      (_request, response) => {
        response.writeHead(200);
        response.write('half');
        waiting.push(() => response.end(' and half'));
      },
      scheme === 'https' ? { tls: TLS } : {},
    );
    const client = session(listening.port, scheme);
    const goaways: number[] = [];
    client.on('goaway', (code: number) => void goaways.push(code));
    const answer = ask(client);
    await expect.poll(() => waiting.length).toBe(1);
    const idle = session(listening.port, scheme);
    await once(idle, 'connect');
    const stopped = listening.stop();
    await once(idle, 'close');
    await expect.poll(() => goaways.length).toBeGreaterThan(0);
    expect(goaways).not.toContain(1);
    waiting[0]!();
    expect(await answer).toMatchObject({ body: 'half and half', error: undefined });
    await stopped;
  });

  it('can be cut', async () => {
    const listening = await serve((_request, response) => void response.writeHead(200).write('half'));
    const answer = ask(session(listening.port));
    await sleep(100);
    const stopped = listening.stop();
    listening.cut();
    await stopped;
    expect((await answer).body).toBe('half');
  });
});
