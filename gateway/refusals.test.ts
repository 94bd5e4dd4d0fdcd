// What the gateway answers by itself, in the words of the API that the client speaks.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { backendsYaml, routeYaml, startGateway, type TestGateway } from './gateway.fixture.ts';
import { type Recorder, startRecorder } from './recorder.fixture.ts';

let upstream: Recorder;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await startRecorder();
  gateway = await startGateway({
    yaml: [
      backendsYaml([
        { name: 'a', port: upstream.port },
        { name: 'n', port: upstream.port, schema: 'Anthropic' },
        { name: 'c', port: upstream.port, schema: 'Cohere' },
      ]),
      routeYaml('gpt-5-mini', ['a']),
      routeYaml('claude-haiku-4-5', ['n']),
      routeYaml('rerank-v3', ['c']),
    ].join('\n---\n'),
  });
});

beforeEach(() => {
  upstream.seen.length = 0;
});

afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

const JSON_TYPE = { 'content-type': 'application/json' };

async function post(path: string, body: string | FormData, headers: Record<string, string> = JSON_TYPE) {
  const answer = await fetch(gateway.url + path, { method: 'POST', body, headers });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

interface Told {
  readonly message: string;
  readonly type?: string;
  readonly param?: unknown;
  readonly code?: unknown;
}

/** The parts of an error in each API's own form; throws when it has another one. */
const SHAPES = {
  openai: (text: string): Told => {
    const body = JSON.parse(text) as { error: Told };
    expect(Object.keys(body)).toEqual(['error']);
    expect(Object.keys(body.error).sort()).toEqual(['code', 'message', 'param', 'type']);
    return body.error;
  },
  anthropic: (text: string): Told => {
    const body = JSON.parse(text) as { type: string; error: Told; request_id: string };
    expect(body.type).toBe('error');
    expect(typeof body.error.type).toBe('string');
    expect(body.request_id).not.toBe('');
    return body.error;
  },
  cohere: (text: string): Told => {
    const body = JSON.parse(text) as Told & { id: string };
    expect(typeof body.message).toBe('string');
    expect(body).not.toHaveProperty('error');
    return body;
  },
};

const APIS = [
  ['openai', '/v1/chat/completions', 'gpt-5-mini'],
  ['openai', '/v1/responses', 'gpt-5-mini'],
  ['anthropic', '/anthropic/v1/messages', 'claude-haiku-4-5'],
  ['cohere', '/cohere/v2/rerank', 'rerank-v3'],
] as const;

const form = (fields: Record<string, string>) => {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  data.append('file', new Blob(['x']), 'a.wav');
  return data;
};

const ask = async (id: string) =>
  (await post('/v1/chat/completions', '{}', { ...JSON_TYPE, 'x-request-id': id })).headers.get('x-request-id');

describe.each(APIS)('an error of the %s API at %s', (api, path, model) => {
  test('bad JSON', async () => {
    const { status, text, headers } = await post(path, '{"model":');
    expect(status).toBe(400);
    expect(headers.get('content-type')).toMatch(/^application\/json/);
    expect(SHAPES[api](text).message).toContain('no JSON object');
  });

  test('no model', async () => {
    const { status, text } = await post(path, '{}');
    expect(status).toBe(400);
    expect(SHAPES[api](text).message).toContain('has no "model"');
  });

  test('an unknown model, with the nearest one', async () => {
    const { status, text } = await post(path, JSON.stringify({ model: `${model}x` }));
    expect(status).toBe(404);
    expect(SHAPES[api](text).message).toBe(`no route serves the model "${model}x"; did you mean "${model}"?`);
  });

  test('a model whose name is none', async () => {
    const { status, text } = await post(path, JSON.stringify({ model: '"}\r\n<script>\u0000' }));
    expect(status).toBe(404);
    expect(SHAPES[api](text).message).toContain('<script>');
  });

  test('a wrong method names the right one', async () => {
    for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) {
      const answer = await fetch(gateway.url + path, { method });
      expect(answer.status).toBe(405);
      expect(answer.headers.get('allow')).toBe('POST');
      expect(SHAPES[api](await answer.text()).message).toContain(`takes POST, not ${method}`);
    }
  });

  test('an unknown path, with the nearest one', async () => {
    const { status, text } = await post(`${path}s`, '{}');
    expect(status).toBe(404);
    expect(SHAPES[api](text).message).toContain(`did you mean "${path}"?`);
  });

  test.each([
    undefined,
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/jsonp',
    'multipart/form-data; boundary=b',
    'text/json',
  ])('the content type %s', async (type) => {
    const answer = await fetch(gateway.url + path, {
      method: 'POST',
      body: Buffer.from(JSON.stringify({ model })),
      headers: type === undefined ? {} : { 'content-type': type },
    });
    expect(answer.status).toBe(415);
    expect(SHAPES[api](await answer.text()).message).toContain('application/json');
  });

  test.each(['gzip', 'br', 'deflate, gzip', 'x'])('the content coding %s', async (coding) => {
    const { status, text } = await post(path, '{}', { ...JSON_TYPE, 'content-encoding': coding });
    expect(status).toBe(415);
    expect(SHAPES[api](text).message).toContain('content coding');
  });

  test('nothing of all this costs a request, and each leaves a line', async () => {
    const before = gateway.accessLog.length;
    await post(path, '{"model":');
    await post(path, '{}');
    expect(upstream.seen).toHaveLength(0);
    expect(gateway.accessLog.slice(before).map((line) => line['response_code_details'])).toEqual(['TK_BAD_JSON', 'TK_MODEL_REQUIRED']);
  });
});

