// How a model's own search is asked for in each API: pages are named where it is read.
import { assert, constantFrom, property, record, type Arbitrary } from 'fast-check';
import { describe, expect, it } from 'vitest';

import { GatewayError } from '../errors.ts';
import { scanObject } from '../json/scan.ts';
import type { Codec } from './codec.ts';
import { CODECS, TRANSLATED, type TranslatedDialect } from './codecs.ts';
import type { Conversation, Search } from './conversation.ts';
import { searchAt } from './search.ts';

const scan = (value: object) => scanObject(Buffer.from(JSON.stringify(value)));
const codec = (name: TranslatedDialect): Codec => CODECS[name];
const MODEL = 'amazon.nova-2-lite-v1:0';

const SAID: Readonly<Record<TranslatedDialect, readonly (keyof Search)[]>> = {
  'openai-chat': ['contextSize', 'place'],
  'openai-responses': ['allowedDomains', 'contextSize', 'place'],
  'anthropic-messages': ['allowedDomains', 'blockedDomains', 'maxUses', 'place'],
  gemini: ['blockedDomains', 'timeRange', 'blockingConfidence'],
  'bedrock-converse': [],
};
const place = record({
  city: constantFrom(undefined, 'Rome'),
  region: constantFrom(undefined, 'Lazio'),
  country: constantFrom(undefined, 'IT'),
  timezone: constantFrom(undefined, 'Europe/Rome'),
}).map((each) => (Object.values(each).some((value) => value !== undefined) ? each : undefined));
const searches: Arbitrary<Search> = record({
  allowedDomains: constantFrom([], ['a.example', 'b.example']),
  blockedDomains: constantFrom([], ['c.example']),
  maxUses: constantFrom(undefined, 3),
  contextSize: constantFrom(undefined, 'low' as const, 'high' as const),
  place,
  timeRange: constantFrom(undefined, { startTime: '2026-01-01T00:00:00Z', endTime: '2026-02-01T00:00:00Z' }),
  blockingConfidence: constantFrom(undefined, 'BLOCK_LOW_AND_ABOVE'),
}).map((each) => ({ ...searchAt('tools[0]'), ...each }));

function asking(search: Search, source: TranslatedDialect): Conversation {
  const base = CODECS['openai-chat'].decodeRequest(scan({ model: MODEL, max_tokens: 99, messages: [{ role: 'user', content: 'hi' }] }));
  return { ...base, source, search };
}

const isAsked = (value: unknown) => (Array.isArray(value) ? value.length > 0 : value !== undefined);

/** What both can say of it. */
const common = (search: Search, ...names: readonly TranslatedDialect[]): Search => {
  const fields = SAID[names[0]!].filter((field) => names.every((name) => SAID[name].includes(field)));
  const found = { ...searchAt('tools[0]'), ...Object.fromEntries(fields.map((field) => [field, search[field]])) };
  // Anthropic takes one of both.
  return found.allowedDomains.length > 0 ? { ...found, blockedDomains: [] } : found;
};

describe.each(TRANSLATED.flatMap((from) => TRANSLATED.map((to) => [from, to] as const)))('%s as %s', (from, to) => {
  it('asks for what both can say, and tells the rest', () => {
    assert(
      property(searches, (search) => {
        const asked = common(search, from);
        const { body, losses } = CODECS[to].encodeRequest(asking(asked, from));
        const back = codec(to).decodeRequest(scan(body), { model: MODEL, stream: false });
        expect({ ...back.search, at: '' }).toEqual({ ...common(asked, from, to), at: '' });
        expect(back.losses).toEqual([]);
        const unsaid = SAID[from].filter((field) => !SAID[to].includes(field));
        expect(losses).toHaveLength(unsaid.filter((field) => isAsked(asked[field])).length);
      }),
      { numRuns: 40 },
    );
  });
});

