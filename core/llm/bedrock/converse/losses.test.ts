// What is lost: https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-call.html
import { describe, expect, it } from 'vitest';

import { scanObject } from '../../../json/scan.ts';
import { CODECS, type TranslatedDialect } from '../../codecs.ts';

const scan = (value: object) => scanObject(Buffer.from(JSON.stringify(value)));
const user = (...content: object[]) => ({ messages: [{ role: 'user', content }] });
const HI = user({ text: 'hi' });
const CLAUDE = 'us.anthropic.claude-sonnet-5-5';

function translated(from: TranslatedDialect, to: TranslatedDialect, request: object, model = CLAUDE) {
  const conversation = CODECS[from].decodeRequest(scan(from === 'bedrock-converse' ? request : { model, max_tokens: 10, ...request }), {
    model,
    stream: false,
  });
  const { body, losses } = CODECS[to].encodeRequest(conversation);
  return {
    body: JSON.parse(JSON.stringify(body)) as Record<string, unknown>,
    losses: losses.map(({ path, what }) => `${what} ${path}`).sort(),
  };
}

describe('what Bedrock says and a chat completion cannot', () => {
  it.each<[object, readonly string[]]>([
    [HI, []],
    [
      {
        ...HI,
        guardrailConfig: {},
        performanceConfig: {},
        promptVariables: {},
        requestMetadata: {},
        additionalModelResponseFieldPaths: [],
      },
      ['additionalModelResponseFieldPaths', 'guardrailConfig', 'performanceConfig', 'promptVariables', 'requestMetadata'].map(
        (each) => `dropped ${each}`,
      ),
    ],
    [
      { ...HI, additionalModelRequestFields: { top_k: 3, anthropic_beta: ['x'] } },
      ['dropped additionalModelRequestFields.anthropic_beta', 'dropped top_k'],
    ],
    [{ ...HI, inferenceConfig: { newField: 1 } }, ['dropped inferenceConfig.newField']],
    [{ ...HI, serviceTier: { type: 'flex' } }, []],
    [{ ...HI, serviceTier: { type: 'reserved' } }, ['dropped service_tier']],
    [{ ...HI, toolConfig: { tools: [{ systemTool: { name: 'nova_code_interpreter' } }] } }, ['dropped toolConfig.tools[0].systemTool']],
    [{ ...HI, toolConfig: { tools: [{ cachePoint: { type: 'default' } }] } }, ['dropped toolConfig.tools[0].cachePoint']],
    [{ ...HI, system: [{ text: 's' }, { cachePoint: { type: 'default' } }] }, ['dropped system[0].cache_control']],
    [user({ text: 'a' }, { searchResult: {} }), ['dropped messages[0].content[1].searchResult']],
    [user({ guardContent: { text: { text: 'a', qualifiers: [] } } }), ['approximated messages[0].content[0].guardContent']],
    [
      user({ citationsContent: { content: [{ text: 'a' }], citations: [{}] } }),
      ['dropped messages[0].content[0].citationsContent.citations[0]'],
    ],
    [
      user({ image: { format: 'png', source: { s3Location: { uri: 's3://b/a', bucketOwner: '1' } } } }),
      ['dropped messages[0].content[0]', 'dropped messages[0].content[0].image.source.s3Location.bucketOwner'],
    ],
    [
      user({ document: { format: 'pdf', name: 'n', source: { bytes: '' }, context: 'c', citations: { enabled: true } } }),
      ['dropped messages[0].content[0].document.citations', 'dropped messages[0].content[0].document.context'],
    ],
    [
      user({ document: { format: 'txt', name: 'n', source: { content: [{ text: 'a' }, { text: 'b' }] } } }),
      ['approximated messages[0].content[0].document.source.content'],
    ],
    [user({ toolUse: { type: 'server_tool_use', toolUseId: 't', name: 'f', input: {} } }), ['dropped messages[0].content[0].toolUse']],
    [user({ reasoningContent: { reasoningText: { text: 'hm', signature: 's' } } }), ['dropped messages[0].content[0]']],
  ])('%#: %j', (request, losses) => {
    expect(translated('bedrock-converse', 'openai-chat', request).losses).toEqual(losses);
  });

  it('tiers of a message', () => {
    const { body, losses } = translated('bedrock-converse', 'anthropic-messages', {
      ...HI,
      inferenceConfig: { maxTokens: 5 },
      serviceTier: { type: 'default' },
    });
    expect([body['service_tier'], losses]).toEqual(['standard_only', []]);
  });
});

