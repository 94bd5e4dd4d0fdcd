// Model servers that speak HTTP/2 without TLS (appProtocol kubernetes.io/h2c).
import { constants, type Http2ServerRequest } from 'node:http2';

import { afterEach, describe, expect, test, vi } from 'vitest';

import {
  asChat,
  chatAnswer,
  chatEvents,
  modelYaml,
  poolRef,
  poolYaml,
  startPod,
  startTierTwo,
  type TestPod,
  type TestTierTwo,
} from './tier-two.fixture.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close();
});

async function pod(answer: TestPod['answer'] = asChat, h2c = true): Promise<TestPod> {
  const started = await startPod(answer, { h2c });
  open.push(started);
  return started;
}

const h2cPool = (name: string, ...pods: TestPod[]) =>
  poolYaml(name, pods).replace('targetPorts:', 'appProtocol: kubernetes.io/h2c, targetPorts:');

async function tier(...yaml: string[]): Promise<TestTierTwo> {
  const started = await startTierTwo(yaml);
  open.push(started);
  return started;
}

const streamOf = (request: Parameters<TestPod['answer']>[0]) => (request as unknown as Http2ServerRequest).stream;

describe('a pool of HTTP/2', () => {
  test('answers in one piece', async () => {
    const a = await pod();
    const two = await tier(h2cPool('p', a), modelYaml('m', ['p']));
    const response = await two.chat({ model: 'm' });
    expect([response.status, ((await response.json()) as { model: string }).model]).toEqual([200, 'm']);
    const [{ headers }] = a.seen as [TestPod['seen'][number]];
    expect(headers).toMatchObject({ ':authority': a.address, ':scheme': 'http', 'content-type': 'application/json' });
    for (const name of ['host', 'connection', 'transfer-encoding', 'keep-alive']) expect(headers).not.toHaveProperty(name);
  });

  test('streams: what is written is there before the next event is', async () => {
    const steps: (() => void)[] = [];
    const step = () => new Promise<void>((resolve) => steps.push(resolve));
    const a = await pod((_request, response, body) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const [first, second, ...rest] = chatEvents(body, ['first', 'second']);
      response.write(first!);
      void step()
        .then(() => response.write(second!))
        .then(step)
        .then(() => {
          for (const event of rest) response.write(event);
          response.end();
        });
    });
    const two = await tier(h2cPool('p', a), modelYaml('m', ['p']));
    const response = await two.chat({ model: 'm', stream: true });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const read = async (): Promise<boolean> => {
      const { done, value = '' } = await reader.read();
      text += value;
      return done;
    };
    for (const word of ['first', 'second']) {
      while (!text.includes(word)) await read();
      expect(text.includes('second')).toBe(word === 'second');
      steps.at(-1)!();
    }
    while (!(await read())) expect(text).not.toBe('');
    expect(text).toContain('[DONE]');
    await vi.waitFor(() => expect(two.accessLog).toHaveLength(1));
    expect(two.accessLog[0]).toMatchObject({ complete: true, genai_tokens_output: 2 });
  });

  test('hears at once that the client has left, and serves the others on', async () => {
    const resets: number[] = [];
    const a = await pod((request, response, body) => {
      if (!(JSON.parse(body) as { stream?: boolean }).stream) {
        asChat(request, response, body);
        return;
      }
      const stream = streamOf(request);
      stream.on('close', () => resets.push(stream.rstCode));
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(chatEvents(body, ['a'])[0]!);
    });
    const two = await tier(h2cPool('p', a), modelYaml('m', ['p']));
    const abort = new AbortController();
    const response = await fetch(`${two.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', stream: true, messages: [] }),
      signal: abort.signal,
    });
    const reader = response.body!.getReader();
    await reader.read();
    abort.abort();
    await vi.waitFor(() => expect(resets).toEqual([constants.NGHTTP2_CANCEL]));
    expect((await two.chat({ model: 'm' })).status).toBe(200);
  });

  test('is asked for its metrics over the same protocol', async () => {
    const a = await pod();
    const two = await tier(h2cPool('p', a), modelYaml('m', ['p']));
    await vi.waitFor(async () => {
      const pools = (await (await fetch(`${two.adminUrl}/pools`)).json()) as { endpoints: { load: { metricsConfidence: number } }[] }[];
      expect(pools[0]!.endpoints[0]).toMatchObject({ load: { metricsConfidence: 1 } });
      expect(pools[0]!.endpoints[0]).not.toHaveProperty('metricsFailure');
    });
  });

  test('carries many requests over few connections', async () => {
    const connections = new Set<unknown>();
    const a = await pod((request, response, body) => {
      connections.add(streamOf(request).session);
      setTimeout(() => response.writeHead(200, { 'content-type': 'application/json' }).end(chatAnswer(body)), 30);
    });
    const two = await tier(h2cPool('p', a), modelYaml('m', ['p']));
    const all = await Promise.all(
      Array.from({ length: 60 }, async (_, at) => (await two.chat({ model: 'm', messages: [{ role: 'user', content: `${at}` }] })).status),
    );
    expect(all.filter((status) => status !== 200)).toEqual([]);
    expect(connections.size).toBe(1);
  });

  test('that is about to stop loses no stream; the next requests go elsewhere', async () => {
    const finish: (() => void)[] = [];
    const streams: TestPod['answer'] = (request, response, body) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const events = chatEvents(body, ['a', 'b']);
      response.write(events[0]!);
      finish.push(() => {
        for (const event of events.slice(1)) response.write(event);
        response.end();
      });
      streamOf(request).session!.goaway(constants.NGHTTP2_NO_ERROR);
    };
    const a = await pod(streams);
    const two = await tier(h2cPool('p', a), modelYaml('m', ['p']));
    const running = [await two.chat({ model: 'm', stream: true }), await two.chat({ model: 'm', stream: true })];
    for (const end of finish) end();
    for (const response of running) expect(await response.text()).toContain('[DONE]');
  });

  test('goes on at the next pod when one breaks off before the first token', async () => {
    const pods = [await pod((request) => streamOf(request).destroy(new Error('crashed'))), await pod()];
    const two = await tier(h2cPool('p', ...pods), modelYaml('m', ['p']));
    for (let at = 0; at < 6; at++) expect((await two.chat({ model: 'm' })).status).toBe(200);
    expect(pods[1]!.seen).toHaveLength(6);
  });

  test('says so when a stream breaks off later', async () => {
    const a = await pod((request, response, body) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(chatEvents(body, ['a', 'b'])[0]!);
      setTimeout(() => streamOf(request).destroy(), 20);
    });
    const two = await tier(h2cPool('p', a), modelYaml('m', ['p']));
    const text = await (await two.chat({ model: 'm', stream: true })).text();
    expect(text).toContain('the stream broke off');
    expect(text).not.toContain('[DONE]');
  });

  test('whose pods speak HTTP/1 alone fails, and says why', async () => {
    const [a, b] = [await pod(asChat, false), await pod(asChat, false)];
    const two = await tier(h2cPool('p', a, b), modelYaml('m', ['p']));
    const response = await two.chat({ model: 'm' });
    expect(response.status).toBe(502);
    expect([...a.seen, ...b.seen]).toEqual([]);
    await vi.waitFor(async () =>
      expect(await (await fetch(`${two.adminUrl}/pools`)).text()).toContain(
        `${a.address} does not speak HTTP/2 (appProtocol kubernetes.io/h2c)`,
      ),
    );
  });

  test('passes what no model API knows', async () => {
    const a = await pod((request, response, body) => {
      response.writeHead(200, { 'content-type': 'text/plain', 'x-method': request.method! }).end(`${request.url} ${body}`);
    });
    const route = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec: {parentRefs: [{name: gw}], rules: [{backendRefs: [${poolRef('p')}]}]}
`;
    const two = await tier(h2cPool('p', a), route);
    const response = await fetch(`${two.url}/custom?x=1`, { method: 'PUT', body: 'hello', headers: { te: 'trailers' } });
    expect([response.status, response.headers.get('x-method'), await response.text()]).toEqual([200, 'PUT', '/custom?x=1 hello']);
    expect((await fetch(`${two.url}/health`)).status).toBe(200);
    const streamed = await fetch(`${two.url}/upload`, {
      method: 'POST',
      body: new Blob(['one ', 'two']).stream(),
      duplex: 'half',
    });
    expect(await streamed.text()).toBe('/upload one two');
  });
});
