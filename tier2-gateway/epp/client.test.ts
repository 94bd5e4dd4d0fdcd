import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';

import type { EppClient, EppClientOptions } from './client.ts';
import { decide } from './failure-mode.ts';
import { applyEdit, fromHeaderMap, toMutation } from './header-edit.ts';
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
import { fromStruct, toStruct } from './struct.ts';

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

describe('dialect of llm-d', () => {
  const rename = (body: Buffer): Buffer => Buffer.from(body.toString().replaceAll('alias', 'real-model'));
  const restore = (body: Buffer): Buffer => Buffer.from(body.toString().replaceAll('real-model', 'alias'));

  it('gets a rewritten body, every header again, and the names restored in the answer', async () => {
    const client = dial(await perCall(llmdDialect(`${PICK},[fd00::2]:8000`, rename, restore)));
    const exchange = client.open({ headers: HEADERS });
    const picked = asPicked(await pickWith(exchange, BODY));
    expect(picked.endpoints).toEqual([PICK, '[fd00::2]:8000']);
    expect(picked.body.toString()).toBe('{"model":"real-model","messages":[]}');
    expect(picked.bodyReplaced).toBe(true);
    expect(picked.headers.refused).toEqual([]);
    expect(applyEdit(HEADERS, picked.headers)).toEqual(HEADERS);
    expect(picked.dynamicMetadata).toEqual({ 'envoy.lb': { 'x-gateway-destination-endpoint': `${PICK},[fd00::2]:8000` } });
    const head = await exchange.responseHeaders(200, [['content-type', 'application/json']], PICK);
    expect(head).toMatchObject({ kind: 'continue', headers: { changes: [{ name: 'x-went-into-resp-headers', value: 'true' }] } });
    // The name lies across two chunks: only a picker that keeps the whole body sees it.
    const answer = exchange.rewriteResponse(sourceOf([Buffer.from('{"model":"real-'), Buffer.from('model"}')]));
    expect((await collect(answer)).toString()).toBe('{"model":"alias"}');
  });

  it('hands on each event of a stream before the next one comes', async () => {
    const client = dial(await perCall(llmdDialect(PICK, rename, restore)));
    const exchange = client.open({ headers: HEADERS });
    await pickWith(exchange, BODY);
    await exchange.responseHeaders(200, [['content-type', 'text/event-stream']], PICK);
    const out = exchange.responseChunks();
    for (let index = 0; index < 3; index++) {
      await exchange.responseBody(Buffer.from(`data: real-model ${index}\n\n`), false);
      expect(String((await out.next()).value)).toBe(`data: alias ${index}\n\n`);
    }
    await exchange.responseBody(Buffer.from('data: [DONE]\n\n'), true);
    expect((await collect(out)).toString()).toBe('data: [DONE]\n\n');
  });

  it('comes through for any split of any body', async () => {
    const client = dial(await perCall(llmdDialect(PICK, (body) => Buffer.from(body).reverse())));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 10 }), async (parts) => {
        const chunks = parts.map((part) => Buffer.from(part));
        const exchange = client.open({ headers: HEADERS });
        const [outcome] = await Promise.all([exchange.picked, exchange.requestBody(sourceOf(chunks))]);
        expect(asPicked(outcome).body.equals(Buffer.concat(chunks).reverse())).toBe(true);
        exchange.cancel();
      }),
      { numRuns: 40 },
    );
  });

  it('takes trailers', async () => {
    const exchange = dial(await perCall(llmdDialect(PICK))).open({ headers: HEADERS });
    const [outcome] = await Promise.all([exchange.picked, exchange.requestBody(BODY, [['x-t', '1']])]);
    expect(asPicked(outcome).body).toBe(BODY);
    await exchange.responseHeaders(200, [['content-type', 'text/event-stream']]);
    await exchange.responseBody(Buffer.from('data: x\n\n'), false);
    await exchange.responseTrailers([['x-t', '2']]);
    expect((await collect(exchange.responseChunks())).toString()).toBe('data: x\n\n');
  });
});