const chat = (...content: object[]) => ({ messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }, ...content] }] });
const CHAT = chat();
const picture = (url: string, more: object = {}) => chat({ type: 'image_url', image_url: { url, ...more } });
const file = (filename: string, type: string) => ({ type: 'file', file: { filename, file_data: `data:${type};base64,aGk=` } });
const TOOLS = { tools: [{ type: 'function', function: { name: 'f' } }] };
const CALLED = {
  messages: [
    { role: 'user', content: 'a' },
    { role: 'assistant', content: null, tool_calls: [{ id: 't', type: 'function', function: { name: 'g', arguments: '{}' } }] },
    { role: 'tool', tool_call_id: 't', content: 'b' },
  ],
};

describe('what a chat completion says and Bedrock cannot', () => {
  it.each<[object, readonly string[], object?, string?]>([
    [
      { ...CHAT, seed: 1, n: 2, logprobs: true, presence_penalty: 1, user: 'u', store: true },
      ['logprobs', 'n', 'presence_penalty', 'seed', 'store', 'user'].map((each) => `dropped ${each}`),
    ],
    [
      { ...CHAT, temperature: 1.5, top_k: 3 },
      ['approximated temperature'],
      { inferenceConfig: { temperature: 1 }, additionalModelRequestFields: { top_k: 3 } },
    ],
    [{ ...CHAT, top_k: 3 }, ['dropped top_k'], {}, 'meta.llama4-maverick-17b-instruct-v1:0'],
    [{ ...CHAT, service_tier: 'scale' }, ['dropped service_tier']],
    [{ ...CHAT, service_tier: 'priority' }, [], { serviceTier: { type: 'priority' } }],
    [
      { ...CHAT, response_format: { type: 'json_object' } },
      ['approximated response_format'],
      { system: [{ text: expect.any(String) as string }] },
    ],
    [picture('https://example.com/a.png'), ['dropped messages[0].content[1]']],
    [picture('data:image/tiff;base64,aGk='), ['dropped messages[0].content[1]']],
    [picture('data:image/png;base64,aGk=', { detail: 'low' }), ['dropped messages[0].content[1].detail']],
    [
      picture('s3://b/a.jpg'),
      [],
      { messages: [{ content: [{ text: 'hi' }, { image: { format: 'jpeg', source: { s3Location: { uri: 's3://b/a.jpg' } } } }] }] },
    ],
    [picture('s3://b/a'), ['approximated messages[0].content[1]']],
    [chat({ type: 'file', file: { file_id: 'file-1' } }), ['dropped messages[0].content[1]']],
    [
      chat(file('a_b..  c.pdf', 'application/pdf'), file('a-b--  c-pdf', 'application/pdf'), file('x', 'text/x-python')),
      [
        'approximated messages[0].content[1].filename',
        'approximated messages[0].content[2].filename',
        'approximated messages[0].content[3]',
      ],
      {
        messages: [
          {
            content: [
              { text: 'hi' },
              { document: { name: 'a-b-- c-pdf', format: 'pdf' } },
              { document: { name: 'a-b-- c-pdf (2)', format: 'pdf' } },
              { document: { name: 'x', format: 'txt' } },
            ],
          },
        ],
      },
    ],
    [{ messages: [{ role: 'user', content: [file('x', 'application/pdf')] }] }, ['approximated messages[0].content[0]']],
    [
      { messages: [{ role: 'assistant', content: 'a' }] },
      ['approximated messages[0].content'],
      { messages: [{ role: 'user' }, { role: 'assistant' }] },
    ],
    [{ ...CHAT, ...TOOLS, parallel_tool_calls: false }, ['dropped parallel_tool_calls']],
    [{ ...CHAT, ...TOOLS, tool_choice: 'none' }, []],
    [{ ...CALLED, ...TOOLS, tool_choice: 'none' }, ['approximated tool_choice'], { toolConfig: { tools: [{ toolSpec: { name: 'f' } }] } }],
    [CALLED, ['approximated tools'], { toolConfig: { tools: [{ toolSpec: { name: 'g', inputSchema: { json: { type: 'object' } } } }] } }],
    [{ ...CHAT, tool_choice: 'required' }, ['dropped tool_choice']],
    [{ ...CHAT, stop: 'x' }, [], { additionalModelResponseFieldPaths: ['/stop_sequence'] }],
    [
      { ...CHAT, reasoning_effort: 'minimal' },
      ['approximated reasoning_effort'],
      { additionalModelRequestFields: { reasoning_effort: 'low' } },
      'deepseek.v3-v1:0',
    ],
    [
      { ...CHAT, reasoning_effort: 'xhigh', temperature: 1 },
      ['approximated reasoning_effort', 'dropped max_tokens', 'dropped temperature'],
      { additionalModelRequestFields: { reasoningConfig: { type: 'enabled', maxReasoningEffort: 'high' } } },
      'us.amazon.nova-2-lite-v1:0',
    ],
    [{ ...CHAT, reasoning_effort: 'low' }, ['dropped reasoning_effort'], {}, 'amazon.nova-pro-v1:0'],
    [{ ...CHAT, reasoning_effort: 'none' }, [], {}, 'amazon.nova-pro-v1:0'],
  ])('%#: %j', (request, losses, body = {}, model = CLAUDE) => {
    const { losses: told, body: written } = translated('openai-chat', 'bedrock-converse', request, model);
    expect(told).toEqual(losses);
    expect(written).toMatchObject(body);
  });

  it('no tool where none may be called', () => {
    expect(translated('openai-chat', 'bedrock-converse', { ...CHAT, ...TOOLS, tool_choice: 'none' }).body).not.toHaveProperty('toolConfig');
  });
});

