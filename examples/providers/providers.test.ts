// Each file as it is, in front of a fake of its provider: what arrives there, and what the client gets of the answer.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { Loader } from '#core/resources/load';
import { formatProblem } from '#core/resources/problem';
import { compile, newShared } from '#core/route/compile';
import { verificationKeys } from '#core/tiers/jws';
import { TierKeys } from '#core/tiers/keys';
import { RequestVerifier, TOKEN_HEADER } from '#core/tiers/request-token';

import { ask, eventually, logged } from '../../gateway/dialects.fixture.ts';
import { makeKeys } from '../../infra/local/keys.ts';
import { faultsOf, WITHOUT_CRDS } from '../../observability/crds.fixture.ts';
import { anthropic, bedrockClaude, vertexClaude } from './anthropic.fixture.ts';
import { converse } from './bedrock.fixture.ts';
import { type Client, CLIENTS } from './clients.fixture.ts';
import { rerank } from './cohere.fixture.ts';
import { type Compatible, compatible } from './compatible.fixture.ts';
import { type Fake, refusal, startFake, type Started } from './fake.fixture.ts';
import { gemini } from './gemini.fixture.ts';
import { entra, googleIdentity } from './identities.fixture.ts';
import { documents, type Loaded, read, startWith } from './loaded.fixture.ts';
import * as tables from './tables.fixture.ts';
import { KEY } from './tables.fixture.ts';

const FILES = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => name.replace('.yaml', ''));

const keys = makeKeys();
const tierKeys = new TierKeys(keys.tierOne, () => undefined);
/** As tier two has it. */
const verifier = new RequestVerifier(verificationKeys(readFileSync(keys.tierTwo.peerKeys, 'utf8')), 'models');

const NAMES = ['chat', 'messages', 'responses'] as const;

interface Provider {
  readonly file: string;
  /** Variable of the key. */
  readonly key?: string;
  readonly fake: Fake;
  readonly model: string;
  /** What the access log says of an answer. */
  readonly usage: object;
  /** Model of embeddings. */
  readonly embeddings?: string;
}

const COUNTED = { genai_tokens_input: 5, genai_tokens_output: 7, genai_tokens_total: 12 };
const CACHED = { ...COUNTED, genai_tokens_cached_input: 4 };
const THOUGHT = { ...CACHED, genai_tokens_reasoning: 3 };

const of = (file: string, key: string | undefined, table: Compatible, model: string, usage: object, embeddings?: string): Provider => ({
  file,
  ...(key === undefined ? {} : { key }),
  fake: compatible(table),
  model,
  usage,
  ...(embeddings === undefined ? {} : { embeddings }),
});

const AWS_KEYS = { id: 'AKIAIOSFODNN7EXAMPLE', secret: KEY, region: 'us-east-1' };
const AWS_FILE = `[default]\naws_access_key_id = ${AWS_KEYS.id}\naws_secret_access_key = ${KEY}\n`;
const GOOGLE_TOKEN = 'ya29.token-of-google';
const BEDROCK = { host: 'bedrock-runtime.us-east-1.amazonaws.com', headers: {} };
const vertex = (region: string, model: string, whole: string, stream: string) => {
  const place = `/v1/projects/your-project/locations/${region}/publishers/${model}`;
  return {
    host: `${region}-aiplatform.googleapis.com`,
    headers: { authorization: `Bearer ${GOOGLE_TOKEN}` },
    paths: { whole: `${place}:${whole}`, stream: `${place}:${stream}` },
  };
};
const invoked = (model: string, whole: string, stream: string) => ({
  ...BEDROCK,
  paths: { whole: `/model/${encodeURIComponent(model)}/${whole}`, stream: `/model/${encodeURIComponent(model)}/${stream}` },
});

const GEMINI = vertex('us-central1', 'google/models/gemini-3.5-flash', 'generateContent', 'streamGenerateContent?alt=sse');
const COHERE = compatible(tables.COHERE);
const RERANK = rerank({ host: 'api.cohere.com', paths: { rerank: '/v2/rerank' }, headers: { authorization: `Bearer ${KEY}` } });
const HAIKU = 'us.anthropic.claude-haiku-4-5-20251001-v1:0';
const NOVA = 'us.amazon.nova-2-lite-v1:0';