describe('dialect of lwepp', () => {
  for (const mode of ['full-duplex', 'streamed', 'buffered', 'headers-only'] as const) {
    it(`leaves every chunk as it is, mode ${mode}`, async () => {
      const exchange = dial(await answering(lweppDialect(PICK)), { mode, responseMode: 'full-duplex' }).open({ headers: HEADERS });
      const chunks = [Buffer.alloc(70_000, 'a'), Buffer.from('b'), Buffer.alloc(0), Buffer.from('c')];
      const [outcome, original] = await Promise.all([exchange.picked, exchange.requestBody(sourceOf(chunks))]);
      expect(asPicked(outcome).endpoints).toEqual([PICK]);
      expect(asPicked(outcome).body).toBe(original);
      expect(original.equals(Buffer.concat(chunks))).toBe(true);
      await exchange.responseHeaders(200, [], PICK);
      expect((await collect(exchange.rewriteResponse(sourceOf(chunks)))).equals(original)).toBe(true);
    });
  }

  it('may replace and clear chunks', async () => {
    let bodies = 0;
    const picker = await answering((message) => {
      if (message.requestBody === undefined) return lweppDialect(PICK)(message);
      const bodyMutation = bodies++ === 0 ? { body: Buffer.from('FIRST') } : { clearBody: true };
      return [{ requestBody: { response: { bodyMutation } } }];
    });
    const exchange = dial(picker).open({ headers: HEADERS });
    const [outcome] = await Promise.all([exchange.picked, exchange.requestBody([Buffer.from('one'), Buffer.from('two')])]);
    expect(asPicked(outcome)).toMatchObject({ body: Buffer.from('FIRST'), bodyReplaced: true });
  });
});

describe('messages', () => {
  it('carry hint, configuration and served echo where the protocol has them', async () => {
    const seen: ProcessingRequest[] = [];
    const picker = await answering((message) => {
      seen.push(message);
      return lweppDialect(PICK)(message);
    });
    const forged = [...HEADERS, ['X-Gateway-Destination-Endpoint', '169.254.169.254:80'], ['x-latin', 'é']] as const;
    const exchange = dial(picker).open({ headers: forged, subset: [PICK, '[::1]:80'] });
    await pickWith(exchange, BODY);
    await exchange.responseHeaders(201, [['x-a', 'b']], PICK);
    await exchange.responseBody(Buffer.from('x'), true);
    const [headers, body, responseHeaders] = seen;
    expect(fromHeaderMap(headers?.requestHeaders?.headers)).toEqual([...HEADERS, ['x-latin', 'é']]);
    expect(headers?.protocolConfig).toEqual({ requestBodyMode: 'FULL_DUPLEX_STREAMED', responseBodyMode: 'FULL_DUPLEX_STREAMED' });
    expect(fromStruct(headers!.metadataContext!.filterMetadata!['envoy.lb.subset_hint']!)).toEqual({
      'x-gateway-destination-endpoint-subset': [PICK, '[::1]:80'],
    });
    expect(body).toEqual({ requestBody: { body: BODY, endOfStream: true } });
    expect(fromHeaderMap(responseHeaders?.responseHeaders?.headers)).toEqual([
      [':status', '201'],
      ['x-a', 'b'],
    ]);
    expect(fromStruct(responseHeaders!.metadataContext!.filterMetadata!['envoy.lb']!)).toEqual({
      'x-gateway-destination-endpoint-served': PICK,
    });
  });

  it('sends no hint for the whole pool, and an empty one for an empty subset', async () => {
    const seen: ProcessingRequest[] = [];
    const client = dial(
      await answering((message) => {
        seen.push(message);
        return [pickReply(PICK)];
      }),
    );
    await client.open({ headers: HEADERS, endOfStream: true }).picked;
    await client.open({ headers: HEADERS, endOfStream: true, subset: [] }).picked;
    expect(seen[0]?.metadataContext).toBeUndefined();
    expect(fromStruct(seen[1]!.metadataContext!.filterMetadata!['envoy.lb.subset_hint']!)).toEqual({
      'x-gateway-destination-endpoint-subset': [],
    });
  });

  it('refuses changes of protected headers and passes the others on', async () => {
    const evil = [
      ['host', 'evil.test'],
      [':authority', 'evil.test'],
      [':path', '/admin'],
      ['transfer-encoding', 'chunked'],
      ['content-length', '3'],
      ['x-ok', '1'],
    ] as const;
    const picker = await answering(() => [pickReply(PICK, evil)]);
    const picked = asPicked(await dial(picker).open({ headers: HEADERS, endOfStream: true }).picked);
    expect(picked.headers).toEqual({
      changes: [{ action: 'overwrite', name: 'x-ok', value: '1' }],
      refused: ['host', ':authority', ':path', 'transfer-encoding'],
    });
    const open = dial(picker.address, { allowPseudoHeaders: [':path'] });
    expect(asPicked(await open.open({ headers: HEADERS, endOfStream: true }).picked).headers.changes).toHaveLength(2);
    expect(() => dial(picker.address, { allowPseudoHeaders: [':scheme'] })).toThrow(':scheme is none of :path, :method, :authority');
  });

  it('takes the pick from the metadata alone, and scores', async () => {
    const dynamicMetadata = toStruct({
      'envoy.lb': { 'x-gateway-destination-endpoint': PICK, 'x-gateway-destination-endpoint-scores': { [PICK]: 0.5, bad: 'x' } },
      other: { __proto__: null, list: [1, true, null] },
    });
    const picker = await answering(() => [{ requestHeaders: {}, dynamicMetadata }]);
    const picked = asPicked(await dial(picker).open({ headers: HEADERS, endOfStream: true }).picked);
    expect(picked.endpoints).toEqual([PICK]);
    expect(picked.scores).toEqual({ [PICK]: 0.5 });
    expect(picked.dynamicMetadata['other']).toEqual({ list: [1, true, null] });
  });

  it('replaces the body and skips it when the headers reply says so', async () => {
    const picker = await answering((message) =>
      message.requestHeaders === undefined
        ? []
        : [
            {
              requestHeaders: {
                response: {
                  status: 'CONTINUE_AND_REPLACE',
                  bodyMutation: { body: Buffer.from('new') },
                  headerMutation: toMutation([['x-gateway-destination-endpoint', PICK]]),
                },
              },
            },
          ],
    );
    for (const mode of ['full-duplex', 'buffered'] as const) {
      expect(asPicked(await pickWith(dial(picker.address, { mode }).open({ headers: HEADERS }), BODY)).body.toString()).toBe('new');
    }
    picker.kill();
  });
});