describe('content types that are JSON', () => {
  test.each(['application/json', 'Application/JSON; charset=utf-8', 'application/json;charset="utf-8"', 'application/vnd.api+json'])(
    '%s',
    async (type) => {
      const { status } = await post('/v1/chat/completions', '{"model":"gpt-5-mini"}', { 'content-type': type });
      expect(status).toBe(200);
    },
  );
});

describe('uploads', () => {
  test.each([
    ['without a model', {}, 400, /no field "model"/],
    ['with an empty model', { model: '' }, 400, /"model" is empty/],
    ['of an unknown model', { model: 'gpt-5-mino' }, 404, /did you mean "gpt-5-mini"/],
  ])('%s', async (_, fields, status, message) => {
    const answer = await post('/v1/audio/transcriptions', form(fields), {});
    expect(answer.status).toBe(status);
    expect(SHAPES.openai(answer.text)).toMatchObject({ param: 'model', message: expect.stringMatching(message) as unknown });
  });

  test('with two models', async () => {
    const data = form({ model: 'gpt-5-mini' });
    data.append('model', 'claude-haiku-4-5');
    const answer = await post('/v1/audio/transcriptions', data, {});
    expect(answer.status).toBe(400);
    expect(answer.text).toContain('twice');
    expect(upstream.seen).toHaveLength(0);
  });

  test('that are JSON', async () => {
    expect((await post('/v1/audio/transcriptions', '{"model":"gpt-5-mini"}')).status).toBe(415);
  });
});

describe('ids of requests', () => {
  test('a plausible one of the client is kept, any other one is replaced', async () => {
    expect(await ask('my-id-1')).toBe('my-id-1');
    expect(await ask('a b')).toMatch(/^[\da-f]{32}$/);
    expect(await ask('x'.repeat(200))).toMatch(/^[\da-f]{32}$/);
    expect(await ask('<script>')).toMatch(/^[\da-f]{32}$/);
  });
});

describe('a path that no endpoint has', () => {
  test.each(['/', '/v1', '/v1/chat/completion', '/v1/files', '/favicon.ico', '/metrics', '/config', '/readyz', '/v1/models/gpt-5-mini'])(
    '%s',
    async (path) => {
      const answer = await fetch(gateway.url + path);
      expect(answer.status).toBe(404);
      expect(SHAPES.openai(await answer.text())).toMatchObject({ code: 'TK_UNKNOWN_PATH', type: 'invalid_request_error' });
    },
  );
});
