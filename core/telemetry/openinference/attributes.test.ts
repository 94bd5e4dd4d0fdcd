import { describe, expect, it } from 'vitest';

import { HIDE, type Hide } from '../redaction.ts';
import { attributesOf, built, recordOf, settingsOf, told } from '../trace/record.fixture.ts';

const BLOB = `data:image/png;base64,${'iVBOR'.repeat(20)}canaryImage`;
const TOOL = { type: 'function', function: { name: 'look', parameters: { type: 'object', description: 'canaryTool' } } };

const CHAT = recordOf(
  'chat',
  {
    model: 'm',
    temperature: 0.5,
    user: 'canaryParameter',
    tools: [TOOL],
    messages: [
      { role: 'system', content: 'canaryText' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'canaryText' },
          { type: 'image_url', image_url: { url: BLOB } },
        ],
      },
      { role: 'assistant', content: null, tool_calls: [{ id: 'c1', function: { name: 'look', arguments: '{"at":"canaryText"}' } }] },
      { role: 'tool', tool_call_id: 'c1', content: 'canaryText' },
    ],
  },
  {
    id: 'x',
    model: 'm-2026',
    choices: [
      {
        message: {
          role: 'assistant',
          content: 'canaryOutput',
          tool_calls: [{ id: 'c2', function: { name: 'look', arguments: 'canaryOutput' } }],
        },
        finish_reason: 'tool_calls',
      },
    ],
  },
  { usage: { input: 9, output: 3, total: 12, cachedInput: 4, cacheCreation: 2, reasoning: 1, source: 'reported' } },
);

describe('a chat', () => {
  it('has messages with their parts, tools, parameters and tokens', () => {
    const [span] = built(CHAT);
    expect(span!.name).toBe('ChatCompletion');
    expect(span!.startTime).toEqual([1_700_000_000, 250_000]);
    expect(span!.duration).toEqual([0, 123_250_000]);
    expect(span!.attributes).toMatchObject({
      'openinference.span.kind': 'LLM',
      'llm.system': 'openai',
      'llm.provider': 'openai',
      'llm.model_name': 'm-2026',
      'llm.request.model_name': 'm',
      'llm.response.model_name': 'm-2026',
      'llm.invocation_parameters': '{"model":"m","temperature":0.5,"user":"canaryParameter"}',
      'llm.tools.0.tool.json_schema': JSON.stringify(TOOL),
      'llm.input_messages.0.message.role': 'system',
      'llm.input_messages.0.message.content': 'canaryText',
      'llm.input_messages.1.message.contents.0.message_content.text': 'canaryText',
      'llm.input_messages.1.message.contents.1.message_content.image.image.url': BLOB,
      'llm.input_messages.2.message.tool_calls.0.tool_call.function.arguments': '{"at":"canaryText"}',
      'llm.input_messages.3.message.tool_call_id': 'c1',
      'llm.input_messages.3.message.content': 'canaryText',
      'llm.output_messages.0.message.content': 'canaryOutput',
      'llm.output_messages.0.message.tool_calls.0.tool_call.id': 'c2',
      'llm.finish_reason': 'tool_calls',
      'llm.token_count.prompt': 9,
      'llm.token_count.prompt_details.cache_read': 4,
      'llm.token_count.prompt_details.cache_write': 2,
      'llm.token_count.completion_details.reasoning': 1,
    });
  });

  it('that another gateway counts is a chain without tokens and content', () => {
    const text = told({ ...CHAT, counts: false, requestBody: undefined, answer: undefined, usage: undefined }, settingsOf());
    expect(text).toContain('"TierTwo ChatCompletion"');
    expect(text).toContain('"openinference.span.kind":"CHAIN"');
    expect(text).not.toMatch(/token_count|canary/);
  });
});

