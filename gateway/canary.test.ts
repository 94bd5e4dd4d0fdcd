// Secrets are planted everywhere, and then looked for in all that the gateway says to anyone but their owner.
import { request as send } from 'node:http';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Extension } from './extensions/extension.ts';
import { backendsYaml, routeYaml, startGateway, type TestGateway } from './gateway.fixture.ts';
import { type Answer, answerEvents, answerJson, CHAT_ANSWER, startRecorder } from './recorder.fixture.ts';

type Upstream = Awaited<ReturnType<typeof startRecorder>>;

/** Each has its own text, so that a find says where it comes from. */
const CANARY = {
  authorization: 'canary-client-authorization',
  xApiKey: 'canary-client-x-api-key',
  apiKey: 'canary-client-api-key',
  cookie: 'canary-client-cookie',
  query: 'canary-client-query',
  prompt: 'canary-prompt',
  toolArguments: 'canary-tool-arguments',
  image: Buffer.from('canary-image').toString('base64'),
  file: 'canary-form-file',
  keyA: 'canary-upstream-key-a',
  keyB: 'canary-upstream-key-b',
  setCookie: 'canary-upstream-cookie',
  upstreamText: 'canary-upstream-secret-text',
} as const;
type Name = keyof typeof CANARY;

/** What is the client's own, sent by it and read by its model: no operator's to see, and for models to know. */
const CLIENTS: readonly Name[] = ['prompt', 'toolArguments', 'image', 'file'];
const CLIENT_CREDENTIALS: readonly Name[] = ['authorization', 'xApiKey', 'apiKey', 'cookie', 'query'];

let a: Upstream;
let b: Upstream;
let gateway: TestGateway;

const throwing: Extension = {
  name: 'throwing',
  authorize(request) {
    const body = JSON.stringify(request.json() ?? {});
    if (request.headers['x-throw'] === 'authorize') throw new Error(`cannot bear ${body}\n    at ${body}`);
    if (request.headers['x-throw'] === 'parse') JSON.parse(body.slice(1, 200));
  },
  attempt(request) {
    if (request.headers['x-throw'] === 'attempt') throw new TypeError(JSON.stringify(request.json()), { cause: new Error(CANARY.prompt) });
    return undefined;
  },
  settled(request) {
    if (request.headers['x-throw'] === 'settled') throw new Error(JSON.stringify(request.json()));
  },
};

beforeAll(async () => {
  a = await startRecorder();
  b = await startRecorder();
  gateway = await startGateway({
    yaml: [
      backendsYaml([
        { name: 'a', port: a.port, key: CANARY.keyA },
        { name: 'b', port: b.port, key: CANARY.keyB },
        { name: 'n', port: a.port, key: CANARY.keyA, schema: 'Anthropic' },
        { name: 'keyless', port: a.port },
      ]),
      routeYaml('only-a', ['a']),
      routeYaml('a-then-b', ['a', 'b']),
      routeYaml('claude', ['n']),
      routeYaml('keyless', ['keyless']),
    ].join('\n---\n'),
    extensions: [throwing],
    debugHeaders: true,
  });
});

afterAll(async () => {
  await gateway.close();
  await a.close();
  await b.close();
});

const BODY = {
  stream_options: null,
  messages: [
    {
      role: 'user',
      content: [
        { type: 'text', text: CANARY.prompt },
        { type: 'image_url', image_url: { url: `data:image/png;base64,${CANARY.image}` } },
      ],
    },
    {
      role: 'assistant',
      tool_calls: [{ id: '1', type: 'function', function: { name: 'f', arguments: JSON.stringify({ x: CANARY.toolArguments }) } }],
    },
  ],
};

const SECRETS = {
  authorization: `Bearer ${CANARY.authorization}`,
  'x-api-key': CANARY.xApiKey,
  'api-key': CANARY.apiKey,
  cookie: `session=${CANARY.cookie}`,
};

interface Call {
  readonly model?: string;
  readonly path?: string;
  readonly stream?: boolean;
  readonly headers?: Record<string, string>;
  readonly body?: string | FormData;
}

/** One request with every secret of a client in it. @returns all that comes back, as text */
async function call({ model = 'only-a', path = '/v1/chat/completions', stream = false, headers = {}, body }: Call = {}): Promise<string> {
  const type = body instanceof FormData ? {} : { 'content-type': 'application/json' };
  const answer = await fetch(`${gateway.url}${path}?key=${CANARY.query}&api_key=${CANARY.query}&access_token=${CANARY.query}`, {
    method: 'POST',
    headers: { ...type, ...SECRETS, 'x-tierkit-debug': 'config', ...headers },
    body: body ?? JSON.stringify({ model, stream, ...BODY }),
  });
  let text = `${answer.status} ${JSON.stringify([...answer.headers])}`;
  try {
    text += await answer.text();
  } catch {
    text += ' (cut)';
  }
  return text;
}

