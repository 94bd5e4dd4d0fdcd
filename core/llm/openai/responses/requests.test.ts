// https://platform.openai.com/docs/api-reference/responses/create
import { describe, expect, it } from 'vitest';

import type { TranslatedDialect } from '../../codecs.ts';
import { ASK, CHAT, OWN, translated } from './requests.fixture.ts';

describe('what only the API says survives it', () => {
  it.each<[object, object?]>([
    [{ ...OWN, text: { verbosity: 'low', format: { type: 'json_schema', name: 'n', schema: { type: 'object' }, strict: true } } }],
    [{ ...OWN, text: { format: { type: 'json_object' } } }],
    [{ ...OWN, text: { verbosity: 'high' } }],
    [{ ...OWN, reasoning: { summary: 'auto', context: 'all_turns' } }],
    [{ ...OWN, reasoning: { effort: 'low', generate_summary: 'concise' }, include: ['reasoning.encrypted_content'] }],
    [{ ...OWN, include: ['message.output_text.logprobs', 'file_search_call.results'], top_logprobs: 3 }],
    [{ ...OWN, store: true, metadata: { a: 'b' }, truncation: 'auto', max_tool_calls: 3, prompt_cache_key: 'k', service_tier: 'flex' }],
    [{ ...OWN, stream: true, stream_options: { include_obfuscation: false } }],
    [{ ...OWN, temperature: 0, top_p: 0.5, max_output_tokens: 5, user: 'u' }],
    [
      { ...OWN, background: false, previous_response_id: null, prompt: null, safety_identifier: 's', user: 'u' },
      { ...OWN, safety_identifier: 's', user: 'u' },
    ],
    [
      { model: 'm', instructions: 'be brief', input: 'hi' },
      { ...OWN, instructions: 'be brief' },
    ],
    // What stands before the first turn is one list.
    [
      { model: 'm', instructions: 'a', input: [{ role: 'developer', content: [{ type: 'input_text', text: 'b' }] }, ...OWN.input] },
      {
        ...OWN,
        input: [
          {
            role: 'system',
            content: [
              { type: 'input_text', text: 'a' },
              { type: 'input_text', text: 'b' },
            ],
          },
          ...OWN.input,
        ],
      },
    ],
    [{ ...OWN, input: [{ role: 'system', content: 'only that' }] }],
  ])('%#: %j', (request, expected = request) => {
    expect(translated('openai-responses', 'openai-responses', request)).toEqual({ body: expected, losses: [] });
  });

  it('tools, calls and what became of them', () => {
    const request = {
      ...OWN,
      tools: [
        { type: 'function', name: 'f', description: 'd', parameters: { type: 'object' }, strict: true },
        { type: 'function', name: 'g', parameters: null },
      ],
      tool_choice: { type: 'function', name: 'f' },
      parallel_tool_calls: false,
      input: [
        { role: 'user', content: 'weather?' },
        { type: 'reasoning', summary: [{ type: 'summary_text', text: 'hm' }], encrypted_content: 'gAAA' },
        { role: 'assistant', content: 'wait' },
        { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{"in":' },
        { type: 'function_call', call_id: 'c2', name: 'f', arguments: '' },
        { type: 'function_call_output', call_id: 'c1', output: 'sun' },
        {
          type: 'function_call_output',
          call_id: 'c2',
          output: [
            { type: 'input_text', text: 'see' },
            { type: 'input_image', image_url: 'data:image/png;base64,aGk=', detail: 'high' },
            { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' },
          ],
        },
        { role: 'user', content: 'and?' },
      ],
    };
    expect(translated('openai-responses', 'openai-responses', request)).toEqual({ body: request, losses: [] });
  });

  it('parts of messages, in the fullest way to say them', () => {
    const text = { type: 'output_text', text: 'a', annotations: [], logprobs: [] };
    const refusal = { type: 'refusal', refusal: 'no' };
    const content = [
      { type: 'input_text', text: 'see' },
      { type: 'input_image', file_id: 'file-1', detail: 'auto' },
      { type: 'input_file', file_id: 'file-2', filename: 'b.pdf' },
      { type: 'input_file', file_url: 'https://example.com/a.pdf' },
      { type: 'input_audio', input_audio: { data: 'aGk=', format: 'wav' } },
    ];
    const { body, losses } = translated('openai-responses', 'openai-responses', {
      ...OWN,
      input: [
        { type: 'message', role: 'user', content, status: 'completed' },
        { type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content: [text, refusal] },
        { id: 'rs_1', type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text: 'hm' }], status: null },
        { id: 'fc_1', type: 'function_call', call_id: 'c', name: 'f', arguments: '{}', status: 'completed' },
        { role: 'developer', content: 'be brief' },
      ],
    });
    expect(losses).toEqual([]);
    expect(body['input']).toEqual([
      { role: 'user', content },
      { role: 'assistant', content: [{ type: 'output_text', text: 'a', annotations: [] }, refusal] },
      { type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text: 'hm' }] },
      { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
      { role: 'system', content: 'be brief' },
    ]);
  });
});

