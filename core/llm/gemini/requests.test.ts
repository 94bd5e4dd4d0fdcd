// Bodies as https://ai.google.dev/api/generate-content and https://ai.google.dev/api/caching have them.
import { describe, expect, it } from 'vitest';

import { GatewayError } from '../../errors.ts';
import { scanObject } from '../../json/scan.ts';
import { CODECS } from '../codecs.ts';
import { said } from '../conversations.fixture.ts';

const scan = (value: object) => scanObject(Buffer.from(JSON.stringify(value)));
const decoded = (value: object) => CODECS.gemini.decodeRequest(scan(value), { model: 'gemini-2.5-flash', stream: false });
const user = (...parts: object[]) => ({ contents: [{ role: 'user', parts }] });
const HI = user({ text: 'hi' });

const ALL = {
  systemInstruction: { parts: [{ text: 'be brief' }] },
  contents: [
    {
      role: 'user',
      parts: [
        { text: 'look' },
        { inlineData: { mimeType: 'image/png', data: 'aGk=' } },
        { inlineData: { mimeType: 'audio/wav', data: 'aGk=' } },
        { fileData: { mimeType: 'video/mp4', fileUri: 'gs://bucket/a' } },
        { fileData: { mimeType: 'application/pdf', fileUri: 'https://generativelanguage.googleapis.com/v1beta/files/x' } },
        { fileData: { fileUri: 'https://www.youtube.com/watch?v=x' } },
      ],
    },
    {
      role: 'model',
      parts: [
        { text: 'hm', thought: true, thoughtSignature: 'cw==' },
        { text: 'ok', thoughtSignature: 'dA==' },
        { functionCall: { id: 'a', name: 'f', args: { x: null, y: [1] } }, thoughtSignature: 'Yw==' },
        { functionCall: { id: 'b', name: 'g', args: {} } },
      ],
    },
    {
      role: 'user',
      parts: [
        { functionResponse: { id: 'b', name: 'g', response: { rows: [{ n: 1 }] } } },
        {
          functionResponse: {
            id: 'a',
            name: 'f',
            response: { error: 'no' },
            parts: [{ inlineData: { mimeType: 'image/png', data: 'aGk=' } }],
          },
        },
      ],
    },
  ],
  tools: [
    { functionDeclarations: [{ name: 'f', description: 'does', parametersJsonSchema: { type: 'object' } }, { name: 'g' }] },
    { googleSearch: {} },
    { urlContext: {} },
  ],
  toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['f'] }, retrievalConfig: { languageCode: 'de' } },
  generationConfig: {
    maxOutputTokens: 9,
    temperature: 0.5,
    topP: 0.9,
    topK: 5,
    stopSequences: ['END'],
    seed: 7,
    presencePenalty: 0.1,
    frequencyPenalty: 0.2,
    responseMimeType: 'application/json',
    responseJsonSchema: { type: 'object' },
    candidateCount: 2,
    responseLogprobs: true,
    logprobs: 3,
    thinkingConfig: { thinkingBudget: 2000, includeThoughts: true },
    mediaResolution: 'MEDIA_RESOLUTION_LOW',
  },
  safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
  cachedContent: 'cachedContents/x',
  labels: { my_team: 'a' },
};

it('says again all that it read', () => {
  const { body, losses } = CODECS.gemini.encodeRequest(decoded(ALL));
  expect(losses).toEqual([]);
  expect(JSON.parse(JSON.stringify(body))).toEqual(ALL);
});

const snake = (text: string) => text.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

it('reads names with "_" as those without, but for the client’s own', () => {
  const spelled = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(spelled);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [snake(name), spelled(each)]));
  };
  expect(said(decoded(spelled(ALL) as object))).toEqual(said(decoded(ALL)));
  const own = { contents: [{ parts: { functionCall: { name: 'f', args: { my_key: { other_key: 1 } } } } }], labels: { my_team: 'a' } };
  expect(decoded(own).turns[0]?.blocks[0]).toMatchObject({ arguments: '{"my_key":{"other_key":1}}' });
  expect(decoded(own).extras.get('labels')).toEqual({ my_team: 'a' });
});

describe('what cannot be understood is refused, with its path', () => {
  it.each<[object, string]>([
    [{}, 'contents needs one content or more'],
    [{ contents: 'hi' }, 'contents[0] must be an object'],
    [{ contents: [{ role: 'assistant', parts: [] }] }, 'contents[0].role must be user or model'],
    [user({ text: 7 }), 'contents[0].parts[0].text must be a text'],
    [user({ inline_data: { data: 'aGk=' } }), 'contents[0].parts[0].inlineData.mimeType is required'],
    [user({ functionCall: { args: {} } }), 'contents[0].parts[0].functionCall.name is required'],
    [user({ functionCall: { name: 'f', args: 'x' } }), 'contents[0].parts[0].functionCall.args must be an object'],
    [user({ functionResponse: { name: 'f' } }), 'contents[0].parts[0].functionResponse.response is required'],
    [{ ...HI, generationConfig: { temperature: 'hot' } }, 'generationConfig.temperature must be a number'],
    [{ ...HI, generationConfig: { maxOutputTokens: 1, max_output_tokens: 2 } }, 'generationConfig.maxOutputTokens is there twice'],
    [{ ...HI, generationConfig: { stopSequences: [1] } }, 'generationConfig.stopSequences must be a list of texts'],
    [
      { ...HI, generationConfig: { thinkingConfig: { thinkingLevel: 'much' } } },
      'generationConfig.thinkingConfig.thinkingLevel must be one of MINIMAL',
    ],
    [{ ...HI, tools: [{ functionDeclarations: [{}] }] }, 'tools[0].functionDeclarations[0].name is required'],
    [{ ...HI, toolConfig: { functionCallingConfig: { mode: 'SOME' } } }, 'toolConfig.functionCallingConfig.mode must be AUTO'],
  ])('%#: %j', (request, error) => {
    expect(() => decoded(request)).toThrow(GatewayError);
    expect(() => decoded(request)).toThrow(error);
  });

  it('a model that neither the path nor the body names', () => {
    expect(() => CODECS.gemini.decodeRequest(scan(HI))).toThrow('model is required');
    expect(CODECS.gemini.decodeRequest(scan({ ...HI, model: 'm' }))).toMatchObject({ model: 'm', stream: false });
  });
});
