import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

import { afterEach, describe, expect, it } from 'vitest';

import type { EppClient, EppClientOptions } from './client.ts';
import type { ProcessingRequest, ProcessingResponse } from './messages.ts';
import {
  answering,
  asPicked,
  clientOf,
  collect,
  fakePicker,
  HEADERS,
  llmdDialect,
  lweppDialect,
  perCall,
  pickReply,
  pickWith,
  sourceOf,
  streamed,
} from './picker.fixture.ts';
import type { FakePicker } from './picker.fixture.ts';
import type { EppServerCall } from './served-exchange.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function dial(picker: FakePicker | string, options: Partial<EppClientOptions> = {}): EppClient {
  const client = clientOf(typeof picker === 'string' ? picker : picker.address, options);
  closers.push(() => client.close());
  if (typeof picker !== 'string') closers.push(() => picker.kill());
  return client;
}

const BODY = Buffer.from('{"model":"alias","messages":[]}');
const PICK = '10.0.0.1:8000';

async function* slow(): AsyncGenerator<Buffer> {
  for (const text of ['a', 'b', 'c']) {
    await new Promise((resolve) => setTimeout(resolve, 120));
    yield Buffer.from(text);
  }
}

async function* broken(): AsyncGenerator<Buffer> {
  yield Buffer.from('x');
  throw new Error('client has gone');
}

type Leave = (call: EppServerCall, picker: FakePicker) => void;
const end: Leave = (call) => void call.end();
const kill: Leave = (_call, picker) => setTimeout(() => picker.kill(), 20);

