import type { Operation } from '../llm/operation.ts';
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
import type { BackendApi } from '../read/endpoints.ts';
import type { AiTarget, Schema } from './target.ts';
import { bedrockPath, foundationModel, upstreamPath, vertexPath } from './transports/path.ts';
import { ANTHROPIC_HEADERS, BEDROCK_CLAUDE_VERSION, VERTEX_CLAUDE_VERSION } from './wire.ts';

/** How backends of an API are asked for an operation that is no conversation. */
export interface OperationWire {
  readonly operation: (schema: Schema) => Operation;
  /** @param verb of the operation. @throws GatewayError TK_BAD_REQUEST */
  readonly path: (target: AiTarget, model: string, verb: string) => string;
  /** Flat: name, value, … */
  readonly headers?: readonly string[];
}

type Path = OperationWire['path'];
const BELOW_PREFIX: Path = ({ schema }, model, verb) => upstreamPath(schema, verb, model, '');
const VERTEX: Path = ({ credential }, model, verb) => vertexPath(credential!.gcp!, 'google', model, verb);

interface CounterWire extends Omit<OperationWire, 'operation'> {
  readonly counter: (schema: Schema) => Counter;
}

const COUNTERS: Readonly<Partial<Record<BackendApi, CounterWire>>> = {
  OpenAI: { counter: () => RESPONSES_COUNTER, path: BELOW_PREFIX },
  AzureOpenAI: { counter: () => RESPONSES_COUNTER, path: BELOW_PREFIX },
  Anthropic: { counter: () => ANTHROPIC_COUNTER, path: BELOW_PREFIX, headers: ANTHROPIC_HEADERS },
  // Inference profiles of several regions are refused by the counter.
  AWSBedrock: { counter: () => CONVERSE_COUNTER, path: (_, model, verb) => bedrockPath(foundationModel(model), verb) },
  AWSAnthropic: {
    counter: ({ version }) => bedrockClaudeCounter(version ?? BEDROCK_CLAUDE_VERSION),
    path: (_, model, verb) => bedrockPath(foundationModel(model), verb),
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

/** By the name of the operation, and the API of the backend. */
export const OPERATIONS: Readonly<Record<string, Readonly<Partial<Record<BackendApi, OperationWire>>>>> = {
  count_tokens: countersOf(MESSAGES_COUNTED),
  responses_input_tokens: countersOf(RESPONSES_COUNTED),
  tokenize: countersOf(TOKENIZED),
};
