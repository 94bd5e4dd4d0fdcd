// What is lost, and how thoughts are asked for: https://ai.google.dev/gemini-api/docs/thinking
import { describe, expect, it } from 'vitest';

import { scanObject } from '../../json/scan.ts';
import { CODECS, type TranslatedDialect } from '../codecs.ts';

const scan = (value: object) => scanObject(Buffer.from(JSON.stringify(value)));
const user = (...parts: object[]) => ({ contents: [{ role: 'user', parts }] });
const HI = user({ text: 'hi' });

function translated(from: TranslatedDialect, to: TranslatedDialect, request: object, model = 'gemini-2.5-flash') {
  const conversation =
    from === 'gemini'
      ? CODECS.gemini.decodeRequest(scan(request), { model, stream: false })
      : CODECS[from].decodeRequest(scan({ model, max_tokens: 10, ...request }));
  const { body, losses } = CODECS[to].encodeRequest(conversation);
  return {
    body: JSON.parse(JSON.stringify(body)) as Record<string, unknown>,
    losses: losses.map(({ path, what }) => `${what} ${path}`).sort(),
  };
}

describe('what Gemini says and a chat completion cannot', () => {
  it.each<[object, readonly string[]]>([
    [HI, []],
    [{ ...HI, systemInstruction: { role: 'system', parts: { text: 's' } } }, []],
    [
      { ...HI, safetySettings: [], cachedContent: 'c', labels: {}, serviceTier: 'flex' },
      ['cachedContent', 'labels', 'safetySettings', 'serviceTier'].map((each) => `dropped ${each}`),
    ],
    [
      { ...HI, tools: [{ googleSearch: {} }, { codeExecution: {}, enterpriseWebSearch: {} }] },
      ['dropped tools[1].codeExecution', 'dropped tools[1].enterpriseWebSearch'],
    ],
    [
      { ...HI, generationConfig: { responseMimeType: 'text/x.enum', responseSchema: { type: 'STRING' } } },
      ['dropped generationConfig.responseMimeType', 'dropped generationConfig.responseSchema'],
    ],
    [{ ...HI, toolConfig: { retrievalConfig: {} } }, ['dropped toolConfig.retrievalConfig']],
    [
      { ...HI, toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['a', 'b'] } } },
      ['approximated toolConfig.functionCallingConfig.allowedFunctionNames'],
    ],
    [{ ...HI, toolConfig: { functionCallingConfig: { mode: 'VALIDATED' } } }, ['approximated toolConfig.functionCallingConfig.mode']],
    [
      { ...HI, generationConfig: { topK: 5, speechConfig: {}, responseModalities: ['AUDIO'] } },
      ['dropped generationConfig.responseModalities', 'dropped generationConfig.speechConfig', 'dropped top_k'],
    ],
    [
      { ...HI, generationConfig: { responseMimeType: 'text/x.enum', responseSchema: { type: 'STRING', enum: ['a'] } } },
      ['approximated generationConfig.responseSchema'],
    ],
    [
      { ...HI, generationConfig: { thinkingConfig: { thinkingBudget: 500, includeThoughts: false } } },
      ['approximated generationConfig.thinkingConfig.includeThoughts', 'approximated thinking.budget_tokens'],
    ],
    [{ ...HI, generationConfig: { thinkingConfig: { thinkingLevel: 'low', includeThoughts: true } } }, []],
    [user({ executableCode: { language: 'PYTHON', code: '1' } }, { text: 'a' }), ['dropped contents[0].parts[0].executableCode']],
    [
      user({ fileData: { fileUri: 'gs://b/a.png' }, videoMetadata: { fps: 1 } }),
      ['dropped contents[0].parts[0]', 'dropped contents[0].parts[0].videoMetadata'],
    ],
    [
      {
        contents: [
          {
            role: 'model',
            parts: [
              { functionCall: { name: 'f', args: {} }, thoughtSignature: 'cw==' },
              { text: 'a', thoughtSignature: 'dA==' },
            ],
          },
        ],
      },
      ['dropped contents[0].parts[0].thought_signature', 'dropped contents[0].parts[1].thought_signature'],
    ],
    [{ contents: [{ role: 'model', parts: [{ text: 'hm', thought: true }, { text: 'a' }] }] }, ['dropped contents[0].parts[0]']],
  ])('%#: %j', (request, losses) => {
    expect(translated('gemini', 'openai-chat', request).losses).toEqual(losses);
  });
});

const message = (content: unknown, role = 'user') => ({ messages: [{ role, content }] });
const result = (content: unknown, more: object = {}) => message([{ type: 'tool_result', tool_use_id: 't', content, ...more }]);
const picture = { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } };

describe('what others say and Gemini cannot', () => {
  it.each<[TranslatedDialect, object, readonly string[]]>([
    [
      'openai-chat',
      {
        ...message('hi'),
        n: 2,
        seed: 1,
        presence_penalty: 1,
        frequency_penalty: 1,
        logprobs: true,
        service_tier: 'auto',
        parallel_tool_calls: true,
      },
      ['dropped n'],
    ],
    [
      'openai-chat',
      { ...message('hi'), user: 'u', logit_bias: {}, service_tier: 'flex', parallel_tool_calls: false, seed: 2 ** 40 },
      ['logit_bias', 'parallel_tool_calls', 'seed', 'service_tier', 'user'].map((each) => `dropped ${each}`),
    ],
    ['openai-chat', { ...message('hi'), stop: ['1', '2', '3', '4', '5', '6'] }, ['approximated stop']],
    ['openai-chat', { ...message('hi'), tool_choice: 'required' }, ['dropped tool_choice']],
    ['openai-chat', { ...message('hi'), reasoning_effort: 'xhigh' }, ['approximated reasoning_effort']],
    ['openai-chat', { messages: [...message('hi').messages, { role: 'system', content: 's' }] }, ['approximated messages[1].content']],
    [
      'openai-chat',
      { messages: [...message('hi').messages, { role: 'assistant', content: 'a', reasoning_content: 'hm' }] },
      ['dropped messages[1].reasoning_content'],
    ],
    [
      'openai-chat',
      message([{ type: 'image_url', image_url: { url: 'https://example.com/a', detail: 'low' } }]),
      ['approximated messages[0].content[0]', 'dropped messages[0].content[0].detail'],
    ],
    [
      'openai-chat',
      message([
        { type: 'file', file: { file_id: 'file-1' } },
        { type: 'file', file: { file_id: 'gs://b/a.pdf', filename: 'a' } },
      ]),
      ['dropped messages[0].content[0]', 'dropped messages[0].content[1].filename'],
    ],
    [
      'openai-chat',
      {
        ...message('hi'),
        tools: [
          { type: 'function', function: { name: 'a', strict: true } },
          { type: 'function', function: { name: 'b' } },
        ],
      },
      ['approximated tools[1].strict'],
    ],
    [
      'anthropic-messages',
      { ...message([{ type: 'text', text: 'a', cache_control: { type: 'ephemeral' } }]), metadata: { user_id: 'u' } },
      ['dropped messages[0].content[0].cache_control', 'dropped user'],
    ],
    ['anthropic-messages', result([picture, { type: 'text', text: 'a' }]), ['approximated messages[0].content[0].content[0]']],
    ['anthropic-messages', result('no', { is_error: true }), []],
    [
      'anthropic-messages',
      message(
        [
          { type: 'thinking', thinking: 'hm', signature: 's' },
          { type: 'text', text: 'a' },
        ],
        'assistant',
      ),
      ['dropped messages[0].content[0]'],
    ],
    [
      'anthropic-messages',
      { ...message('hi'), thinking: { type: 'enabled', budget_tokens: 99_999 } },
      ['approximated thinking.budget_tokens'],
    ],
  ])('%s %#: %j', (from, request, losses) => {
    expect(translated(from, 'gemini', request).losses).toEqual(losses);
  });
});

const chat = (effort: string) => ({ ...message('hi'), reasoning_effort: effort });
const messages = (thinking: object) => ({ ...message('hi'), thinking });

describe('thoughts are asked for as a model has it', () => {
  it.each<[TranslatedDialect, string, object, object | undefined, readonly string[]]>([
    ['openai-chat', 'gemini-2.5-flash', chat('low'), { thinkingBudget: 1024, includeThoughts: true }, []],
    ['openai-chat', 'gemini-2.5-flash', chat('high'), { thinkingBudget: 24_576, includeThoughts: true }, []],
    ['openai-chat', 'gemini-2.5-flash', chat('none'), { thinkingBudget: 0, includeThoughts: false }, []],
    ['openai-chat', 'gemini-2.5-pro', chat('none'), { thinkingBudget: 128, includeThoughts: false }, ['approximated reasoning_effort']],
    ['openai-chat', 'gemini-2.0-flash', chat('high'), undefined, ['dropped reasoning_effort']],
    ['openai-chat', 'gemini-2.0-flash', chat('none'), undefined, []],
    ['openai-chat', 'gemini-3-flash-preview', chat('minimal'), { thinkingLevel: 'MINIMAL', includeThoughts: true }, []],
    [
      'openai-chat',
      'gemini-3.1-pro-preview',
      chat('minimal'),
      { thinkingLevel: 'LOW', includeThoughts: true },
      ['approximated reasoning_effort'],
    ],
    [
      'openai-chat',
      'google/gemini-3.5-flash',
      chat('none'),
      { thinkingLevel: 'MINIMAL', includeThoughts: false },
      ['approximated reasoning_effort'],
    ],
    [
      'anthropic-messages',
      'gemini-2.5-flash-lite',
      messages({ type: 'enabled', budget_tokens: 100 }),
      { thinkingBudget: 512, includeThoughts: true },
      ['approximated thinking.budget_tokens'],
    ],
    [
      'anthropic-messages',
      'gemini-2.5-pro',
      messages({ type: 'enabled', budget_tokens: 31_999 }),
      { thinkingBudget: 31_999, includeThoughts: true },
      [],
    ],
    [
      'anthropic-messages',
      'gemini-3-flash',
      messages({ type: 'enabled', budget_tokens: 5000 }),
      { thinkingLevel: 'MEDIUM', includeThoughts: true },
      ['approximated thinking.budget_tokens'],
    ],
    [
      'anthropic-messages',
      'gemini-3-flash',
      messages({ type: 'disabled' }),
      { thinkingLevel: 'MINIMAL', includeThoughts: false },
      ['approximated thinking'],
    ],
    ['anthropic-messages', 'gemini-2.5-flash', messages({ type: 'adaptive' }), { thinkingBudget: 8192, includeThoughts: true }, []],
    [
      'gemini',
      'gemini-2.5-flash',
      { ...HI, generationConfig: { thinkingConfig: { thinkingBudget: -1 } } },
      { thinkingBudget: -1, includeThoughts: true },
      [],
    ],
    [
      'gemini',
      'gemini-3-flash',
      { ...HI, generationConfig: { thinkingConfig: { thinkingBudget: 77 } } },
      { thinkingBudget: 77, includeThoughts: true },
      [],
    ],
  ])('%s to %s %#', (from, model, request, thinkingConfig, losses) => {
    const found = translated(from, 'gemini', request, model);
    expect((found.body['generationConfig'] as Record<string, unknown> | undefined)?.['thinkingConfig']).toEqual(thinkingConfig);
    expect(found.losses).toEqual(losses);
  });
});
