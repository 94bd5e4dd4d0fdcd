import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

import OpenAI, { APIConnectionError, APIUserAbortError } from 'openai';
import { afterEach, expect, test } from 'vitest';

import type { Failure } from '../failures.ts';
import { type PodHandle, startPods, type StartOptions } from '../start.ts';

let handles: PodHandle[] = [];

afterEach(async () => {
  await Promise.all(handles.map((handle) => handle.kill()));
  handles = [];
});

async function start(options: Partial<StartOptions> = {}): Promise<PodHandle> {
  handles = await startPods({ model: 'm', port: 0, speed: 20, ...options });
  return handles[0]!;
}

function client({ url }: PodHandle): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
}

function ask(pod: PodHandle, more: object = {}): Promise<OpenAI.ChatCompletion> {
  return client(pod).chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'Hello there' }], max_tokens: 30, ...more });
}

async function put(pod: PodHandle, failures: readonly Failure[]): Promise<Response> {
  return fetch(`${pod.url}/admin/config`, { method: 'PUT', body: JSON.stringify({ failures }) });
}

async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 400; i++) {
    if (await done()) return;
    await wait(10);
  }
  throw new Error('it did not come to pass');
}

test('rules are set while the pod runs: errors and 429 with Retry-After, on one endpoint, and healed', async () => {
  const pod = await start();
  expect((await put(pod, [{ kind: 'error', status: 503, message: 'overloaded' }])).status).toBe(200);
  await expect(ask(pod)).rejects.toMatchObject({ status: 503, error: { message: 'overloaded', code: 503 } });
  await put(pod, [{ kind: 'rate_limit', retryAfterS: 7, endpoint: '/v1/chat/completions' }]);
  const refused = await ask(pod).catch((error: unknown) => error);
  expect(refused).toMatchObject({ status: 429 });
  expect((refused as { headers: Headers }).headers.get('retry-after')).toBe('7');
  expect((await client(pod).completions.create({ model: 'm', prompt: 'x', max_tokens: 2 })).choices.length).toBe(1);
  expect((await fetch(`${pod.url}/health`)).status).toBe(200);
  const bad = await put(pod, [{ kind: 'eror' } as never]);
  expect([bad.status, await bad.json()]).toEqual([
    400,
    { error: expect.objectContaining({ message: expect.stringContaining('did you mean "error"') }) },
  ]);
  await put(pod, []);
  expect((await ask(pod)).choices[0]!.message.content).not.toBe('');
});

test('a reset cuts the stream after some tokens, and frees the engine', async () => {
  const pod = await start({ failures: [{ kind: 'reset', afterTokens: 4 }] });
  const stream = await client(pod).chat.completions.create({
    model: 'm',
    messages: [{ role: 'user', content: 'x' }],
    max_tokens: 30,
    stream: true,
  });
  let chunks = 0;
  const read = (async () => {
    for await (const chunk of stream) chunks += chunk.choices.length;
  })();
  await expect(read).rejects.toThrow(/terminated|reset|hang up|aborted/i);
  // The role, and at most the four tokens: the cut may overtake the last ones.
  expect(chunks).toBeLessThanOrEqual(5);
  expect(pod.pod.snapshot(pod.now())).toMatchObject({ running: 0, kvUsage: 0 });
  await expect(ask(pod)).rejects.toBeInstanceOf(APIConnectionError);
});

test('a request that hangs is never answered, and ends with its client', async () => {
  const pod = await start({ failures: [{ kind: 'hang' }] });
  const leave = new AbortController();
  let answered = false;
  const asked = client(pod)
    .chat.completions.create({ model: 'm', messages: [{ role: 'user', content: 'x' }] }, { signal: leave.signal })
    .finally(() => {
      answered = true;
    });
  await wait(150);
  expect(answered).toBe(false);
  leave.abort();
  await expect(asked).rejects.toBeInstanceOf(APIUserAbortError);
  await pod.close();
});

test('a slow pod takes longer by the factor', async () => {
  const pod = await start({ speed: 4 });
  const took = async (): Promise<number> => {
    const before = pod.pod.metrics().e2eLatency.sum;
    await ask(pod);
    return pod.pod.metrics().e2eLatency.sum - before;
  };
  await took();
  const usual = await took();
  await put(pod, [{ kind: 'slow', factor: 5 }]);
  expect((await took()) / usual).toBeCloseTo(5, 0);
});

test('an unready pod says so and still answers', async () => {
  const pod = await start({ failures: [{ kind: 'unready' }] });
  expect((await fetch(`${pod.url}/health`)).status).toBe(503);
  expect((await ask(pod)).choices.length).toBe(1);
});

