// Every endpoint at every API that has it: what a backend is really sent.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { schemaNamed } from './cloud.fixture.ts';
import { backendsYaml, routeYaml, startGateway, type TestBackend, type TestGateway } from './gateway.fixture.ts';
import { ENDPOINTS, type ApiEndpoint, DEFAULT_PREFIXES } from '#core/read/endpoints';
import { serves } from '#core/providers/way';
import { type Recorded, type Recorder, startRecorder } from './recorder.fixture.ts';

let upstream: Recorder;
let gateway: TestGateway;

/** Backends by schema and prefix; each is the route `model-NAME`, and with another model's name `renamed-NAME`. */
const BACKENDS: readonly (Omit<TestBackend, 'port'> & { readonly prefix?: string; readonly base: string })[] = [
  { name: 'openai', base: '/v1/' },
  { name: 'prefixed', prefix: 'v1beta/openai', base: '/v1beta/openai/' },
  { name: 'slashes', prefix: '/api//v3/', base: '/api/v3/' },
  { name: 'azure', schema: 'AzureOpenAI', base: '/openai/deployments/MODEL/' },
  { name: 'anthropic', schema: 'Anthropic', base: '/v1/' },
  { name: 'anthropic-prefixed', schema: 'Anthropic', prefix: 'anthropic/v1', base: '/anthropic/v1/' },
  { name: 'cohere', schema: 'Cohere', base: '/v2/' },
];

/** APIs whose backends take a key. */
type Keyed = NonNullable<TestBackend['schema']>;

const CREDENTIALS: Record<Keyed, (key: string) => [string, string]> = {
  OpenAI: (key) => ['authorization', `Bearer ${key}`],
  AzureOpenAI: (key) => ['api-key', key],
  Anthropic: (key) => ['x-api-key', key],
  Cohere: (key) => ['authorization', `Bearer ${key}`],
};

beforeAll(async () => {
  upstream = await startRecorder();
  const backends = BACKENDS.map(({ name, schema }) => ({
    name,
    port: upstream.port,
    key: `key-of-${name}`,
    ...(schema === undefined ? {} : { schema }),
  }));
  let yaml = backendsYaml(backends);
  for (const { name, schema = 'OpenAI', prefix } of BACKENDS) {
    if (prefix === undefined) continue;
    yaml = yaml.replace(`metadata: {name: ${name}}\nspec: {schema: {name: ${schema}`, `$&, prefix: ${prefix}`);
  }
  const routes = BACKENDS.flatMap(({ name }) => [
    routeYaml(`model-${name}`, [name]),
    routeYaml(`renamed-${name}`, [name]).replace(
      `{name: ${name}, priority: 0}`,
      `{name: ${name}, priority: 0, modelNameOverride: real/model.1}`,
    ),
  ]);
  gateway = await startGateway({ yaml: [yaml, ...routes].join('\n---\n') });
});

beforeEach(() => {
  upstream.seen.length = 0;
});

afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

const CLIENT_SECRETS = {
  authorization: 'Bearer client-secret-1',
  'x-api-key': 'client-secret-2',
  'api-key': 'client-secret-3',
  cookie: 'session=client-secret-4',
  'x-goog-api-key': 'client-secret-5',
  'proxy-authorization': 'Basic client-secret-6',
  'x-aigw-api-key': 'client-secret-7',
};

function pathOf(endpoint: ApiEndpoint): string {
  return DEFAULT_PREFIXES[endpoint.dialect].replace(/\/$/, '') + endpoint.path;
}

/** White space and a number that a serializer would write in another way. */
const BODY = '{"input" : "x","model":"MODEL", "n": 1.0}';
const FILE = [0, 255, 13, 10, 45, 45];

async function ask(endpoint: ApiEndpoint, model: string, query = '', headers: Record<string, string> = CLIENT_SECRETS) {
  let body: string | FormData;
  const type: Record<string, string> = {};
  if (endpoint.body === 'multipart') {
    body = new FormData();
    body.append('file', new Blob([Buffer.from(FILE)]), 'a.wav');
    body.append('model', model);
  } else {
    body = BODY.replace('MODEL', model);
    type['content-type'] = 'application/json';
  }
  const answer = await fetch(gateway.url + pathOf(endpoint) + query, { method: endpoint.method, body, headers: { ...type, ...headers } });
  return { status: answer.status, text: await answer.text() };
}

/** A JSON body as it came, or the fields of a form. */
async function contentOf({ body, headers }: Recorded): Promise<string | { model: unknown; file: number[] }> {
  const type = headers['content-type']!;
  if (!type.startsWith('multipart/')) return body.toString();
  const form = await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData();
  return { model: form.get('model'), file: [...new Uint8Array(await (form.get('file') as File).arrayBuffer())] };
}

function headerLines({ rawHeaders }: Recorded, name: string): string[] {
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]!.toLowerCase() === name);
}