const COMPLETION = recordOf(
  'completion',
  { model: 'm', prompt: ['canaryText'] },
  { choices: [{ text: 'canaryOutput', finish_reason: 'stop' }] },
);
const EMBEDDINGS = recordOf('embeddings', { model: 'm', input: 'canaryText' }, { data: [{ index: 0, embedding: [0.125, 7654.5] }] });
const RERANK = recordOf(
  'rerank',
  { model: 'm', query: 'canaryText', documents: ['x', 'canaryText'], top_n: 1 },
  { results: [{ index: 1, relevance_score: 0.5 }] },
);
const MESSAGES = recordOf(
  'messages',
  {
    model: 'm',
    system: 'canaryText',
    tools: [{ name: 'look', description: 'canaryTool' }],
    messages: [
      {
        role: 'user',
        content: [
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: `${'iVBOR'.repeat(20)}canaryImage` } },
          { type: 'tool_result', tool_use_id: 't1', content: 'canaryText' },
        ],
      },
    ],
  },
  {
    role: 'assistant',
    stop_reason: 'tool_use',
    content: [
      { type: 'thinking', thinking: 'canaryOutput', signature: 'sig' },
      { type: 'tool_use', id: 't2', name: 'look', input: { at: 'canaryOutput' } },
    ],
  },
);
const RESPONSES = recordOf(
  'responses',
  { model: 'm', instructions: 'canaryText', tools: [TOOL], input: [{ role: 'user', content: [{ type: 'input_image', image_url: BLOB }] }] },
  {
    instructions: 'canaryText',
    tools: [TOOL],
    output: [{ type: 'message', content: [{ type: 'output_text', text: 'canaryOutput' }] }],
    status: 'completed',
  },
);

describe('other operations', () => {
  it('have what is theirs', () => {
    expect(attributesOf(COMPLETION)).toMatchObject({
      'llm.prompts.0.prompt.text': 'canaryText',
      'llm.choices.0.completion.text': 'canaryOutput',
    });
    expect(attributesOf(EMBEDDINGS)).toMatchObject({
      'openinference.span.kind': 'EMBEDDING',
      'embedding.model_name': 'm-2026',
      'embedding.embeddings.0.embedding.text': 'canaryText',
      'embedding.embeddings.0.embedding.vector': [0.125, 7654.5],
    });
    expect(attributesOf(EMBEDDINGS)).not.toHaveProperty('llm.system');
    expect(attributesOf(RERANK)).toMatchObject({
      'openinference.span.kind': 'RERANKER',
      'reranker.query': 'canaryText',
      'reranker.top_k': 1,
      'reranker.output_documents.0.document.content': 'canaryText',
      'reranker.output_documents.0.document.score': 0.5,
    });
    expect(attributesOf(MESSAGES)).toMatchObject({
      'llm.system': 'anthropic',
      'llm.input_messages.0.message.role': 'system',
      'llm.input_messages.1.message.contents.1.message_content.text': 'canaryText',
      'llm.output_messages.0.message.contents.0.message_content.signature': 'sig',
      'llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments': '{"at":"canaryOutput"}',
      'llm.finish_reason': 'tool_use',
    });
    expect(attributesOf(RESPONSES)).toMatchObject({
      'llm.input_messages.0.message.content': 'canaryText',
      'llm.output_messages.0.message.content': 'canaryOutput',
    });
  });

  it('decode vectors in base64', () => {
    const bytes = Buffer.alloc(8);
    bytes.writeFloatLE(0.5, 0);
    bytes.writeFloatLE(-2, 4);
    const record = recordOf('embeddings', { input: [[1, 2]] }, { data: [{ index: 0, embedding: bytes.toString('base64') }] });
    expect(attributesOf(record)['embedding.embeddings.0.embedding.vector']).toEqual([0.5, -2]);
    expect(attributesOf(record)).not.toHaveProperty('embedding.embeddings.0.embedding.text');
  });

  it.each(['image_generation', 'speech', 'transcription', 'translation', 'count_tokens', 'responses_input_tokens', 'tokenize'])(
    '%s has a span, with any body or none',
    (operation) => {
      for (const body of [undefined, {}, { messages: 'odd', tools: 3, input: { a: 1 }, choices: [null, 1], data: [[]], content: 'x' }]) {
        expect(attributesOf(recordOf(operation, body, body))).toHaveProperty(['openinference.span.kind']);
      }
    },
  );
});