const messages = (content: unknown, role = 'user') => ({ messages: [{ role, content }] });
const cached = { cache_control: { type: 'ephemeral', ttl: '1h' } };

describe('what a message says and Bedrock cannot', () => {
  it.each<[object, readonly string[], object?, string?]>([
    [
      { ...messages('hi'), system: [{ type: 'text', text: 's', ...cached }] },
      [],
      { system: [{ text: 's' }, { cachePoint: { type: 'default', ttl: '1h' } }] },
    ],
    [
      { ...messages('hi'), system: [{ type: 'text', text: 's', ...cached }], tools: [{ name: 'f', input_schema: {}, ...cached }] },
      ['approximated system[0].cache_control', 'dropped tools[0].cache_control'],
      { system: [{ text: 's' }, { cachePoint: { type: 'default' } }] },
      'amazon.nova-pro-v1:0',
    ],
    [messages([{ type: 'text', text: 'a', ...cached }]), ['dropped messages[0].content[0].cache_control'], {}, 'openai.gpt-oss-20b-1:0'],
    [
      messages([{ type: 'tool_result', tool_use_id: 't', content: [{ type: 'text', text: 'a', ...cached }] }]),
      ['approximated tools', 'dropped messages[0].content[0].content[0].cache_control'],
    ],
    [{ ...messages('hi'), metadata: { user_id: 'u' }, container: 'c' }, ['dropped container', 'dropped user']],
    [
      { messages: [...messages('a').messages, ...messages('be brief', 'system').messages, ...messages('b', 'assistant').messages] },
      ['approximated messages[1].content'],
      { messages: [{ role: 'user', content: [{ text: 'a' }, { text: 'be brief' }] }, { role: 'assistant' }] },
    ],
    [
      { messages: [...messages('a').messages, ...messages([{ type: 'thinking', thinking: 'hm' }], 'assistant').messages] },
      ['dropped messages[1].content[0]'],
      { messages: [{ role: 'user' }] },
    ],
  ])('%#: %j', (request, losses, body = {}, model = CLAUDE) => {
    const { losses: told, body: written } = translated('anthropic-messages', 'bedrock-converse', request, model);
    expect(told).toEqual(losses);
    expect(written).toMatchObject(body);
  });

  it('what Claude thought goes back to it as it came', () => {
    const thoughts = [
      { type: 'thinking', thinking: 'hm', signature: 'sig' },
      { type: 'redacted_thinking', data: 'not base64!' },
    ];
    const request = { messages: [...messages('a').messages, ...messages(thoughts, 'assistant').messages] };
    const { body, losses } = translated('anthropic-messages', 'bedrock-converse', request);
    expect(losses).toEqual([]);
    // It is bytes there.
    const marked = Buffer.from('tierkit-sealed:not base64!').toString('base64');
    expect(body).toMatchObject({ messages: [{}, { content: [{}, { reasoningContent: { redactedContent: marked } }] }] });
    expect(translated('bedrock-converse', 'anthropic-messages', body).body).toMatchObject({ messages: [{}, { content: thoughts }] });
  });
});
