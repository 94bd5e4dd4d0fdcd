import { afterEach, describe, expect, it } from 'vitest';

import { ask, CHAT, DIALECTS, dialectOf, eventsOf, logged, MESSAGES, pairsYaml, RESPONSES, type TestDialect } from './dialects.fixture.ts';
import { startGateway, type TestGateway } from './gateway.fixture.ts';
import { answer, gzipSse, raw, type Script, sse, startUpstream, type Upstream } from './upstream.fixture.ts';

let gateway: TestGateway;
const upstreams: Upstream[] = [];

afterEach(async () => {
  await gateway.close();
  await Promise.all(upstreams.splice(0).map((one) => one.close()));
});

const WORDS = ['one ', 'two ', 'three'];

/** The first backend does this; the second one is never to be asked. */
async function start(script: (dialect: TestDialect) => Script, idle = '10s'): Promise<{ first: Upstream; second: Upstream }> {
  const first = await startUpstream((socket, request) => script(dialectOf(request.path))(socket, request));
  const second = await startUpstream(answer(200, { id: 'second' }));
  upstreams.push(first, second);
  gateway = await startGateway({ yaml: pairsYaml(first.port, second.port, `    streamIdleTimeout: ${idle}`) });
  return { first, second };
}

const some = (dialect: TestDialect) => [...dialect.stream(WORDS).before, ...dialect.stream(WORDS).tokens];

const BREAKS: readonly { name: string; script: (dialect: TestDialect) => Script; flags: string }[] = [
  { name: 'resets', script: (dialect) => sse(some(dialect), { close: 'reset' }), flags: 'UC' },
  { name: 'ends the connection', script: (dialect) => sse(some(dialect), { close: 'cut' }), flags: 'UC' },
  { name: 'ends the stream', script: (dialect) => sse(some(dialect)), flags: 'UC' },
  { name: 'is silent', script: (dialect) => sse(some(dialect), { close: 'hang' }), flags: 'SI' },
  { name: 'sends an error event', script: (dialect) => sse([...some(dialect), dialect.errorEvent('overloaded')]), flags: 'UPE' },
  {
    name: 'sends an error event and stays',
    script: (dialect) => sse([...some(dialect), dialect.errorEvent('overloaded')], { close: 'hang' }),
    flags: 'UPE',
  },
  {
    name: 'sends an error event with the key of the gateway',
    script: (dialect) => sse([...some(dialect), dialect.errorEvent('bad key sk-first')]),
    flags: 'UPE',
  },
  { name: 'ends in the middle of an event', script: (dialect) => sse([...some(dialect), 'data: {"choices":[{"ind']), flags: 'UC' },
  { name: 'breaks its chunked coding', script: (dialect) => sse([...some(dialect)], { close: 'cut' }), flags: 'UC' },
  { name: 'cuts a gzip stream', script: (dialect) => gzipSse(some(dialect), 'cut'), flags: 'UC' },
];

const delta = (index: number, content: string, reason: string | null) =>
  `data: {"choices":[{"index":${index},"delta":{"content":"${content}"},"finish_reason":${reason === null ? 'null' : `"${reason}"`}}]}\n\n`;

describe('after the first token, a backend that', () => {
  for (const { name, script, flags } of BREAKS) {
    it(`${name}: an error event, no end marker, the connection ends, the log says so`, async () => {
      const { second } = await start(script, flags === 'SI' ? '300ms' : '10s');
      for (const [index, dialect] of DIALECTS.entries()) {
        const got = await ask(gateway.url, dialect.path, dialect.request(dialect.model, true));
        expect(got.status).toBe(200);
        expect(got.whole).toBe(true);
        expect(got.text.startsWith(some(dialect).join(''))).toBe(true);
        expect(dialect.endsWithError(got.text)).toBe(true);
        expect(got.text.match(/"error"|event: error/g)!.length).toBeLessThanOrEqual(3);
        expect(got.text).not.toContain(dialect.endMarker);
        expect(got.text).not.toContain('sk-first');
        const line = await logged(gateway.accessLog, index + 1);
        // What the tokens came to is the least that was generated: one for each event.
        expect(line).toMatchObject({
          response_code: 200,
          response_flags: flags,
          complete: false,
          stream: true,
          genai_tokens_output: 3,
          usage_source: 'estimated',
        });
      }
      expect(second.requests).toHaveLength(0);
    });
  }

  it('sends something that is no event of its API: what came before it arrives, then an error event', async () => {
    await start((dialect) => sse([some(dialect).join('') + (dialect === MESSAGES ? 'event: message_delta\n' : '') + 'data: <html>\n\n']));
    for (const dialect of DIALECTS) {
      const got = await ask(gateway.url, dialect.path, dialect.request(dialect.model, true));
      expect(got.text.startsWith(some(dialect).join(''))).toBe(true);
      expect(got.text).not.toContain('<html>');
      expect(dialect.endsWithError(got.text)).toBe(true);
    }
  });

  it('says that its response failed: the client gets that event, and no other one', async () => {
    const failed =
      'event: response.failed\ndata: {"type":"response.failed","response":{"id":"r1","status":"failed","error":{"code":"x"}}}\n\n';
    await start(() => sse([...some(RESPONSES), failed]));
    const got = await ask(gateway.url, RESPONSES.path, RESPONSES.request('openai-pair', true));
    expect(got.text).toBe([...some(RESPONSES), failed].join(''));
    expect(await logged(gateway.accessLog)).toMatchObject({ complete: false });
  });

  it('says it in the old way of vLLM, and then [DONE]', async () => {
    const error = 'data: {"object":"error","message":"engine died","type":"InternalServerError","param":null,"code":500}\n\n';
    await start(() => sse([...some(CHAT), error, 'data: [DONE]\n\n']));
    const got = await ask(gateway.url, CHAT.path, CHAT.request('openai-pair', true));
    expect(got.text).toBe([...some(CHAT), error].join(''));
    expect(await logged(gateway.accessLog)).toMatchObject({ complete: false });
  });

  it('has ended one of two choices only', async () => {
    await start(() => sse([delta(0, 'a', null), delta(1, 'b', null), delta(0, 'c', null), delta(0, '', 'stop')]));
    const got = await ask(gateway.url, CHAT.path, { ...CHAT.request('openai-pair', true), n: 2 });
    expect(CHAT.endsWithError(got.text)).toBe(true);
    expect(await logged(gateway.accessLog)).toMatchObject({ complete: false, genai_tokens_output: 3 });
  });
});

