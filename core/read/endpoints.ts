import { MessagesStreamReader } from '../llm/anthropic/messages-stream.ts';
import type { DialectName } from '../llm/codec.ts';
import type { Dialect } from '../llm/dialect.ts';
import { ChatStreamReader } from '../llm/openai/chat-stream.ts';
import { AudioStreamReader, ResponsesStreamReader } from '../llm/openai/responses-stream.ts';
import type { StreamReader } from '../llm/stream.ts';
import { anthropicUsage, cohereUsage, openaiUsage, type Usage } from '../llm/usage.ts';

/** APIs of backends, as `AIServiceBackend.spec.schema.name`. */
export const SCHEMA_NAMES = [
  'OpenAI',
  'AzureOpenAI',
  'Anthropic',
  'Cohere',
  'AWSBedrock',
  'AWSAnthropic',
  'GCPVertexAI',
  'GCPAnthropic',
] as const;
export type SchemaName = (typeof SCHEMA_NAMES)[number];
/** What a backend speaks: one of the APIs, or all that a model server has, under its own paths. */
export type BackendApi = SchemaName | 'vLLM';

/** One operation of a client API. */
export interface ApiEndpoint {
  /** Operation, as in the reference's metrics. */
  readonly operation: string;
  readonly method: 'POST' | 'GET';
  readonly dialect: Exclude<Dialect, 'plain'>;
  /** Path in the provider's API, without our prefixes. */
  readonly path: string;
  readonly body: 'json' | 'multipart' | 'none';
  /** Path below the prefix of a backend's schema, for each API that has the same dialect here. */
  readonly upstream: Partial<Record<BackendApi, string>>;
  /** The API that the operation says a conversation in: backends of others are asked in their own words. */
  readonly conversation?: DialectName;
  /** Answers are JSON to be checked, or bytes of any kind. */
  readonly answer: 'json' | 'bytes';
  /** Member of a JSON answer that holds the usage, and how it reads. */
  readonly usage: { readonly member: string; readonly read: (value: unknown) => Usage | undefined } | undefined;
  /** A reader for the stream; undefined: the operation does not stream. */
  readonly stream: ((hideUsage: boolean) => StreamReader) | undefined;
  /** Whether usage in a stream has to be asked for with `stream_options.include_usage`. */
  readonly asksForUsage: boolean;
  /** Errors in a stream are typed events (responses, messages), not bare data. */
  readonly typedEvents: boolean;
}

type Openai = Partial<ApiEndpoint> & Pick<ApiEndpoint, 'operation' | 'path'>;

const OPENAI_USAGE = { member: 'usage', read: openaiUsage };

