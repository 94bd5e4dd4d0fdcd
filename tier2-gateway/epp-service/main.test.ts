import { afterEach, describe, expect, test, vi } from 'vitest';

import { dropped } from '../flow/drop.ts';
import { FlowControl } from '../flow/flow-control.ts';
import { asPicked, pickWith } from '../epp/picker.fixture.ts';
import type { Decision } from '../picker/decisions.ts';
import { Picker } from '../picker/picker.ts';
import { chatAnswer, chatEvents } from '../tier-two.fixture.ts';
import type { EppServiceOptions } from './main.ts';
import { answer, bodyOf, chatHeaders, IDLE, ONE, pick, poolOf, Rig, streamOf, THREE, TWO } from './service.fixture.ts';

const rigs: Rig[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const rig of rigs.splice(0)) await rig.close();
});

async function start(yaml: readonly string[] = [poolOf()], more: Partial<EppServiceOptions> = {}): Promise<Rig> {
  const rig = new Rig(yaml, more);
  rigs.push(rig);
  return rig.start();
}

/** A text in pieces of so many characters. */
function pieces(text: string, size: number): string[] {
  return text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
}

function eventsOf(model: string): string {
  return chatEvents(JSON.stringify({ model }), ['a', 'b']).join('');
}

const REWRITE = `
apiVersion: llm-d.ai/v1alpha2
kind: InferenceModelRewrite
metadata: {name: r}
spec:
  poolRef: {name: p}
  rules: [{matches: [{model: {value: m}}], targets: [{modelRewrite: served-m, weight: 1}]}]
`;
const OBJECTIVE = `
apiVersion: llm-d.ai/v1alpha2
kind: InferenceObjective
metadata: {name: urgent}
spec: {priority: 7, poolRef: {name: p}}
`;