const PROVIDERS: readonly Provider[] = [
  of('openai', 'OPENAI_API_KEY', tables.OPENAI, 'gpt-6-luna', THOUGHT, 'text-embedding-3-small'),
  of('azure-openai', 'AZURE_OPENAI_API_KEY', tables.AZURE, 'azure/gpt-6-luna', THOUGHT, 'azure/text-embedding-3-small'),
  of('azure-openai-entra', 'AZURE_CLIENT_SECRET', tables.AZURE_ENTRA, 'azure-entra/gpt-6-luna', THOUGHT),
  of('google-ai-studio', 'GEMINI_API_KEY', tables.GOOGLE, 'gemini-3.5-flash', COUNTED, 'gemini-embedding-001'),
  {
    ...of('cohere', 'COHERE_API_KEY', tables.COHERE, 'command-a-03-2025', COUNTED, 'embed-v4.0'),
    fake: (request) => (request.url.startsWith('/v2/') ? RERANK : COHERE)(request),
  },
  of('mistral', 'MISTRAL_API_KEY', tables.MISTRAL, 'mistral-medium-latest', CACHED, 'mistral-embed'),
  of('groq', 'GROQ_API_KEY', tables.GROQ, 'openai/gpt-oss-120b', THOUGHT),
  of('together', 'TOGETHER_API_KEY', tables.TOGETHER, 'moonshotai/Kimi-K2.5', CACHED),
  of('deepseek', 'DEEPSEEK_API_KEY', tables.DEEPSEEK, 'deepseek-v4-flash', THOUGHT),
  of('grok', 'XAI_API_KEY', tables.GROK, 'grok-4.6', THOUGHT),
  of('sambanova', 'SAMBANOVA_API_KEY', tables.SAMBANOVA, 'gpt-oss-120b', CACHED),
  of('deepinfra', 'DEEPINFRA_API_KEY', tables.DEEPINFRA, 'deepseek-ai/DeepSeek-V4-Flash-0731', CACHED, 'BAAI/bge-m3'),
  of('hunyuan', 'HUNYUAN_API_KEY', tables.HUNYUAN, 'hunyuan-turbos-latest', COUNTED, 'hunyuan-embedding'),
  of('ollama', undefined, tables.OLLAMA, 'gpt-oss:20b', COUNTED, 'nomic-embed-text'),
  of('vllm', undefined, tables.VLLM, 'Qwen/Qwen3-8B', CACHED, 'Qwen/Qwen3-8B'),
  {
    file: 'anthropic',
    key: 'ANTHROPIC_API_KEY',
    fake: anthropic({
      host: 'api.anthropic.com',
      headers: { 'x-api-key': KEY, 'anthropic-version': '2023-06-01' },
      paths: { messages: '/v1/messages', count: '/v1/messages/count_tokens' },
    }),
    model: 'claude-haiku-5-5',
    usage: CACHED,
  },
  {
    file: 'vertex-claude',
    key: 'GCP_SERVICE_ACCOUNT',
    fake: vertexClaude(vertex('us-east5', 'anthropic/models/claude-haiku-4-5@20251001', 'rawPredict', 'streamRawPredict')),
    model: 'claude-haiku-4-5@20251001',
    usage: CACHED,
  },
  {
    file: 'vertex-gemini',
    key: 'GCP_SERVICE_ACCOUNT',
    fake: gemini({
      ...GEMINI,
      paths: {
        ...GEMINI.paths,
        embeddings: GEMINI.paths.whole.replace('gemini-3.5-flash:generateContent', 'gemini-embedding-001:predict'),
      },
    }),
    embeddings: 'vertex/gemini-embedding-001',
    model: 'vertex/gemini-3.5-flash',
    usage: THOUGHT,
  },
  {
    file: 'bedrock-claude',
    key: 'AWS_CREDENTIALS',
    fake: bedrockClaude(invoked(HAIKU, 'invoke', 'invoke-with-response-stream'), AWS_KEYS),
    model: HAIKU,
    usage: CACHED,
  },
  {
    file: 'bedrock',
    key: 'AWS_CREDENTIALS',
    fake: converse(
      {
        ...BEDROCK,
        paths: { ...invoked(NOVA, 'converse', 'converse-stream').paths, embeddings: '/model/amazon.titan-embed-text-v2%3A0/invoke' },
      },
      AWS_KEYS,
    ),
    embeddings: 'amazon.titan-embed-text-v2:0',
    model: NOVA,
    usage: CACHED,
  },
  {
    file: 'tier-two',
    fake: (request) => {
      const token = request.headers[TOKEN_HEADER];
      if (typeof token !== 'string') return refusal(401, 'no token of tier one');
      const { model } = verifier.verify(token, Date.now());
      return model === 'demo-small'
        ? compatible({ ...tables.VLLM, host: 'tier-two.example.com' })(request)
        : refusal(403, `a token for ${model}`);
    },
    model: 'demo-small',
    usage: CACHED,
  },
];

