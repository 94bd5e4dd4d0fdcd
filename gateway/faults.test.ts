import { afterEach, describe, expect, it } from 'vitest';

import { ask, DIALECTS, dialectOf, eventsOf, logged, pairsYaml, type TestDialect } from './dialects.fixture.ts';
import { startGateway, type TestGateway } from './gateway.fixture.ts';
import {
  answer,
  endBeforeHead,
  gzipJson,
  gzipSse,
  hang,
  headThen,
  raw,
  resetBeforeHead,
  type Script,
  shortBody,
  shortChunked,
  sse,
  startUpstream,
  type Upstream,
} from './upstream.fixture.ts';

interface Fault {
  readonly name: string;
  script(dialect: TestDialect, stream: boolean): Script;
  /** Status when there is no other backend. */
  readonly alone: number;
  readonly only?: 'stream' | 'whole';
  /** Of the error when there is no other backend. */
  readonly code?: string;
  readonly message?: string;
  readonly retryAfter?: string;
}

/** Codes of the gateway's own errors. */
const CODES: Readonly<Record<number, RegExp>> = { 502: /^TK_UPSTREAM/, 504: /^TK_TIMEOUT$/ };

const preamble = (dialect: TestDialect) => dialect.stream([]).before;
const HTML = '<html><body>It works!</body></html>';

const FAULTS: readonly Fault[] = [
  { name: 'hangs before the head', script: () => hang, alone: 504 },
  { name: 'hangs after the head', script: (_, stream) => headThen('hang', stream), alone: 504 },
  { name: 'resets before the head', script: () => resetBeforeHead, alone: 502 },
  { name: 'ends before the head', script: () => endBeforeHead, alone: 502 },
  { name: 'resets after the head', script: (_, stream) => headThen('reset', stream), alone: 502 },
  { name: 'ends after the head', script: (_, stream) => headThen('end', stream), alone: 502 },
  { name: 'resets mid-body', script: (dialect) => shortBody(dialect.whole('wrong'), 'reset'), alone: 502, only: 'whole' },
  { name: 'truncates a body with a length', script: (dialect) => shortBody(dialect.whole('wrong'), 'end'), alone: 502, only: 'whole' },
  { name: 'truncates a chunked body', script: (dialect) => shortChunked(dialect.whole('wrong'), 'end'), alone: 502, only: 'whole' },
  { name: 'hangs mid-body', script: (dialect) => shortBody(dialect.whole('wrong'), 'hang'), alone: 504, only: 'whole' },
  {
    name: 'ends a body without a length in the middle',
    script: () => raw('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{"id":"wro', 'end'),
    alone: 502,
  },
  {
    name: 'sends less than its content length, then the next answer',
    script: () => raw('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\n\r\n{"id":"wrong"}', 'hang'),
    alone: 502,
  },
  { name: 'answers 200 with HTML', script: () => answer(200, HTML, { 'content-type': 'text/html' }), alone: 502 },
  { name: 'answers 200 with HTML that says it is JSON', script: () => answer(200, HTML), alone: 502 },
  { name: 'answers 200 with nothing', script: () => answer(200, ''), alone: 502 },
  { name: 'answers 204', script: () => answer(204, ''), alone: 502 },
  { name: 'answers 200 with an error object', script: () => answer(200, { error: { message: 'wrong', type: 'x' } }), alone: 502 },
  { name: 'answers 200 with an error text', script: () => answer(200, { error: 'wrong', error_type: 'overloaded' }), alone: 502 },
  { name: 'resets after the preamble', script: (dialect) => sse(preamble(dialect), { close: 'reset' }), alone: 502, only: 'stream' },
  { name: 'cuts after the preamble', script: (dialect) => sse(preamble(dialect), { close: 'cut' }), alone: 502, only: 'stream' },
  { name: 'ends after the preamble', script: (dialect) => sse(preamble(dialect)), alone: 502, only: 'stream' },
  { name: 'is silent after the preamble', script: (dialect) => sse(preamble(dialect), { close: 'hang' }), alone: 504, only: 'stream' },
  { name: 'streams nothing', script: () => sse([]), alone: 502, only: 'stream' },
  { name: 'streams only an end marker', script: () => sse(['data: [DONE]\n\n']), alone: 502, only: 'stream' },
  { name: 'streams only comments', script: () => sse([': hello\n\n', ': hello\n\n']), alone: 502, only: 'stream' },
  { name: 'begins with an error event', script: (dialect) => sse([dialect.errorEvent('wrong')]), alone: 502, only: 'stream' },
  {
    name: 'has an error event behind the preamble',
    script: (dialect) => sse([...preamble(dialect), dialect.errorEvent('wrong')], { close: 'hang' }),
    alone: 502,
    only: 'stream',
  },
  {
    name: 'streams HTML',
    script: () => answer(200, HTML, { 'content-type': 'text/event-stream' }),
    alone: 502,
    only: 'stream',
  },
  {
    name: 'answers 429',
    script: () => answer(429, { error: { message: 'slow down', type: 'x' } }, { 'retry-after': '7' }),
    alone: 429,
    message: 'slow down',
    retryAfter: '7',
  },
  {
    name: 'answers 503',
    script: () => answer(503, 'down for a while', { 'content-type': 'text/plain' }),
    alone: 503,
    message: 'down for a while',
  },
  { name: 'answers 500 and resets', script: () => raw('HTTP/1.1 500 X\r\ncontent-length: 900\r\n\r\n{"err', 'reset'), alone: 502 },
  {
    name: 'answers 401 and echoes the key',
    script: () => answer(401, { error: { message: 'Incorrect API key provided: sk-first', type: 'x' } }),
    alone: 502,
    code: 'TK_UPSTREAM_CREDENTIAL',
  },
  { name: 'answers 429 and echoes the key', script: () => answer(429, { error: { message: 'limit of sk-first', type: 'x' } }), alone: 502 },
  {
    name: 'has the wrong coding',
    script: (dialect) => answer(200, dialect.whole('wrong'), { 'content-encoding': 'gzip' }),
    alone: 502,
  },
  {
    name: 'has an unknown coding',
    script: (dialect) => answer(200, dialect.whole('wrong'), { 'content-encoding': 'compress' }),
    alone: 502,
  },
  { name: 'has two content types', script: () => answer(200, HTML, { 'content-type': ['text/html', 'text/plain'] }), alone: 502 },
  { name: 'does not speak HTTP', script: () => raw('220 mail.example.com ESMTP\r\n', 'hang'), alone: 502 },
];