async function response(picker: FakePicker, chunks: readonly string[], options: Partial<EppClientOptions> = {}): Promise<unknown> {
  const exchange = dial(picker, options).open({ headers: HEADERS });
  await pickWith(exchange, BODY);
  await exchange.responseHeaders(200, []);
  async function* paced(): AsyncGenerator<Buffer> {
    for (const chunk of chunks) {
      yield Buffer.from(chunk);
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
  }
  return collect(exchange.rewriteResponse(paced())).then(
    (body) => body.toString(),
    (error: unknown) => (error as { kind: string; afterPick: boolean }).kind,
  );
}

/** Picks; then shows `respond` each response body message, and leaves after the message numbered `last`. */
async function leaving(
  last: number,
  leave: Leave,
  respond: (message: ProcessingRequest, index: number) => ProcessingResponse[],
): Promise<FakePicker> {
  const picker = await fakePicker((call) => {
    let index = 0;
    call.on('data', (message: ProcessingRequest) => {
      if (message.responseBody === undefined) {
        for (const reply of lweppDialect(PICK)(message)) call.write(reply);
        if (last === 0 && message.responseHeaders !== undefined) leave(call, picker);
        return;
      }
      for (const reply of respond(message, index++)) call.write(reply);
      if (index === last) leave(call, picker);
    });
  });
  return picker;
}

describe('failures before the pick', () => {
  async function failure(client: EppClient): Promise<unknown> {
    const exchange = client.open({ headers: HEADERS });
    expect((await exchange.requestBody(BODY)).equals(BODY)).toBe(true);
    return exchange.picked.then(
      () => 'picked',
      (error: unknown) => {
        const { kind, afterPick } = error as { kind: string; afterPick: boolean };
        expect(exchange.failure).toBe(error);
        return { kind, afterPick };
      },
    );
  }

  it('nobody listens', async () => {
    const picker = await fakePicker(() => {});
    picker.kill();
    for (const mode of ['full-duplex', 'streamed', 'buffered', 'headers-only'] as const) {
      expect(await failure(dial(picker.address, { mode }))).toEqual({ kind: 'unreachable', afterPick: false });
    }
  });

  it('a connection that never opens', async () => {
    const sockets: Socket[] = [];
    const mute = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    await once(mute, 'listening');
    closers.push(() => mute.close());
    closers.push(() => sockets.forEach((socket) => socket.destroy()));
    const tls = { insecure: true } as const;
    const client = dial(`127.0.0.1:${(mute.address() as AddressInfo).port}`, { tls, connectTimeoutMs: 200, messageTimeoutMs: 60_000 });
    expect(await failure(client)).toEqual({ kind: 'unreachable', afterPick: false });
  });

  it('a connection that never opens once a picker was killed: the next picker is reached all the same', async () => {
    const picker = await answering(lweppDialect(PICK));
    closers.push(() => picker.kill());
    // As the Service of a picker: connections to a pod that is gone hear nothing, ever.
    const sockets = new Set<Socket>();
    let gone = false;
    const service = createServer((socket) => {
      sockets.add(socket.on('error', () => {}));
      if (gone) return;
      const pod = connect(Number(picker.address.split(':')[1]), '127.0.0.1').on('error', () => {});
      sockets.add(pod);
      socket.pipe(pod).pipe(socket);
    }).listen(0, '127.0.0.1');
    await once(service, 'listening');
    const { port } = service.address() as AddressInfo;
    closers.push(() => service.close());
    const hangUp = (): void => {
      for (const socket of sockets) socket.destroy();
      sockets.clear();
    };
    closers.push(hangUp);
    const client = dial(`127.0.0.1:${port}`, { connectTimeoutMs: 100 });
    expect(await pickWith(client.open({ headers: HEADERS }), BODY)).toMatchObject({ endpoints: [PICK] });
    service.close();
    hangUp();
    await once(service, 'close');
    expect(await failure(client)).toEqual({ kind: 'unreachable', afterPick: false });
    gone = true;
    service.listen(port, '127.0.0.1');
    while (sockets.size === 0) await failure(client);
    gone = false;
    while ((await failure(client)) !== 'picked');
  });

  it('a peer that is no gRPC server', async () => {
    const http = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')).listen(0, '127.0.0.1');
    await once(http, 'listening');
    closers.push(() => http.close());
    expect(await failure(dial(`127.0.0.1:${(http.address() as AddressInfo).port}`))).toMatchObject({ kind: 'unreachable' });
  });

  it('silence', async () => {
    for (const mode of ['full-duplex', 'streamed', 'buffered', 'headers-only'] as const) {
      expect(await failure(dial(await fakePicker((call) => call.resume()), { mode, messageTimeoutMs: 100 }))).toEqual({
        kind: 'timeout',
        afterPick: false,
      });
    }
  });

  it('a picker that does not read', async () => {
    const exchange = dial(await fakePicker(() => {}), { messageTimeoutMs: 150 }).open({ headers: HEADERS });
    // More than the window of the connection and every buffer on the way.
    const original = await exchange.requestBody(Buffer.alloc(20_000_000));
    expect(original.length).toBe(20_000_000);
    await expect(exchange.picked).rejects.toMatchObject({ kind: 'timeout', afterPick: false });
  });

  it('a picker that does not read holds the upload back', async () => {
    const exchange = dial(await fakePicker(() => {}), { messageTimeoutMs: 300 }).open({ headers: HEADERS });
    let taken = 0;
    function* upload(): Generator<Buffer> {
      for (; taken < 14; taken++) yield Buffer.alloc(62_000);
    }
    const sent = exchange.requestBody(upload());
    await new Promise((resolve) => setTimeout(resolve, 150));
    const ahead = taken;
    expect((await sent).length).toBe(14 * 62_000);
    expect(ahead).toBeLessThan(8);
    await expect(exchange.picked).rejects.toMatchObject({ kind: 'timeout' });
  });

  it('a slow client is not the picker’s fault', async () => {
    const client = dial(await perCall(llmdDialect(PICK)), { messageTimeoutMs: 100 });
    const exchange = client.open({ headers: HEADERS });
    const [outcome] = await Promise.all([exchange.picked, exchange.requestBody(slow())]);
    expect(asPicked(outcome).body.toString()).toBe('abc');
  });

  it('the picker is killed', async () => {
    const picker = await fakePicker((call) => {
      call.on('data', () => setTimeout(() => picker.kill(), 20));
    });
    expect(await failure(dial(picker))).toEqual({ kind: 'unreachable', afterPick: false });
  });

  it('a clean end', async () => {
    for (const mode of ['full-duplex', 'streamed', 'buffered', 'headers-only'] as const) {
      const picker = await fakePicker((call) => {
        call.once('data', () => call.end());
      });
      expect(await failure(dial(picker, { mode }))).toEqual({ kind: 'closed-before-pick', afterPick: false });
    }
  });

  it('a gRPC error', async () => {
    const picker = await fakePicker((call) => {
      call.once('data', () => call.emit('error', Object.assign(new Error('boom'), { code: 13, details: 'boom' })));
    });
    expect(await failure(dial(picker))).toEqual({ kind: 'protocol', afterPick: false });
  });

  const nonsense: readonly (readonly [string, ProcessingResponse[]])[] = [
    ['no endpoint at all', [{ requestHeaders: {} }, { requestBody: {} }]],
    ['a name instead of an address', [pickReply('pod-1:8000'), { requestBody: {} }]],
    ['more replies than messages', [{ requestBody: {} }, { requestBody: {} }]],
    [
      'a streamed body that ends twice',
      streamed(BODY, true)
        .concat(streamed(BODY, true))
        .map((piece) => ({ requestBody: piece })),
    ],
    ['the headers twice', [{ requestHeaders: {} }, { requestHeaders: {} }]],
    ['response headers that nobody sent', [{ responseHeaders: {} }]],
    ['trailers that nobody sent', [{ requestTrailers: {} }]],
  ];
  for (const [name, replies] of nonsense) {
    it(`nonsense: ${name}`, async () => {
      const picker = await answering((message) => (message.requestBody === undefined ? [] : replies));
      expect(await failure(dial(picker))).toEqual({ kind: 'protocol', afterPick: false });
    });
  }

  it('a body without end', async () => {
    const picker = await answering((message) =>
      message.requestBody === undefined
        ? []
        : [{ requestHeaders: {} }, ...streamed(Buffer.alloc(200_000), false).map((piece) => ({ requestBody: piece }))],
    );
    expect(await failure(dial(picker, { maxBodyBytes: 100_000 }))).toEqual({ kind: 'protocol', afterPick: false });
  });

  it('is over when the picker is back', async () => {
    let alive = false;
    const picker = await fakePicker((call) => {
      if (!alive) call.emit('error', Object.assign(new Error('starting'), { code: 14, details: 'starting' }));
      else call.once('data', () => call.write(pickReply(PICK)));
    });
    const client = dial(picker);
    expect(await failure(client)).toMatchObject({ kind: 'unreachable' });
    alive = true;
    expect(asPicked(await client.open({ headers: HEADERS, endOfStream: true }).picked).endpoints).toEqual([PICK]);
  });
});

describe('failures after the pick', () => {
  it('keep it, with the original body: killed, silent, or nonsense', async () => {
    const afterwards: Readonly<Record<string, (call: EppServerCall, picker: FakePicker) => void>> = {
      unreachable: (_call, picker) => setTimeout(() => picker.kill(), 20),
      timeout: () => {},
      protocol: (call) => void call.write({ responseHeaders: {} }),
    };
    for (const [kind, then] of Object.entries(afterwards)) {
      const picker = await fakePicker((call) => {
        call.on('data', (message: ProcessingRequest) => {
          if (message.requestHeaders !== undefined) call.write(pickReply(PICK, [['x-a', 'b']]));
          else then(call, picker);
        });
      });
      const exchange = dial(picker, { messageTimeoutMs: 300 }).open({ headers: HEADERS });
      const picked = asPicked(await pickWith(exchange, BODY));
      expect(picked.failure).toMatchObject({ kind, afterPick: true });
      expect(picked.endpoints).toEqual([PICK]);
      expect(picked.headers.changes).toHaveLength(1);
      expect(picked.body).toBe(BODY);
      expect(await exchange.responseHeaders(200, [])).toMatchObject({ kind: 'continue', failure: { kind } });
      expect((await collect(exchange.rewriteResponse(sourceOf([Buffer.from('x')])))).toString()).toBe('x');
    }
  });

  it('a clean end after the headers is no failure', async () => {
    const picker = await fakePicker((call) => {
      call.once('data', () => {
        call.write(pickReply(PICK));
        call.end();
      });
    });
    const exchange = dial(picker).open({ headers: HEADERS });
    const picked = asPicked(await pickWith(exchange, BODY));
    expect(picked.failure).toBeUndefined();
    expect(picked.body).toBe(BODY);
    expect(await exchange.responseHeaders(200, [])).toEqual({ kind: 'continue', headers: { changes: [], refused: [] } });
  });

  it('a clean end in the middle of the body is one', async () => {
    const picker = await fakePicker((call) => {
      call.on('data', (message: ProcessingRequest) => {
        if (message.requestBody === undefined) return;
        call.write(pickReply(PICK));
        call.write({ requestBody: streamed(Buffer.from('half of'), false)[0]! });
        call.end();
      });
    });
    const picked = asPicked(await pickWith(dial(picker).open({ headers: HEADERS }), BODY));
    expect(picked.failure).toMatchObject({ kind: 'protocol', afterPick: true });
    expect(picked.body).toBe(BODY);
  });
});

describe('a picker that leaves during the response', () => {
  const chunks = ['one ', 'two ', 'three ', 'four'];
  for (const [name, leave] of [
    ['cleanly', end],
    ['killed', kill],
  ] as const) {
    it(`${name}: plain replies, the rest passes`, async () => {
      const picker = await leaving(2, leave, () => [{ responseBody: { response: {} } }]);
      expect(await response(picker, chunks)).toBe('one two three four');
    });

    it(`${name}: before it has sent anything of a body that it holds`, async () => {
      expect(await response(await leaving(3, leave, () => []), chunks)).toBe('one two three four');
      expect(await response(await leaving(0, leave, () => []), chunks)).toBe('one two three four');
    });

    it(`${name}: with an unchanged body, half of a chunk behind`, async () => {
      const picker = await leaving(2, leave, ({ responseBody }, index) => {
        const body = responseBody!.body!;
        return streamed(index === 1 ? body.subarray(0, 2) : body, false).map((piece) => ({ responseBody: piece }));
      });
      expect(await response(picker, chunks)).toBe('one two three four');
    });

    it(`${name}: between two chunks of a rewritten body, the rest passes`, async () => {
      const picker = await leaving(2, leave, ({ responseBody }) =>
        streamed(Buffer.from(responseBody!.body!.toString().toUpperCase()), false).map((piece) => ({ responseBody: piece })),
      );
      expect(await response(picker, chunks)).toBe('ONE TWO three four');
    });

    it(`${name}: in the middle of a rewritten body, the response is said to be incomplete`, async () => {
      const picker = await leaving(3, leave, ({ responseBody }, index) =>
        index > 0
          ? []
          : streamed(Buffer.from(responseBody!.body!.toString().toUpperCase()), false).map((piece) => ({ responseBody: piece })),
      );
      expect(await response(picker, chunks)).toBe('protocol');
    });
  }

  it('times out on a silent picker, and the response passes', async () => {
    const picker = await answering((message) => (message.responseBody === undefined ? lweppDialect(PICK)(message) : []));
    expect(await response(picker, chunks, { messageTimeoutMs: 200 })).toBe('one two three four');
    expect(await response(picker, chunks, { messageTimeoutMs: 200, responseMode: 'buffered' })).toBe('one two three four');
    expect(await response(picker, chunks, { messageTimeoutMs: 200, responseMode: 'streamed' })).toBe('one two three four');
  });

  it('is held back, and not blamed, while the client does not read a body that it has kept until the end', async () => {
    let written = 0;
    const picker = await fakePicker((call) => {
      const pour = async (): Promise<void> => {
        const chunk = Buffer.alloc(60_000, 'x');
        for (; written < 200; written++) {
          const [piece] = streamed(chunk, written === 199);
          await new Promise((resolve) => call.write({ responseBody: piece! }, resolve));
        }
      };
      call.on('data', (message: ProcessingRequest) => {
        if (message.responseBody?.endOfStream === true) void pour();
        else if (message.responseBody === undefined) for (const reply of lweppDialect(PICK)(message)) call.write(reply);
      });
    });
    const exchange = dial(picker, { messageTimeoutMs: 150 }).open({ headers: HEADERS });
    await pickWith(exchange, BODY);
    await exchange.responseHeaders(200, []);
    const out = exchange.responseChunks();
    void exchange.responseBody(Buffer.from('all'), true);
    const first = await out.next();
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(written).toBeLessThan(100);
    expect((await collect(out)).length + (first.value?.length ?? 0)).toBe(200 * 60_000);
    expect(exchange.failure).toBeUndefined();
  });

  it('does not blame the picker for a client that reads slowly', async () => {
    const exchange = dial(await answering(lweppDialect(PICK)), { messageTimeoutMs: 150 }).open({ headers: HEADERS });
    await pickWith(exchange, BODY);
    await exchange.responseHeaders(200, []);
    const piece = Buffer.alloc(400_000, 'x');
    let produced = 0;
    async function* source(): AsyncGenerator<Buffer> {
      for (; produced < 30; produced++) yield piece;
    }
    let length = 0;
    let ahead = 0;
    for await (const chunk of exchange.rewriteResponse(source())) {
      if (length === 0) {
        await new Promise((resolve) => setTimeout(resolve, 500));
        ahead = produced;
      }
      length += chunk.length;
    }
    expect(length).toBe(30 * piece.length);
    // Back-pressure reached the source: it stood still long before its end.
    expect(ahead).toBeLessThan(10);
    expect(exchange.failure).toBeUndefined();
  });
});

describe('the end of an exchange', () => {
  it('reaches the picker as a half-close after the response', async () => {
    const events: string[] = [];
    const picker = await fakePicker((call) => {
      call.on('data', (message: ProcessingRequest) => {
        for (const reply of lweppDialect(PICK)(message)) call.write(reply);
      });
      call.on('end', () => {
        events.push(call.cancelled ? 'cancelled' : 'end');
        call.end();
      });
    });
    const exchange = dial(picker).open({ headers: HEADERS });
    await pickWith(exchange, BODY);
    await exchange.responseHeaders(200, []);
    await collect(exchange.rewriteResponse(sourceOf([Buffer.from('x')])));
    await expect.poll(() => events).toEqual(['end']);
  });

  it('is a cancel if the reader of the response stops, or the source of a body breaks', async () => {
    const events: string[] = [];
    const picker = await fakePicker((call) => {
      call.on('data', (message: ProcessingRequest) => {
        for (const reply of lweppDialect(PICK)(message)) call.write(reply);
      });
      call.on('cancelled', () => events.push('cancelled'));
    });
    const client = dial(picker);
    const exchange = client.open({ headers: HEADERS });
    await pickWith(exchange, BODY);
    await exchange.responseHeaders(200, []);
    for await (const _ of exchange.rewriteResponse(sourceOf([Buffer.from('x'), Buffer.from('y'), Buffer.from('z')]))) break;
    await expect.poll(() => events).toEqual(['cancelled']);

    const upload = client.open({ headers: HEADERS });
    await expect(upload.requestBody(broken())).rejects.toThrow('client has gone');
    await expect(upload.picked).rejects.toThrow('client has gone');
    await expect.poll(() => events).toEqual(['cancelled', 'cancelled']);

    const download = client.open({ headers: HEADERS });
    await pickWith(download, BODY);
    await download.responseHeaders(200, []);
    await expect(collect(download.rewriteResponse(broken()))).rejects.toThrow('client has gone');
    await expect.poll(() => events).toHaveLength(3);
  });

  it('may come from the gateway before the response', async () => {
    const exchange = dial(await perCall(llmdDialect(PICK))).open({ headers: HEADERS });
    await pickWith(exchange, BODY);
    exchange.close();
    expect(await exchange.responseHeaders(200, [])).toMatchObject({ kind: 'continue' });
    expect((await collect(exchange.rewriteResponse(sourceOf([Buffer.from('x')])))).toString()).toBe('x');
  });

  it('takes no calls in the wrong order', async () => {
    const exchange = dial(await answering(lweppDialect(PICK))).open({ headers: HEADERS });
    await expect(exchange.responseHeaders(200, [])).rejects.toThrow('no pick yet');
    await pickWith(exchange, BODY);
    await expect(exchange.requestBody(BODY)).rejects.toThrow('called twice');
    await exchange.responseHeaders(200, []);
    await exchange.responseBody(Buffer.from('x'), true);
    await expect(exchange.responseBody(Buffer.from('y'), true)).rejects.toThrow('has ended');
  });
});

/** A TCP relay to a picker, whose connections a test counts and cuts. */
async function relay(picker: FakePicker): Promise<{ address: string; sockets: Socket[] }> {
  const [host, port] = picker.address.split(':') as [string, string];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    const upstream = connect(Number(port), host);
    socket.pipe(upstream).pipe(socket);
    for (const end of [socket, upstream]) end.on('error', () => {});
    socket.on('close', () => upstream.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  closers.push(() => sockets.forEach((socket) => socket.destroy()));
  closers.push(() => picker.kill());
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, sockets };
}

describe('the connection', () => {
  it('is one for all exchanges', async () => {
    const { address, sockets } = await relay(await answering(lweppDialect(PICK)));
    const client = dial(address);
    await Promise.all(Array.from({ length: 50 }, async () => pickWith(client.open({ headers: HEADERS }), BODY)));
    expect(sockets).toHaveLength(1);
  });

  it('is made anew after it broke, by a reset or in good order', async () => {
    const { address, sockets } = await relay(await perCall(llmdDialect(PICK)));
    const client = dial(address);
    for (const cut of ['resetAndDestroy', 'end', 'destroy'] as const) {
      const before = client.open({ headers: HEADERS });
      await client.open({ headers: HEADERS, endOfStream: true }).picked;
      sockets.at(-1)![cut]();
      await expect(before.picked).rejects.toMatchObject({ kind: 'unreachable', afterPick: false });
      expect(asPicked(await pickWith(client.open({ headers: HEADERS }), BODY)).endpoints).toEqual([PICK]);
    }
    expect(sockets).toHaveLength(4);
  });
});