/** What a client has of its own: all of it stays at the gateway. */
const CANARY = {
  authorization: 'Bearer client-canary',
  'x-api-key': 'client-canary',
  'api-key': 'client-canary',
  'x-goog-api-key': 'client-canary',
  'x-amz-security-token': 'client-canary',
  cookie: 'session=client-canary',
  [TOKEN_HEADER]: 'client-canary',
};

const closing: (() => unknown)[] = [() => tierKeys.close(), () => keys.remove()];
/** Values of variables that are no plain key. */
const VALUES: Record<string, string> = { AWS_CREDENTIALS: AWS_FILE };

beforeAll(async () => {
  const [google, azure] = await Promise.all([googleIdentity(GOOGLE_TOKEN), entra(KEY, 'token-of-entra')]);
  VALUES['GCP_SERVICE_ACCOUNT'] = google.file;
  vi.stubEnv('AZURE_AUTHORITY_HOST', azure.url);
  closing.push(google.close, azure.close, () => vi.unstubAllEnvs());
});
afterAll(async () => {
  for (const close of closing.toReversed()) await close();
});

const hostOf = (file: string) => {
  const [policy] = documents(file).filter(({ kind }) => kind === 'BackendTLSPolicy');
  return (policy?.spec?.['validation'] as { hostname: string } | undefined)?.hostname;
};

/** Tier one with the file, and its fake. */
async function serving(file: string, fake: Fake): Promise<[Loaded, Started]> {
  const { key } = PROVIDERS.find((each) => each.file === file)!;
  const provider = await startFake(fake, hostOf(file));
  const gateway = await startWith(file, provider, key === undefined ? {} : { [key]: VALUES[key] ?? KEY }, tierKeys);
  // Tokens are fetched once it is in service.
  const ready = async () => (await fetch(`${gateway.adminUrl}/readyz`)).text();
  await eventually(async () => !/"status":"(starting|failing)"/.test(await ready()), 'the credential is there');
  return [gateway, provider];
}

async function using(file: string, then: (gateway: Loaded, provider: Started) => Promise<void>, fake?: Fake): Promise<void> {
  const [gateway, provider] = await serving(file, fake ?? PROVIDERS.find((each) => each.file === file)!.fake);
  try {
    await then(gateway, provider);
  } finally {
    await gateway.close();
    await provider.close();
  }
}

describe.each(PROVIDERS)('$file', ({ file, fake, model, usage }) => {
  let provider: Started;
  let gateway: Loaded;
  beforeAll(async () => {
    [gateway, provider] = await serving(file, fake);
  });
  afterAll(async () => {
    await gateway.close();
    await provider.close();
  });

  const asked = async (client: Client, stream: boolean) => {
    provider.seen.length = 0;
    gateway.accessLog.length = 0;
    const answer = await ask(gateway.url, `${client.path}?key=client-canary`, client.request(model, stream), {
      ...CANARY,
      ...client.headers,
    });
    return { answer, request: provider.seen[0]! };
  };

  test.each(NAMES.flatMap((name) => [false, true].map((stream) => ({ name, stream }))))(
    '$name, stream: $stream',
    async ({ name, stream }) => {
      const client = CLIENTS[name];
      const { answer, request } = await asked(client, stream);
      expect({ status: answer.status, whole: answer.whole, text: answer.status === 200 ? '' : answer.text }).toEqual({
        status: 200,
        whole: true,
        text: '',
      });
      expect(stream ? client.stream(answer.text) : client.whole(answer.text)).toEqual({
        text: 'hello',
        finish: client.finish,
        ended: true,
      });
      expect(provider.seen).toHaveLength(1);
      expect(JSON.stringify([request.url, request.rawHeaders])).not.toContain('canary');
      const line = await logged(gateway.accessLog);
      expect(line).toMatchObject({
        response_code: 200,
        complete: true,
        usage_source: 'reported',
        genai_model_name: model,
        response_model: expect.stringMatching(/./) as unknown,
      });
      // What passes as responses is counted as responses say it.
      expect(line).toMatchObject(request.url.includes('/responses') ? COUNTED : usage);
      expect(JSON.stringify(line)).not.toMatch(/canary|key-of-the-gateway/);
    },
  );
});