describe('mode_override and override_message_timeout', () => {
  it('skips a buffered body and the response when the picker does not want them', async () => {
    const seen: string[] = [];
    const picker = await answering((message) => {
      seen.push(...Object.keys(message));
      return message.requestHeaders === undefined ? [] : [{ ...pickReply(PICK), modeOverride: { responseHeaderMode: 'SKIP' } }];
    });
    const client = dial(picker, { mode: 'buffered', responseMode: 'full-duplex', allowModeOverride: true });
    const exchange = client.open({ headers: HEADERS });
    expect(asPicked(await pickWith(exchange, BODY)).body).toBe(BODY);
    expect(await exchange.responseHeaders(200, [])).toMatchObject({ kind: 'continue' });
    expect((await collect(exchange.rewriteResponse(sourceOf([Buffer.from('a'), Buffer.from('b')])))).toString()).toBe('ab');
    expect(seen).toEqual(['requestHeaders', 'protocolConfig']);
  });

  it('is ignored unless allowed', async () => {
    const picker = await answering((message) => [
      {
        ...lweppDialect(PICK)(message)[0],
        ...(message.requestHeaders === undefined ? {} : { modeOverride: { responseHeaderMode: 'SKIP' } }),
      },
    ]);
    const exchange = dial(picker, { mode: 'buffered', responseMode: 'streamed' }).open({ headers: HEADERS });
    await pickWith(exchange, BODY);
    await exchange.responseHeaders(200, []);
    expect((await collect(exchange.rewriteResponse(sourceOf([Buffer.from('a')])))).toString()).toBe('a');
    expect(exchange.failure).toBeUndefined();
  });

  it('gives the picker the time that it asks for, up to the limit', async () => {
    const slow = (asked: number): Promise<FakePicker> =>
      fakePicker((call) => {
        call.once('data', () => {
          call.write({ overrideMessageTimeout: { seconds: Math.trunc(asked / 1000), nanos: (asked % 1000) * 1_000_000 } });
          setTimeout(() => call.write(pickReply(PICK)), 400);
        });
      });
    const pick = async (asked: number, maxMessageTimeoutMs: number): Promise<unknown> => {
      const client = dial(await slow(asked), { messageTimeoutMs: 150, maxMessageTimeoutMs });
      return client.open({ headers: HEADERS, endOfStream: true }).picked.then(
        (outcome) => outcome.kind,
        (error: unknown) => (error as { kind: string }).kind,
      );
    };
    expect(await Promise.all([pick(5000, 10_000), pick(5000, 200), pick(0, 10_000)])).toEqual(['picked', 'timeout', 'timeout']);
  });
});