function translated(from: TranslatedDialect, to: TranslatedDialect, request: object, model = 'gemini-2.5-flash') {
  const addressed = { model, stream: false };
  const conversation = codec(from).decodeRequest(scan({ model, ...(from === 'gemini' ? {} : { max_tokens: 99 }), ...request }), addressed);
  const { body, losses } = CODECS[to].encodeRequest(conversation);
  return {
    body: JSON.parse(JSON.stringify(body)) as Record<string, unknown>,
    losses: losses.map(({ path, what }) => `${what} ${path}`).sort(),
  };
}

const messages = [{ role: 'user', content: 'hi' }];
const called = { type: 'function', function: { name: 'f', parameters: {} } };
const googleSearch = {
  exclude_domains: ['a.example'],
  blocking_confidence: 'BLOCK_HIGH_AND_ABOVE',
  time_range_filter: { start_time: '2026-01-01T00:00:00Z', end_time: '2026-02-01T00:00:00Z' },
};
const GOOGLE = {
  excludeDomains: ['a.example'],
  blockingConfidence: 'BLOCK_HIGH_AND_ABOVE',
  timeRangeFilter: { startTime: '2026-01-01T00:00:00Z', endTime: '2026-02-01T00:00:00Z' },
};

describe('tools in chat completions', () => {
  it.each<[object, object | undefined, readonly string[]]>([
    [{ tools: [{ type: 'google_search', google_search: googleSearch }] }, { googleSearch: GOOGLE }, []],
    [{ tools: [{ type: 'google_search', google_search: GOOGLE }] }, { googleSearch: GOOGLE }, []],
    [{ tools: [{ type: 'google_search' }] }, { googleSearch: {} }, []],
    [{ tools: [{ type: 'enterprise_search' }] }, { enterpriseWebSearch: {} }, []],
    [{ tools: [{ type: 'web_search' }] }, { googleSearch: {} }, []],
    [
      { tools: [{ type: 'web_search_20250305', name: 'web_search', blocked_domains: ['a.example'], max_uses: 2 }] },
      { googleSearch: { excludeDomains: ['a.example'] } },
      ['dropped tools[0].max_uses'],
    ],
    [
      { web_search_options: { search_context_size: 'low', user_location: { type: 'approximate', approximate: { city: 'Rome' } } } },
      { googleSearch: {} },
      ['dropped web_search_options.search_context_size', 'dropped web_search_options.user_location'],
    ],
    [{ web_search_options: {}, tools: [{ type: 'google_search' }] }, { googleSearch: {} }, ['dropped tools[0]']],
    [
      { tools: [{ type: 'google_search', google_search: { searchTypes: {} }, x: 1 }] },
      { googleSearch: {} },
      ['dropped tools[0].google_search.searchTypes', 'dropped tools[0].x'],
    ],
    // Vertex AI refuses both at once.
    [
      { tools: [{ type: 'google_search' }, called] },
      { functionDeclarations: [{ name: 'f', parametersJsonSchema: {} }] },
      ['dropped tools[0]'],
    ],
  ])('%j at Gemini', (request, tool, losses) => {
    const found = translated('openai-chat', 'gemini', { messages, ...request });
    expect(found.body['tools']).toEqual([tool]);
    expect(found.losses).toEqual(losses);
  });

  it.each<[TranslatedDialect, string, object | undefined, readonly string[]]>([
    ['openai-responses', 'gpt-5', { tools: [{ type: 'web_search' }] }, ['blocked_domains', 'blocking_confidence', 'time_range_filter']],
    [
      'anthropic-messages',
      'claude-sonnet-4-5',
      { tools: [{ type: 'web_search_20250305', name: 'web_search', blocked_domains: ['a.example'] }] },
      ['blocking_confidence', 'time_range_filter'],
    ],
    [
      'bedrock-converse',
      'us.amazon.nova-premier-v1:0',
      { toolConfig: { tools: [{ systemTool: { name: 'nova_grounding' } }] } },
      ['blocked_domains', 'blocking_confidence', 'time_range_filter'],
    ],
  ])('google_search at %s', (to, model, body, losses) => {
    const found = translated('openai-chat', to, { messages, tools: [{ type: 'google_search', google_search: googleSearch }] }, model);
    expect(found.body).toMatchObject(body!);
    expect(found.losses).toEqual(losses.map((name) => `dropped tools[0].${name}`));
  });

  it('goes where a model can search', () => {
    const found = translated('openai-chat', 'bedrock-converse', { messages, web_search_options: {} }, 'anthropic.claude-haiku-4-5-v1:0');
    expect(found.body).not.toHaveProperty('toolConfig');
    expect(found.losses).toEqual(['dropped web_search_options']);
  });
});

