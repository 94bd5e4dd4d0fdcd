import { request as httpRequest } from 'node:http';

import { afterEach, describe, expect, test, vi } from 'vitest';

import { toMutation } from '../epp/header-edit.ts';
import type { HeaderMutation, ProcessingResponse } from '../epp/messages.ts';
import { fakePicker, lweppDialect } from '../epp/picker.fixture.ts';
import type { EppServerCall } from '../epp/served-exchange.ts';
import { asChat, chatEvents, modelYaml, poolYaml, startPod, startTierTwo, type TestPod, type TestTierTwo } from '../tier-two.fixture.ts';
import { answerEditOf, permittedAnswerEdit } from './external-edit.ts';
import { Patience } from './external-outage.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close();
});

interface Rig {
  readonly two: TestTierTwo;
  readonly pods: readonly [TestPod, TestPod];
  readonly kill: () => void;
  /** Heads of answers that the picker has seen. */
  readonly heads: () => number;
}

/** A tier two whose pool has a picker that is played by the test: it always wants the first pod, and answers heads by a function. */
async function start(onHead: (call: EppServerCall) => void): Promise<Rig> {
  const pods: readonly [TestPod, TestPod] = [await startPod(), await startPod()];
  let heads = 0;
  const picker = await fakePicker((call) => {
    const dialect = lweppDialect(`${pods[0].address},${pods[1].address}`);
    call.on('data', (message) => {
      if (message.responseHeaders !== undefined) {
        heads++;
        onHead(call);
      } else for (const reply of dialect(message)) call.write(reply);
    });
    call.on('end', () => call.end());
  });
  const pool = poolYaml('p', pods)
    .replace('annotations: {', 'annotations: {tierkit.dev/picker-tls: plaintext, ')
    .replace('targetPorts:', `endpointPickerRef: {name: epp, port: {number: ${picker.address.split(':')[1]}}}, targetPorts:`);
  const service = `
apiVersion: v1
kind: Service
metadata: {name: epp}
spec: {type: ExternalName, externalName: localhost}`;
  const two = await startTierTwo([pool, service, modelYaml('m', ['p'])]);
  const kill = (): void => picker.kill();
  open.push(...pods, { close: kill }, two);
  return { two, pods, kill, heads: () => heads };
}

function edit(headerMutation: HeaderMutation): ProcessingResponse {
  return { responseHeaders: { response: { headerMutation } } };
}

const MARK = edit(toMutation([['x-marked', 'yes']], ['x-pod-secret']));

const withSecret: TestPod['answer'] = (request, response, body) => {
  response.setHeader('x-pod-secret', 'inside');
  asChat(request, response, body);
};

async function inFlight({ two }: Rig): Promise<number> {
  const pools = (await (await fetch(`${two.adminUrl}/pools`)).json()) as {
    queue: { running: number };
    endpoints: { inFlight: number }[];
  }[];
  return pools[0]!.queue.running + pools[0]!.endpoints.reduce((sum, endpoint) => sum + endpoint.inFlight, 0);
}