function faults(stream: boolean): Fault[] {
  return FAULTS.filter(({ only }) => only === undefined || (only === 'stream') === stream);
}

let gateway: TestGateway;
const upstreams: Upstream[] = [];

async function upstream(...scripts: Script[]): Promise<Upstream> {
  const started = await startUpstream(...scripts);
  upstreams.push(started);
  return started;
}

afterEach(async () => {
  await gateway.close();
  await Promise.all(upstreams.splice(0).map((one) => one.close()));
});

const WORDS = ['one ', 'two ', 'three'];
/** Short only where a backend is to be silent, so that a busy machine makes no healthy one look so. */
const idle = ({ alone }: Fault) => `    streamIdleTimeout: ${alone === 504 ? '400ms' : '10s'}`;

function healthy(stream: boolean): Script {
  return (socket, request) => {
    const dialect = dialectOf(request.path);
    return (stream ? sse(eventsOf(dialect, WORDS)) : answer(200, dialect.whole('one two three')))(socket, request);
  };
}

/** Nothing of the faulty backend, no key, and the answer exactly once. */
function checkWhole(dialect: TestDialect, stream: boolean, text: string): void {
  expect(text).not.toMatch(/wrong|sk-first|sk-second|It works|ESMTP|<html/);
  // The client did not ask for the chunk with the usage.
  const events = eventsOf(dialect, WORDS).filter((event) => dialect.name !== 'chat' || !event.includes('"usage":{'));
  expect(stream ? text : (JSON.parse(text) as object)).toEqual(stream ? events.join('') : dialect.whole('one two three'));
}

describe('a faulty backend before a healthy one', () => {
  for (const stream of [false, true]) {
    for (const fault of faults(stream)) {
      it(`${fault.name} (${stream ? 'stream' : 'whole answer'}): the second one answers, once`, async () => {
        const first = await upstream((socket, request) => fault.script(dialectOf(request.path), stream)(socket, request));
        const second = await upstream(healthy(stream));
        gateway = await startGateway({ yaml: pairsYaml(first.port, second.port, idle(fault)) });
        await Promise.all(
          DIALECTS.map(async (dialect, index) => {
            const got = await ask(gateway.url, dialect.path, dialect.request(dialect.model, stream));
            expect([got.status, got.whole]).toEqual([200, true]);
            checkWhole(dialect, stream, got.text);
            const line = await logged(gateway.accessLog, index + 1);
            expect(line).toMatchObject({ response_code: 200, complete: true, genai_tokens_output: 7, usage_source: 'reported' });
          }),
        );
        expect(second.requests).toHaveLength(3);
        expect(first.requests.length).toBeGreaterThanOrEqual(2);
      });
    }
  }
});

