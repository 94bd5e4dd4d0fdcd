import * as fc from 'fast-check';
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
  earlyDialect,
  fakePicker,
  HEADERS,
  llmdDialect,
  lweppDialect,
  perCall,
  pickReply,
  pickWith,
  sourceOf,
} from './picker.fixture.ts';
import type { FakePicker } from './picker.fixture.ts';
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

const rename = (body: Buffer): Buffer => Buffer.from(body.toString().replaceAll('alias', 'real-model'));
const restore = (body: Buffer): Buffer => Buffer.from(body.toString().replaceAll('real-model', 'alias'));

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

const slowPicker = (asked: number): Promise<FakePicker> =>
  fakePicker((call) => {
    call.once('data', () => {
      call.write({ overrideMessageTimeout: { seconds: Math.trunc(asked / 1000), nanos: (asked % 1000) * 1_000_000 } });
      setTimeout(() => call.write(pickReply(PICK)), 400);
    });
  });

const pickSlowly = async (asked: number, maxMessageTimeoutMs: number): Promise<unknown> => {
  const client = dial(await slowPicker(asked), { messageTimeoutMs: 150, maxMessageTimeoutMs });
  return client.open({ headers: HEADERS, endOfStream: true }).picked.then(
    (outcome) => outcome.kind,
    (error: unknown) => (error as { kind: string }).kind,
  );
};

describe('dialect of llm-d', () => {
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

  it('takes trailers of a response', async () => {
    const exchange = dial(await perCall(llmdDialect(PICK))).open({ headers: HEADERS });
    const [outcome] = await Promise.all([exchange.picked, exchange.requestBody(BODY)]);
    expect(asPicked(outcome).body).toBe(BODY);
    await exchange.responseHeaders(200, [['content-type', 'text/event-stream']]);
    await exchange.responseBody(Buffer.from('data: x\n\n'), false);
    await exchange.responseTrailers([['x-t', '2']]);
    expect((await collect(exchange.responseChunks())).toString()).toBe('data: x\n\n');
  });
});

describe('plain dialects', () => {
  for (const [name, dialect] of [
    ['lwepp', lweppDialect],
    ['a picker that decides at the headers', earlyDialect],
  ] as const)
    for (const mode of ['full-duplex', 'streamed', 'buffered', 'headers-only'] as const) {
      it(`of ${name} leave every chunk as it is, mode ${mode}`, async () => {
        const exchange = dial(await answering(dialect(PICK)), { mode, responseMode: 'full-duplex' }).open({ headers: HEADERS });
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
      if (message.requestBody === undefined) return earlyDialect(PICK)(message);
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
    expect(headers?.protocolConfig).toMatchObject({ requestBodyMode: 'FULL_DUPLEX_STREAMED', responseBodyMode: 'FULL_DUPLEX_STREAMED' });
    expect(fromStruct(headers!.metadataContext!.filterMetadata!['envoy.lb.subset_hint']!)).toEqual({
      'x-gateway-destination-endpoint-subset': [PICK, '[::1]:80'],
    });
    expect(body).toMatchObject({ requestBody: { body: BODY, endOfStream: true } });
    expect(fromHeaderMap(responseHeaders?.responseHeaders?.headers)).toEqual([
      [':status', '201'],
      ['x-a', 'b'],
    ]);
    expect(fromStruct(responseHeaders!.metadataContext!.filterMetadata!['envoy.lb']!)).toEqual({
      'x-gateway-destination-endpoint-served': PICK,
    });
  });

  it('carry the hint with every message of the request, since pickers read it at different ones', async () => {
    const hints: unknown[] = [];
    const picker = await answering((message) => {
      hints.push(message.metadataContext?.filterMetadata?.['envoy.lb.subset_hint'] !== undefined);
      return lweppDialect(PICK)(message);
    });
    const exchange = dial(picker).open({ headers: HEADERS, subset: [PICK] });
    await Promise.all([exchange.picked, exchange.requestBody([Buffer.from('a'), Buffer.from('b')])]);
    await exchange.responseHeaders(200, []);
    expect(hints).toEqual([true, true, true, false]);
  });

  it('take no pick outside the subset', async () => {
    const client = dial(await answering(lweppDialect('10.0.0.9:8000,10.0.0.1:8001,10.0.0.1:8000')));
    const pick = async (subset: string[]) => pickWith(client.open({ headers: HEADERS, subset }), BODY);
    expect(await pick([PICK])).toMatchObject({ endpoints: [PICK], ignoredEndpoints: ['10.0.0.9:8000', '10.0.0.1:8001'] });
    await expect(pick(['10.0.0.2:8000'])).rejects.toMatchObject({ kind: 'protocol' });
    await expect(pick([])).rejects.toMatchObject({ kind: 'protocol' });
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
    await client.open({ headers: HEADERS, endOfStream: true, subset: [] }).picked.catch(() => {});
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
      // What is there already is no change.
      [':method', 'POST'],
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
        ...earlyDialect(PICK)(message)[0],
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
    expect(await Promise.all([pickSlowly(5000, 10_000), pickSlowly(5000, 200), pickSlowly(0, 10_000)])).toEqual([
      'picked',
      'timeout',
      'timeout',
    ]);
  });
});

describe('immediate responses', () => {
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