describe('header edits of the answer', () => {
  test.each([false, true])('are made, streamed: %s', async (stream) => {
    const rig = await start((call) => void call.write(MARK));
    rig.pods[0].answer = withSecret;
    const response = await rig.two.chat({ model: 'm', stream });
    expect(response.headers.get('x-marked')).toBe('yes');
    expect(response.headers.get('x-pod-secret')).toBeNull();
    const text = await response.text();
    expect(text).toContain(stream ? '[DONE]' : '"hello"');
    await vi.waitFor(async () => expect(await inFlight(rig)).toBe(0));
  });

  test('are waited for, and nothing of the answer is lost meanwhile', async () => {
    const calls: EppServerCall[] = [];
    const rig = await start((call) => calls.push(call));
    const words = Array.from({ length: 20_000 }, (_, index) => `word ${index} `);
    rig.pods[0].answer = (_request, response, body) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(chatEvents(body, words).join(''));
    };
    let answered = false;
    const pending = rig.two.chat({ model: 'm', stream: true }).finally(() => (answered = true));
    await vi.waitFor(() => expect(calls).toHaveLength(1));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(answered).toBe(false);
    calls[0]!.write(MARK);
    const response = await pending;
    expect(response.headers.get('x-marked')).toBe('yes');
    const text = await response.text();
    expect(text.match(/"content":"word/g)).toHaveLength(words.length);
    expect(text.trimEnd().endsWith('[DONE]')).toBe(true);
  });

  test('are not those that a picker may not make, which is noted', async () => {
    const forbidden: [string, string][] = [
      ['content-encoding', 'gzip'],
      ['transfer-encoding', 'gzip'],
      ['connection', 'close'],
      ['content-length', '3'],
      ['x-tierkit-receipt', 'forged'],
      ['x-gateway-destination-endpoint', '10.0.0.1:1'],
      [':status', '500'],
      ['x-fine', 'yes'],
    ];
    const rig = await start((call) => void call.write(edit(toMutation(forbidden))));
    const response = await rig.two.chat({ model: 'm' });
    expect(response.status).toBe(200);
    expect(response.headers.get('x-fine')).toBe('yes');
    for (const name of ['content-encoding', 'x-tierkit-receipt', 'x-gateway-destination-endpoint'])
      expect(response.headers.get(name)).toBeNull();
    expect(await response.text()).toContain('"hello"');
    const note = rig.two.log.find((line) => line.includes('of an answer'));
    for (const name of ['content-encoding', 'transfer-encoding', 'connection', 'x-tierkit-receipt', ':status'])
      expect(note).toContain(name);
  });

  test('do not come from a silent picker: the answer passes when its time is over', async () => {
    const rig = await start(() => undefined);
    const response = await rig.two.chat({ model: 'm' });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('"hello"');
    await vi.waitFor(() => expect(rig.two.log.join('\n')).toMatch(/did not answer within 2000 ms; its pick holds/));
    await vi.waitFor(async () => expect(await inFlight(rig)).toBe(0));
  });

  test('do not come from a picker that dies: the answer passes', async () => {
    const rig = await start(() => rig.kill());
    const response = await rig.two.chat({ model: 'm', stream: true });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('[DONE]');
    await vi.waitFor(() => expect(rig.two.log.join('\n')).toContain('its pick holds'));
    await vi.waitFor(async () => expect(await inFlight(rig)).toBe(0));
  });

  test('do not come from a picker that ends the exchange, or that answers itself', async () => {
    const ended = await start((call) => call.end());
    expect(await (await ended.two.chat({ model: 'm' })).text()).toContain('"hello"');
    const late = await start((call) => void call.write({ immediateResponse: { status: { code: 403 } } }));
    const response = await late.two.chat({ model: 'm' });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('"hello"');
    expect(late.two.log.join('\n')).toContain('answered 403 after the pod had answered');
  });

  test('do not hold up a client that leaves: the pod hears of it, and nothing stays', async () => {
    const rig = await start(() => undefined);
    rig.pods[0].answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(': nothing yet\n\n');
    };
    const client = httpRequest(`${rig.two.url}/v1/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' } });
    client.on('error', () => undefined);
    client.end(JSON.stringify({ model: 'm', stream: true, messages: [] }));
    await vi.waitFor(() => expect(rig.heads()).toBe(1));
    client.destroy();
    await vi.waitFor(() => expect(rig.pods[0].aborted).toHaveLength(1));
    await vi.waitFor(async () => expect(await inFlight(rig)).toBe(0));
    await vi.waitFor(() => expect(rig.two.accessLog.map((line) => line['response_code'])).toEqual([499]));
  });

  test('do not keep a pod that breaks off meanwhile from being replaced', async () => {
    const calls: EppServerCall[] = [];
    const rig = await start((call) => calls.push(call));
    const pod = Promise.withResolvers<void>();
    rig.pods[0].answer = (request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(': nothing yet\n\n');
      void pod.promise.then(() => request.socket.resetAndDestroy());
    };
    const pending = rig.two.chat({ model: 'm', stream: true });
    await vi.waitFor(() => expect(calls).toHaveLength(1));
    pod.resolve();
    await vi.waitFor(() => expect(rig.pods[1].seen).toHaveLength(1));
    const response = await pending;
    expect(await response.text()).toContain('[DONE]');
    // What comes now is for an answer that nobody gets.
    calls[0]!.write(MARK);
    expect(response.headers.get('x-marked')).toBeNull();
    await vi.waitFor(async () => expect(await inFlight(rig)).toBe(0));
  });

  test('are those of the answer that the client gets, not of one that failed', async () => {
    const rig = await start((call) => void call.write(MARK));
    rig.pods[0].answer = (_request, response) => void response.writeHead(503).end();
    const response = await rig.two.chat({ model: 'm' });
    expect([response.status, response.headers.get('x-marked')]).toEqual([200, 'yes']);
    expect(rig.pods.map(({ seen }) => seen.length)).toEqual([1, 1]);
    // The picker is shown the answer that the client gets, and no other.
    expect(rig.heads()).toBe(1);
  });
});

describe('what a picker changes', () => {
  const shown: [string, string][] = [
    ['content-type', 'application/json'],
    ['x-twice', 'a'],
  ];
  const edited = (changes: Parameters<typeof answerEditOf>[0]['changes'], headers: Record<string, string | string[]>) => {
    answerEditOf(permittedAnswerEdit({ changes, refused: [] }, shown))?.(headers);
    return headers;
  };

  test('follows its action', () => {
    expect(edited([{ action: 'append', name: 'x-twice', value: 'b' }], { 'x-twice': 'a' })).toEqual({ 'x-twice': ['a', 'b'] });
    expect(edited([{ action: 'append', name: 'constructor', value: 'b' }], {})).toEqual({ constructor: 'b' });
    expect(edited([{ action: 'add-if-absent', name: 'x-twice', value: 'b' }], { 'x-twice': 'a' })).toEqual({ 'x-twice': 'a' });
    expect(edited([{ action: 'overwrite-if-present', name: 'x-new', value: 'b' }], {})).toEqual({});
    expect(edited([{ action: 'overwrite', name: 'x-twice', value: 'b' }], { 'x-twice': ['a', 'c'] })).toEqual({ 'x-twice': 'b' });
    expect(edited([{ action: 'remove', name: 'x-twice' }], { 'x-twice': 'a' })).toEqual({});
  });

  test('is nothing where it sends back what it was shown, or what HTTP does not have', () => {
    const echo = { action: 'overwrite', name: 'content-type', value: 'application/json' } as const;
    expect(permittedAnswerEdit({ changes: [echo], refused: [] }, shown)).toEqual({ changes: [], refused: [] });
    expect(answerEditOf({ changes: [], refused: [] })).toBeUndefined();
    const bad = { action: 'overwrite', name: 'x-bad', value: 'a\u0001b' } as const;
    expect(permittedAnswerEdit({ changes: [bad], refused: [] }, shown)).toEqual({ changes: [], refused: ['x-bad'] });
  });
});

test('a picker that never answers heads is waited for once a second', () => {
  let now = 0;
  const patience = new Patience(() => now);
  for (let index = 0; index < 3; index++) {
    expect(patience.left).toBe(true);
    patience.silent();
  }
  expect(patience.left).toBe(false);
  now = 1000;
  expect([patience.left, patience.left]).toEqual([true, false]);
  patience.answered();
  expect([patience.left, patience.left]).toEqual([true, true]);
});
