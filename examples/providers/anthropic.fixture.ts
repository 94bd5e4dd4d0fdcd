// For tests: Anthropic's messages, at Anthropic and at the two clouds.
import { eventMessage } from '#core/providers/transports/event-stream.fixture';

import { type AwsKeys, wrongSignature } from './aws-signature.fixture.ts';
import { BOUND } from './compatible.fixture.ts';
import { bodyOf, type Door, enter, event, events, type Fake, refusal, type Reply } from './fake.fixture.ts';

/** Input tokens leave out what the cache gave. */
const USAGE = {
  input_tokens: 1,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 4,
  cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
  output_tokens: 7,
  service_tier: 'standard',
};
const message = (model: unknown, content: readonly object[], more: object) => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model,
  content,
  stop_reason: null,
  stop_sequence: null,
  ...more,
});

/** @see https://platform.claude.com/docs/en/api/messages */
const whole = (model: unknown) => message(model, [{ type: 'text', text: 'hello' }], { stop_reason: 'end_turn', usage: USAGE });

/** @see https://platform.claude.com/docs/en/build-with-claude/streaming */
const streamed = (model: unknown) => [
  { type: 'message_start', message: message(model, [], { usage: { ...USAGE, output_tokens: 1 } }) },
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  { type: 'ping' },
  ...['hel', 'lo'].map((text) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })),
  { type: 'content_block_stop', index: 0 },
  {
    type: 'message_delta',
    delta: { stop_reason: 'end_turn', stop_sequence: null },
    usage: { ...USAGE, cache_creation: undefined, service_tier: undefined },
  },
  { type: 'message_stop' },
];

const FIELDS = [
  'messages',
  'max_tokens',
  'system',
  'temperature',
  'top_p',
  'top_k',
  'tools',
  'tool_choice',
  'stop_sequences',
  'metadata',
  'thinking',
  'service_tier',
];

function wrong(body: Record<string, unknown>, own: readonly string[]): Reply | undefined {
  const extra = Object.keys(body).find((name) => !FIELDS.includes(name) && !own.includes(name));
  if (body['max_tokens'] !== BOUND) return refusal(400, `the bound is ${String(body['max_tokens'])}`);
  const missing = ['messages', ...own].find((name) => name !== 'stream' && body[name] === undefined);
  if (extra === undefined && missing === undefined) return undefined;
  const said = extra === undefined ? `${missing}: Field required` : `${extra}: Extra inputs are not permitted`;
  return { status: 400, body: { type: 'error', error: { type: 'invalid_request_error', message: said }, request_id: 'req_1' } };
}

export function anthropic(door: Door): Fake {
  return (request) => {
    const operation = enter(request, door);
    if (typeof operation !== 'string') return operation;
    const body = bodyOf(request);
    if (operation === 'count') return { status: 200, body: { input_tokens: 5 } };
    return (
      wrong(body, ['model', 'stream']) ??
      (body['stream'] === true ? events(...streamed(body['model']).map(event)) : { status: 200, body: whole(body['model']) })
    );
  };
}

/** The model is in the path, and the version of the API in the body. @see https://platform.claude.com/docs/en/api/claude-on-vertex-ai */
export function vertexClaude(door: Door): Fake {
  return (request) => {
    const operation = enter(request, door);
    if (typeof operation !== 'string') return operation;
    const body = bodyOf(request);
    if (body['anthropic_version'] !== 'vertex-2023-10-16') return refusal(400, 'anthropic_version is not that of Vertex');
    const model = 'claude-haiku-4-5-20251001';
    return (
      wrong(body, ['anthropic_version', 'stream']) ??
      ((operation === 'stream') === (body['stream'] === true)
        ? operation === 'stream'
          ? events(...streamed(model).map(event))
          : { status: 200, body: whole(model) }
        : refusal(400, 'path and body differ in whether it is a stream'))
    );
  };
}

/**
 * Whether it is a stream is in the path too; a stream is framed as AWS frames events.
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
 * @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html
 */
export function bedrockClaude(door: Door, keys: AwsKeys): Fake {
  return (request) => {
    const operation = enter(request, door);
    if (typeof operation !== 'string') return operation;
    const fault = wrongSignature(request, keys);
    if (fault !== undefined) return { status: 403, body: { message: fault }, headers: { 'x-amzn-errortype': 'InvalidSignatureException' } };
    const body = bodyOf(request);
    if (body['anthropic_version'] !== 'bedrock-2023-05-31') return refusal(400, 'anthropic_version is not that of Bedrock');
    const fields = wrong(body, ['anthropic_version']);
    if (fields !== undefined) return fields;
    const model = 'claude-haiku-4-5-20251001';
    if (operation === 'whole') return { status: 200, body: whole(model), headers: { 'x-amzn-requestid': 'r1' } };
    const metrics = { inputTokenCount: 1, outputTokenCount: 7, invocationLatency: 900, firstByteLatency: 300, cacheReadInputTokenCount: 4 };
    const frames = streamed(model).map((of) => {
      const told = of.type === 'message_stop' ? { ...of, 'amazon-bedrock-invocationMetrics': metrics } : of;
      const payload = { bytes: Buffer.from(JSON.stringify(told)).toString('base64'), p: 'abcdef' };
      return eventMessage(
        { ':event-type': 'chunk', ':content-type': 'application/json', ':message-type': 'event' },
        Buffer.from(JSON.stringify(payload)),
      );
    });
    return { status: 200, type: 'application/vnd.amazon.eventstream', body: Buffer.concat(frames) };
  };
}
