// Bodies as https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and the pages of its types have them.
import { describe, expect, it } from 'vitest';

import { GatewayError } from '../../../errors.ts';
import { scanObject } from '../../../json/scan.ts';
import { CODECS } from '../../codecs.ts';

const scan = (value: object) => scanObject(Buffer.from(JSON.stringify(value)));
const CLAUDE = 'us.anthropic.claude-opus-4-6-v1';
const decoded = (value: object, model = CLAUDE) => CODECS['bedrock-converse'].decodeRequest(scan(value), { model, stream: true });
const back = (value: object, model = CLAUDE) => {
  const { body, losses } = CODECS['bedrock-converse'].encodeRequest(decoded(value, model));
  return { body: JSON.parse(JSON.stringify(body)) as object, losses };
};
const user = (...content: object[]) => ({ messages: [{ role: 'user', content }] });
const HI = user({ text: 'hi' });

// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
const ALL = {
  system: [{ text: 'be brief' }, { cachePoint: { type: 'default', ttl: '1h' } }, { text: 'be kind' }],
  messages: [
    {
      role: 'user',
      content: [
        { text: 'look' },
        { image: { format: 'webp', source: { bytes: 'aGk=' } } },
        { image: { format: 'png', source: { s3Location: { uri: 's3://bucket/a' } } } },
        { document: { format: 'docx', name: 'Annual report (2)', source: { bytes: 'aGk=' } } },
        { document: { format: 'pdf', name: 'document', source: { s3Location: { uri: 's3://bucket/b.pdf' } } } },
        { video: { format: 'three_gp', source: { s3Location: { uri: 's3://bucket/c' } } } },
        { audio: { format: 'wav', source: { bytes: 'aGk=' } } },
        { cachePoint: { type: 'default' } },
      ],
    },
    {
      role: 'assistant',
      content: [
        { reasoningContent: { reasoningText: { text: 'hm', signature: 'c2ln' } } },
        { reasoningContent: { redactedContent: 'c2VhbGVk' } },
        { reasoningContent: { reasoningText: { text: 'of another model' } } },
        { text: 'ok' },
        { toolUse: { toolUseId: 't-1', name: 'f', input: { x: null, y: [1] } } },
        { toolUse: { toolUseId: 't-2', name: 'f', input: {} } },
      ],
    },
    {
      role: 'user',
      content: [
        {
          toolResult: {
            toolUseId: 't-1',
            content: [
              { text: 'a' },
              { image: { format: 'png', source: { bytes: 'aGk=' } } },
              { document: { format: 'txt', name: 'log', source: { bytes: 'aGk=' } } },
            ],
            status: 'error',
          },
        },
        { toolResult: { toolUseId: 't-2', content: [] } },
      ],
    },
  ],
  inferenceConfig: { maxTokens: 9000, temperature: 0.5, topP: 0.9, stopSequences: ['END'] },
  toolConfig: {
    tools: [
      { toolSpec: { name: 'f', description: 'does', strict: true, inputSchema: { json: { type: 'object' } } } },
      { cachePoint: { type: 'default', ttl: '5m' } },
    ],
    toolChoice: { any: {} },
  },
  outputConfig: { textFormat: { type: 'json_schema', structure: { jsonSchema: { schema: '{"type":"object"}', name: 'n' } } } },
  additionalModelRequestFields: {
    thinking: { type: 'enabled', budget_tokens: 2000 },
    output_config: { effort: 'low' },
    top_k: 5,
    anthropic_beta: ['one'],
  },
  additionalModelResponseFieldPaths: ['/stop_sequence'],
  serviceTier: { type: 'reserved' },
  guardrailConfig: { guardrailIdentifier: 'g', guardrailVersion: '1', trace: 'enabled' },
  performanceConfig: { latency: 'optimized' },
  promptVariables: { a: { text: 'b' } },
  requestMetadata: { team: 'x' },
};

it('says all that it reads', () => {
  expect(back(ALL)).toEqual({ body: ALL, losses: [] });
});

it('reads what the path says, and each field', () => {
  const conversation = decoded(ALL);
  expect(conversation).toMatchObject({
    model: CLAUDE,
    stream: true,
    toolChoice: { type: 'required' },
    sampling: { maxTokens: 9000, temperature: 0.5, topP: 0.9, topK: 5, stop: ['END'] },
    reasoning: { effort: 'low', budgetTokens: 2000 },
    format: { type: 'json_schema', name: 'n', schema: { type: 'object' } },
    serviceTier: 'reserved',
    system: [{ text: 'be brief', cache: { ttl: 3600 } }, { text: 'be kind' }],
    tools: [{ name: 'f', strict: true, cache: { ttl: 300 }, at: 'toolConfig.tools[0]' }],
  });
  const [first, second, third] = conversation.turns;
  expect(first?.blocks[3]).toMatchObject({
    type: 'file',
    name: 'Annual report (2)',
    media: { mediaType: expect.stringContaining('word') },
  });
  expect(first?.blocks[4]).toMatchObject({ name: undefined, media: { fileId: 's3://bucket/b.pdf', mediaType: 'application/pdf' } });
  expect(first?.blocks[6]).toMatchObject({ type: 'audio', cache: { ttl: undefined } });
  expect(second?.blocks[1]).toMatchObject({ type: 'reasoning', sealed: 'c2VhbGVk' });
  expect(third?.blocks[0]).toMatchObject({ type: 'tool_result', id: 't-1', isError: true });
});