describe('a request', () => {
  test('gets all endpoints in order, and as many as the gateway takes', async () => {
    const all = await pick((await start()).client());
    expect(all.picked.endpoints.toSorted()).toEqual([ONE, TWO, THREE]);
    const one = await pick((await start([poolOf()], { maxEndpoints: 1 })).client());
    expect(one.picked.endpoints).toHaveLength(1);
    expect(one.picked.scores).toBeUndefined();
  });

  test('gets scores where they are asked for, the first the best', async () => {
    const client = (await start([poolOf()], { scores: true })).client();
    await pick(client, bodyOf({ messages: [{ role: 'user', content: 'long '.repeat(5000) }] }));
    const { picked } = await pick(client);
    const scores = picked.endpoints.map((id) => picked.scores![id]!);
    expect(scores).toHaveLength(3);
    expect(scores[0]).toBe(1);
    expect(scores[2]!).toBeLessThan(scores[0]!);
    expect(scores.toSorted((a, b) => b - a)).toEqual(scores);
  });

  test.each([
    ['no JSON', Buffer.from('what is this')],
    ['no model', Buffer.from('{"messages":[]}')],
    ['two models', Buffer.from('{"model":"m","model":"m"}')],
    ['nothing', Buffer.alloc(0)],
  ])('with %s has an endpoint all the same, and counts', async (_, body) => {
    const rig = await start([poolOf([ONE]), REWRITE]);
    const { picked } = await pick(rig.client(), body);
    expect(picked.endpoints).toEqual([ONE]);
    expect(picked.bodyReplaced).toBe(false);
    expect((await rig.load()).picker).toEqual({ [ONE]: 1 });
  });

  test('that is none for a model has any endpoint, and does not count', async () => {
    const rig = await start();
    const headers = chatHeaders().map(([name, value]): [string, string] => [
      name,
      name === ':method' ? 'GET' : name === ':path' ? '/v1/models' : value,
    ]);
    const seen = new Set<string>();
    for (let index = 0; index < 40; index++) {
      const exchange = rig.client().open({ headers, endOfStream: true });
      seen.add(asPicked(await exchange.picked).endpoints[0]!);
    }
    expect([...seen].toSorted()).toEqual([ONE, TWO, THREE]);
    expect(await rig.load()).toEqual(IDLE);
  });

  test('stays within the subset; without one of the pool it is refused', async () => {
    const rig = await start([poolOf()], { maxEndpoints: 1 });
    const client = rig.client();
    for (let index = 0; index < 4; index++) expect((await pick(client, bodyOf(), {}, [TWO])).picked.endpoints).toEqual([TWO]);
    expect((await rig.load()).picker).toEqual({ [TWO]: 4 });
    const exchange = client.open({ headers: chatHeaders(), subset: ['10.9.9.9:1'] });
    const outcome = await pickWith(exchange, bodyOf());
    expect(outcome).toMatchObject({ kind: 'immediate', status: 503 });
  });

  test('has an id to ask for afterwards: its own, or a new one', async () => {
    const rig = await start([poolOf(), OBJECTIVE]);
    const { picked } = await pick(rig.client(), bodyOf(), { 'x-request-id': 'given', 'x-llm-d-inference-objective': 'urgent' });
    expect(picked.headers.changes).toEqual([]);
    expect(await rig.admin<Decision>('/explain/given')).toMatchObject({ requestId: 'given', model: 'm', priority: 7 });
    const { picked: other } = await pick(rig.client());
    const change = other.headers.changes.find(({ name }) => name === 'x-request-id') as { value: string };
    expect(await rig.admin<Decision>(`/explain/${change.value}`)).toMatchObject({ requestId: change.value, priority: 0 });
  });

  test('shares by its fairness id', async () => {
    const enter = vi.spyOn(FlowControl.prototype, 'enter');
    const rig = await start();
    await pick(rig.client(), bodyOf(), { 'x-llm-d-inference-fairness-id': 'team-a' });
    await pick(rig.client(), bodyOf(), { 'x-gateway-inference-fairness-id': 'team-b' });
    await pick(rig.client());
    expect(enter.mock.calls.map(([{ flow }]) => flow)).toEqual(['team-a', 'team-b', 'anonymous']);
  });

  test('gets the name that the model servers know, which is told at the start', async () => {
    const rig = await start([poolOf(), REWRITE]);
    const { picked } = await pick(rig.client(), Buffer.from('{ "x": 1, "model": "m" }'));
    expect(picked.body.toString()).toBe('{ "x": 1, "model": "served-m" }');
    expect((await pick(rig.client(), bodyOf({ model: 'other' }))).picked.bodyReplaced).toBe(false);
    expect(rig.service.notices().filter((notice) => notice.includes('in any other mode they keep'))).toHaveLength(1);
    expect((await start()).service.notices().join('\n')).not.toContain('InferenceModelRewrite');
  });

  test('that was renamed gets its own name back in the answer, whole and streamed, however it is split', async () => {
    const rig = await start([poolOf([ONE]), REWRITE]);
    const whole = await pick(rig.client());
    const text = await answer(whole.exchange, { served: ONE, chunks: pieces(chatAnswer('{"model":"served-m"}'), 1) });
    expect(text).toBe(chatAnswer('{"model":"m"}'));
    for (const size of [1, 7, 10_000]) {
      const { exchange } = await pick(rig.client(), bodyOf({ stream: true }));
      const chunks = pieces(eventsOf('served-m'), size);
      expect(await answer(exchange, { served: ONE, type: 'text/event-stream', chunks })).toBe(eventsOf('m'));
    }
    await vi.waitFor(async () => expect(await rig.load()).toEqual(IDLE));
  });

  test('that was renamed has its answer as it is where that cannot be read, or not be changed', async () => {
    const rig = await start([poolOf([ONE]), REWRITE]);
    const odd: readonly [string, string[]][] = [
      ['text/event-stream', ['data: {"model": no JSON}\n\ndata: half']],
      ['application/json', ['{"model":"served-m"']],
      ['application/json', ['{"model":"served-m","x":"', `${'y'.repeat(4_200_000)}"}`, ' ']],
      ['text/plain', ['"model":', '"served-m"']],
    ];
    for (const [type, chunks] of odd) {
      const { exchange } = await pick(rig.client());
      expect(await answer(exchange, { served: ONE, type, chunks })).toBe(chunks.join(''));
    }
    const { exchange } = await pick(rig.client({ mode: 'streamed' }));
    expect(await answer(exchange, { served: ONE, chunks: ['{"model":"served-m"}'] })).toBe('{"model":"served-m"}');
  });

  test('below a prefix is known by the end of its path', async () => {
    const rig = await start([poolOf([ONE])]);
    const headers = chatHeaders().map(([name, value]): [string, string] => [name, name === ':path' ? `/llm/v1${value}?x=/y` : value]);
    const exchange = rig.client().open({ headers });
    await pickWith(exchange, bodyOf({ stream: true }));
    await answer(exchange, { served: ONE, ...streamOf(['a']) });
    await vi.waitFor(async () => {
      const metrics = await (await fetch(`http://127.0.0.1:${rig.service.adminPort}/metrics`)).text();
      expect(metrics).toContain('tierkit_requests_total{operation="chat",status="200"} 1');
    });
  });

  test.each([
    ['rejected-saturated', 429],
    ['rejected-no-endpoints', 503],
  ] as const)('that is %s is answered %i', async (reason, status) => {
    vi.spyOn(FlowControl.prototype, 'enter').mockRejectedValueOnce(dropped(reason, 3));
    const rig = await start();
    const exchange = rig.client().open({ headers: chatHeaders({ 'x-request-id': 'dropped' }) });
    const outcome = await pickWith(exchange, bodyOf());
    if (outcome.kind !== 'immediate') throw new Error('picked');
    expect(outcome).toMatchObject({ status, droppedReason: reason });
    expect(Object.fromEntries(outcome.headers)).toMatchObject({
      'retry-after': '3',
      'content-type': 'application/json',
      'x-request-id': 'dropped',
    });
    expect(JSON.parse(outcome.body.toString())).toMatchObject({ error: { message: expect.any(String) as string } });
    expect(await rig.load()).toEqual(IDLE);
  });
});

