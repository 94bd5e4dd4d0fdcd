import type { TranslatedDialect } from '../../codecs.ts';
import type { Json } from '../../given.ts';

/** How a backend is asked for the number of tokens of a conversation. */
export interface Counter {
  readonly name: string;
  readonly dialect: TranslatedDialect;
  /** What its path ends with. */
  readonly verb: string;
  /** What counts of a request for an answer. */
  readonly body: (request: Json) => Json;
  /** Member of the answer that tells the number. */
  readonly member: string;
}

const MESSAGES_COUNT = ['model', 'messages', 'system', 'tools', 'tool_choice', 'thinking', 'output_config'];

/** @see https://docs.anthropic.com/en/api/messages-count-tokens */
export const ANTHROPIC_COUNTER: Counter = {
  name: 'anthropic-count-tokens',
  dialect: 'anthropic-messages',
  verb: 'messages/count_tokens',
  body: (request) => only(request, MESSAGES_COUNT),
  member: 'input_tokens',
};

/** The model stands in the body: the path names the counter. @see https://cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/count-tokens */
export function vertexClaudeCounter(version: string): Counter {
  return {
    ...ANTHROPIC_COUNTER,
    name: 'vertex-claude-count-tokens',
    verb: 'rawPredict',
    body: (request) => ({ ...only(request, MESSAGES_COUNT), anthropic_version: version }),
  };
}

/** The body of an InvokeModel, which has to be whole, is counted. @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html */
export function bedrockClaudeCounter(version: string): Counter {
  return {
    name: 'bedrock-count-tokens',
    dialect: 'anthropic-messages',
    verb: 'count-tokens',
    body(request) {
      const invoked = { ...request, model: undefined, stream: undefined, anthropic_version: version };
      return { input: { invokeModel: { body: Buffer.from(JSON.stringify(invoked)).toString('base64') } } };
    },
    member: 'inputTokens',
  };
}

/** @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseTokensRequest.html */
export const CONVERSE_COUNTER: Counter = {
  name: 'bedrock-count-tokens',
  dialect: 'bedrock-converse',
  verb: 'count-tokens',
  body: (request) => ({ input: { converse: only(request, ['messages', 'system', 'toolConfig', 'additionalModelRequestFields']) } }),
  member: 'inputTokens',
};

/** @see https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/count-tokens */
export const GEMINI_COUNTER: Counter = {
  name: 'gemini-count-tokens',
  dialect: 'gemini',
  verb: 'countTokens',
  body: (request) => only(request, ['contents', 'systemInstruction', 'tools']),
  member: 'totalTokens',
};

/** @see https://platform.openai.com/docs/api-reference/responses/input-tokens */
export const RESPONSES_COUNTER: Counter = {
  name: 'openai-input-tokens',
  dialect: 'openai-responses',
  verb: 'responses/input_tokens',
  body: (request) =>
    only(request, ['model', 'input', 'instructions', 'tools', 'tool_choice', 'parallel_tool_calls', 'text', 'reasoning', 'truncation']),
  member: 'input_tokens',
};

/** What else a request for an answer says has no part in the number, and is refused by counters. */
function only(request: Json, names: readonly string[]): Json {
  return Object.fromEntries(Object.entries(request).filter(([name]) => names.includes(name)));
}