describe('fields that only some models have', () => {
  it.each<[string, object]>([
    ['amazon.nova-2-lite-v1:0', { inferenceConfig: { topK: 3 }, reasoningConfig: { type: 'enabled', maxReasoningEffort: 'high' } }],
    ['amazon.nova-2-lite-v1:0', { reasoningConfig: { type: 'disabled' } }],
    ['openai.gpt-oss-120b-1:0', { reasoning_effort: 'high' }],
    ['arn:aws:bedrock:us-east-1:1:application-inference-profile/x', { thinking: { type: 'enabled', budget_tokens: 2000 }, top_k: 1 }],
    [CLAUDE, { thinking: { type: 'adaptive' }, output_config: { effort: 'high' } }],
  ])('%s: %j', (model, additionalModelRequestFields) => {
    const request = { ...HI, inferenceConfig: { temperature: 1 }, additionalModelRequestFields };
    expect(back(request, model)).toEqual({ body: request, losses: [] });
  });
});

describe('other ways to say it', () => {
  it.each<[object, object]>([
    [
      { toolResult: { toolUseId: 't', content: [{ json: { a: [1] } }], status: 'success' } },
      { blocks: [{ text: '{"a":[1]}' }], isError: false },
    ],
    [{ document: { name: 'n', source: { text: 'hi' } } }, { media: { base64: 'aGk=', mediaType: 'text/plain' } }],
    [{ citationsContent: { content: [{ text: 'a' }, { text: 'b' }] } }, { type: 'text', text: 'ab' }],
  ])('%j', (block, expected) => {
    const { turns, losses } = decoded(user(block));
    expect(turns[0]?.blocks).toMatchObject([expected]);
    expect(losses).toEqual([]);
  });

  it('a modelId in the body, where no path says it', () => {
    expect(CODECS['bedrock-converse'].decodeRequest(scan({ ...HI, modelId: 'm' }))).toMatchObject({ model: 'm', stream: false });
  });
});

describe('what cannot be understood is refused, with its path', () => {
  it.each<[object, string]>([
    [{}, 'messages needs one message or more'],
    [{ messages: {} }, 'messages must be a list'],
    [{ messages: [{ role: 'system', content: [] }] }, 'messages[0].role must be user or assistant, not "system"'],
    [{ messages: [{ role: 'user', content: 'hi' }] }, 'messages[0].content must be a list'],
    [user({ text: 5 }), 'messages[0].content[0].text must be a text'],
    [user({ text: 'a' }, { cachePoint: { type: 'x' } }), 'messages[0].content[1].cachePoint.type must be "default"'],
    [user({ cachePoint: { type: 'default', ttl: '2h' } }), 'messages[0].content[0].cachePoint.ttl must be "5m" or "1h"'],
    [user({ image: { source: { bytes: '' } } }), 'messages[0].content[0].image.format is required'],
    [user({ image: { format: 'toString', source: {} } }), 'messages[0].content[0].image.format must be one of png, jpeg, gif, webp'],
    [user({ image: { format: 'png' } }), 'messages[0].content[0].image.source is required'],
    [user({ image: { format: 'png', source: {} } }), 'messages[0].content[0].image.source.bytes is required, or s3Location'],
    [user({ document: { format: 'pdf', source: { bytes: '' } } }), 'messages[0].content[0].document.name is required'],
    [user({ toolUse: { name: 'f' } }), 'messages[0].content[0].toolUse.toolUseId is required'],
    [user({ toolResult: { toolUseId: 't', status: 'maybe' } }), 'messages[0].content[0].toolResult.status must be success or error'],
    [{ ...HI, toolConfig: { tools: [{ toolSpec: { name: 'f' } }] } }, 'toolConfig.tools[0].toolSpec.inputSchema is required'],
    [{ ...HI, toolConfig: { toolChoice: { none: {} } } }, 'toolConfig.toolChoice must be one of auto, any, tool'],
    [{ ...HI, toolConfig: { toolChoice: { tool: {} } } }, 'toolConfig.toolChoice.tool.name is required'],
    [{ ...HI, inferenceConfig: { stopSequences: ['a', { toString: 1 }] } }, 'inferenceConfig.stopSequences[1] must be a text'],
    [{ ...HI, outputConfig: { textFormat: { type: 'json_schema' } } }, 'outputConfig.textFormat.structure.jsonSchema is required'],
    [
      { ...HI, outputConfig: { textFormat: { type: 'json_schema', structure: { jsonSchema: { schema: '{' } } } } },
      'outputConfig.textFormat.structure.jsonSchema.schema must be a text with the JSON of an object',
    ],
    [
      { ...HI, additionalModelRequestFields: { output_config: { effort: 'constructor' } } },
      'additionalModelRequestFields.output_config.effort must be one of',
    ],
    [{ ...HI, additionalModelRequestFields: { thinking: { type: 'x' } } }, 'additionalModelRequestFields.thinking.type must be enabled'],
    [{ ...HI, additionalModelRequestFields: { reasoningConfig: {} } }, 'additionalModelRequestFields.reasoningConfig.type is required'],
  ])('%#: %j', (request, message) => {
    expect(() => decoded(request)).toThrow(GatewayError);
    expect(() => decoded(request)).toThrow(message);
  });

  it('a request without a model', () => {
    expect(() => CODECS['bedrock-converse'].decodeRequest(scan(HI))).toThrow('modelId is required');
  });
});
