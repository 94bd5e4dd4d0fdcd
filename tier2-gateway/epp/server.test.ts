import { Client, credentials, Metadata } from '@grpc/grpc-js';
import type { ClientDuplexStream, MethodDefinition } from '@grpc/grpc-js';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';

import type { EppClient, EppClientOptions } from './client.ts';
import { applyEdit, toHeaderMap } from './header-edit.ts';
import { healthService, processMethod } from './messages.ts';
import type { ProcessingRequest, ProcessingResponse } from './messages.ts';
import { asPicked, clientOf, collect, HEADERS, pickWith, Seen, sourceOf } from './picker.fixture.ts';
import { selfSigned } from '#core/http/self-signed';
import { startEppServer } from './server.ts';
import type { EppServer, EppServerOptions } from './server.ts';
import type { AnswerWatch, PickRequest } from './served-pick.ts';
import { fromStruct, toStruct } from './struct.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serve(options: Partial<EppServerOptions> = {}): Promise<EppServer> {
  const server = await startEppServer({ port: 0, picker: async () => ({ endpoints: ['10.0.0.1:8000', '10.0.0.2:8000'] }), ...options });
  closers.push(() => server.close(0));
  return server;
}

function connect(server: { port: number }, options: Partial<EppClientOptions> = {}): EppClient {
  const client = clientOf(`127.0.0.1:${server.port}`, options);
  closers.push(() => client.close());
  return client;
}

/** A gateway that sends and gets bare messages. */
function callTo(server: { port: number }): ClientDuplexStream<ProcessingRequest, ProcessingResponse> {
  const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
  closers.push(() => client.close());
  const { path, requestSerialize, responseDeserialize } = processMethod;
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new Metadata());
  call.on('error', () => {});
  call.resume();
  return call;
}

/** All that such a gateway gets, to see what is on the wire. */
function wire(server: { port: number }, messages: readonly ProcessingRequest[]): Promise<ProcessingResponse[]> {
  const call = callTo(server);
  for (const message of messages) call.write(message);
  call.end();
  return new Promise((resolve, reject) => {
    const replies: ProcessingResponse[] = [];
    call.on('data', (reply: ProcessingResponse) => replies.push(reply));
    call.on('end', () => resolve(replies));
    call.on('error', reject);
  });
}

function streamedReply(text: string, endOfStream: boolean) {
  return { bodyMutation: { streamedResponse: { body: Buffer.from(text), endOfStream } } };
}

function noGood(): never {
  throw new Error('no good');
}

const MODES = ['full-duplex', 'streamed', 'buffered', 'headers-only'] as const;

const hint = (value: string): ProcessingRequest => ({
  requestHeaders: { headers: toHeaderMap(HEADERS), endOfStream: true },
  metadataContext: { filterMetadata: { 'envoy.lb.subset_hint': toStruct({ 'x-gateway-destination-endpoint-subset': value }) } },
});

const statusFrom = async (server: EppServer): Promise<unknown> => {
  const outcome = await pickWith(connect(server).open({ headers: HEADERS }), Buffer.from('a body of more than ten bytes'));
  return outcome.kind === 'immediate' ? outcome.status : outcome.endpoints;
};

