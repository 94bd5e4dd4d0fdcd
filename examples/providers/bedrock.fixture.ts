// For tests: Bedrock's Converse.
import { eventMessage } from '#core/providers/transports/event-stream.fixture';

import { type AwsKeys, wrongSignature } from './aws-signature.fixture.ts';
import { BOUND } from './compatible.fixture.ts';
import { bodyOf, type Door, enter, type Fake, type Reply } from './fake.fixture.ts';

const USAGE = { inputTokens: 1, outputTokens: 7, totalTokens: 12, cacheReadInputTokens: 4, cacheWriteInputTokens: 0 };
const FIELDS = [
  'messages',
  'system',
  'inferenceConfig',
  'toolConfig',
  'additionalModelRequestFields',
  'requestMetadata',
  'serviceTier',
  'outputConfig',
];

/**
 * @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
 * @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
 */
export function converse(door: Door, keys: AwsKeys): Fake {
  return (request) => {
    const operation = enter(request, door);
    if (typeof operation !== 'string') return operation;
    const body = bodyOf(request);
    if (operation === 'embeddings') return titan(body, wrongSignature(request, keys));
    const extra = Object.keys(body).find((name) => !FIELDS.includes(name));
    const fault = wrongSignature(request, keys) ?? (extra === undefined ? undefined : `extraneous key [${extra}] is not permitted`);
    if (fault !== undefined) return { status: 403, body: { message: fault }, headers: { 'x-amzn-errortype': 'ValidationException' } };
    const { messages, inferenceConfig } = body as { messages: { content: object[] }[]; inferenceConfig?: { maxTokens?: number } };
    if (inferenceConfig?.maxTokens !== BOUND || JSON.stringify(messages) !== '[{"role":"user","content":[{"text":"hi"}]}]')
      return { status: 400, body: { message: `not what was asked: ${JSON.stringify(body)}` } };
    if (operation === 'whole') {
      const output = { message: { role: 'assistant', content: [{ text: 'hello' }] } };
      return {
        status: 200,
        body: { output, stopReason: 'end_turn', usage: USAGE, metrics: { latencyMs: 9 } },
        headers: { 'x-amzn-requestid': 'r1' },
      };
    }
    const frames = [
      ['messageStart', { role: 'assistant' }],
      ...['hel', 'lo'].map((text) => ['contentBlockDelta', { contentBlockIndex: 0, delta: { text } }] as const),
      ['contentBlockStop', { contentBlockIndex: 0 }],
      ['messageStop', { stopReason: 'end_turn' }],
      ['metadata', { usage: USAGE, metrics: { latencyMs: 9 } }],
    ].map(([type, of]) => {
      const headers = { ':event-type': type as string, ':content-type': 'application/json', ':message-type': 'event' };
      return eventMessage(headers, Buffer.from(JSON.stringify({ ...(of as object), p: 'abcdef' })));
    });
    return { status: 200, type: 'application/vnd.amazon.eventstream', body: Buffer.concat(frames) };
  };
}

/** @see https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html */
function titan(body: Record<string, unknown>, fault: string | undefined): Reply {
  const extra = Object.keys(body).find((name) => !['inputText', 'dimensions', 'normalize', 'embeddingTypes'].includes(name));
  if (fault !== undefined) return { status: 403, body: { message: fault } };
  if (extra !== undefined || body['inputText'] !== 'hi')
    return { status: 400, body: { message: `not what was asked: ${JSON.stringify(body)}` } };
  const vector = [0.25, -0.5];
  return { status: 200, body: { embedding: vector, embeddingsByType: { float: vector }, inputTextTokenCount: 2 } };
}
