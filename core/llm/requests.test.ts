import { assert, property } from 'fast-check';
import { describe, expect, it } from 'vitest';

import { GatewayError } from '../errors.ts';
import { scanObject } from '../json/scan.ts';
import type { Codec } from './codec.ts';
import { CODECS, TRANSLATED, type TranslatedDialect } from './codecs.ts';
import { conversations, detailed, hinted, said } from './conversations.fixture.ts';

const scan = (value: object) => scanObject(Buffer.from(JSON.stringify(value)));
const codec = (name: TranslatedDialect): Codec => CODECS[name];
/** As it goes over the wire. */
const written = (body: object) => JSON.parse(JSON.stringify(body)) as Record<string, unknown>;
/** A request as it is written for another API, with what is lost. */
function translated(
  from: TranslatedDialect,
  to: TranslatedDialect,
  request: object,
): { readonly body: Record<string, unknown>; readonly losses: readonly string[] } {
  const { body, losses } = CODECS[to].encodeRequest(CODECS[from].decodeRequest(scan(request)));
  return { body: written(body), losses: losses.map(({ path, what }) => `${what} ${path}`).sort() };
}

describe.each(TRANSLATED.flatMap((from) => TRANSLATED.map((to) => [from, to] as const)))('%s as %s', (from, to) => {
  it('says all that both can say, and loses nothing', () => {
    assert(
      property(conversations(from, to), (conversation) => {
        const { body, losses } = CODECS[to].encodeRequest(conversation);
        expect(losses).toEqual([]);
        const back = codec(to).decodeRequest(scan(body), conversation);
        expect(back.losses).toEqual([]);
        expect(said(back)).toEqual(said(conversation));
      }),
      { numRuns: 200 },
    );
  });
});

const DETAILED = ['openai-chat', 'anthropic-messages'] as const;

it.each(DETAILED.flatMap((from) => DETAILED.map((to) => [from, to] as const)))(
  '%s as %s says users, tiers, strictness and names',
  (from, to) => {
    assert(
      property(detailed(conversations(from)), (conversation) => {
        const { body, losses } = CODECS[to].encodeRequest(conversation);
        expect(losses).toEqual([]);
        expect(said(codec(to).decodeRequest(scan(body), conversation))).toEqual(said(conversation));
      }),
      { numRuns: 50 },
    );
  },
);

it.each(TRANSLATED)('%s says hints for the cache of its own', (name) => {
  assert(
    property(hinted(conversations(name)), (conversation) => {
      const { body, losses } = CODECS[name].encodeRequest(conversation);
      expect(losses).toEqual([]);
      expect(said(codec(name).decodeRequest(scan(body), conversation))).toEqual(said(conversation));
    }),
    { numRuns: 50 },
  );
});

const CHAT = { model: 'm', messages: [{ role: 'user', content: 'hi' }], max_tokens: 10 };
const MESSAGES = { model: 'm', messages: [{ role: 'user', content: 'hi' }], max_tokens: 10 };
const part = (value: object) => ({ ...CHAT, messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }, value] }] });
const block = (value: object) => ({ ...MESSAGES, messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }, value] }] });

