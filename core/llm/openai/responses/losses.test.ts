// https://platform.openai.com/docs/api-reference/responses/create
import { describe, expect, it } from 'vitest';

import { GatewayError } from '../../../errors.ts';
import { CODECS, type TranslatedDialect } from '../../codecs.ts';
import { ASK, CHAT, OWN, scan, translated } from './requests.fixture.ts';

const CALLED = [
  { role: 'user', content: 'hi' },
  { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
];

const part = (value: object) => ({ ...ASK, input: [{ role: 'user', content: [{ type: 'input_text', text: 'hi' }, value] }] });

describe('what is lost is listed', () => {
  it.each<[TranslatedDialect, TranslatedDialect, object, readonly string[]]>([
    [
      'openai-chat',
      'openai-responses',
      { ...CHAT, stop: 'x', seed: 1, top_k: 3, presence_penalty: 1, frequency_penalty: 1, n: 2, logit_bias: {} },
      ['frequency_penalty', 'logit_bias', 'n', 'presence_penalty', 'seed', 'stop', 'top_k'].map((name) => `dropped ${name}`),
    ],
    ['openai-chat', 'openai-responses', { ...CHAT, max_tokens: 1 }, ['approximated max_completion_tokens']],
    [
      'openai-chat',
      'openai-responses',
      { ...CHAT, messages: [...CHAT.messages, { role: 'assistant', content: 'a', reasoning_content: 'hm' }] },
      ['dropped messages[1].reasoning_content'],
    ],
    [
      'openai-chat',
      'openai-responses',
      { ...CHAT, messages: [{ role: 'user', content: [{ type: 'video_url', video_url: { url: 'https://example.com/v' } }] }] },
      ['dropped messages[0].content[0]'],
    ],
    [
      'openai-chat',
      'openai-responses',
      { ...CHAT, messages: [{ role: 'user', content: 'hi', cache_control: { type: 'ephemeral' } }] },
      ['dropped messages[0].content.cache_control'],
    ],
    [
      'anthropic-messages',
      'openai-responses',
      { ...CHAT, stop_sequences: ['x'], top_k: 2, max_tokens: 1, thinking: { type: 'enabled', budget_tokens: 2000 } },
      ['approximated max_tokens', 'approximated thinking.budget_tokens', 'dropped stop_sequences', 'dropped top_k'],
    ],
    [
      'anthropic-messages',
      'openai-responses',
      {
        ...CHAT,
        messages: [
          { role: 'assistant', content: [{ type: 'thinking', thinking: 'hm', signature: 'sig' }] },
          { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', is_error: true, content: 'no' }] },
        ],
      },
      ['dropped messages[0].content[0]', 'dropped messages[1].content[0].is_error'],
    ],
    [
      'openai-responses',
      'openai-chat',
      {
        ...ASK,
        store: true,
        truncation: 'auto',
        metadata: {},
        text: { verbosity: 'low' },
        reasoning: { summary: 'auto' },
        max_tool_calls: 1,
      },
      ['max_tool_calls', 'metadata', 'reasoning.summary', 'store', 'text.verbosity', 'truncation'].map((name) => `dropped ${name}`),
    ],
    // What is so anyway is not lost.
    ['openai-responses', 'openai-chat', { ...ASK, store: false, include: ['reasoning.encrypted_content'], background: false }, []],
    ['openai-responses', 'openai-chat', { ...ASK, include: ['file_search_call.results'] }, ['dropped include']],
    ['openai-responses', 'openai-chat', { ...ASK, reasoning: { effort: 'max' } }, ['approximated reasoning.effort']],
    // Others refuse a choice where there is no tool.
    ['openai-responses', 'openai-chat', { ...ASK, tools: [{ type: 'code_interpreter' }], tool_choice: 'auto' }, ['dropped tools[0]']],
    [
      'openai-responses',
      'openai-chat',
      { ...ASK, tools: [{ type: 'custom', name: 'c' }], tool_choice: 'required', parallel_tool_calls: true },
      ['dropped tool_choice', 'dropped tools[0]'],
    ],
    [
      'openai-responses',
      'openai-chat',
      {
        ...ASK,
        tools: [{ type: 'function', name: 'f', defer_loading: true }],
        tool_choice: { type: 'allowed_tools', mode: 'required', tools: [] },
      },
      ['approximated tool_choice', 'dropped tools[0].defer_loading'],
    ],
    [
      'openai-responses',
      'openai-chat',
      {
        ...ASK,
        input: [
          ...CALLED,
          { type: 'web_search_call', id: 'ws_1', status: 'completed' },
          { type: 'custom_tool_call_output', call_id: 'x', output: 'y' },
          { type: 'message', role: 'assistant', phase: 'commentary', content: [{ type: 'output_text', text: 'a', annotations: [{}] }] },
          { type: 'reasoning', summary: [], encrypted_content: 'gAAA' },
        ],
      },
      ['input[2]', 'input[3]', 'input[4].content[0].annotations[0]', 'input[4].phase', 'input[5]'].map((path) => `dropped ${path}`),
    ],
    [
      'openai-responses',
      'anthropic-messages',
      part({ type: 'input_image', image_url: 'https://e.com/a', detail: 'low' }),
      ['approximated max_tokens', 'dropped input[0].content[1].detail'],
    ],
  ])('%s as %s %#', (from, to, request, losses) => {
    expect(translated(from, to, request).losses).toEqual(losses);
  });

  it('a choice goes with the tools that are gone', () => {
    const { body } = translated('openai-responses', 'openai-chat', { ...ASK, tools: [{ type: 'mcp' }], tool_choice: 'auto' });
    expect(body).toEqual({ model: 'm', messages: [{ role: 'user', content: 'hi' }] });
  });
});

describe('what cannot be understood is refused, with its path', () => {
  it.each<[object, string]>([
    [{ input: 'hi' }, 'model is required'],
    [{ model: 'm' }, 'input is required'],
    [{ model: 'm', input: [] }, 'input needs one item or more'],
    [{ model: 'm', input: 7 }, 'input must be a text or a list of items'],
    [{ ...ASK, input: ['hi'] }, 'input[0] must be an object'],
    [{ ...ASK, input: [{ role: 'toString', content: 'hi' }] }, 'input[0].role must be user, assistant, system or developer'],
    [part({ type: 'input_smell' }), 'input[0].content[1].type "input_smell" is none of input_text'],
    [part({ type: 'input_image' }), 'input[0].content[1].image_url or file_id is required'],
    [part({ type: 'input_image', image_url: 'data:image/png,a' }), 'input[0].content[1].image_url must be a data: URL with base64'],
    [part({ type: 'input_audio' }), 'input[0].content[1].input_audio is required'],
    [{ ...ASK, input: [{ type: 'function_call', name: 'f' }] }, 'input[0].call_id is required'],
    [{ ...ASK, input: [{ type: 'reasoning', summary: ['x'] }] }, 'input[0].summary[0] must be an object'],
    [{ ...ASK, tools: [{ type: 'function' }] }, 'tools[0].name is required'],
    [{ ...ASK, tools: [{ type: 'function', name: 'f', parameters: 'p' }] }, 'tools[0].parameters must be an object'],
    [{ ...ASK, tool_choice: 'never' }, 'tool_choice must be an object'],
    [{ ...ASK, reasoning: { effort: 'much' } }, 'reasoning.effort must be one of none'],
    [{ ...ASK, text: { format: { type: 'json_schema', name: 'n' } } }, 'text.format.schema is required'],
    [{ ...ASK, text: { format: { type: 'xml' } } }, 'text.format.type must be text'],
  ])('%#: %j', (request, message) => {
    expect(() => CODECS['openai-responses'].decodeRequest(scan(request))).toThrow(GatewayError);
    expect(() => CODECS['openai-responses'].decodeRequest(scan(request))).toThrow(message);
  });

  it.each<[object, string]>([
    [{ ...ASK, previous_response_id: 'resp_1' }, 'previous_response_id'],
    [{ ...ASK, conversation: { id: 'c' } }, 'conversation'],
    [{ ...ASK, prompt: { id: 'p' } }, 'prompt'],
    [{ ...ASK, background: true }, 'background'],
    [{ ...ASK, input: [...OWN.input, { type: 'item_reference', id: 'msg_1' }] }, 'input[1]'],
    [{ ...ASK, input: [{ id: 'msg_1' }] }, 'input[0]'],
  ])('%j needs what nobody keeps', (request, param) => {
    const refused = expect.objectContaining({ code: 'TK_UNSUPPORTED', param, message: expect.stringContaining('the whole conversation') });
    expect(() => CODECS['openai-responses'].decodeRequest(scan(request))).toThrow(refused);
  });
});