const EMBEDDING = PROVIDERS.flatMap(({ file, embeddings }) => (embeddings === undefined ? [] : [{ file, embeddings }]));

test.each(EMBEDDING)('$file: embeddings of $embeddings', ({ file, embeddings }) =>
  using(file, async (gateway, provider) => {
    const answer = await ask(gateway.url, '/v1/embeddings', { model: embeddings, input: 'hi' }, CANARY);
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({ data: [{ embedding: [0.25, -0.5] }] });
    expect(JSON.stringify(provider.seen[0]!.rawHeaders)).not.toContain('canary');
    expect(await logged(gateway.accessLog)).toMatchObject({ genai_tokens_input: 2, genai_tokens_total: 2 });
  }),
);

describe('what a provider has of its own', () => {
  test('Cohere ranks, and tells no tokens: they are estimated', () =>
    using('cohere', async (gateway) => {
      const answer = await ask(gateway.url, '/cohere/v2/rerank', { model: 'rerank-v5.0-pro', query: 'a', documents: ['a', 'b'] }, CANARY);
      expect(answer.status).toBe(200);
      expect(JSON.parse(answer.text)).toMatchObject({ results: [{ index: 0 }, { index: 1 }], meta: { billed_units: { search_units: 1 } } });
      expect(await logged(gateway.accessLog)).toMatchObject({ usage_source: 'estimated' });
    }));

  test('Anthropic counts tokens', () =>
    using('anthropic', async (gateway) => {
      const answer = await ask(
        gateway.url,
        '/anthropic/v1/messages/count_tokens',
        { model: 'claude-haiku-5-5', messages: [] },
        { 'anthropic-version': '2023-06-01' },
      );
      expect(JSON.parse(answer.text)).toEqual({ input_tokens: 5 });
    }));

  test('Mistral counts no tokens beforehand, and is not asked to', () =>
    using('mistral', async (gateway, provider) => {
      const model = 'mistral-small-latest';
      for (const [path, body] of [
        ['/anthropic/v1/messages/count_tokens', { model, messages: [{ role: 'user', content: 'hi' }] }],
        ['/v1/responses/input_tokens', { model, input: 'hi' }],
      ] as const)
        expect((await ask(gateway.url, path, body)).status).toBe(422);
      expect(provider.seen).toEqual([]);
    }));

  test.each(['deepseek', 'mistral', 'grok'])('thoughts of %s are thoughts to a client of messages', (file) =>
    using(file, async (gateway) => {
      const { model } = PROVIDERS.find((each) => each.file === file)!;
      const whole = await ask(gateway.url, CLIENTS.messages.path, CLIENTS.messages.request(model, false));
      expect(JSON.parse(whole.text)).toMatchObject({
        content: [
          { type: 'thinking', thinking: 'hm' },
          { type: 'text', text: 'hello' },
        ],
      });
      const { text } = await ask(gateway.url, CLIENTS.messages.path, CLIENTS.messages.request(model, true));
      expect([...text.matchAll(/"thinking_delta","thinking":"(\w+)"/g)].map(([, each]) => each).join('')).toBe('hm');
    }),
  );

  test.each([
    ['groq', 'logprobs', 400, "property 'logprobs' is unsupported"],
    ['mistral', 'store', 422, 'Extra inputs are not permitted'],
    ['grok', 'stop', 400, 'Argument not supported on this model: stop'],
    ['google-ai-studio', 'store', 400, String.raw`Unknown name \"store\"`],
    ['openai', 'top_k', 400, 'Unrecognized request argument supplied: top_k'],
  ])('%s refuses %s, and its client reads why', (file, field, status, words) =>
    using(file, async (gateway) => {
      const { model } = PROVIDERS.find((each) => each.file === file)!;
      const answer = await ask(gateway.url, CLIENTS.chat.path, { ...CLIENTS.chat.request(model, false), [field]: true });
      expect(answer.status).toBe(status);
      expect(answer.text).toContain(words);
    }),
  );

  test.each([
    ['mistral', 'temperature', 9, 'Extra'],
    ['google-ai-studio', 'temperature', 9, 'Unknown name'],
    ['grok', 'stop_sequences', ['a'], 'Argument not supported on this model: stop'],
  ])('an error of %s is told to a client of another API', (file, field, value, words) => {
    const { model } = PROVIDERS.find((each) => each.file === file)!;
    const table = { mistral: tables.MISTRAL, 'google-ai-studio': tables.GOOGLE, grok: tables.GROK }[file as 'mistral'];
    const refusing = compatible({ ...table, refuses: [field === 'stop_sequences' ? 'stop' : field] });
    return using(
      file,
      async (gateway) => {
        const told = await ask(gateway.url, CLIENTS.messages.path, { ...CLIENTS.messages.request(model, false), [field]: value });
        const { type, error } = JSON.parse(told.text) as { type: string; error: { type: string; message: string } };
        expect([told.status, type]).toEqual([file === 'mistral' ? 422 : 400, 'error']);
        expect(error.message).toContain(words);
      },
      refusing,
    );
  });
});

