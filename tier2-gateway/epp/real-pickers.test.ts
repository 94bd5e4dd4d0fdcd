import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { EppClientOptions } from './client.ts';
import { applyEdit } from './header-edit.ts';
import { asPicked, clientOf, collect, HEADERS, pickWith, sourceOf } from './picker.fixture.ts';
import { startRealPicker } from './real-picker.fixture.ts';

/** Three addresses that nothing listens on: the pickers decide without asking. */
const PODS = ['127.0.0.2', '127.0.0.3', '::1'];
const ENDPOINTS = ['127.0.0.2:18000', '127.0.0.3:18000', '[::1]:18000'];
const CHAT = Buffer.from(JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'hello' }] }));
const PROMPT = Buffer.from(JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'x'.repeat(3_000_000) }] }));

const PICKERS = [
  { name: 'lwepp', variable: 'TIERKIT_LWEPP', flags: [], reads: 'nothing of the body' },
  { name: 'epp', variable: 'TIERKIT_EPP', flags: ['--metrics-endpoint-auth=false', '--tracing=false'], reads: 'the body' },
] as const;

for (const { name, variable, flags, reads } of PICKERS) {
  const where = process.env[variable];
  if (where === undefined) {
    console.warn(
      `skipped: the real ${name}. ${variable} names its binary, or the host:port of one that serves 127.0.0.2, 127.0.0.3 and ::1 on port 18000`,
    );
  }
  describe.skipIf(where === undefined && process.env['REQUIRE_REAL'] !== '1')(`the real ${name}`, () => {
    const closers: (() => unknown)[] = [];
    let address: string;
    beforeAll(async () => {
      if (where === undefined) throw new Error(`REQUIRE_REAL is set, and ${variable} names no ${name}`);
      address = where.includes('/') ? await start(where, flags, closers) : where;
    }, 60_000);
    afterAll(async () => {
      for (const close of closers.reverse()) await close();
    });

    const dial = (mode: EppClientOptions['mode']) => {
      const client = clientOf(address, { mode, tls: { insecure: true } });
      closers.push(() => client.close());
      return client;
    };

    for (const mode of ['full-duplex', 'streamed', 'buffered', 'headers-only'] as const) {
      it(`picks and lets the response pass, mode ${mode}`, async () => {
        const exchange = dial(mode).open({ headers: HEADERS });
        const picked = asPicked(await pickWith(exchange, CHAT));
        expect(ENDPOINTS).toContain(picked.endpoints[0]);
        expect(picked.headers.refused).toEqual([]);
        expect(applyEdit(HEADERS, picked.headers)).toEqual(expect.arrayContaining(HEADERS.map((header) => [...header])));
        // The reference picker writes the same JSON in another order.
        expect(JSON.parse(picked.body.toString())).toEqual(JSON.parse(CHAT.toString()));
        const head = await exchange.responseHeaders(200, [['content-type', 'text/event-stream']], picked.endpoints[0]);
        const changed = head.kind === 'continue' ? applyEdit([], head.headers) : [];
        // lwepp sends back what it was told.
        const echo = name === 'lwepp' ? [['x-conformance-test-served-endpoint', picked.endpoints[0]]] : [];
        expect(changed).toEqual(expect.arrayContaining([['x-went-into-resp-headers', 'true'], ...echo]));
        const events = ['data: {"model":"m","choices":[]}\n\n', 'data: [DONE]\n\n'];
        const out = await collect(exchange.rewriteResponse(sourceOf(events.map((event) => Buffer.from(event)))));
        expect(out.toString()).toBe(events.join(''));
        expect(exchange.failure).toBeUndefined();
      });
    }

    it('takes a prompt of 3 MB in pieces', async () => {
      const picked = asPicked(await pickWith(dial('full-duplex').open({ headers: HEADERS }), PROMPT));
      expect(JSON.parse(picked.body.toString())).toEqual(JSON.parse(PROMPT.toString()));
    });

    it('keeps to the subset', async () => {
      const client = dial('full-duplex');
      for (let round = 0; round < 10; round++) {
        const exchange = client.open({ headers: HEADERS, subset: ['127.0.0.3:18000'] });
        expect(asPicked(await pickWith(exchange, CHAT))).toMatchObject({ endpoints: ['127.0.0.3:18000'], ignoredEndpoints: [] });
        exchange.close();
      }
      const none = await pickWith(client.open({ headers: HEADERS, subset: [] }), CHAT).catch((error: unknown) => error);
      // The protocol asks for 503. lwepp ends the stream with an error instead.
      expect(none).toMatchObject(name === 'lwepp' ? { kind: 'protocol', afterPick: false } : { kind: 'immediate', status: 503 });
    });

    it(`reads ${reads}`, async () => {
      const outcome = await pickWith(dial('full-duplex').open({ headers: HEADERS }), Buffer.from('no JSON'));
      expect(outcome).toMatchObject(name === 'lwepp' ? { kind: 'picked' } : { kind: 'immediate', status: 400 });
    });
  });
}

async function start(binary: string, flags: readonly string[], closers: (() => unknown)[]): Promise<string> {
  const { address, close } = await startRealPicker(binary, flags, PODS);
  closers.push(close);
  const deadline = Date.now() + 50_000;
  while (!(await pickable(address))) {
    if (Date.now() > deadline) throw new Error(`${binary} does not pick within 50 s`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return address;
}

async function pickable(address: string): Promise<boolean> {
  const client = clientOf(address, { tls: { insecure: true }, messageTimeoutMs: 1000, connectTimeoutMs: 1000 });
  const picked = await client.open({ headers: HEADERS, endOfStream: true }).picked.then(
    ({ kind }) => kind === 'picked',
    () => false,
  );
  client.close();
  return picked;
}