describe('what a chat completion says and a message cannot', () => {
  it.each<[object, readonly string[]]>([
    [CHAT, []],
    [{ ...CHAT, n: null, tools: null, user: null }, []],
    [
      { ...CHAT, seed: 1, logit_bias: { 5: 1 }, presence_penalty: 0.5, frequency_penalty: 0 },
      ['dropped frequency_penalty', 'dropped logit_bias', 'dropped presence_penalty', 'dropped seed'],
    ],
    [{ ...CHAT, n: 2, logprobs: true, top_logprobs: 3 }, ['dropped logprobs', 'dropped n']],
    [{ ...CHAT, temperature: 1.5 }, ['approximated temperature']],
    [{ model: 'm', messages: CHAT.messages }, ['approximated max_tokens']],
    [{ ...CHAT, service_tier: 'flex', store: true }, ['dropped service_tier', 'dropped store']],
    [{ ...CHAT, response_format: { type: 'json_object' } }, ['approximated response_format']],
    [{ ...CHAT, tools: [{ type: 'code_interpreter' }] }, ['dropped tools[0]']],
    [part({ type: 'input_audio', input_audio: { data: 'aGk=', format: 'wav' } }), ['dropped messages[0].content[1]']],
    [
      part({ type: 'image_url', image_url: { url: 'https://example.com/a.png', detail: 'high' } }),
      ['dropped messages[0].content[1].detail'],
    ],
    [part({ type: 'text', text: 'x', sparkle: true }), ['dropped messages[0].content[1].sparkle']],
    [
      { ...CHAT, messages: [...CHAT.messages, { role: 'assistant', content: 'a', reasoning_content: 'hm' }] },
      ['dropped messages[1].reasoning_content'],
    ],
    [{ ...CHAT, messages: [...CHAT.messages, { role: 'developer', content: 'be brief' }] }, ['approximated messages[1].content']],
    [{ ...CHAT, messages: [{ role: 'user', content: 'hi', name: 'ann' }] }, ['dropped messages[0].name']],
    [{ ...CHAT, reasoning_effort: 'high', temperature: 0.5 }, ['dropped temperature']],
  ])('%#: %j', (request, losses) => {
    expect(translated('openai-chat', 'anthropic-messages', request).losses).toEqual(losses);
  });
});

describe('what a message says and a chat completion cannot', () => {
  it.each<[object, readonly string[]]>([
    [MESSAGES, []],
    [{ ...MESSAGES, top_k: 5, container: 'c' }, ['dropped container', 'dropped top_k']],
    [{ ...MESSAGES, thinking: { type: 'enabled', budget_tokens: 4000 } }, ['approximated thinking.budget_tokens']],
    [{ ...MESSAGES, tools: [{ type: 'bash_20250124', name: 'bash' }] }, ['dropped tools[0]']],
    [{ ...MESSAGES, system: [{ type: 'text', text: 's', cache_control: { type: 'ephemeral' } }] }, ['dropped system[0].cache_control']],
    [block({ type: 'search_result', source: 's', title: 't', content: [] }), ['dropped messages[0].content[1]']],
    [block({ type: 'document', source: { type: 'url', url: 'https://example.com/a.pdf' } }), ['dropped messages[0].content[1]']],
    [block({ type: 'tool_result', tool_use_id: 't', is_error: true, content: 'no' }), ['dropped messages[0].content[1].is_error']],
    [
      block({
        type: 'tool_result',
        tool_use_id: 't',
        content: [{ type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } }],
      }),
      ['approximated messages[0].content[1].content[0]'],
    ],
    [
      {
        ...MESSAGES,
        messages: [...MESSAGES.messages, { role: 'assistant', content: [{ type: 'thinking', thinking: 'hm', signature: 's' }] }],
      },
      ['dropped messages[1].content[0]'],
    ],
  ])('%#: %j', (request, losses) => {
    expect(translated('anthropic-messages', 'openai-chat', request).losses).toEqual(losses);
  });
});

it('what Anthropic thought goes back to it as it came, over chat completions', () => {
  const thoughts = [
    { type: 'thinking', thinking: 'hm', signature: 'sig' },
    { type: 'redacted_thinking', data: 'sealed' },
  ];
  const request = {
    ...CHAT,
    messages: [...CHAT.messages, { role: 'assistant', content: 'a', reasoning_content: 'hm', thinking_blocks: thoughts }, CHAT.messages[0]],
    thinking: { type: 'enabled', budget_tokens: 2000 },
    max_tokens: 5000,
  };
  const { body, losses } = translated('openai-chat', 'anthropic-messages', request);
  expect(losses).toEqual([]);
  expect(body).toMatchObject({ thinking: { type: 'enabled', budget_tokens: 2000 }, max_tokens: 5000 });
  expect(body['messages']).toMatchObject([
    { role: 'user' },
    { role: 'assistant', content: [...thoughts, { type: 'text', text: 'a' }] },
    { role: 'user' },
  ]);
});

