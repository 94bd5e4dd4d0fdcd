import type { Operation } from '../llm/operation.ts';
import { bedrockModel } from '../llm/operations/bedrock-model.ts';
import { counting } from '../llm/operations/counting/count.ts';
import { type Counted, MESSAGES_COUNTED, RESPONSES_COUNTED, TOKENIZED } from '../llm/operations/counting/counted.ts';
import {
  ANTHROPIC_COUNTER,
  bedrockClaudeCounter,
  CONVERSE_COUNTER,
  type Counter,
  GEMINI_COUNTER,
  RESPONSES_COUNTER,
  vertexClaudeCounter,
} from '../llm/operations/counting/counters.ts';
import { bedrockEmbeddings } from '../llm/operations/embeddings/bedrock.ts';
import { cohereEmbeddings } from '../llm/operations/embeddings/cohere.ts';
import { vertexEmbeddings } from '../llm/operations/embeddings/vertex.ts';
import { bedrockImages } from '../llm/operations/images/bedrock.ts';
import { vertexImages } from '../llm/operations/images/vertex.ts';
import { bedrockRerank } from '../llm/operations/rerank/bedrock.ts';
import { vertexRerank } from '../llm/operations/rerank/vertex.ts';
import type { BackendApi } from '../read/endpoints.ts';
import type { AiTarget, Schema } from './target.ts';
import { bedrockPath, rankingPath, upstreamPath, vertexPath } from './transports/path.ts';
import { ANTHROPIC_HEADERS, BEDROCK_CLAUDE_VERSION, VERTEX_CLAUDE_VERSION } from './wire.ts';

/** How backends of an API are asked for an operation that is no conversation. */
export interface OperationWire {
  readonly operation: (schema: Schema) => Operation;
  /** @param verb of the operation. @throws GatewayError TK_BAD_REQUEST */
  readonly path: (target: AiTarget, model: string, verb: string) => string;
  /** Flat: name, value, … */
  readonly headers?: readonly string[];
  /** Operation of the API that it asks: a server that lacks it cannot be asked so. */
  readonly asks?: string;
}

type Path = OperationWire['path'];
const BELOW_PREFIX: Path = ({ schema }, model, verb) => upstreamPath(schema, verb, model, '');
const VERTEX: Path = ({ credential }, model, verb) => vertexPath(credential!.gcp!, 'google', model, verb);

interface CounterWire extends Omit<OperationWire, 'operation'> {
  readonly counter: (schema: Schema) => Counter;
}

const COUNTERS: Readonly<Partial<Record<BackendApi, CounterWire>>> = {
  OpenAI: { counter: () => RESPONSES_COUNTER, path: BELOW_PREFIX, asks: 'responses_input_tokens' },
  AzureOpenAI: { counter: () => RESPONSES_COUNTER, path: BELOW_PREFIX, asks: 'responses_input_tokens' },
  Anthropic: { counter: () => ANTHROPIC_COUNTER, path: BELOW_PREFIX, headers: ANTHROPIC_HEADERS, asks: 'count_tokens' },
  // Inference profiles of several regions are refused by the counter.
  AWSBedrock: { counter: () => CONVERSE_COUNTER, path: (_, model, verb) => bedrockPath(bedrockModel(model) ?? model, verb) },
  AWSAnthropic: {
    counter: ({ version }) => bedrockClaudeCounter(version ?? BEDROCK_CLAUDE_VERSION),
    path: (_, model, verb) => bedrockPath(bedrockModel(model) ?? model, verb),
  },
  GCPVertexAI: { counter: () => GEMINI_COUNTER, path: VERTEX },
  GCPAnthropic: {
    counter: ({ version }) => vertexClaudeCounter(version ?? VERTEX_CLAUDE_VERSION),
    path: ({ credential }, _, verb) => vertexPath(credential!.gcp!, 'anthropic', 'count-tokens', verb),
    headers: ANTHROPIC_HEADERS,
  },
};

function countersOf(counted: Counted): Readonly<Partial<Record<BackendApi, OperationWire>>> {
  return Object.fromEntries(
    Object.entries(COUNTERS).map(([api, { counter, ...wire }]) => [
      api,
      { ...wire, operation: (schema: Schema) => counting(counted, counter(schema)) },
    ]),
  );
}

const INVOKE: Path = (_, model, verb) => bedrockPath(model, verb);
/** The ranking API stands at a host of its own. */
const RANKING: Path = ({ credential }, _, verb) => rankingPath(credential!.gcp!, verb);

const wire = (operation: Operation, path: Path): OperationWire => ({ operation: () => operation, path });

/** By the name of the operation, and the API of the backend. */
export const OPERATIONS: Readonly<Record<string, Readonly<Partial<Record<BackendApi, OperationWire>>>>> = {
  count_tokens: countersOf(MESSAGES_COUNTED),
  responses_input_tokens: countersOf(RESPONSES_COUNTED),
  tokenize: countersOf(TOKENIZED),
  embeddings: {
    Cohere: wire(cohereEmbeddings, BELOW_PREFIX),
    AWSBedrock: wire(bedrockEmbeddings, INVOKE),
    GCPVertexAI: wire(vertexEmbeddings, VERTEX),
  },
  rerank: { AWSBedrock: wire(bedrockRerank, INVOKE), GCPVertexAI: wire(vertexRerank, RANKING) },
  image_generation: { AWSBedrock: wire(bedrockImages, INVOKE), GCPVertexAI: wire(vertexImages, VERTEX) },
};
