// For tests: an endpoint picker service on free ports, and a gateway that asks it.
import type { EppClient, EppClientOptions } from '../epp/client.ts';
import type { EppExchange } from '../epp/exchange.ts';
import { asPicked, clientOf, collect, HEADERS, pickWith, sourceOf } from '../epp/picker.fixture.ts';
import type { Picked } from '../epp/request-side.ts';
import type { EndpointSummary } from '../picker/picker.ts';
import type { FlowStats } from '../flow/flow-control.ts';
import { chatEvents } from '../tier-two.fixture.ts';
import { EppService, type EppServiceOptions } from './main.ts';

export const ONE = '127.0.0.1:61';
export const TWO = '127.0.0.1:62';
export const THREE = '127.0.0.1:63';

/** A pool whose endpoints nobody asks for anything. */
export function poolOf(endpoints: readonly string[] = [ONE, TWO, THREE], name = 'p'): string {
  return `
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: ${name}, annotations: {tierkit.dev/endpoints: "${endpoints.join(',')}"}}
spec: {selector: {matchLabels: {app: ${name}}}, targetPorts: [{number: 8000}]}
`;
}

interface PoolState {
  readonly pool: string;
  readonly ready: number;
  readonly queue: FlowStats;
  readonly endpoints: readonly {
    readonly id: string;
    readonly inFlight: number;
    readonly available: boolean;
    readonly load: EndpointSummary;
  }[];
}

/** One answer, with what the endpoint is said to be. */
export interface Answer {
  readonly served?: string;
  readonly status?: number;
  readonly type?: string;
  readonly chunks: readonly string[];
}

export class Rig {
  readonly service: EppService;
  readonly log: string[];
  readonly #texts: { file: string; text: string }[];
  readonly #closers: (() => unknown)[] = [];

  constructor(yaml: readonly string[], more: Partial<EppServiceOptions> = {}) {
    this.log = [];
    this.#texts = [{ file: 'test.yaml', text: yaml.join('\n---\n') }];
    this.service = new EppService({
      sources: { paths: [], env: {}, texts: this.#texts },
      pool: undefined,
      host: '127.0.0.1',
      grpcPort: 0,
      healthPort: 0,
      adminPort: 0,
      tls: 'plaintext',
      maxEndpoints: 10,
      scores: false,
      drainMs: 0,
      log: (level, message) => void this.log.push(`${level} ${message}`),
      ...more,
    });
  }

  async start(): Promise<this> {
    await this.service.start();
    return this;
  }

  client(options: Partial<EppClientOptions> & { readonly address?: string } = {}): EppClient {
    const client = clientOf(options.address ?? `127.0.0.1:${this.service.grpcPort}`, options);
    this.#closers.push(() => client.close());
    return client;
  }

  onClose(close: () => unknown): void {
    this.#closers.push(close);
  }

  reload(...yaml: readonly string[]): Promise<boolean> {
    this.#texts[0] = { file: 'test.yaml', text: yaml.join('\n---\n') };
    return this.service.reload('test');
  }

  async admin<T>(path: string): Promise<T> {
    return (await (await fetch(`http://127.0.0.1:${this.service.adminPort}${path}`)).json()) as T;
  }

  async state(): Promise<PoolState> {
    return (await this.admin<PoolState[]>('/pools'))[0]!;
  }

  /** Requests by endpoint, as the picker, the queue and the pool count them. */
  async load(): Promise<{
    readonly picker: Record<string, number>;
    readonly queue: number;
    readonly waiting: number;
    readonly pool: number;
  }> {
    const { endpoints, queue } = await this.state();
    return {
      picker: Object.fromEntries(endpoints.filter(({ load }) => load.requests > 0).map(({ id, load }) => [id, load.requests])),
      queue: queue.running,
      waiting: queue.waiting,
      pool: endpoints.reduce((sum, { inFlight }) => sum + inFlight, 0),
    };
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
    await this.service.stop();
  }
}

export const IDLE = { picker: {}, queue: 0, waiting: 0, pool: 0 };

export function bodyOf(more: object = {}): Buffer {
  return Buffer.from(JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hello' }], ...more }));
}

/** Headers of a chat request, with others. */
export function chatHeaders(more: Readonly<Record<string, string>> = {}): [string, string][] {
  return [...HEADERS.map(([name, value]): [string, string] => [name, value]), ...Object.entries(more)];
}

export async function pick(
  client: EppClient,
  body: Buffer = bodyOf(),
  headers: Readonly<Record<string, string>> = {},
  subset?: readonly string[],
): Promise<{ readonly exchange: EppExchange; readonly picked: Picked }> {
  const exchange = client.open({ headers: chatHeaders(headers), ...(subset === undefined ? {} : { subset }) });
  return { exchange, picked: asPicked(await pickWith(exchange, body)) };
}

/** Shows an answer to its end. @returns what came back of the body */
export async function answer(exchange: EppExchange, { served, status = 200, type = 'application/json', chunks }: Answer): Promise<string> {
  await exchange.responseHeaders(status, [['content-type', type]], served);
  return (await collect(exchange.rewriteResponse(sourceOf(chunks.map((chunk) => Buffer.from(chunk)))))).toString();
}

export function streamOf(words: readonly string[]): Pick<Answer, 'type' | 'chunks'> {
  return { type: 'text/event-stream', chunks: chatEvents(bodyOf().toString(), words) };
}
