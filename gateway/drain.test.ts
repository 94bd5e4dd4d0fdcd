import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { eventually } from './dialects.fixture.ts';
import { backendsYaml, routeYaml, startGateway, type TestGateway } from './gateway.fixture.ts';
import { answer, hang, type Script, slow, sse, startUpstream, type Upstream } from './upstream.fixture.ts';

const event = (value: object): string => `data: ${JSON.stringify(value)}\n\n`;
const USAGE = { prompt_tokens: 7, completion_tokens: 40, total_tokens: 47 };
const TOKENS = Array.from({ length: 40 }, (_, at) => event({ model: 'm', choices: [{ index: 0, delta: { content: `word${at} ` } }] }));
const STREAM = [...TOKENS, event({ model: 'm', choices: [], usage: USAGE }), 'data: [DONE]\n\n'];
const WHOLE = { model: 'm', choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }], usage: USAGE };

let upstream: Upstream;
let other: Upstream;
let gateway: TestGateway;

beforeEach(async () => {
  [upstream, other] = [await startUpstream(hang), await startUpstream(hang)];
  const backends = backendsYaml([
    { name: 'one', port: upstream.port },
    { name: 'two', port: other.port },
  ]);
  const route = routeYaml('m', ['one', 'two']).replace(
    'metadata: {name: m}',
    'metadata: {name: m, annotations: {tierkit.dev/stream-drain: 1s}}',
  );
  gateway = await startGateway({ yaml: `${backends}\n---\n${route}` });
});

afterEach(async () => {
  await gateway.close();
  await Promise.all([upstream.close(), other.close()]);
});

/** Leaves when the answer has so much of a text, or after a time. */
async function leave(stream: boolean, when: string | number): Promise<void> {
  const abort = new AbortController();
  const asked = fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'm', stream, messages: [{ role: 'user', content: 'hello' }] }),
    signal: abort.signal,
  });
  asked.catch(() => {});
  if (typeof when === 'number') {
    await eventually(() => upstream.requests.length === 1, 'the request at the backend');
    await new Promise((resolve) => {
      setTimeout(resolve, when);
    });
  } else {
    const reader = (await asked).body!.getReader();
    let text = '';
    while (!text.includes(when)) text += Buffer.from((await reader.read()).value ?? []).toString();
  }
  abort.abort();
}

describe('an answer that is read on when its client has left', () => {
  test.each<[string, Script, boolean, string | number]>([
    ['a stream', sse(STREAM, { pauseMs: 5 }), true, 'word3'],
    ['a stream before its first token', slow(100, sse(STREAM)), true, 10],
    ['a whole answer', slow(100, answer(200, WHOLE)), false, 10],
  ])('%s: its usage is the one that the backend reports', async (_what, script, stream, when) => {
    upstream.script(script);
    await leave(stream, when);
    await expect.poll(() => gateway.accessLog.length, { timeout: 5000 }).toBe(1);
    expect(gateway.accessLog[0]).toMatchObject({
      response_flags: 'DC',
      complete: false,
      usage_source: 'reported',
      genai_tokens_input: 7,
      genai_tokens_output: 40,
    });
    expect(other.requests).toHaveLength(0);
  });

  test('a backend that takes too long is cancelled, and what passed by counts', async () => {
    upstream.script(sse(TOKENS.slice(0, 10), { close: 'hang' }));
    await leave(true, 'word9');
    await upstream.requests[0]!.closed;
    await expect.poll(() => gateway.accessLog.length).toBe(1);
    expect(gateway.accessLog[0]).toMatchObject({ response_flags: 'DC', usage_source: 'estimated', genai_tokens_output: 10 });
  });

  test('where it fails, no other backend is asked', async () => {
    upstream.script(slow(100, answer(503, {})));
    await leave(true, 10);
    await expect.poll(() => gateway.accessLog.length, { timeout: 5000 }).toBe(1);
    expect(other.requests).toHaveLength(0);
  });
});