test('out of memory: streams break, connections are refused, and it comes back on its port without its cache and counters', async () => {
  const pod = await start({ speed: 5 });
  const long = 'All of this is the beginning of every prompt. '.repeat(20);
  const messages = [{ role: 'user' as const, content: long }];
  await ask(pod, { messages });
  expect((await ask(pod, { messages })).usage!.prompt_tokens_details!.cached_tokens).toBeGreaterThan(0);
  const { port } = pod;
  const running = ask(pod, { messages, max_tokens: 2000, ignore_eos: true });
  const broken = running.catch((error: unknown) => error);
  await until(() => pod.pod.snapshot(pod.now()).running === 1);
  await put(pod, [{ kind: 'oom', fromMs: 0, restartMs: 1500 }]).catch(() => undefined);
  expect(await broken).toBeInstanceOf(APIConnectionError);
  await expect(ask(pod)).rejects.toBeInstanceOf(APIConnectionError);
  expect(await refused(port)).toBe('ECONNREFUSED');
  await until(() =>
    fetch(`${pod.url}/health`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  expect(pod.port).toBe(port);
  const { usage } = await ask(pod, { messages });
  expect(usage!.prompt_tokens_details!.cached_tokens).toBe(0);
  expect(pod.pod.metrics().success).toEqual({ stop: 0, length: 1, abort: 0, error: 0 });
});

test('a start-up delay: nothing listens until it is over', async () => {
  const pod = await start({ startupMs: 4000, speed: 20 });
  expect(await refused(pod.port)).toBe('ECONNREFUSED');
  await until(async () => (await refused(pod.port)) === undefined);
  expect(pod.now()).toBeGreaterThanOrEqual(4000);
  expect((await ask(pod)).choices.length).toBe(1);
});

test('a client that leaves frees the engine', async () => {
  const pod = await start({ speed: 1 });
  const leave = new AbortController();
  const stream = await client(pod).chat.completions.create(
    { model: 'm', messages: [{ role: 'user', content: 'x' }], max_tokens: 4000, stream: true, ignore_eos: true } as never,
    { signal: leave.signal },
  );
  const read = (async () => {
    for await (const _ of stream as unknown as AsyncIterable<unknown>) leave.abort();
  })();
  await read.catch(() => undefined);
  await until(() => pod.pod.snapshot(pod.now()).running === 0);
  expect(pod.pod.metrics().success.abort).toBe(1);
  expect(pod.pod.snapshot(pod.now()).kvUsage).toBe(0);
});

test('kill cuts what runs; close lets it end', async () => {
  const pods = await startPods({ model: 'm', pods: 2, port: 0, speed: 5 });
  const [killed, closed] = pods as [PodHandle, PodHandle];
  const cut = ask(killed, { max_tokens: 1000, ignore_eos: true }).catch((error: unknown) => error);
  const ends = ask(closed, { max_tokens: 60, ignore_eos: true });
  await until(() => pods.every((handle) => handle.pod.load().running === 1));
  await Promise.all([killed.kill(), closed.close()]);
  expect(await cut).toBeInstanceOf(APIConnectionError);
  expect((await ends).usage!.completion_tokens).toBe(60);
  expect([await refused(killed.port), await refused(closed.port)]).toEqual(['ECONNREFUSED', 'ECONNREFUSED']);
});

test('a port in use is told, and no pod is left behind', async () => {
  const pod = await start();
  await expect(startPods({ model: 'm', pods: 2, port: pod.port - 1 })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  expect(await refused(pod.port - 1)).toBe('ECONNREFUSED');
});

test('sleep holds requests back, and wake lets them go', async () => {
  const pod = await start();
  await fetch(`${pod.url}/sleep?level=1`, { method: 'POST' });
  expect(await (await fetch(`${pod.url}/is_sleeping`)).json()).toEqual({ is_sleeping: true });
  expect(await (await fetch(`${pod.url}/metrics`)).text()).toMatch(/engine_sleep_state\{[^}]*sleep_state="weights_offloaded"\} 1\.0/);
  let done = false;
  const asked = ask(pod).finally(() => {
    done = true;
  });
  await wait(100);
  expect(done).toBe(false);
  await fetch(`${pod.url}/wake_up`, { method: 'POST' });
  expect((await asked).choices.length).toBe(1);
});

test('ranks: one port each, or behind one port with a header; the caches are apart', async () => {
  handles = await startPods({ model: 'm', port: 0, speed: 50, dataParallelSize: 2, dataParallelPorts: 'ports' });
  const { ports } = handles[0]!;
  expect(new Set(ports).size).toBe(2);
  const prompt = 'The same long beginning for all. '.repeat(20);
  const cached = async (port: number): Promise<number> => {
    const answer = await new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey: 'none' }).completions.create({
      model: 'm',
      prompt,
      max_tokens: 1,
    });
    return answer.usage!.prompt_tokens_details!.cached_tokens!;
  };
  expect([await cached(ports[0]!), await cached(ports[0]!), await cached(ports[1]!)].map((tokens) => tokens > 0)).toEqual([
    false,
    true,
    false,
  ]);
  await Promise.all(handles.map((handle) => handle.close()));

  const pod = await start({ dataParallelSize: 2 });
  const headers = { 'x-data-parallel-rank': '1' };
  await client(pod).completions.create({ model: 'm', prompt, max_tokens: 1 }, { headers });
  expect([pod.pod.metrics(0).promptTokens, pod.pod.metrics(1).promptTokens > 0]).toEqual([0, true]);
  await expect(client(pod).completions.create({ model: 'm', prompt }, { headers: { 'x-data-parallel-rank': '2' } })).rejects.toMatchObject({
    status: 400,
  });
});

/** @returns the error's code, or undefined if something listens */
function refused(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  });
}