describe('client and server', () => {
  for (const mode of MODES) {
    it(`agree in mode ${mode}`, async () => {
      const seen: PickRequest[] = [];
      const shown = new Seen();
      const server = await serve({
        picker: async (request) => {
          seen.push(request);
          return {
            endpoints: ['10.0.0.1:8000', '[fd00::1]:8000'],
            setHeaders: [['x-picked-by', 'test']],
            scores: { '10.0.0.1:8000': 0.75 },
            watch: shown.watch(),
          };
        },
      });
      const exchange = connect(server, { mode }).open({ headers: HEADERS });
      const body = Buffer.from('{"model":"m"}');
      const picked = asPicked(await pickWith(exchange, body));
      expect(picked.endpoints).toEqual(['10.0.0.1:8000', '[fd00::1]:8000']);
      expect(picked.headers).toEqual({ changes: [{ action: 'overwrite', name: 'x-picked-by', value: 'test' }], refused: [] });
      expect(picked.body).toBe(body);
      expect(picked.bodyReplaced).toBe(false);
      expect(picked.scores).toEqual({ '10.0.0.1:8000': 0.75 });
      expect(seen[0]?.body?.toString()).toBe(mode === 'headers-only' ? undefined : '{"model":"m"}');

      expect(await exchange.responseHeaders(200, [['content-type', 'text/event-stream']], '10.0.0.1:8000')).toMatchObject({
        kind: 'continue',
      });
      const rewritten = exchange.rewriteResponse(sourceOf([Buffer.from('data: 1\n\n'), Buffer.from('data: 2\n\n')]));
      expect((await collect(rewritten)).toString()).toBe('data: 1\n\ndata: 2\n\n');
      await expect.poll(() => shown.ends).toEqual(['complete']);
      const bodyShown = mode === 'full-duplex' || mode === 'streamed' ? 'data: 1\n\ndata: 2\n\n' : '';
      const info = { served: '10.0.0.1:8000', status: 200, headers: [['content-type', 'text/event-stream']] };
      expect(shown.answers).toEqual([{ info, body: bodyShown }]);
      expect(exchange.failure).toBeUndefined();
    });
  }

  for (const mode of ['full-duplex', 'streamed', 'buffered'] as const) {
    it(`carry 5 MB each way in mode ${mode}, and a new body`, async () => {
      const server = await serve({
        picker: async ({ body }) => ({ endpoints: ['10.0.0.1:8000'], body: Buffer.concat([body!, Buffer.from('!')]) }),
      });
      const exchange = connect(server, { mode }).open({ headers: HEADERS });
      const body = Buffer.alloc(5_000_000, 'abcdefghijk');
      const pieces = Array.from({ length: 50 }, (_, index) => body.subarray(index * 100_000, (index + 1) * 100_000));
      const [outcome, original] = await Promise.all([exchange.picked, exchange.requestBody(sourceOf(pieces))]);
      const picked = asPicked(outcome);
      expect(original.equals(body)).toBe(true);
      expect(picked.bodyReplaced).toBe(true);
      expect(picked.body.equals(Buffer.concat([body, Buffer.from('!')]))).toBe(true);
      await exchange.responseHeaders(200, []);
      expect((await collect(exchange.rewriteResponse(sourceOf(pieces)))).equals(body)).toBe(true);
    });
  }

  it('keep any body, however it is split', async () => {
    const server = await serve();
    const clients = MODES.map((mode) => connect(server, { mode }));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...clients),
        fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 12 }),
        fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 12 }),
        async (client, request, response) => {
          const chunks = request.map((bytes) => Buffer.from(bytes));
          const answer = response.map((bytes) => Buffer.from(bytes));
          const exchange = client.open({ headers: HEADERS });
          const [outcome] = await Promise.all([exchange.picked, exchange.requestBody(sourceOf(chunks))]);
          expect(asPicked(outcome).body.equals(Buffer.concat(chunks))).toBe(true);
          await exchange.responseHeaders(200, []);
          expect((await collect(exchange.rewriteResponse(sourceOf(answer)))).equals(Buffer.concat(answer))).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('pass trailers of a response', async () => {
    for (const responseMode of ['full-duplex', 'streamed', 'buffered'] as const) {
      const exchange = connect(await serve(), { responseMode }).open({ headers: HEADERS });
      await pickWith(exchange, Buffer.from('body'));
      await exchange.responseHeaders(200, []);
      const out = collect(exchange.responseChunks());
      await exchange.responseBody(Buffer.from('answer'), false);
      expect(await exchange.responseTrailers([['x-sum', '2']])).toEqual({ changes: [], refused: [] });
      expect((await out).toString()).toBe('answer');
      expect(exchange.failure).toBeUndefined();
    }
  });

  it('answer a request without a body at the headers', async () => {
    for (const mode of MODES) {
      const exchange = connect(await serve(), { mode }).open({ headers: HEADERS, endOfStream: true });
      expect(asPicked(await exchange.picked).endpoints).toEqual(['10.0.0.1:8000', '10.0.0.2:8000']);
    }
  });

  it('serve many exchanges on one connection at once', async () => {
    const client = connect(
      await serve({
        picker: async ({ body }) => ({ endpoints: [`10.0.0.1:${body!.toString()}`] }),
      }),
    );
    const picks = await Promise.all(
      Array.from(
        { length: 200 },
        async (_, index) => asPicked(await pickWith(client.open({ headers: HEADERS }), Buffer.from(String(index + 1)))).endpoints[0],
      ),
    );
    expect(picks).toEqual(Array.from({ length: 200 }, (_, index) => `10.0.0.1:${index + 1}`));
  });
});