const models = (file: string) =>
  documents(file)
    .filter(({ kind }) => kind === 'AIGatewayRoute')
    .flatMap(({ spec }) => JSON.stringify(spec).match(/"x-ai-eg-model","value":"[^"]+"/g) ?? []);

describe('the files', () => {
  test('are all driven, but for the Gateway', () => {
    expect(PROVIDERS.map(({ file }) => file).toSorted()).toEqual(FILES.filter((file) => file !== 'gateway').toSorted());
  });

  test('name each model once: any of them can be given together', () => {
    const all = FILES.flatMap(models);
    expect(all.length).toBeGreaterThan(30);
    expect(all.filter((model, index) => all.indexOf(model) !== index)).toEqual([]);
  });

  test('have no problem, all together and unchanged', () => {
    const env = Object.fromEntries(PROVIDERS.flatMap(({ key }) => (key === undefined ? [] : [[key, VALUES[key] ?? KEY]])));
    const loaded = new Loader().load({ paths: [import.meta.dirname], env });
    expect([...loaded.problems, ...compile(loaded, newShared()).problems].map(formatProblem)).toEqual([]);
    expect(loaded.set.size).toBeGreaterThan(120);
  });

  test('are in the table of README.md, as they are', () => {
    const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8');
    const rows = new Map([...readme.matchAll(/^\| \[`([\w-]+)\.yaml`\]\(\1\.yaml\) \|.*$/gm)].map(([row, file]) => [file!, row]));
    expect([...rows.keys()].toSorted()).toEqual(FILES.filter((file) => file !== 'gateway').toSorted());
    for (const { file, key, embeddings } of PROVIDERS) {
      const row = rows.get(file)!;
      const schemas = documents(file)
        .filter(({ kind }) => kind === 'AIServiceBackend')
        .map(({ spec }) => spec!['schema'] as { name: string; prefix?: string });
      for (const { name, prefix } of schemas) expect(row).toContain(prefix === undefined ? name : `${name} \`${prefix}\``);
      expect(row).toContain(key === undefined ? file : `\`${key}\``);
      for (const model of models(file)) expect(row).toContain(`\`${/([^"]+)"$/.exec(model)![1]}\``);
      expect(
        row
          .split('|')
          .at(-2)!
          .split(', ')
          .map((each) => each.trim().split(' ')[0]),
      ).toEqual(expect.arrayContaining([...NAMES, ...(embeddings === undefined ? [] : ['embeddings'])]));
    }
  });

  test.each(FILES)('%s: the same name for every place, one host, and no secret', (file) => {
    const all = documents(file);
    const endpoints = all
      .filter(({ kind }) => kind === 'Backend')
      .map(({ spec }) => (spec!['endpoints'] as { fqdn?: { hostname: string; port: number } }[])[0]!.fqdn);
    const [host] = endpoints;
    expect(hostOf(file)).toBe(host?.port === 443 ? host.hostname : undefined);
    for (const { stringData = {} } of all)
      for (const value of Object.values(stringData))
        expect(value).toMatch(/^(put-your-\w+-here|\{\}|\[default\]\n(\w+ = put-your-[\w-]+-here\n)+)$/);
    expect(read(file)).not.toMatch(/sk-[\w-]{8}|AKIA|AIza|gsk_|xai-\w{8}|-----BEGIN|eyJ/);
    expect(read(file)).toMatch(/^# \S.*\n(# .*\n){1,4}apiVersion/);
  });

  describe.skipIf(WITHOUT_CRDS)('as their CRDs have them', () => {
    test.each(FILES)('%s', (file) => {
      const custom = documents(file).filter(({ apiVersion }) => apiVersion !== 'v1');
      expect(custom.length).toBeGreaterThan(0);
      expect(custom.flatMap((each) => faultsOf(each).map((fault) => `${each.kind} ${each.metadata.name}: ${fault}`))).toEqual([]);
    });
  });
});
