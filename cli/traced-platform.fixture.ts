// For tests: both tiers as processes that send traces, simulated pods, a provider that has every endpoint, and a server of MCP.
import { createServer } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { scripted } from '../gateway/mcp/scripted.fixture.ts';
import { makeKeys } from '../infra/local/keys.ts';
import { startPods } from '../kserve/simulator/start.ts';
import { type Env, type Running, start } from './command.fixture.ts';

export interface TracedPlatform {
  /** Of tier one. */
  readonly url: string;
  /** What the tiers have written, access logs included. */
  output(): string;
  /** Stops the tiers: their last spans are on their way when it resolves. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

const USAGE = { prompt_tokens: 11, completion_tokens: 4, total_tokens: 15, prompt_tokens_details: { cached_tokens: 5 } };
const RESPONSE = {
  id: 'resp_1',
  object: 'response',
  status: 'completed',
  model: 'm-2026',
  output: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'said by a response' }] }],
  usage: { input_tokens: 12, output_tokens: 5, total_tokens: 17 },
};
const MESSAGE = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-2026',
  content: [{ type: 'text', text: 'said by a message' }],
  stop_reason: 'end_turn',
  usage: { input_tokens: 6, cache_read_input_tokens: 4, output_tokens: 3 },
};

/** What the provider answers, by the end of its path. */
const ANSWERS: Readonly<Record<string, object>> = {
  '/chat/completions': {
    id: 'chat_1',
    model: 'm-2026',
    choices: [{ index: 0, message: { role: 'assistant', content: 'said by a chat' }, finish_reason: 'stop' }],
    usage: USAGE,
  },
  '/completions': {
    id: 'c_1',
    model: 'm-2026',
    choices: [{ index: 0, text: 'said by a completion', finish_reason: 'stop' }],
    usage: USAGE,
  },
  '/embeddings': { model: 'm-2026', data: [{ index: 0, embedding: [0.5, -0.25] }], usage: { prompt_tokens: 7, total_tokens: 7 } },
  '/responses': RESPONSE,
  '/images/generations': { created: 1, data: [{ url: 'http://x/y.png' }], usage: { input_tokens: 8, output_tokens: 2, total_tokens: 10 } },
  '/audio/transcriptions': { text: 'said in a recording', usage: { input_tokens: 9, output_tokens: 1, total_tokens: 10 } },
  '/rerank': { id: 'r', results: [{ index: 1, relevance_score: 0.75 }], meta: { billed_units: { input_tokens: 13, output_tokens: 0 } } },
  '/messages': MESSAGE,
  '/messages/count_tokens': { input_tokens: 6 },
  '/tokenize': { count: 2, tokens: [1, 2] },
};

const chunk = (delta: object, finish: string | null = null) => ({
  id: 'chat_2',
  model: 'm-2026',
  choices: [{ index: 0, delta, finish_reason: finish }],
});
const STREAMS: Readonly<Record<string, readonly (readonly [event: string | undefined, data: unknown])[]>> = {
  '/chat/completions': [
    [undefined, chunk({ role: 'assistant', content: 'said in ' })],
    [undefined, chunk({ content: 'pieces' })],
    [undefined, chunk({}, 'stop')],
    [undefined, { choices: [], usage: USAGE }],
    [undefined, '[DONE]'],
  ],
  '/messages': [
    ['message_start', { type: 'message_start', message: { ...MESSAGE, content: [], usage: { input_tokens: 6, output_tokens: 1 } } }],
    ['content_block_start', { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }],
    ['content_block_delta', { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'said in pieces' } }],
    ['content_block_stop', { type: 'content_block_stop', index: 0 }],
    ['message_delta', { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 3 } }],
    ['message_stop', { type: 'message_stop' }],
  ],
  '/responses': [
    ['response.created', { type: 'response.created', response: { id: 'resp_1' } }],
    ['response.output_text.delta', { type: 'response.output_text.delta', output_index: 0, delta: 'said' }],
    ['response.completed', { type: 'response.completed', response: RESPONSE }],
  ],
};

/** A key that is told nowhere. */
export const PROVIDER_KEY = 'sk-canary-0f8f1c2d3e4b5a69788796a5b4c3d2e1';

/** The model `broken` always fails, `flaky` at its first backend, `endless` never ends. */
async function startProvider(): Promise<{ port: number; close(): void }> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (data: Buffer) => chunks.push(data));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const path = Object.keys(ANSWERS)
        .sort((a, b) => b.length - a.length)
        .find((end) => request.url!.split('?')[0]!.endsWith(end))!;
      if (body.includes('"broken"')) {
        const error = { message: `no: ${request.headers.authorization}, you said ${body}`, type: 'server_error' };
        response.writeHead(500, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
        return;
      }
      const streams = body.includes('"stream":true') ? STREAMS[path] : undefined;
      if (streams === undefined) {
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(ANSWERS[path]));
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const events = body.includes('"endless"') ? streams.slice(0, 2) : streams;
      for (const [event, data] of events) {
        response.write(
          `${event === undefined ? '' : `event: ${event}\n`}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`,
        );
      }
      if (events === streams) response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as { port: number }).port,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