describe('load and caches follow what the gateway does', () => {
  test('requests spread by what runs, and all is given back', async () => {
    const rig = await start();
    const client = rig.client();
    const open = [];
    for (let index = 0; index < 6; index++) open.push(await pick(client, bodyOf({ messages: [{ role: 'user', content: `${index}` }] })));
    expect(await rig.load()).toEqual({ picker: { [ONE]: 2, [TWO]: 2, [THREE]: 2 }, queue: 6, waiting: 0, pool: 6 });
    for (const { exchange, picked } of open)
      expect(await answer(exchange, { served: picked.endpoints[0]!, chunks: [chatAnswer('{"model":"m"}')] })).toContain('"usage"');
    await vi.waitFor(async () => expect(await rig.load()).toEqual(IDLE));
  });

  test('the served echo moves the request, and with it what is known of caches', async () => {
    const rig = await start();
    const client = rig.client();
    const body = bodyOf({ messages: [{ role: 'user', content: 'the same long words again '.repeat(500) }] });
    const { exchange, picked } = await pick(client, body, { 'x-request-id': 'first' });
    const [, , last] = picked.endpoints;
    await exchange.responseHeaders(200, [['content-type', 'application/json']], last);
    expect((await rig.load()).picker).toEqual({ [last!]: 1 });
    expect((await rig.load()).pool).toBe(1);
    exchange.cancel();
    await vi.waitFor(async () => expect(await rig.load()).toEqual(IDLE));

    const second = await pick(client, body);
    await answer(second.exchange, { served: last!, chunks: [chatAnswer('{"model":"m"}')] });
    const third = await pick(client, body);
    expect(third.picked.endpoints[0]).toBe(last);
  });

  test('a stream tells first token, tokens and usage', async () => {
    const rig = await start([poolOf([ONE])]);
    const { exchange } = await pick(rig.client(), bodyOf({ stream: true }), { 'x-request-id': 'told' });
    const { chunks } = streamOf(['a', 'b', 'c']);
    expect((await rig.state()).endpoints[0]!.load.streams).toBe(0);
    await exchange.responseHeaders(200, [['content-type', 'text/event-stream']], ONE);
    await exchange.responseBody(Buffer.from(chunks[0]!), false);
    await vi.waitFor(async () => expect((await rig.state()).endpoints[0]!.load.streams).toBe(1));
    // Any split of the bytes is the same stream.
    for (const byte of Buffer.from(chunks.slice(1).join(''))) await exchange.responseBody(Buffer.of(byte), false);
    await exchange.responseBody(Buffer.alloc(0), true);
    await vi.waitFor(async () => expect(await rig.load()).toEqual(IDLE));
    const { events } = await rig.admin<Decision>('/explain/told');
    expect(events.map(({ what }) => what).join('\n')).toMatch(/first token after .*\nended: 3 tokens, unknown cached/);
  });

  test('a whole answer tells its usage', async () => {
    const rig = await start([poolOf([ONE])]);
    const { exchange } = await pick(rig.client(), bodyOf(), { 'x-request-id': 'told' });
    await answer(exchange, { served: ONE, chunks: pieces(chatAnswer('{"model":"m"}'), 1) });
    await vi.waitFor(async () => {
      const { events } = await rig.admin<Decision>('/explain/told');
      expect(events.at(-1)?.what).toBe('ended: 2 tokens, 3 cached');
    });
  });

  test.each(['full-duplex', 'streamed', 'buffered', 'headers-only'] as const)('mode %s: nothing stays behind', async (mode) => {
    const asked = vi.spyOn(Picker.prototype, 'pick');
    const rig = await start();
    const client = rig.client({ mode });
    for (const stream of [true, false]) {
      const exchange = client.open({ headers: chatHeaders() });
      const picked = asPicked(await pickWith(exchange, bodyOf({ stream })));
      expect(picked.endpoints).toHaveLength(3);
      expect((await rig.load()).queue).toBe(1);
      await answer(exchange, { served: picked.endpoints[0]!, ...(stream ? streamOf(['a']) : { chunks: [chatAnswer('{"model":"m"}')] }) });
      exchange.close();
      await vi.waitFor(async () => expect(await rig.load()).toEqual(IDLE));
    }
    // A first token that will not be seen is presumed.
    const seen = mode === 'full-duplex' || mode === 'streamed';
    expect(asked.mock.calls.map(([{ streaming }]) => streaming)).toEqual([seen, false]);
  });

  test('a gateway that walked its list has met with a failure before', async () => {
    const rig = await start();
    const { exchange, picked } = await pick(rig.client(), bodyOf(), { 'x-request-id': 'walked' });
    await answer(exchange, { served: picked.endpoints[1]!, chunks: ['{}'] });
    const { events } = await rig.admin<Decision>('/explain/walked');
    expect(events.map(({ what }) => what)).toContain(`moved to ${picked.endpoints[1]}`);
    // It is not the first choice for a while, whatever the prompt.
    for (let index = 0; index < 10; index++) {
      const next = await pick(rig.client(), bodyOf({ messages: [{ role: 'user', content: `${index} `.repeat(300) }] }));
      expect(next.picked.endpoints[0]).not.toBe(picked.endpoints[0]);
      next.exchange.cancel();
    }
  });

  test.each([500, 503, 429, 404])('an answer %i ends as a failure', async (status) => {
    const rig = await start([poolOf([ONE])]);
    const { exchange } = await pick(rig.client(), bodyOf(), { 'x-request-id': 'failed' });
    await answer(exchange, { status, served: ONE, chunks: ['{}'] });
    await vi.waitFor(async () => expect(await rig.load()).toEqual(IDLE));
    const { events } = await rig.admin<Decision>('/explain/failed');
    const reasons: Record<number, string> = { 429: 'overloaded', 404: 'client-error' };
    expect(events.at(-1)?.what).toBe(`failed: ${reasons[status] ?? 'server-error'}`);
  });

  test.each([
    ['an error', ['data: {"error":{"message":"out of memory"}}\n\n'], 'server-error'],
    ['half of it', streamOf(['a', 'b']).chunks.slice(0, 1), 'reset'],
  ])('a stream that is %s is a failure', async (_, chunks, reason) => {
    const rig = await start([poolOf([ONE])]);
    const { exchange } = await pick(rig.client(), bodyOf({ stream: true }), { 'x-request-id': 'failed' });
    await answer(exchange, { served: ONE, type: 'text/event-stream', chunks });
    await vi.waitFor(async () => expect(await rig.load()).toEqual(IDLE));
    expect((await rig.admin<Decision>('/explain/failed')).events.at(-1)?.what).toBe(`failed: ${reason}`);
  });
});
