// Fields by which clients of gateways say more: https://aigateway.envoyproxy.io/docs/capabilities/llm-integrations/vendor-specific-fields
import { array, assert, constantFrom, integer, jsonValue, oneof, property, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';

import { GatewayError } from '../../../errors.ts';
import { scanObject } from '../../../json/scan.ts';
import { CODECS, TRANSLATED, type TranslatedDialect } from '../../codecs.ts';
import { mutated, orRefused } from '../../fuzz.fixture.ts';

const scan = (value: object) => scanObject(Buffer.from(JSON.stringify(value)));
const CHAT = { model: 'gemini-2.5-flash', max_tokens: 99, messages: [{ role: 'user', content: 'hi' }] };

function translated(to: TranslatedDialect, more: object) {
  const { body, losses } = CODECS[to].encodeRequest(CODECS['openai-chat'].decodeRequest(scan({ ...CHAT, ...more })));
  return {
    body: JSON.parse(JSON.stringify(body)) as Record<string, unknown>,
    losses: losses.map(({ path, what }) => `${what} ${path}`).sort(),
  };
}

const SAFETY = [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_ONLY_HIGH' }];
const SCHEMA = { type: 'object', properties: { a: { type: 'string' } } };

describe('at Gemini', () => {
  it.each<[object, object, readonly string[]]>([
    [{ safetySettings: SAFETY }, { safetySettings: SAFETY }, []],
    [{ media_resolution: 'low' }, { generationConfig: { maxOutputTokens: 99, mediaResolution: 'MEDIA_RESOLUTION_LOW' } }, []],
    [
      { generationConfig: { media_resolution: 'MEDIA_RESOLUTION_HIGH' } },
      { generationConfig: { maxOutputTokens: 99, mediaResolution: 'MEDIA_RESOLUTION_HIGH' } },
      [],
    ],
    // What it says goes before what the other fields say.
    [
      { reasoning_effort: 'high', generationConfig: { thinkingConfig: { thinking_budget: 1000, includeThoughts: false } } },
      { generationConfig: { maxOutputTokens: 99, thinkingConfig: { thinkingBudget: 1000, includeThoughts: false } } },
      [],
    ],
    // Bounds are for the gateway to know.
    [
      { generationConfig: { maxOutputTokens: 99_999, candidateCount: 8 } },
      { generationConfig: { maxOutputTokens: 99 } },
      ['dropped generationConfig.candidateCount', 'dropped generationConfig.maxOutputTokens'],
    ],
    [
      { thinking: { type: 'enabled', budget_tokens: 1000, includeThoughts: false } },
      { generationConfig: { maxOutputTokens: 99, thinkingConfig: { thinkingBudget: 1000, includeThoughts: false } } },
      [],
    ],
    [
      { thinking: { type: 'enabled', budget_tokens: 1000, includeThoughts: true } },
      { generationConfig: { maxOutputTokens: 99, thinkingConfig: { thinkingBudget: 1000, includeThoughts: true } } },
      [],
    ],
    [
      { guided_json: SCHEMA },
      { generationConfig: { maxOutputTokens: 99, responseMimeType: 'application/json', responseJsonSchema: SCHEMA } },
      [],
    ],
    [
      { guided_choice: ['yes', 'no'] },
      {
        generationConfig: { maxOutputTokens: 99, responseMimeType: 'text/x.enum', responseSchema: { type: 'STRING', enum: ['yes', 'no'] } },
      },
      [],
    ],
    // It has patterns in JSON alone.
    [
      { guided_regex: 'a+' },
      {
        generationConfig: { maxOutputTokens: 99, responseMimeType: 'application/json', responseSchema: { type: 'STRING', pattern: 'a+' } },
      },
      ['approximated guided_regex'],
    ],
  ])('%j', (more, expected, losses) => {
    const { body, losses: told } = translated('gemini', more);
    expect(body).toEqual({ contents: [{ role: 'user', parts: [{ text: 'hi' }] }], generationConfig: { maxOutputTokens: 99 }, ...expected });
    expect(told).toEqual(losses);
  });
});

const OTHERS = TRANSLATED.filter((name) => name !== 'gemini' && name !== 'openai-chat');

describe.each(OTHERS)('at %s', (to) => {
  it('what is Gemini’s own is told, and patterns too', () => {
    const more = {
      safetySettings: SAFETY,
      media_resolution: 'low',
      generationConfig: { thinkingConfig: {} },
      guided_regex: 'a+',
      thinking: { type: 'disabled', includeThoughts: false },
    };
    expect(translated(to, more).losses.filter((each) => each.startsWith('dropped'))).toEqual(
      ['generationConfig', 'guided_regex', 'media_resolution', 'safetySettings', 'thinking.includeThoughts'].map(
        (name) => `dropped ${name}`,
      ),
    );
  });

  it('a schema is a response format', () => {
    const format = { type: 'json_schema', json_schema: { name: 'answer', schema: SCHEMA } };
    expect(translated(to, { guided_json: JSON.stringify(SCHEMA) })).toEqual(translated(to, { response_format: format }));
    expect(translated(to, { guided_json: SCHEMA }).losses).toEqual([]);
  });

  it('a choice is said in words, and told', () => {
    const { body, losses } = translated(to, { guided_choice: ['yes', 'no'] });
    expect(JSON.stringify(body)).toContain(JSON.stringify(JSON.stringify(['yes', 'no'])).slice(1, -1));
    expect(losses).toEqual(['approximated guided_choice']);
  });
});

it('servers of the same API get a choice as it was', () => {
  expect(translated('openai-chat', { guided_choice: ['yes', 'no'], guided_regex: undefined })).toMatchObject({
    body: { guided_choice: ['yes', 'no'] },
    losses: [],
  });
});

it.each<[object, string]>([
  [{ guided_json: 7 }, 'guided_json must be a JSON Schema, or the text of one'],
  [{ guided_json: '{' }, 'guided_json must be'],
  [{ guided_choice: [] }, 'guided_choice must be a list of texts'],
  [{ guided_choice: ['a', 1] }, 'guided_choice must be a list of texts'],
  [{ guided_choice: ['a'], guided_regex: 'b' }, 'guided_regex cannot stand beside guided_choice'],
  [{ guided_json: {}, response_format: { type: 'json_object' } }, 'guided_json cannot stand beside response_format'],
  [{ safetySettings: [1] }, 'safetySettings[0] must be an object'],
  [{ generationConfig: { thinkingConfig: 'x' } }, 'generationConfig.thinkingConfig must be an object'],
  [{ thinking: { type: 'enabled', includeThoughts: 'no' } }, 'thinking.includeThoughts must be true or false'],
])('%j is refused', (more, message) => {
  expect(() => translated('gemini', more)).toThrow(GatewayError);
  expect(() => translated('gemini', more)).toThrow(message);
});

it('whatever comes, it is understood or refused', () => {
  const valid = {
    ...CHAT,
    messages: [...CHAT.messages, { role: 'assistant', content: 'a', annotations: [{ type: 'url_citation', url_citation: { url: 'u' } }] }],
    safetySettings: SAFETY,
    generationConfig: { thinkingConfig: { thinkingBudget: 1 }, mediaResolution: 'x' },
    thinking: { type: 'enabled', budget_tokens: 5, includeThoughts: false },
    guided_choice: ['a'],
    web_search_options: { user_location: { type: 'approximate', approximate: { city: 'c' } } },
    tools: [
      { type: 'google_search', google_search: { exclude_domains: ['a'], time_range_filter: { start_time: 's' } } },
      { type: 'web_search', filters: { allowed_domains: ['a'] } },
    ],
  };
  const strange = oneof(jsonValue({ maxDepth: 3 }), constantFrom(null, [], {}, [null], '', 'x', -1, 1.5));
  const bodies = tuple(array(integer({ min: 0, max: 20 }), { maxLength: 6 }), strange).map(([way, put]) => mutated(valid, way, put));
  assert(
    property(bodies, (body) => {
      if (typeof body !== 'object' || body === null || Array.isArray(body)) return;
      orRefused(GatewayError, () => {
        const conversation = CODECS['openai-chat'].decodeRequest(scan(body));
        for (const { encodeRequest } of Object.values(CODECS)) JSON.stringify(encodeRequest(conversation).body);
      });
    }),
    { numRuns: 2000 },
  );
});