const CASES = ENDPOINTS.filter(({ operation }) => operation !== 'models').flatMap((endpoint) =>
  BACKENDS.map((backend) => ({
    endpoint,
    backend,
    schema: backend.schema ?? ('OpenAI' as const),
    title: `${endpoint.dialect} ${endpoint.operation} at ${backend.name}`,
  })),
);
const served = CASES.filter(({ endpoint, schema }) => endpoint.upstream[schema] !== undefined);
const unserved = CASES.filter(({ endpoint, schema }) => !serves(endpoint, schemaNamed(schema)));

describe.each(served)('$title', ({ endpoint, backend, schema }) => {
  const expectedPath = (model: string) => {
    const below = endpoint.upstream[schema]!;
    if (schema === 'AzureOpenAI') {
      const deployment = below.startsWith('responses') ? '/openai/' : backend.base.replace('MODEL', encodeURIComponent(model));
      return `${deployment}${below}?api-version=2024-10-21`;
    }
    return below.startsWith('/') ? below : backend.base + below;
  };

  test('gets the path, the host and the credential of its own API, and no credential of the client', async () => {
    const { status } = await ask(endpoint, `model-${backend.name}`);
    expect(status).toBe(200);
    const request = upstream.last();
    expect(request.method).toBe('POST');
    expect(request.url).toBe(expectedPath(`model-${backend.name}`));
    expect(headerLines(request, 'host')).toEqual([`127.0.0.1:${upstream.port}`]);
    const [name, value] = CREDENTIALS[schema](`key-of-${backend.name}`);
    expect(headerLines(request, name)).toEqual([value]);
    expect(JSON.stringify([request.url, request.rawHeaders, request.body.toString('latin1')])).not.toContain('client-secret');
    expect(request.rawHeaders.map((line) => line.toLowerCase())).not.toContain('x-ai-eg-model');
  });

  test('passes what is no credential of the query', async () => {
    await ask(
      endpoint,
      `model-${backend.name}`,
      '?beta=true&key=client-secret&a%62c=1&api_key=client-secret&%61ccess_token=client-secret&x=y%26z',
    );
    const { url } = upstream.last();
    expect(url).not.toContain('client-secret');
    const own = schema === 'AzureOpenAI' ? '' : '?beta=true&a%62c=1&x=y%26z';
    expect(url).toBe(expectedPath(`model-${backend.name}`) + own);
  });

  test('gets its own name of the model, and else the body of the client', async () => {
    for (const [asked, sent] of [
      [`model-${backend.name}`, `model-${backend.name}`],
      [`renamed-${backend.name}`, 'real/model.1'],
    ] as const) {
      await ask(endpoint, asked);
      expect(upstream.last().url).toBe(expectedPath(sent));
      expect(await contentOf(upstream.last())).toEqual(
        endpoint.body === 'json' ? BODY.replace('MODEL', sent) : { model: sent, file: FILE },
      );
    }
  });
});

test.each(unserved)('$title is 422 and names the endpoint', async ({ endpoint, backend, schema }) => {
  const { status, text } = await ask(endpoint, `model-${backend.name}`);
  expect(status).toBe(422);
  expect(text).toContain(endpoint.path);
  expect(text).toContain(schema);
  expect(upstream.seen).toHaveLength(0);
});

describe('a model of Azure is one segment of the path', () => {
  const chat = ENDPOINTS.find(({ operation }) => operation === 'chat')!;
  let any: TestGateway;

  beforeAll(async () => {
    const route = routeYaml('any', ['azure']).replace('type: Exact', 'type: RegularExpression').replace('value: any', "value: '(?s).*'");
    any = await startGateway({
      yaml: [backendsYaml([{ name: 'azure', port: upstream.port, schema: 'AzureOpenAI', key: 'k' }]), route].join('\n---\n'),
    });
  });

  afterAll(() => any.close());

  const post = (model: string) =>
    fetch(`${any.url}${pathOf(chat)}`, {
      method: 'POST',
      body: JSON.stringify({ model }),
      headers: { 'content-type': 'application/json' },
    });

  test.each([
    'a/b',
    '../../secrets',
    '..%2f..%2fx',
    'a?api-version=1&x=',
    'a#b',
    'a b',
    'ä/日本',
    '%2e%2e',
    '.hidden',
    '...',
    '\\..\\x',
    'a\r\nHost: evil',
    'a;b',
  ])('%j', async (model) => {
    expect((await post(model)).status).toBe(200);
    expect(upstream.last().url).toBe(`/openai/deployments/${encodeURIComponent(model)}/chat/completions?api-version=2024-10-21`);
    expect(new URL(upstream.last().url, 'http://h').pathname.split('/')).toHaveLength(6);
    expect(upstream.last().headers.host).toBe(`127.0.0.1:${upstream.port}`);
  });

  test.each(['.', '..', '\ud800'])('%j is none', async (model) => {
    const answer = await post(model);
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain('no name of a deployment');
    expect(upstream.seen).toHaveLength(0);
    // A client's mistake says nothing about the backend.
    expect((await post('good')).status).toBe(200);
  });
});