/** What no span may have when a switch is on, in any operation. */
const HIDDEN: Readonly<Record<Hide, readonly string[]>> = {
  HIDE_INPUTS: ['canaryText', 'canaryImage', 'canaryTool', 'canaryParameter'],
  HIDE_OUTPUTS: ['canaryOutput', '7654.5'],
  HIDE_INPUT_MESSAGES: ['canaryImage'],
  HIDE_OUTPUT_MESSAGES: [],
  HIDE_INPUT_IMAGES: ['canaryImage'],
  HIDE_INPUT_TEXT: ['canaryText'],
  HIDE_OUTPUT_TEXT: ['canaryOutput'],
  HIDE_PROMPTS: [],
  HIDE_CHOICES: [],
  HIDE_LLM_INVOCATION_PARAMETERS: ['canaryParameter'],
  HIDE_LLM_TOOLS: ['canaryTool'],
  HIDE_EMBEDDINGS_VECTORS: ['7654.5'],
  HIDE_EMBEDDINGS_TEXT: [],
};
const ALL = { CHAT, COMPLETION, EMBEDDINGS, RERANK, MESSAGES, RESPONSES };
/** Of one operation only. */
const HIDDEN_IN: readonly (readonly [Hide, keyof typeof ALL, string])[] = [
  ['HIDE_INPUT_MESSAGES', 'CHAT', 'canaryText'],
  ['HIDE_INPUT_MESSAGES', 'MESSAGES', 'canaryText'],
  ['HIDE_OUTPUT_MESSAGES', 'CHAT', 'canaryOutput'],
  ['HIDE_OUTPUT_MESSAGES', 'MESSAGES', 'canaryOutput'],
  ['HIDE_OUTPUT_MESSAGES', 'RESPONSES', 'canaryOutput'],
  ['HIDE_PROMPTS', 'COMPLETION', 'canaryText'],
  ['HIDE_CHOICES', 'COMPLETION', 'canaryOutput'],
  ['HIDE_EMBEDDINGS_TEXT', 'EMBEDDINGS', 'canaryText'],
];

describe('what a switch hides is nowhere', () => {
  it.each(HIDE)('%s', (hide) => {
    for (const [name, record] of Object.entries(ALL)) {
      const text = told(record, settingsOf({ [`OPENINFERENCE_${hide}`]: 'true' }));
      for (const canary of HIDDEN[hide]) {
        expect(text.includes(canary), `${canary} of ${name} with ${hide}`).toBe(false);
      }
    }
  });

  it.each(HIDDEN_IN)('%s in %s: %s', (hide, name, canary) => {
    expect(told(ALL[name], settingsOf())).toContain(canary);
    expect(told(ALL[name], settingsOf({ [`OPENINFERENCE_${hide}`]: 'true' }))).not.toContain(canary);
  });

  it('by default is everything that was said', () => {
    for (const record of Object.values(ALL)) {
      const text = told(record, settingsOf({ OPENINFERENCE_HIDE_INPUTS: 'true', OPENINFERENCE_HIDE_OUTPUTS: 'true' }));
      expect(text).not.toMatch(/canary|7654/);
    }
  });

  it('each canary is there where nothing hides it', () => {
    const text = Object.values(ALL)
      .map((record) => told(record, settingsOf()))
      .join('');
    for (const canary of Object.values(HIDDEN).flat()) expect(text).toContain(canary);
  });
});

describe('bounds', () => {
  it('base64 that is too long is not told, also in the body', () => {
    for (const record of [CHAT, MESSAGES, RESPONSES]) {
      const text = told(record, settingsOf({ OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH: '50' }));
      expect(text).not.toContain('canaryImage');
      expect(text).toContain('canaryText');
    }
  });

  it('long values are cut, many are left out, and both are told', () => {
    const messages = Array.from({ length: 2000 }, (_, at) => ({ role: 'user', content: `${at} ${'x'.repeat(900)}` }));
    const attributes = attributesOf(recordOf('chat', { messages }, undefined));
    expect(attributes['tierkit.truncated']).toBe(true);
    expect(String(attributes['input.value']).length).toBe(65_536);
    expect(JSON.stringify(attributes).length).toBeLessThan(1_300_000);
    expect(attributes).toHaveProperty(['llm.input_messages.1999.message.role']);
    expect(attributes).not.toHaveProperty(['llm.input_messages.500.message.role']);
  });

  it('a body that is too large is not looked into', () => {
    const attributes = attributesOf(recordOf('chat', undefined, undefined, { requestBody: 'too large' }));
    expect(attributes['input.value']).toBe('__REDACTED__');
    expect(attributes['tierkit.truncated']).toBe(true);
  });
});

it('an answer that holds our own key is not told', () => {
  const text = told({ ...CHAT, leaks: (bytes) => bytes.includes('canaryOutput') }, settingsOf());
  expect(text).not.toContain('canaryOutput');
  expect(text).toContain('canaryText');
});