it('calls of tools, and what became of them, stand as each API has them', () => {
  const messages = [
    { role: 'user', content: 'weather?' },
    {
      role: 'assistant',
      content: null,
      tool_calls: [
        { id: 'call:1', type: 'function', function: { name: 'w', arguments: '{"in":"Rome"}' } },
        { id: 'call:2', type: 'function', function: { name: 'w', arguments: '{"in":' } },
      ],
    },
    { role: 'tool', tool_call_id: 'call:1', content: 'sun' },
    { role: 'tool', tool_call_id: 'call:2', content: [{ type: 'text', text: 'rain' }] },
    { role: 'user', content: 'and?' },
  ];
  const { body, losses } = translated('openai-chat', 'anthropic-messages', { ...CHAT, messages });
  expect(losses).toEqual(['approximated messages[1].tool_calls[1]']);
  expect(body['messages']).toEqual([
    { role: 'user', content: [{ type: 'text', text: 'weather?' }] },
    {
      role: 'assistant',
      content: [
        { type: 'tool_use', id: 'call_1', name: 'w', input: { in: 'Rome' } },
        { type: 'tool_use', id: 'call_2', name: 'w', input: { arguments: '{"in":' } },
      ],
    },
    {
      role: 'user',
      content: [
        { type: 'tool_result', tool_use_id: 'call_1', content: [{ type: 'text', text: 'sun' }] },
        { type: 'tool_result', tool_use_id: 'call_2', content: [{ type: 'text', text: 'rain' }] },
        { type: 'text', text: 'and?' },
      ],
    },
  ]);
});

describe('what cannot be understood is refused, with its path', () => {
  it.each<[TranslatedDialect, object, string]>([
    ['openai-chat', { model: 'm' }, 'messages needs one message or more'],
    ['openai-chat', { messages: CHAT.messages }, 'model is required'],
    ['openai-chat', { ...CHAT, temperature: 'hot' }, 'temperature must be a number'],
    ['openai-chat', { ...CHAT, messages: ['hi'] }, 'messages[0] must be an object'],
    ['openai-chat', { ...CHAT, messages: [{ role: 'robot', content: 'hi' }] }, 'messages[0].role must be system'],
    ['openai-chat', part({ type: 'smell' }), 'messages[0].content[1].type "smell" is none of text'],
    [
      'openai-chat',
      part({ type: 'image_url', image_url: { url: 'data:image/png,abc' } }),
      'messages[0].content[1].image_url.url must be a data: URL with base64',
    ],
    ['openai-chat', { ...CHAT, tools: [{ type: 'function', function: {} }] }, 'tools[0].function.name is required'],
    ['openai-chat', { ...CHAT, reasoning_effort: 'much' }, 'reasoning_effort must be one of none'],
    ['anthropic-messages', { ...MESSAGES, messages: [] }, 'messages needs one message or more'],
    ['anthropic-messages', block({ type: 'image' }), 'messages[0].content[1].source is required'],
    ['anthropic-messages', { ...MESSAGES, tool_choice: { type: 'tool' } }, 'tool_choice.name is required'],
    [
      'anthropic-messages',
      { ...MESSAGES, system: [{ type: 'text', text: 's', cache_control: { type: 'ephemeral', ttl: '2h' } }] },
      'system[0].cache_control.ttl must be "5m" or "1h"',
    ],
  ])('%s %#', (name, request, message) => {
    expect(() => CODECS[name].decodeRequest(scan(request))).toThrow(GatewayError);
    expect(() => CODECS[name].decodeRequest(scan(request))).toThrow(message);
  });
});