describe('Anthropic', () => {
  it('takes allowed or blocked domains, and no two tools of one name', () => {
    const tool = { type: 'web_search', filters: { allowed_domains: ['a.example'] }, blocked_domains: ['b.example'] };
    const found = translated('openai-chat', 'anthropic-messages', { messages, tools: [tool] });
    expect(found.body['tools']).toEqual([{ type: 'web_search_20250305', name: 'web_search', allowed_domains: ['a.example'] }]);
    expect(found.losses).toEqual(['dropped tools[0].blocked_domains']);
    const own = { type: 'function', function: { name: 'web_search' } };
    const named = translated('openai-chat', 'anthropic-messages', { messages, tools: [tool, own] });
    expect(named.body['tools']).toMatchObject([{ name: 'web_search', input_schema: {} }]);
    expect(named.losses).toEqual(['dropped tools[0]']);
  });

  it('has dated versions, of which the options that all have go on', () => {
    const tool = {
      type: 'web_search_20260318',
      name: 'web_search',
      response_inclusion: 'full',
      user_location: { type: 'approximate', city: 'Rome' },
    };
    const found = translated('anthropic-messages', 'openai-chat', { messages, tools: [tool] });
    expect(found.body['web_search_options']).toEqual({ user_location: { type: 'approximate', approximate: { city: 'Rome' } } });
    expect(found.losses).toEqual(['dropped tools[0].response_inclusion']);
  });
});

it('a search that is fit for enterprises is nearly that of others', () => {
  const request = { contents: [{ parts: [{ text: 'hi' }] }], tools: [{ enterprise_web_search: { exclude_domains: ['a.example'] } }] };
  const found = translated('gemini', 'openai-responses', request);
  expect(found.body['tools']).toEqual([{ type: 'web_search' }]);
  expect(found.losses).toEqual(['approximated tools[0].enterpriseWebSearch', 'dropped tools[0].enterpriseWebSearch.blocked_domains']);
});

it('the preview of Responses is its search', () => {
  const tool = { type: 'web_search_preview_2025_03_11', search_context_size: 'high', search_content_types: ['text'] };
  const found = translated('openai-responses', 'openai-chat', { input: 'hi', tools: [tool] });
  expect(found.body['web_search_options']).toEqual({ search_context_size: 'high' });
  expect(found.losses).toContain('dropped tools[0].search_content_types');
});

it.each<[TranslatedDialect, object, string]>([
  ['openai-chat', { messages, web_search_options: { search_context_size: 'huge' } }, 'web_search_options.search_context_size'],
  [
    'openai-chat',
    { messages, tools: [{ type: 'google_search', google_search: { exclude_domains: [1] } }] },
    'tools[0].google_search.exclude_domains[0]',
  ],
  [
    'openai-responses',
    { input: 'hi', tools: [{ type: 'web_search', filters: { allowed_domains: 'a' } }] },
    'tools[0].filters.allowed_domains',
  ],
  ['anthropic-messages', { messages, tools: [{ type: 'web_search_20250305', max_uses: 'x' }] }, 'tools[0].max_uses'],
])('%s %j is refused, with its path', (from, request, path) => {
  expect(() => translated(from, 'gemini', request)).toThrow(GatewayError);
  expect(() => translated(from, 'gemini', request)).toThrow(path);
});