describe('server', () => {
  it('answers 503 to an empty subset without asking the picker', async () => {
    let asked = 0;
    const server = await serve({
      picker: async () => {
        asked++;
        return { endpoints: ['10.0.0.1:8000'] };
      },
    });
    for (const mode of MODES) {
      const exchange = connect(server, { mode }).open({ headers: HEADERS, subset: [] });
      expect(await pickWith(exchange, Buffer.from('{}'))).toMatchObject({ kind: 'immediate', status: 503 });
    }
    expect(asked).toBe(0);
  });

  it('keeps the picker inside the subset, ports and all', async () => {
    const client = connect(await serve({ picker: async () => ({ endpoints: ['10.0.0.1:8001', '10.0.0.1:8000', '[fd00::1]:8000'] }) }));
    const pick = async (subset: string[]): Promise<unknown> => {
      const outcome = await pickWith(client.open({ headers: HEADERS, subset }), Buffer.from('{}'));
      return outcome.kind === 'picked' ? outcome.endpoints : outcome.status;
    };
    expect(await pick(['10.0.0.1:8000'])).toEqual(['10.0.0.1:8000']);
    expect(await pick(['10.0.0.1'])).toEqual(['10.0.0.1:8001', '10.0.0.1:8000']);
    expect(await pick(['[FD00::1]:8000', '10.0.0.1:8000'])).toEqual(['10.0.0.1:8000', '[fd00::1]:8000']);
    expect(await pick(['10.0.0.9:8000'])).toBe(503);
  });

  it('takes the subset as a string as well', async () => {
    const seen: unknown[] = [];
    const server = await serve({
      picker: async ({ subset }) => {
        seen.push(subset);
        return { endpoints: ['10.0.0.1:8000'] };
      },
    });
    await wire(server, [hint('10.0.0.1:8000, 10.0.0.2:8000')]);
    const [empty] = await wire(server, [hint('')]);
    expect(seen).toEqual([['10.0.0.1:8000', '10.0.0.2:8000']]);
    expect(empty?.immediateResponse?.status?.code).toBe(503);
  });

  it('reads old header names and lets none through', async () => {
    const seen: PickRequest[] = [];
    const server = await serve({
      picker: async (request) => {
        seen.push(request);
        return { endpoints: ['10.0.0.1:8000'], removeHeaders: ['x-secret'] };
      },
    });
    const headers = [
      ...HEADERS,
      ['x-gateway-inference-objective', 'batch'],
      ['x-slo-ttft-ms', '200'],
      ['x-llm-d-slo-ttft-ms', '100'],
      ['x-secret', 's'],
    ] as const;
    const picked = asPicked(await pickWith(connect(server).open({ headers }), Buffer.from('{}')));
    expect(seen[0]?.headers.slice(HEADERS.length)).toEqual([
      ['x-llm-d-inference-objective', 'batch'],
      ['x-llm-d-slo-ttft-ms', '100'],
      ['x-secret', 's'],
    ]);
    expect(applyEdit(headers, picked.headers)).toEqual([...HEADERS, ['x-llm-d-slo-ttft-ms', '100']]);
  });

  it('says the pick by header and by metadata, in chunks that Envoy takes', async () => {
    const server = await serve({ picker: async () => ({ endpoints: ['10.0.0.1:8000', '10.0.0.2:8000'] }) });
    const replies = await wire(server, [
      {
        requestHeaders: { headers: toHeaderMap(HEADERS) },
        protocolConfig: { requestBodyMode: 'FULL_DUPLEX_STREAMED', responseBodyMode: 'FULL_DUPLEX_STREAMED' },
      },
      { requestBody: { body: Buffer.alloc(100_000, 'a') } },
      { requestBody: { body: Buffer.alloc(50_000, 'b'), endOfStream: true } },
    ]);
    const [headers, ...bodies] = replies;
    const mutation = headers?.requestHeaders?.response?.headerMutation;
    expect(mutation?.setHeaders?.[0]?.header).toEqual({
      key: 'x-gateway-destination-endpoint',
      rawValue: Buffer.from('10.0.0.1:8000,10.0.0.2:8000'),
    });
    expect(headers?.requestHeaders?.response?.clearRouteCache).toBe(true);
    expect(fromStruct(headers!.dynamicMetadata!)).toEqual({
      'envoy.lb': { 'x-gateway-destination-endpoint': '10.0.0.1:8000,10.0.0.2:8000' },
    });
    const pieces = bodies.map((reply) => reply.requestBody?.response?.bodyMutation?.streamedResponse);
    expect(pieces.map((piece) => [piece?.body?.length, piece?.endOfStream ?? false])).toEqual([
      [62_000, false],
      [62_000, false],
      [26_000, true],
    ]);
  });

  it('takes trailers as the end of a body, which then has no other', async () => {
    const replies = await wire(await serve(), [
      { requestHeaders: { headers: toHeaderMap(HEADERS) }, protocolConfig: { requestBodyMode: 'FULL_DUPLEX_STREAMED' } },
      { requestBody: { body: Buffer.from('body') } },
      { requestTrailers: { trailers: toHeaderMap([['x-sum', '1']]) } },
    ]);
    expect(replies.map((reply) => Object.keys(reply)[0])).toEqual(['requestHeaders', 'requestBody', 'requestTrailers']);
    expect(replies[1]?.requestBody?.response?.bodyMutation?.streamedResponse).toEqual({ body: Buffer.from('body'), endOfStream: false });
  });

  it('answers the headers of a buffered body at once, as Envoy waits for it, and picks at the body', async () => {
    const replies = await wire(await serve(), [
      { requestHeaders: { headers: toHeaderMap(HEADERS) }, protocolConfig: { requestBodyMode: 'BUFFERED' } },
      { requestBody: { body: Buffer.from('body'), endOfStream: true } },
    ]);
    expect(replies[0]).toEqual({ requestHeaders: { response: {} } });
    expect(replies[1]?.requestBody?.response?.headerMutation?.setHeaders?.[0]?.header?.key).toBe('x-gateway-destination-endpoint');
    expect(replies[1]?.dynamicMetadata).toBeDefined();
  });

  it('decides on the headers when a gateway streams the body only afterwards', async () => {
    const bodies: unknown[] = [];
    const server = await serve({
      picker: async ({ body }) => {
        bodies.push(body);
        return { endpoints: ['10.0.0.1:8000'] };
      },
    });
    const [first, ...others] = await wire(server, [
      { requestHeaders: { headers: toHeaderMap(HEADERS) }, protocolConfig: { requestBodyMode: 'STREAMED' } },
      { requestBody: { body: Buffer.from('a') } },
      { requestBody: { body: Buffer.from('b'), endOfStream: true } },
    ]);
    expect(bodies).toEqual([undefined]);
    expect(first?.dynamicMetadata).toBeDefined();
    expect(others).toEqual([{ requestBody: { response: {} } }, { requestBody: { response: {} } }]);
  });

  it('passes on the picker’s own answers', async () => {
    const server = await serve({
      picker: async () => ({
        immediate: {
          status: 429,
          body: Buffer.from('later'),
          headers: [
            ['retry-after', '7'],
            ['x-llm-d-request-dropped-reason', 'rejected-saturated'],
          ],
        },
      }),
    });
    for (const mode of MODES) {
      const outcome = await pickWith(connect(server, { mode }).open({ headers: HEADERS }), Buffer.from('{}'));
      expect(outcome).toMatchObject({
        kind: 'immediate',
        status: 429,
        droppedReason: 'rejected-saturated',
        headers: [
          ['retry-after', '7'],
          ['x-llm-d-request-dropped-reason', 'rejected-saturated'],
        ],
      });
      expect(outcome.body.toString()).toBe('later');
    }
  });

  it('answers 500 when the picker throws, 503 when it names nobody, 413 when the body is too large', async () => {
    const errors: unknown[] = [];
    const onError = (error: unknown): void => void errors.push(error);
    const thrown = await serve({ picker: () => Promise.reject(new Error('broken')), onError });
    const nobody = await serve({ picker: async () => ({ endpoints: [] }), onError });
    const invented = await serve({ picker: async () => ({ endpoints: ['pod-1:8000'] }), onError });
    const narrow = await serve({ maxBodyBytes: 10, onError });
    expect([await statusFrom(thrown), await statusFrom(nobody), await statusFrom(invented), await statusFrom(narrow)]).toEqual([
      500, 503, 503, 413,
    ]);
    expect(errors.map(String)).toEqual(['Error: broken', 'Error: the picker named pod-1:8000: no ip:port']);
  });

  it('tells the picker that the request has gone while it was thinking', async () => {
    const aborted = Promise.withResolvers<unknown>();
    const server = await serve({
      picker: ({ signal }) => {
        signal.addEventListener('abort', () => aborted.resolve(signal.reason));
        return new Promise(() => {});
      },
    });
    const exchange = connect(server).open({ headers: HEADERS });
    await exchange.requestBody(Buffer.from('{}'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    exchange.cancel();
    expect(String(await aborted.promise)).toContain('cancelled');
    await expect(exchange.picked).rejects.toThrow('cancelled');
  });

  it('tells a watch when an answer breaks off', async () => {
    const shown = new Seen();
    const server = await serve({ picker: async () => ({ endpoints: ['10.0.0.1:8000'], watch: shown.watch() }) });
    const exchange = connect(server).open({ headers: HEADERS });
    await pickWith(exchange, Buffer.from('{}'));
    await exchange.responseHeaders(200, []);
    await exchange.responseBody(Buffer.from('half'), false);
    exchange.cancel();
    await expect.poll(() => shown.ends).toEqual(['aborted']);
    expect(shown.answers.map(({ body }) => body)).toEqual(['half']);
  });

  it('tells a watch of the end with the last piece, before the exchange is over', async () => {
    const shown = new Seen();
    const server = await serve({ picker: async () => ({ endpoints: ['10.0.0.1:8000'], watch: shown.watch() }) });
    const call = callTo(server);
    call.write({ requestHeaders: { headers: toHeaderMap(HEADERS), endOfStream: true } });
    call.write({ responseHeaders: { headers: toHeaderMap([[':status', '200']]) } });
    call.write({ responseBody: { body: Buffer.from('all'), endOfStream: true } });
    await expect.poll(() => shown.ends).toEqual(['complete']);
    call.cancel();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(shown.ends).toEqual(['complete']);
  });

  it('sends what a watch makes of an answer, also where trailers end it', async () => {
    const held: Buffer[] = [];
    const watch: AnswerWatch = {
      head: () => ['content-length'],
      data: (chunk, last) => {
        held.push(chunk);
        return last ? Buffer.from(Buffer.concat(held.splice(0)).toString().toUpperCase()) : Buffer.alloc(0);
      },
      end: () => undefined,
    };
    const server = await serve({ picker: async () => ({ endpoints: ['10.0.0.1:8000'], watch }) });
    const start: ProcessingRequest[] = [
      { requestHeaders: { headers: toHeaderMap(HEADERS), endOfStream: true } },
      { responseHeaders: { headers: toHeaderMap([[':status', '200']]) } },
      { responseBody: { body: Buffer.from('one ') } },
    ];
    const [, head, ...ended] = await wire(server, [...start, { responseBody: { body: Buffer.from('two'), endOfStream: true } }]);
    expect(head?.responseHeaders?.response?.headerMutation?.removeHeaders).toEqual(['content-length']);
    expect(ended).toMatchObject([{ responseBody: { response: streamedReply('ONE TWO', true) } }]);
    const [, , ...trailed] = await wire(server, [...start, { responseTrailers: {} }]);
    expect(trailed).toMatchObject([{ responseBody: { response: streamedReply('ONE ', false) } }, { responseTrailers: {} }]);
  });

  it('logs what a watch throws, and goes on', async () => {
    const failures: unknown[] = [];
    const server = await serve({
      picker: async () => ({ endpoints: ['10.0.0.1:8000'], watch: { head: noGood, data: noGood, end: noGood } }),
      onError: (error) => failures.push(error),
    });
    const exchange = connect(server).open({ headers: HEADERS });
    await pickWith(exchange, Buffer.from('{}'));
    expect(await exchange.responseHeaders(200, [])).toMatchObject({ kind: 'continue' });
    expect((await collect(exchange.rewriteResponse(sourceOf([Buffer.from('all')])))).toString()).toBe('all');
    // Head, the piece, the empty last one, the end.
    await expect.poll(() => failures.map(String)).toEqual(Array.from({ length: 4 }, () => 'Error: no good'));
  });

  it('refuses a port that is taken', async () => {
    const server = await serve();
    await expect(serve({ port: server.port })).rejects.toThrow(`cannot listen on 127.0.0.1:${server.port}`);
    await expect(serve({ healthPort: server.port })).rejects.toThrow(`cannot listen on 127.0.0.1:${server.port}`);
  });
});

describe('TLS', () => {
  it('verifies against the given CA', async () => {
    const server = await serve({ tls: 'self-signed' });
    const client = clientOf(`localhost:${server.port}`, { tls: { ca: server.cert! } });
    closers.push(() => client.close());
    expect(asPicked(await pickWith(client.open({ headers: HEADERS }), Buffer.from('{}'))).endpoints).toHaveLength(2);
    const byAddress = connect(server, { tls: { ca: server.cert! } });
    expect(asPicked(await pickWith(byAddress.open({ headers: HEADERS }), Buffer.from('{}'))).endpoints).toHaveLength(2);
  });

  it('refuses another CA, the system’s CAs, a certificate for another name, and plain text', async () => {
    const server = await serve({ tls: selfSigned(['picker.test']) });
    const tries: EppClientOptions['tls'][] = [{ ca: selfSigned(['localhost']).cert }, {}, { ca: server.cert! }, 'plaintext'];
    for (const tls of tries) {
      const exchange = connect(server, { tls }).open({ headers: HEADERS });
      await exchange.requestBody(Buffer.from('{}'));
      await expect(exchange.picked).rejects.toMatchObject({ kind: 'unreachable', afterPick: false });
    }
    const named = connect(server, { tls: { ca: server.cert!, serverName: 'picker.test' } });
    expect(asPicked(await pickWith(named.open({ headers: HEADERS }), Buffer.from('{}'))).endpoints).toHaveLength(2);
  });

  it('skips verification only where that is asked for', async () => {
    const server = await serve({ tls: selfSigned(['picker.test']) });
    const client = connect(server, { tls: { insecure: true } });
    expect(asPicked(await pickWith(client.open({ headers: HEADERS }), Buffer.from('{}'))).endpoints).toHaveLength(2);
    expect(() => connect(server, { tls: { insecure: true, ca: 'x' } })).toThrow('both `ca` and `insecure`');
  });
});

describe('health', () => {
  const check = healthService['Check'] as MethodDefinition<{ service: string }, { status: string }>;
  const watch = healthService['Watch'] as MethodDefinition<{ service: string }, { status: string }>;

  function ask(port: number, service: string): Promise<string> {
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    return new Promise((resolve) => {
      client.makeUnaryRequest(check.path, check.requestSerialize, check.responseDeserialize, { service }, (error, reply) => {
        client.close();
        resolve(error === null ? reply!.status : `error ${error.code}`);
      });
    });
  }

  it('tells liveness from readiness', async () => {
    const server = await serve({ healthPort: 0 });
    const names = ['', 'liveness', 'readiness', 'envoy.service.ext_proc.v3.ExternalProcessor', 'other'];
    const all = (): Promise<string[]> => Promise.all(names.map((name) => ask(server.healthPort!, name)));
    expect(await all()).toEqual(['SERVING', 'SERVING', 'SERVING', 'SERVING', 'error 5']);
    server.setReady(false);
    expect(await all()).toEqual(['NOT_SERVING', 'SERVING', 'NOT_SERVING', 'NOT_SERVING', 'error 5']);
  });

  it('tells watchers of a change, once', async () => {
    const server = await serve({ healthPort: 0, ready: false });
    const client = new Client(`127.0.0.1:${server.healthPort}`, credentials.createInsecure());
    closers.push(() => client.close());
    const call = client.makeServerStreamRequest(watch.path, watch.requestSerialize, watch.responseDeserialize, { service: 'readiness' });
    const told: string[] = [];
    call.on('data', (reply: { status: string }) => told.push(reply.status));
    const ended = new Promise((resolve) => call.on('end', resolve));
    await expect.poll(() => told).toEqual(['NOT_SERVING']);
    server.setReady(true);
    server.setReady(true);
    await expect.poll(() => told).toEqual(['NOT_SERVING', 'SERVING']);
    await server.close(0);
    await ended;
    expect(told).toEqual(['NOT_SERVING', 'SERVING', 'NOT_SERVING']);
  });
});