describe('a faulty backend alone', () => {
  for (const stream of [false, true]) {
    for (const fault of faults(stream)) {
      const { name, alone } = fault;
      it(`${name} (${stream ? 'stream' : 'whole answer'}): ${alone}, in the words of the client's API`, async () => {
        const first = await upstream((socket, request) => fault.script(dialectOf(request.path), stream)(socket, request));
        gateway = await startGateway({ yaml: pairsYaml(first.port, first.port, idle(fault)) });
        await Promise.all(
          DIALECTS.map(async (dialect) => {
            const got = await ask(gateway.url, dialect.path, dialect.request(dialect.model.replace('pair', 'only'), stream));
            expect(got.status).toBe(alone);
            expect(got.headers['content-type']).toBe('application/json');
            const { message, code } = dialect.error(got.text);
            expect(got.text).not.toMatch(/sk-first|Incorrect API key|It works|ESMTP|<html/);
            expect(String(code)).toMatch(fault.code ?? CODES[alone] ?? '');
            expect(message).toContain(fault.message ?? '');
            expect(got.headers['retry-after']).toBe(fault.retryAfter);
          }),
        );
      });
    }
  }

  it('refuses connections', async () => {
    const gone = await startUpstream(hang);
    const { port } = gone;
    await gone.close();
    const second = await upstream(healthy(false));
    gateway = await startGateway({ yaml: pairsYaml(port, second.port) });
    for (const dialect of DIALECTS) {
      const got = await ask(gateway.url, dialect.path, dialect.request(dialect.model, false));
      checkWhole(dialect, false, got.text);
      const alone = await ask(gateway.url, dialect.path, dialect.request(dialect.model.replace('pair', 'only'), false));
      expect(alone.status).toBe(502);
      expect(dialect.error(alone.text).message).toContain('ECONNREFUSED');
    }
  });

  it('redirects: nobody follows, neither the gateway nor the client', async () => {
    const elsewhere = await upstream(answer(200, { stolen: true }));
    for (const status of [301, 302, 303, 307, 308]) {
      const location = `http://127.0.0.1:${elsewhere.port}/v1/chat/completions`;
      const first = await upstream(answer(status, { id: 'wrong', choices: [] }, { location }));
      const second = await upstream(healthy(false));
      gateway = await startGateway({ yaml: pairsYaml(first.port, second.port) });
      for (const dialect of DIALECTS) {
        const got = await ask(gateway.url, dialect.path, dialect.request(dialect.model, false));
        checkWhole(dialect, false, got.text);
        const alone = await ask(gateway.url, dialect.path, dialect.request(dialect.model.replace('pair', 'only'), true));
        expect([alone.status, alone.headers.location]).toEqual([502, undefined]);
      }
      const speech = await ask(gateway.url, '/v1/audio/speech', { model: 'openai-only', input: 'hi', voice: 'v' });
      expect([speech.status, speech.headers.location]).toEqual([502, undefined]);
      if (status !== 308) await gateway.close();
    }
    expect(elsewhere.requests).toHaveLength(0);
  });

  it('is at fault with the request itself: nobody else is asked, and the client sees why', async () => {
    for (const status of [400, 404, 413, 422]) {
      const first = await upstream(answer(status, { error: { message: 'bad temperature', type: 'invalid_request_error' } }));
      const second = await upstream(healthy(false));
      gateway = await startGateway({ yaml: pairsYaml(first.port, second.port) });
      for (const dialect of DIALECTS) {
        const got = await ask(gateway.url, dialect.path, dialect.request(dialect.model, true));
        expect(got.status).toBe(status);
        expect(dialect.error(got.text).message).toBe('bad temperature');
      }
      expect(second.requests).toHaveLength(0);
      if (status !== 422) await gateway.close();
    }
  });
});

describe('an unusual backend that is not at fault', () => {
  it('sends gzip though nobody asked for it', async () => {
    const first = await upstream((socket, request) => gzipJson(dialectOf(request.path).whole('one two three'))(socket, request));
    gateway = await startGateway({ yaml: pairsYaml(first.port, first.port) });
    for (const dialect of DIALECTS) {
      const got = await ask(gateway.url, dialect.path, dialect.request(dialect.model, false));
      expect(got.headers['content-encoding']).toBeUndefined();
      checkWhole(dialect, false, got.text);
    }
    first.script((socket, request) => gzipSse(eventsOf(dialectOf(request.path), WORDS))(socket, request));
    for (const dialect of DIALECTS) {
      const got = await ask(gateway.url, dialect.path, dialect.request(dialect.model, true));
      expect(got.headers['content-encoding']).toBeUndefined();
      checkWhole(dialect, true, got.text);
    }
    expect(first.requests).toHaveLength(6);
  });

  it('sends bytes behind its answer', async () => {
    const body = JSON.stringify(DIALECTS[0]!.whole('one two three'));
    const first = await upstream(
      raw(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}garbage`, 'hang'),
    );
    gateway = await startGateway({ yaml: pairsYaml(first.port, first.port) });
    const got = await ask(gateway.url, DIALECTS[0]!.path, DIALECTS[0]!.request('openai-pair', false));
    checkWhole(DIALECTS[0]!, false, got.text);
    expect(first.requests).toHaveLength(1);
  });
});