function openai(endpoint: Openai, azure: boolean): ApiEndpoint {
  const below = endpoint.path.replace(/^\/v1\//, '');
  return {
    method: 'POST',
    dialect: 'openai',
    body: 'json',
    answer: 'json',
    usage: OPENAI_USAGE,
    stream: undefined,
    asksForUsage: false,
    typedEvents: false,
    upstream: azure ? { OpenAI: below, AzureOpenAI: below, vLLM: endpoint.path } : { OpenAI: below, vLLM: endpoint.path },
    ...endpoint,
  };
}

const chat = (hideUsage: boolean) => new ChatStreamReader(hideUsage);
const audio = () => new AudioStreamReader();

export const ENDPOINTS: readonly ApiEndpoint[] = [
  openai({ operation: 'chat', path: '/v1/chat/completions', conversation: 'openai-chat', stream: chat, asksForUsage: true }, true),
  openai({ operation: 'completion', path: '/v1/completions', stream: chat, asksForUsage: true }, true),
  openai({ operation: 'embeddings', path: '/v1/embeddings' }, true),
  openai(
    {
      operation: 'responses',
      path: '/v1/responses',
      conversation: 'openai-responses',
      stream: () => new ResponsesStreamReader(),
      typedEvents: true,
    },
    true,
  ),
  openai({ operation: 'responses_input_tokens', path: '/v1/responses/input_tokens', usage: undefined }, true),
  openai({ operation: 'image_generation', path: '/v1/images/generations' }, true),
  openai({ operation: 'speech', path: '/v1/audio/speech', answer: 'bytes', stream: audio }, true),
  openai({ operation: 'transcription', path: '/v1/audio/transcriptions', body: 'multipart', answer: 'bytes', stream: audio }, true),
  openai({ operation: 'translation', path: '/v1/audio/translations', body: 'multipart', answer: 'bytes' }, true),
  // vLLM serves it beside /v1, not below it: the schema's prefix does not apply.
  openai({ operation: 'tokenize', path: '/tokenize', upstream: { OpenAI: '/tokenize', vLLM: '/tokenize' }, usage: undefined }, false),
  openai({ operation: 'models', path: '/v1/models', method: 'GET', body: 'none', upstream: {}, usage: undefined }, false),
  {
    operation: 'rerank',
    method: 'POST',
    dialect: 'cohere',
    path: '/v2/rerank',
    body: 'json',
    upstream: { Cohere: 'rerank', vLLM: '/v2/rerank' },
    answer: 'json',
    usage: { member: 'meta', read: cohereUsage },
    stream: undefined,
    asksForUsage: false,
    typedEvents: false,
  },
  anthropic({
    operation: 'messages',
    path: '/v1/messages',
    conversation: 'anthropic-messages',
    upstream: { Anthropic: 'messages', vLLM: '/v1/messages' },
    stream: () => new MessagesStreamReader(),
  }),
  anthropic({
    operation: 'count_tokens',
    path: '/v1/messages/count_tokens',
    upstream: { Anthropic: 'messages/count_tokens', vLLM: '/v1/messages/count_tokens' },
    usage: undefined,
  }),
  anthropic({ operation: 'models', path: '/v1/models', method: 'GET', body: 'none', usage: undefined }),
];

function anthropic(endpoint: Openai): ApiEndpoint {
  return {
    method: 'POST',
    dialect: 'anthropic',
    body: 'json',
    upstream: {},
    answer: 'json',
    usage: { member: 'usage', read: (value) => anthropicUsage(value) },
    stream: undefined,
    asksForUsage: false,
    typedEvents: true,
    ...endpoint,
  };
}

/** Where each API begins; the reference's `endpointConfig`. */
export interface EndpointPrefixes {
  readonly root: string;
  readonly openai: string;
  readonly cohere: string;
  readonly anthropic: string;
}

export const DEFAULT_PREFIXES: EndpointPrefixes = { root: '/', openai: '/', cohere: '/cohere', anthropic: '/anthropic' };

/** All endpoints by their path at the gateway. */
export class EndpointTable {
  readonly #byPath = new Map<string, ApiEndpoint>();
  readonly #dialectOf: readonly (readonly [prefix: string, dialect: Dialect])[];

  /** @param own endpoints of the tier's own, below the same prefixes */
  constructor(prefixes: EndpointPrefixes = DEFAULT_PREFIXES, own: readonly ApiEndpoint[] = []) {
    for (const endpoint of [...ENDPOINTS, ...own]) {
      const path = join(prefixes.root, prefixes[endpoint.dialect], endpoint.path);
      // Two APIs below one prefix have /v1/models in common: it is the first one's.
      if (!this.#byPath.has(path)) this.#byPath.set(path, endpoint);
    }
    // The longest prefix first: one of them may lie within another.
    this.#dialectOf = (['openai', 'anthropic', 'cohere'] as const)
      .map((dialect) => [join(prefixes.root, prefixes[dialect], '/'), dialect] as const)
      .sort(([a], [b]) => b.length - a.length);
  }

  /** Where an operation is served. */
  path(dialect: Dialect, operation: string): string {
    for (const [path, endpoint] of this.#byPath) if (endpoint.dialect === dialect && endpoint.operation === operation) return path;
    throw new Error(`there is no operation ${operation} of the ${dialect} API`);
  }

  find(path: string): ApiEndpoint | undefined {
    return this.#byPath.get(path);
  }

  /** The API that a client means by an unknown path: errors are said in its words. */
  dialect(path: string): Dialect {
    return this.#dialectOf.find(([prefix]) => path.startsWith(prefix))?.[1] ?? 'openai';
  }

  paths(): string[] {
    return [...this.#byPath.keys()];
  }
}

function join(...parts: readonly string[]): string {
  return `/${parts.join('/')}`.replaceAll(/\/+/g, '/');
}