describe('immediate responses', () => {
  const immediate = (code: number): ProcessingResponse => ({
    immediateResponse: {
      status: { code },
      headers: toMutation([
        ['x-llm-d-request-dropped-reason', 'rejected-no-endpoints'],
        ['connection', 'close'],
      ]),
      body: Buffer.from('full'),
      details: 'flow control',
    },
  });

  it('are the picker’s word: never fail open', async () => {
    for (const code of [400, 401, 403, 404, 412, 429, 500, 503]) {
      const outcome = await pickWith(
        dial(await answering((message) => (message.requestHeaders === undefined ? [] : [immediate(code)]))).open({ headers: HEADERS }),
        BODY,
      );
      expect(outcome).toEqual({
        kind: 'immediate',
        status: code,
        headers: [['x-llm-d-request-dropped-reason', 'rejected-no-endpoints']],
        body: Buffer.from('full'),
        details: 'flow control',
        droppedReason: 'rejected-no-endpoints',
      });
      expect(outcome.kind === 'immediate' && decide(outcome, 'FailOpen')).toEqual({ act: 'answer-as-is' });
    }
  });

  it('stop an upload, and still give the gateway the whole body', async () => {
    const picker = await answering((message) => (message.requestHeaders === undefined ? [] : [immediate(429)]));
    const exchange = dial(picker).open({ headers: HEADERS });
    expect((await exchange.picked).kind).toBe('immediate');
    const chunks = Array.from({ length: 20 }, () => Buffer.alloc(100_000, 'x'));
    expect((await exchange.requestBody(sourceOf(chunks))).length).toBe(2_000_000);
  });

  it('may replace a response at its headers, not later', async () => {
    const picker = await answering((message) => {
      if (message.responseHeaders !== undefined) return [immediate(502)];
      return lweppDialect(PICK)(message);
    });
    const exchange = dial(picker).open({ headers: HEADERS });
    await pickWith(exchange, BODY);
    expect(await exchange.responseHeaders(200, [])).toMatchObject({ kind: 'immediate', status: 502 });

    const late = await answering((message) => {
      if (message.responseBody !== undefined) return [immediate(502)];
      return lweppDialect(PICK)(message);
    });
    const second = dial(late).open({ headers: HEADERS });
    await pickWith(second, BODY);
    await second.responseHeaders(200, []);
    expect((await collect(second.rewriteResponse(sourceOf([Buffer.from('as it is')])))).toString()).toBe('as it is');
    expect(second.failure).toMatchObject({ kind: 'protocol', afterPick: true });
  });

  it('with a status that cannot be sent become 500', async () => {
    for (const code of [0, 100, 700]) {
      const picker = await answering(() => [immediate(code)]);
      expect(await dial(picker).open({ headers: HEADERS, endOfStream: true }).picked).toMatchObject({ status: 500 });
    }
  });
});

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

  it('a slow client is not the picker’s fault', async () => {
    const client = dial(await perCall(llmdDialect(PICK)), { messageTimeoutMs: 100 });
    const exchange = client.open({ headers: HEADERS });
    async function* slow(): AsyncGenerator<Buffer> {
      for (const text of ['a', 'b', 'c']) {
        await new Promise((resolve) => setTimeout(resolve, 120));
        yield Buffer.from(text);
      }
    }
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

  const nonsense: Readonly<Record<string, ProcessingResponse[]>> = {
    'no endpoint at all': [{ requestHeaders: {} }, { requestBody: {} }],
    'a name instead of an address': [pickReply('pod-1:8000'), { requestBody: {} }],
    'a body before the headers': [{ requestBody: { response: { bodyMutation: { body: BODY } } } }],
    'the headers twice': [{ requestHeaders: {} }, { requestHeaders: {} }],
    'response headers that nobody sent': [{ responseHeaders: {} }],
    'trailers that nobody sent': [{ requestHeaders: {} }, { requestTrailers: {} }],
  };
  for (const [name, replies] of Object.entries(nonsense)) {
    it(name, async () => {
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
      if (!alive) call.destroy(Object.assign(new Error('starting'), { code: 14 }));
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
  type Leave = (call: EppServerCall, picker: FakePicker) => void;
  const end: Leave = (call) => void call.end();
  const kill: Leave = (_call, picker) => setTimeout(() => picker.kill(), 20);

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
    for await (const chunk of exchange.rewriteResponse(source())) {
      if (length === 0) {
        await new Promise((resolve) => setTimeout(resolve, 500));
        // Back-pressure reaches the source: it stands still long before its end.
        expect(produced).toBeLessThan(10);
      }
      length += chunk.length;
    }
    expect(length).toBe(30 * piece.length);
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

    async function* broken(): AsyncGenerator<Buffer> {
      yield Buffer.from('x');
      throw new Error('client has gone');
    }
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

it('uses one connection for all exchanges', async () => {
  let connections = 0;
  const picker = await answering(lweppDialect(PICK));
  const [host, port] = picker.address.split(':') as [string, string];
  const proxy = createServer((socket) => {
    connections++;
    const upstream = connect(Number(port), host);
    socket.pipe(upstream).pipe(socket);
    for (const end of [socket, upstream]) end.on('error', () => {});
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  closers.push(() => proxy.close());
  const client = dial(`127.0.0.1:${(proxy.address() as AddressInfo).port}`);
  closers.push(() => picker.kill());
  await Promise.all(Array.from({ length: 50 }, async () => pickWith(client.open({ headers: HEADERS }), BODY)));
  expect(connections).toBe(1);
});
