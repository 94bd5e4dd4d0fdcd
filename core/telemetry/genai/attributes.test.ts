import { SpanKind } from '@opentelemetry/api';
import { describe, expect, it } from 'vitest';

import { attributesOf, built, recordOf, settingsOf, told } from '../trace/record.fixture.ts';

const GENAI = settingsOf({}, { convention: 'gen_ai', shown: { inputs: false, outputs: false } });
const WITH_CONTENT = settingsOf({}, { convention: 'gen_ai' });

const CHAT = recordOf(
  'chat',
  {
    model: 'm',
    max_completion_tokens: 7,
    temperature: 0.5,
    stop: 'END',
    n: 2,
    tools: [{ type: 'function', function: { name: 'canaryTool' } }],
    messages: [
      { role: 'system', content: 'canarySystem' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'canaryInput' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,canaryImage' } },
        ],
      },
    ],
  },
  { id: 'chat-1', choices: [{ message: { role: 'assistant', content: 'canaryOutput' }, finish_reason: 'stop' }] },
  {
    headers: [['session.id', 's-1']],
    usage: { input: 9, output: 3, total: 12, cachedInput: 4, cacheCreation: 2, reasoning: 1, source: 'reported' },
  },
);

describe('the GenAI convention', () => {
  it('has the attributes of the reference', () => {
    const [span] = built(CHAT, GENAI);
    expect(span!.name).toBe('chat m-up');
    expect(span!.kind).toBe(SpanKind.CLIENT);
    expect(span!.attributes).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.conversation.id': 's-1',
      'gen_ai.request.model': 'm-up',
      'gen_ai.request.max_tokens': 7,
      'gen_ai.request.temperature': 0.5,
      'gen_ai.request.stop_sequences': ['END'],
      'gen_ai.request.choice.count': 2,
      'gen_ai.response.id': 'chat-1',
      'gen_ai.response.model': 'm-2026',
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.usage.input_tokens': 9,
      'gen_ai.usage.output_tokens': 3,
      'gen_ai.usage.cache_read.input_tokens': 4,
      'gen_ai.usage.cache_creation.input_tokens': 2,
      'gen_ai.usage.reasoning.output_tokens': 1,
    });
  });

  it('tells what was said only where its own switch says so, and base64 never', () => {
    expect(told(CHAT, GENAI)).not.toContain('canary');
    const attributes = attributesOf(CHAT, WITH_CONTENT);
    expect(attributes['gen_ai.system_instructions']).toBe('[{"type":"text","content":"canarySystem"}]');
    expect(String(attributes['gen_ai.input.messages'])).toContain('canaryInput');
    expect(String(attributes['gen_ai.input.messages'])).not.toContain('canarySystem');
    expect(JSON.parse(String(attributes['gen_ai.output.messages']))).toEqual([
      { role: 'assistant', parts: [{ type: 'text', content: 'canaryOutput' }], finish_reason: 'stop' },
    ]);
    expect(String(attributes['gen_ai.tool.definitions'])).toContain('canaryTool');
    expect(JSON.stringify(attributes)).not.toContain('canaryImage');
  });

  it("of another gateway's call has no usage", () => {
    const text = told({ ...CHAT, counts: false, usage: undefined, requestBody: undefined, answer: undefined }, GENAI);
    expect(text).toContain('"TierTwo chat m-up"');
    expect(text).not.toContain('usage');
  });
});