const scripts = (...answers: readonly Answer[]): Answer => {
  let turn = 0;
  return (request, response, raw) => answers[Math.min(turn++, answers.length - 1)]!(request, response, raw);
};
const chunk = (content: string) => `data: ${JSON.stringify({ id: 'x', model: 'm', choices: [{ index: 0, delta: { content } }] })}\n\n`;
const errorBody = (text: string) => ({ error: { message: text, type: 'invalid_request_error', param: null, code: null } });
const cut: Answer = (_, response) => void response.destroy();
const echoes = `Incorrect API key provided: ${CANARY.keyA}.`;

/** What backend A does, and how its answer to the client must begin. */
const FAULTS: readonly (readonly [title: string, answer: Answer, call: Call, begins: string])[] = [
  ['a good answer with cookies', answerJson(CHAT_ANSWER, 200, { 'set-cookie': CANARY.setCookie }), {}, '200'],
  ['401 that echoes the key', answerJson(errorBody(echoes), 401), {}, '502'],
  ['401 that echoes a part of the key', answerJson(errorBody('Incorrect API key: canary-u…ey-a'), 401), {}, '502'],
  [
    '403 in text that echoes the key',
    (_, response) => void response.writeHead(403, { 'content-type': 'text/plain' }).end(echoes),
    {},
    '502',
  ],
  ['400 that echoes the key', answerJson(errorBody(echoes), 400), {}, '502'],
  [
    '422 with the key in a list',
    answerJson({ detail: [{ loc: ['header'], input: { authorization: `Bearer ${CANARY.keyA}` } }] }, 422),
    {},
    '502',
  ],
  ['500 that echoes the key', answerJson(errorBody(echoes), 500), {}, '502'],
  [
    '500 in HTML that echoes the key',
    (_, response) => void response.writeHead(500, { 'content-type': 'text/html' }).end(`<pre>${echoes}</pre>`),
    {},
    '502',
  ],
  ['429 that echoes the key', answerJson(errorBody(echoes), 429, { 'set-cookie': CANARY.setCookie }), {}, '502'],
  ['200 with an error that echoes the key', answerJson(errorBody(echoes)), {}, '502'],
  [
    '200 that is no JSON',
    (_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end(`<p>${echoes}</p>`),
    {},
    '502',
  ],
  ['a stream that begins with an error', answerEvents([`data: ${JSON.stringify(errorBody(echoes))}\n\n`]), { stream: true }, '502'],
  [
    'a stream that breaks off',
    (_, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(chunk('hello'), () => response.destroy()),
    { stream: true },
    '200',
  ],
  ['a connection that breaks', cut, {}, '502'],
  [
    'Anthropic’s 401',
    answerJson({ type: 'error', error: { type: 'authentication_error', message: `invalid x-api-key ${CANARY.keyA}` } }, 401),
    { model: 'claude', path: '/anthropic/v1/messages' },
    '502',
  ],
  ['an extension that throws the prompt', answerJson(), { headers: { 'x-throw': 'authorize' } }, '500'],
  ['an extension that throws what a parser quotes', answerJson(), { headers: { 'x-throw': 'parse' } }, '500'],
  ['an extension that throws in an attempt', answerJson(), { headers: { 'x-throw': 'attempt' } }, '500'],
  ['an extension that throws at the end', answerJson(), { headers: { 'x-throw': 'settled' } }, '200'],
  ['bad JSON', answerJson(), { body: JSON.stringify(BODY).slice(0, -1) }, '400'],
  ['no model', answerJson(), { body: JSON.stringify(BODY) }, '400'],
  ['an unknown model', answerJson(), { model: 'unknown' }, '404'],
  ['an unknown path', answerJson(), { path: '/v1/chat/completion' }, '404'],
  ['an endpoint that the backend has not', answerJson(), { model: 'claude', path: '/v1/embeddings' }, '422'],
];

/** Names of the secrets that a text holds, with the text around the first one. */
function found(text: string, names: readonly Name[]): string[] {
  return names
    .filter((name) => text.includes(CANARY[name]))
    .map((name) => `${name}: ${text.slice(Math.max(0, text.indexOf(CANARY[name]) - 200)).slice(0, 400)}`);
}

const ALL = Object.keys(CANARY) as Name[];

async function operatorsView(): Promise<string> {
  const pages = await Promise.all(['/metrics', '/config', '/readyz'].map(async (path) => (await fetch(gateway.adminUrl + path)).text()));
  return [...gateway.accessLog.map((line) => JSON.stringify(line)), ...gateway.log, ...pages].join('\n');
}

function received(upstream: Upstream): string {
  return upstream.seen.map(({ url, rawHeaders }) => `${url} ${rawHeaders.join(' ')}`).join('\n');
}

describe('no secret is told', () => {
  test.each(FAULTS)('%s', async (_, answer, options, begins) => {
    a.seen.length = 0;
    a.answer = answer;
    const told = await call(options);
    expect(told.slice(0, 3)).toBe(begins);
    expect(found(told, ['keyA', 'keyB', 'setCookie', ...CLIENT_CREDENTIALS])).toEqual([]);
    expect(found(await operatorsView(), ALL)).toEqual([]);
    expect(found(received(a), CLIENT_CREDENTIALS)).toEqual([]);
  });

  test('a stream that ends with an error that echoes the key', async () => {
    a.answer = answerEvents([chunk('hello'), `data: ${JSON.stringify(errorBody(echoes))}\n\n`]);
    expect(found(await call({ stream: true }), ['keyA'])).toEqual([]);
  });

  test('a failed extension is named in the log, with the place where it threw', () => {
    const lines = gateway.log.filter((line) => line.includes('"throwing\\"'));
    for (const hook of ['authorize', 'attempt', 'settled']) {
      const line = lines.find((each) => each.includes(`hook \\"${hook}\\"`));
      expect(line).toContain('canary.test.ts');
    }
  });

  test('a retry at another backend', async () => {
    for (const answer of [answerJson(errorBody(echoes), 401), answerJson(errorBody(echoes), 500), answerJson(errorBody(echoes)), cut]) {
      a.seen.length = b.seen.length = 0;
      a.answer = answer;
      b.answer = answerJson();
      const told = await call({ model: 'a-then-b' });
      expect(told.slice(0, 3)).toBe('200');
      expect(found(told, ['keyA', 'keyB'])).toEqual([]);
      expect(found(received(b), ['keyA', ...CLIENT_CREDENTIALS])).toEqual([]);
      expect(found(received(a), ['keyB', ...CLIENT_CREDENTIALS])).toEqual([]);
      expect(received(a)).toContain(CANARY.keyA);
      expect(received(b)).toContain(CANARY.keyB);
    }
    expect(found(await operatorsView(), ALL)).toEqual([]);
  });

  test('a backend that echoes the key of another one', async () => {
    a.answer = answerJson(errorBody('overloaded'), 503);
    b.answer = scripts(answerJson(errorBody(`no such key ${CANARY.keyB}`), 401));
    expect(found(await call({ model: 'a-then-b' }), ['keyA', 'keyB'])).toEqual([]);
    expect(found(await operatorsView(), ALL)).toEqual([]);
  });

  test('a backend without a credential gets none', async () => {
    a.seen.length = 0;
    a.answer = answerJson();
    expect((await call({ model: 'keyless' })).slice(0, 3)).toBe('200');
    expect(found(received(a), ['keyA', 'keyB', ...CLIENT_CREDENTIALS])).toEqual([]);
  });

  test('an upload', async () => {
    const form = new FormData();
    form.append('prompt', CANARY.prompt);
    form.append('file', new Blob([CANARY.file]), `${CANARY.file}.wav`);
    form.append('model', 'only-a');
    for (const answer of [answerJson({ text: 'x' }), answerJson(errorBody(echoes), 500), cut]) {
      a.answer = answer;
      const told = await call({ path: '/v1/audio/transcriptions', body: form });
      expect(found(told, ['keyA', 'keyB', ...CLIENT_CREDENTIALS])).toEqual([]);
      expect(found(await operatorsView(), ALL)).toEqual([]);
    }
    expect(a.last().body.toString()).toContain(CANARY.file);
  });

  test('a client that leaves in the middle of a stream', async () => {
    a.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const timer = setInterval(() => response.write(chunk(CANARY.upstreamText)), 5);
      response.on('close', () => clearInterval(timer));
    };
    const before = gateway.accessLog.length;
    await new Promise<void>((resolve) => {
      const request = send(
        `${gateway.url}/v1/chat/completions?key=${CANARY.query}`,
        { method: 'POST', headers: { 'content-type': 'application/json', ...SECRETS } },
        (answer) => {
          answer.once('data', () => {
            request.destroy();
            resolve();
          });
          answer.on('error', () => undefined);
        },
      );
      request.on('error', () => undefined);
      request.end(JSON.stringify({ model: 'only-a', stream: true, ...BODY }));
    });
    while (gateway.accessLog.length === before)
      await new Promise((next) => {
        setTimeout(next, 5);
      });
    expect(gateway.accessLog.at(-1)).toMatchObject({ response_flags: 'DC', complete: false });
    expect(found(await operatorsView(), ALL)).toEqual([]);
  });

  test('the pages of the operator do not show what backends are sent, nor what they say', async () => {
    const view = await operatorsView();
    expect(view).toContain('only-a');
    expect(found(view, [...ALL, ...CLIENTS])).toEqual([]);
  });
});