const call = (id: string, text: string) => ({ id, type: 'function', function: { name: 'f', arguments: text } });

it('items of one answer are one message of a chat completion, as parallel calls have to stand in it', () => {
  const { body, losses } = translated('openai-responses', 'openai-chat', {
    ...ASK,
    input: [
      { role: 'user', content: 'weather?' },
      { role: 'assistant', content: [{ type: 'output_text', text: 'wait', annotations: [] }] },
      { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{"in":"Rome"}' },
      { type: 'function_call', call_id: 'c2', name: 'f', arguments: '{}' },
      { type: 'function_call_output', call_id: 'c1', output: 'sun' },
      { type: 'function_call_output', call_id: 'c2', output: '' },
    ],
  });
  expect(losses).toEqual([]);
  expect(body['messages']).toEqual([
    { role: 'user', content: 'weather?' },
    { role: 'assistant', content: 'wait', tool_calls: [call('c1', '{"in":"Rome"}'), call('c2', '{}')] },
    { role: 'tool', tool_call_id: 'c1', content: 'sun' },
    { role: 'tool', tool_call_id: 'c2', content: '' },
  ]);
});

describe('another API says it in this one so that it means the same', () => {
  it.each<[TranslatedDialect, object, object]>([
    ['openai-chat', CHAT, { store: false, max_output_tokens: 100 }],
    // The API would make it strict.
    ['openai-chat', { ...CHAT, tools: [{ type: 'function', function: { name: 'f' } }] }, { tools: [{ strict: false, parameters: null }] }],
    // Nothing is stored, so that thoughts have to come along.
    ['openai-chat', { ...CHAT, reasoning_effort: 'low' }, { reasoning: { effort: 'low' }, include: ['reasoning.encrypted_content'] }],
    ['openai-chat', { ...CHAT, logprobs: true, top_logprobs: 2 }, { include: ['message.output_text.logprobs'], top_logprobs: 2 }],
    ['openai-chat', { ...CHAT, response_format: { type: 'json_object' } }, { text: { format: { type: 'json_object' } } }],
    ['anthropic-messages', { ...CHAT, tool_choice: { type: 'any' }, tools: [{ name: 'f' }] }, { tool_choice: 'required' }],
    ['anthropic-messages', { ...CHAT, system: 'a', metadata: { user_id: 'u' } }, { instructions: 'a', user: 'u' }],
  ])('%s %#', (from, request, expected) => {
    const { body, losses } = translated(from, 'openai-responses', request);
    expect(losses).toEqual([]);
    expect(body).toMatchObject(expected);
  });

  it('a seal that was given to a client of messages goes back as it came, with what of it could be read', () => {
    const content = [
      { type: 'thinking', thinking: 'hm', signature: '' },
      { type: 'redacted_thinking', data: 'gAAA' },
      { type: 'text', text: 'a' },
    ];
    const messages = [...CHAT.messages, { role: 'assistant', content }, ...CHAT.messages];
    const { body, losses } = translated('anthropic-messages', 'openai-responses', { ...CHAT, messages });
    expect(losses).toEqual([]);
    expect((body['input'] as object[]).slice(1, 3)).toEqual([
      { type: 'reasoning', summary: [{ type: 'summary_text', text: 'hm' }], encrypted_content: 'gAAA' },
      { role: 'assistant', content: 'a' },
    ]);
  });
});