const GATEWAY = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: tierkit, listeners: [{name: http, port: 80, protocol: HTTP}]}`;

const PARENT = 'parentRefs: [{name: gw, kind: Gateway, group: gateway.networking.k8s.io}]';

function backend(name: string, port: number, schema: string, annotations = ''): string {
  return `
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: {name: ${name}${annotations}}
spec: {schema: {name: ${schema}}, backendRef: {group: gateway.envoyproxy.io, kind: Backend, name: ${name}}}
---${backendAt(name, port)}`;
}

function backendAt(name: string, port: number): string {
  return `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: ${name}}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: ${port}}}]}`;
}

function keyOf(name: string, type: string, field: string): string {
  return `
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: BackendSecurityPolicy
metadata: {name: ${name}}
spec:
  targetRefs: [{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: ${name}}]
  type: ${type}
  ${field}: {secretRef: {name: ${name}}}
---
apiVersion: v1
kind: Secret
metadata: {name: ${name}}
stringData: {apiKey: ${PROVIDER_KEY}}`;
}

function route(model: string, refs: readonly string[], group = ''): string {
  const list = refs.map((name, priority) => `{${group}name: ${name}, priority: ${priority}}`).join(', ');
  return `
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: {name: ${model}}
spec:
  ${PARENT}
  rules: [{matches: [{headers: [{type: Exact, name: x-ai-eg-model, value: ${model}}]}], backendRefs: [${list}]}]`;
}

const PRICES = `
apiVersion: tierkit.dev/v1alpha1
kind: PriceTable
metadata: {name: prices}
spec: {currency: USD, entries: [{model: m, prices: {input: "2", cachedInput: "1", output: "10"}}]}`;

/** @param env of both tiers */
export async function startTracedPlatform(env: Env): Promise<TracedPlatform> {
  const folder = mkdtempSync(join(tmpdir(), 'traced-'));
  const provider = await startProvider();
  const tools = await scripted('tools');
  const pods = await startPods({ model: 'own', pods: 2, port: 0, speed: 50, answerLength: { least: 5, most: 6 } });
  const keys = makeKeys();
  const two = serve('tier2', folder, env, keys.tierTwo, [
    GATEWAY,
    route('own', ['own'], 'group: inference.networking.k8s.io, kind: InferencePool, '),
    `
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: own, annotations: {tierkit.dev/endpoints: "${pods.map(({ url }) => new URL(url).host).join(',')}"}}
spec: {selector: {matchLabels: {app: own}}, targetPorts: [{number: 8000}]}`,
  ]);
  const one = serve('run', folder, env, keys.tierOne, [
    GATEWAY,
    backend('provider', provider.port, 'OpenAI'),
    keyOf('provider', 'APIKey', 'apiKey'),
    backend('dead', 9, 'OpenAI'),
    backend('claude', provider.port, 'Anthropic'),
    keyOf('claude', 'AnthropicAPIKey', 'anthropicAPIKey'),
    backend('cohere', provider.port, 'Cohere'),
    backend('tier-two', await portOf(two), 'OpenAI', ', annotations: {tierkit.dev/tier-two: models}'),
    ...['m', 'broken', 'endless'].map((model) => route(model, ['provider'])),
    route('flaky', ['dead', 'provider']),
    route('claude', ['claude']),
    route('ranker', ['cohere']),
    route('own', ['tier-two']),
    PRICES,
    backendAt('tools', tools.port),
    `
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: MCPRoute
metadata: {name: tools}
spec: {${PARENT}, backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: tools}]}`,
  ]);
  const url = `http://127.0.0.1:${await portOf(one)}`;
  const stop = async (): Promise<void> => {
    for (const { child } of [one, two]) child.kill('SIGTERM');
    await Promise.all([one.ended, two.ended]);
  };
  return {
    url,
    output: () => [one, two].map((tier) => tier.stdout() + tier.stderr()).join('\n'),
    stop,
    async close() {
      await stop();
      provider.close();
      await tools.close();
      keys.remove();
      await Promise.all(pods.map((pod) => pod.close()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function serve(command: string, folder: string, env: Env, keys: { signingKey: string; peerKeys: string }, yaml: string[]): Running {
  const file = join(folder, `${command}.yaml`);
  writeFileSync(file, yaml.join('\n---\n'));
  const options = ['--port', '0', '--admin-port', '0', '--drain', '0s', '--signing-key', keys.signingKey, '--peer-keys', keys.peerKeys];
  return start([command, file, ...options], env);
}

async function portOf(tier: Running): Promise<number> {
  await tier.said(/ready; admin on/);
  return Number(/listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(tier.stderr())![1]);
}