describe('a complete stream', () => {
  it('may lack [DONE] where it has the finish reason', async () => {
    const [, usage] = CHAT.stream(WORDS).after;
    for (const after of [CHAT.stream(WORDS).after.slice(0, 1), CHAT.stream(WORDS).after.slice(0, 2)]) {
      await start(() => sse([...some(CHAT), ...after]));
      const got = await ask(gateway.url, CHAT.path, CHAT.request('openai-pair', true));
      expect(got.text).toBe([...some(CHAT), after[0]].join(''));
      expect(await logged(gateway.accessLog)).toMatchObject({
        complete: true,
        genai_tokens_output: after.includes(usage!) ? 7 : 3,
        usage_source: after.includes(usage!) ? 'reported' : 'estimated',
      });
      if (after.length === 1) await gateway.close();
    }
  });

  it('may end in a [DONE] without its blank line', async () => {
    for (const done of ['data: [DONE]', 'data: [DONE]\n', 'data:[DONE]\r\n']) {
      await start(() => sse([...some(CHAT), CHAT.stream([]).after[0]!, done]));
      const got = await ask(gateway.url, CHAT.path, CHAT.request('openai-pair', true));
      expect(got.text).toBe([...some(CHAT), CHAT.stream([]).after[0], 'data: [DONE]\n\n'].join(''));
      expect(await logged(gateway.accessLog)).toMatchObject({ complete: true });
      await gateway.close();
    }
  });

  it('ends for the client at the end marker, whatever the backend does with its connection then', async () => {
    const { first } = await start((dialect) => sse(eventsOf(dialect, WORDS), { close: 'hang' }), '400ms');
    for (const dialect of DIALECTS) {
      const got = await ask(gateway.url, dialect.path, dialect.request(dialect.model, true));
      // Waiting for the backend would end in the error of a silent stream after 400 ms.
      expect([got.whole, dialect.endsWithError(got.text)]).toEqual([true, false]);
      expect(got.text).toContain(dialect.endMarker);
    }
    // A backend that does not end its answer is let go a second later.
    expect(await first.requests[0]!.closed).toBeGreaterThan(0);
    expect(gateway.accessLog.map((line) => line['complete'])).toEqual([true, true, true]);
  });

  it('leaves the connection in use for the next request', async () => {
    const { first } = await start((dialect) => sse(eventsOf(dialect, WORDS)));
    for (let turn = 0; turn < 5; turn++) await ask(gateway.url, CHAT.path, CHAT.request('openai-pair', true));
    expect([first.requests.length, first.connections]).toEqual([5, 1]);
  });

  it('ends at the end marker: what the backend sends behind it does not arrive', async () => {
    await start((dialect) => sse([...eventsOf(dialect, WORDS), 'data: {"choices":[{"index":0,"delta":{"content":"ghost"}}]}\n\n']));
    for (const dialect of DIALECTS) {
      const got = await ask(gateway.url, dialect.path, dialect.request(dialect.model, true));
      expect(got.text).not.toContain('ghost');
      expect(got.text).toContain(dialect.endMarker);
    }
  });

  it('may come in one piece with its head, and with CRLF', async () => {
    const text = eventsOf(CHAT, WORDS).join('').replaceAll('\n', '\r\n');
    await start(() => raw(`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: ${text.length}\r\n\r\n${text}`, 'hang'));
    const got = await ask(gateway.url, CHAT.path, { ...CHAT.request('openai-pair', true), stream_options: { include_usage: true } });
    expect(got.text).toBe(text);
  });
});
