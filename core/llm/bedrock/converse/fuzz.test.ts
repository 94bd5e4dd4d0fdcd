import { array, assert, constantFrom, integer, jsonValue, oneof, property, tuple, type Arbitrary } from 'fast-check';
import { expect, it } from 'vitest';

import { UnacceptableAnswer } from '../../../attempt/failure.ts';
import { GatewayError } from '../../../errors.ts';
import { scanObject } from '../../../json/scan.ts';
import { CODECS } from '../../codecs.ts';
import { mutated, orRefused } from '../../fuzz.fixture.ts';
import type { AnswerEvent } from '../../conversation.ts';

const scan = (value: object) => scanObject(Buffer.from(JSON.stringify(value)));
const { 'bedrock-converse': bedrock } = CODECS;
const ASKED = { created: 1, usage: true };

const CONTENT = [
  { text: 'a' },
  { image: { format: 'png', source: { s3Location: { uri: 's3://a' } } } },
  { document: { format: 'pdf', name: 'n', source: { bytes: '' }, citations: {} } },
  { audio: { format: 'mp3', source: { bytes: '' } } },
  { toolUse: { toolUseId: 't', name: 'f', input: { a: 1 } } },
  { toolResult: { toolUseId: 't', content: [{ text: 'a' }, { json: {} }], status: 'error' } },
  { reasoningContent: { reasoningText: { text: 'h', signature: 's' } } },
  { reasoningContent: { redactedContent: 'eA==' } },
  { citationsContent: { content: [{ text: 'a' }], citations: [{ title: 't', location: { web: { url: 'u' } } }] } },
  { citationsContent: { citations: [{ sourceContent: [{ text: 'x' }] }] } },
  { guardContent: { text: { text: 'a' } } },
  { cachePoint: { type: 'default', ttl: '1h' } },
];
const REQUEST = {
  messages: [
    { role: 'user', content: CONTENT },
    { role: 'assistant', content: CONTENT },
  ],
  system: [{ text: 's' }, { cachePoint: { type: 'default' } }],
  toolConfig: {
    tools: [
      { toolSpec: { name: 'f', inputSchema: { json: {} } } },
      { systemTool: { name: 'nova_grounding' } },
      { cachePoint: { type: 'default' } },
    ],
    toolChoice: { tool: { name: 'f' } },
  },
  inferenceConfig: { maxTokens: 1, stopSequences: ['a'] },
  outputConfig: { textFormat: { type: 'json_schema', structure: { jsonSchema: { schema: '{}', name: 'n' } } } },
  additionalModelRequestFields: {
    thinking: { type: 'enabled', budget_tokens: 1 },
    output_config: { effort: 'max' },
    reasoningConfig: { type: 'enabled', maxReasoningEffort: 'low' },
    reasoning_effort: 'low',
    inferenceConfig: { topK: 1 },
  },
  serviceTier: { type: 'flex' },
};
const ANSWER = {
  output: { message: { role: 'assistant', content: CONTENT } },
  stopReason: 'tool_use',
  usage: { inputTokens: 1, outputTokens: 1, cacheDetails: [{ ttl: '1h', inputTokens: 1 }] },
  additionalModelResponseFields: { stop_sequence: 'a' },
};
const EVENTS: readonly (readonly [string, object])[] = [
  ['messageStart', { role: 'assistant' }],
  ['contentBlockStart', { start: { toolUse: { toolUseId: 't', name: 'f' } }, contentBlockIndex: 0 }],
  ['contentBlockDelta', { delta: { toolUse: { input: '{}' } }, contentBlockIndex: 0 }],
  ['contentBlockDelta', { delta: { text: 'a' }, contentBlockIndex: 1 }],
  ['contentBlockDelta', { delta: { citation: { title: 't', location: { web: { url: 'u' } } } }, contentBlockIndex: 1 }],
  ['contentBlockDelta', { delta: { reasoningContent: { text: 'a', signature: 's', redactedContent: 'eA==' } }, contentBlockIndex: 2 }],
  ['contentBlockStop', { contentBlockIndex: 1 }],
  ['messageStop', { stopReason: 'end_turn', additionalModelResponseFields: { stop_sequence: 'a' } }],
  ['metadata', { usage: { inputTokens: 1 } }],
  ['throttlingException', { message: 'slow' }],
  ['error', { error: { message: 'oh' } }],
];

const strange = oneof(
  jsonValue({ maxDepth: 3 }),
  constantFrom<unknown[]>(null, [], {}, [null], '', 'x', -1, 'constructor', JSON.parse('{"__proto__":1,"toString":1}')),
);
const variants = (of: object): Arbitrary<object> =>
  tuple(array(integer({ min: 0, max: 20 }), { maxLength: 8 }), strange).map(([way, put]) => {
    const body = mutated(of, way, put);
    return typeof body === 'object' && body !== null && !Array.isArray(body) ? body : { messages: body, output: body };
  });
const models = constantFrom('m', 'us.anthropic.claude-opus-4-6-v1', 'amazon.nova-2-lite-v1:0', 'openai.gpt-oss-20b', 'claude-3-haiku');

it('any request is read or refused, and what is read can be written', () => {
  assert(
    property(variants(REQUEST), models, (body, model) => {
      orRefused(GatewayError, () => {
        const conversation = bedrock.decodeRequest(scan(body), { model, stream: true });
        for (const source of ['bedrock-converse', 'openai-chat'] as const)
          for (const { encodeRequest } of Object.values(CODECS)) JSON.stringify(encodeRequest({ ...conversation, source }).body);
      });
    }),
    { numRuns: 1500 },
  );
});

it('any answer is read or unacceptable, and what is read can be written', () => {
  assert(
    property(variants(ANSWER), (body) => {
      orRefused(UnacceptableAnswer, () => {
        const answer = bedrock.decodeAnswer(scan(body));
        for (const { encodeAnswer } of Object.values(CODECS)) JSON.stringify(encodeAnswer(answer, ASKED).body);
      });
    }),
    { numRuns: 1500 },
  );
});

it('any stream is read or unacceptable, and its blocks never overlap', () => {
  const event = constantFrom(...EVENTS).chain(([type, data]) =>
    oneof(constantFrom(data), variants(data)).map((each) => [type, each] as const),
  );
  assert(
    property(array(event, { maxLength: 12 }), (all) => {
      const decoder = bedrock.decodeStream();
      const encoders = Object.values(CODECS).map(({ encodeStream }) => encodeStream(ASKED));
      const seen: AnswerEvent[] = [];
      orRefused(UnacceptableAnswer, () => {
        for (const [type, data] of [EVENTS[0]!, ...all]) seen.push(...decoder.push({ type, data: Buffer.from(JSON.stringify(data)) }));
        seen.push(...decoder.end());
      });
      for (const encoder of encoders) for (const each of seen) encoder.push(each);
      expect(disorder(seen)).toBeUndefined();
    }),
    { numRuns: 1500 },
  );
});

/** What is wrong with the order of the events, if anything is. */
function disorder(events: readonly AnswerEvent[]): string | undefined {
  let count = 0;
  let isOpen = false;
  for (const event of events) {
    if (event.type === 'answer_start' || event.type === 'error') continue;
    const isStart = event.type === 'block_start' || event.type === 'answer_stop';
    if (isOpen === isStart) return `${event.type} of block ${count}`;
    if (event.type === 'answer_stop') continue;
    if (event.index !== count) return `${event.type} of block ${event.index}, not ${count}`;
    if (event.type === 'block_start') isOpen = true;
    if (event.type !== 'block_stop') continue;
    isOpen = false;
    count++;
  }
  return undefined;
}
