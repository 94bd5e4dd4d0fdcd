// For tests: a tier two on free ports, and pods that answer as they are told to.
import { createServer, type IncomingMessage, Server, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2';

import { asCluster } from '#core/serve/as-cluster.fixture';
import type { Tracing } from '#core/telemetry/trace/tracing';
import { TierKeys } from '#core/tiers/keys';

import { TierTwo } from './main.ts';
import type { PodEndpoints } from './pools/pod-source.ts';

export interface TestPod {
  /** `ip:port`. */
  readonly address: string;
  /** Requests other than those for metrics, with their bodies. */
  readonly seen: { readonly url: string; readonly headers: IncomingMessage['headers']; readonly body: string }[];
  /** Requests whose client went away before they were answered. */
  readonly aborted: string[];
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void;
  close(): Promise<void>;
}

/** What a chat completion of a pod looks like: it says the model that it was asked for. */
export function chatAnswer(body: string, content = 'hello'): string {
  const { model } = JSON.parse(body) as { model: string };
  const usage = { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9, prompt_tokens_details: { cached_tokens: 3 } };
  const choices = [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }];
  return JSON.stringify({ id: 'c1', object: 'chat.completion', created: 1, model, choices, usage });
}

export function chatEvents(body: string, words: readonly string[]): string[] {
  const { model } = JSON.parse(body) as { model: string };
  const chunk = (fields: object) =>
    `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model, ...fields })}\n\n`;
  return [
    ...words.map((content) => chunk({ choices: [{ index: 0, delta: { content }, finish_reason: null }] })),
    chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }),
    chunk({ choices: [], usage: { prompt_tokens: 7, completion_tokens: words.length, total_tokens: 7 + words.length } }),
    'data: [DONE]\n\n',
  ];
}

export const asChat: TestPod['answer'] = (_request, response, body) => {
  if ((JSON.parse(body) as { stream?: boolean }).stream === true) {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const event of chatEvents(body, ['a', 'b'])) response.write(event);
    response.end();
    return;
  }
  response.writeHead(200, { 'content-type': 'application/json' }).end(chatAnswer(body));
};

/** Where a pod of a test listens, and what it speaks. */
export interface PodPlace {
  /** @default 127.0.0.1 */
  readonly host?: string;
  /** @default any free one */
  readonly port?: number;
  /** HTTP/2 without TLS, and nothing else. @default false */
  readonly h2c?: boolean;
}

export async function startPod(answer: TestPod['answer'] = asChat, place: PodPlace = {}): Promise<TestPod> {
  const { host = '127.0.0.1', port: wanted = 0, h2c = false } = place;
  const seen: TestPod['seen'] = [];
  const aborted: string[] = [];
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.url === '/metrics') {
      response.end('vllm:num_requests_running 0\nvllm:num_requests_waiting 0\n');
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      seen.push({ url: request.url!, headers: request.headers, body });
      response.once('close', () => {
        if (!response.writableFinished) aborted.push(request.url!);
      });
      pod.answer(request, response, body);
    });
  };
  const sessions = new Set<ServerHttp2Session>();
  // Node's two servers have the same requests and answers, as far as these tests go.
  const server = h2c
    ? createHttp2Server((request, response) => handle(request as unknown as IncomingMessage, response as unknown as ServerResponse))
    : createServer(handle);
  if (h2c) server.on('session', (session: ServerHttp2Session) => void sessions.add(session));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(wanted, host, resolve);
  });
  const { port } = server.address() as { port: number };
  const pod: TestPod = {
    address: `${host}:${port}`,
    seen,
    aborted,
    answer,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        if (server instanceof Server) server.closeAllConnections();
        for (const session of sessions) session.destroy();
      }),
  };
  return pod;
}

export const GATEWAY = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: tierkit, listeners: [{name: http, port: 80, protocol: HTTP}]}
`;

export function poolYaml(name: string, pods: readonly Pick<TestPod, 'address'>[]): string {
  return `
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: ${name}, annotations: {tierkit.dev/endpoints: "${pods.map(({ address }) => address).join(',')}"}}
spec: {selector: {matchLabels: {app: ${name}}}, targetPorts: [{number: 8000}]}
`;
}

/** A route for one model. @param refs backendRefs as YAML; a bare name is a pool */
export function modelYaml(model: string, refs: readonly string[]): string {
  const items = refs.map((ref) => (/^[\w-]+$/.test(ref) ? poolRef(ref) : ref));
  return `
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: {name: ${model}}
spec:
  parentRefs: [{name: gw}]
  rules:
    - matches: [{headers: [{name: x-ai-eg-model, value: ${model}}]}]
      backendRefs: [${items.join(', ')}]
`;
}

export function poolRef(name: string, more = ''): string {
  return `{group: inference.networking.k8s.io, kind: InferencePool, name: ${name}${more === '' ? '' : `, ${more}`}}`;
}

export interface TestTierTwo {
  readonly tier: TierTwo;
  readonly url: string;
  readonly adminUrl: string;
  readonly accessLog: Record<string, unknown>[];
  readonly log: string[];
  chat(body: object, headers?: Record<string, string>): Promise<Response>;
  close(): Promise<void>;
}

export interface TierTwoSettings {
  readonly signingKey?: string;
  readonly peerKeys?: string;
  readonly tracing?: Tracing;
  readonly pods?: PodEndpoints;
  /** The resources are taken for those of a cluster: what is wrong with them is left out. @default false */
  readonly inCluster?: boolean;
  /** Further files; a change of them is taken by `tier.reload`. */
  readonly paths?: readonly string[];
}

export async function startTierTwo(yaml: readonly string[], keys: TierTwoSettings = {}): Promise<TestTierTwo> {
  const accessLog: Record<string, unknown>[] = [];
  const log: string[] = [];
  const tierKeys = new TierKeys({ signingKey: keys.signingKey, peerKeys: keys.peerKeys }, (message) => log.push(message));
  const files = { paths: keys.paths ?? [], env: {}, texts: [{ file: 'test.yaml', text: [GATEWAY, ...yaml].join('\n---\n') }] };
  const tier = new TierTwo({
    sources: keys.inCluster === true ? asCluster(files) : files,
    host: '127.0.0.1',
    port: 0,
    adminPort: 0,
    drainMs: 0,
    keys: tierKeys,
    audience: 'models',
    tracing: keys.tracing,
    pods: keys.pods,
    accessLog: (line) => void accessLog.push(JSON.parse(JSON.stringify(line)) as Record<string, unknown>),
    log: (level, message) => void log.push(`${level} ${message}`),
  });
  await tier.start();
  const url = `http://127.0.0.1:${[...tier.ports.values()][0]}`;
  return {
    tier,
    url,
    adminUrl: `http://127.0.0.1:${tier.adminPort}`,
    accessLog,
    log,
    chat: (body, headers = {}) =>
      fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ messages: [{ role: 'user', content: 'hello' }], ...body }),
      }),
    async close() {
      await tier.stop();
      tierKeys.close();
    },
  };
}
