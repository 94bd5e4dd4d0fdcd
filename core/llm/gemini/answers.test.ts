// Answers as https://ai.google.dev/api/generate-content#GenerateContentResponse has them.
import { describe, expect, it } from 'vitest';

import { UnacceptableAnswer } from '../../attempt/failure.ts';
import { scanObject } from '../../json/scan.ts';
import { saidIn } from '../answers.fixture.ts';
import { CODECS } from '../codecs.ts';
import type { Answer } from '../conversation.ts';
import { NO_DETAILS } from '../usage.ts';

const ASKED = { created: 17, usage: true };
const { 'openai-chat': chat, 'anthropic-messages': messages, gemini } = CODECS;

const scan = (value: object) => scanObject(Buffer.from(JSON.stringify(value)));
const written = (value: object) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
const candidate = (parts: readonly object[], more: object = {}) => ({
  candidates: [{ content: { role: 'model', parts }, finishReason: 'STOP', index: 0, safetyRatings: [], ...more }],
  modelVersion: 'gemini-3-flash',
  responseId: 'r1',
});
const decoded = (value: object) => gemini.decodeAnswer(scan(value));
const lossesOf = ({ losses }: { readonly losses: Answer['losses'] }) => losses.map(({ path, what }) => `${what} ${path}`).sort();

it('thoughts, texts, calls and tokens', () => {
  const answer = decoded({
    ...candidate([
      { text: 'hm', thought: true },
      { text: 'a' },
      { text: 'b' },
      { text: '', thoughtSignature: 'dA==' },
      { text: 'c' },
      { functionCall: { name: 'f', args: { x: 1 } }, thoughtSignature: 'Yw==' },
      { functionCall: { name: 'f' } },
      { functionCall: { id: 'own', name: 'g' } },
      { inlineData: { mimeType: 'image/png', data: 'aGk=' } },
    ]),
    usageMetadata: {
      promptTokenCount: 10,
      cachedContentTokenCount: 4,
      toolUsePromptTokenCount: 2,
      candidatesTokenCount: 5,
      thoughtsTokenCount: 3,
      totalTokenCount: 20,
      promptTokensDetails: [
        { modality: 'TEXT', tokenCount: 1 },
        { modality: 'IMAGE', tokenCount: 6 },
        { modality: 'AUDIO', tokenCount: 3 },
      ],
    },
  });
  expect(saidIn(answer)).toEqual({
    id: 'r1',
    model: 'gemini-3-flash',
    blocks: [
      { type: 'reasoning', text: 'hm' },
      { type: 'text', text: 'ab', signature: 'dA==' },
      { type: 'text', text: 'c' },
      { type: 'tool_call', id: 'call_r1_0', name: 'f', arguments: '{"x":1}', signature: 'Yw==' },
      { type: 'tool_call', id: 'call_r1_1', name: 'f', arguments: '{}' },
      { type: 'tool_call', id: 'own', name: 'g', arguments: '{}' },
      { type: 'image', media: { base64: 'aGk=', mediaType: 'image/png' } },
    ],
    finish: 'tool_calls',
    usage: { input: 12, output: 8, total: 20, cachedInput: 4, reasoning: 3, inputImage: 6, inputAudio: 3, source: 'reported' },
    losses: [],
  });
});

describe('reasons for an end', () => {
  it.each<[string, Answer['finish'], readonly string[]]>([
    ['STOP', 'stop', []],
    ['MAX_TOKENS', 'length', []],
    ['SAFETY', 'content_filter', []],
    ['RECITATION', 'content_filter', []],
    ['SPII', 'content_filter', []],
    ['IMAGE_SAFETY', 'content_filter', []],
    ['MALFORMED_FUNCTION_CALL', 'stop', ['approximated candidates[0].finishReason']],
    ['LANGUAGE', 'stop', ['approximated candidates[0].finishReason']],
    ['toString', 'stop', ['approximated candidates[0].finishReason']],
  ])('%s', (finishReason, finish, losses) => {
    const answer = decoded({ candidates: [{ finishReason }] });
    expect(answer).toMatchObject({ finish, blocks: [] });
    expect(lossesOf(answer)).toEqual(losses);
  });

  it('a question that was refused', () => {
    const answer = decoded({
      promptFeedback: { blockReason: 'SAFETY', blockReasonMessage: 'no', safetyRatings: [] },
      usageMetadata: { promptTokenCount: 3 },
    });
    expect(answer).toMatchObject({ finish: 'content_filter', blocks: [], usage: { input: 3, output: undefined } });
    expect(lossesOf(answer)).toEqual(['dropped promptFeedback.blockReasonMessage']);
    expect(written(chat.encodeAnswer(answer, ASKED).body)).toMatchObject({ choices: [{ finish_reason: 'content_filter' }] });
  });
});

it('what is told of an answer beside it is lost elsewhere', () => {
  const { candidates, ...rest } = candidate([{ text: 'a' }, { codeExecutionResult: { outcome: 'OUTCOME_OK' } }], {
    groundingMetadata: { webSearchQueries: ['q'], searchEntryPoint: { renderedContent: '<div>' } },
    citationMetadata: { citations: [{ license: 'MIT' }] },
    avgLogprobs: -1,
    logprobsResult: {},
    urlContextMetadata: {},
    finishMessage: 'x',
  });
  expect(lossesOf(decoded({ ...rest, candidates: [...candidates, ...candidates] }))).toEqual([
    'dropped candidates[0].avgLogprobs',
    'dropped candidates[0].citationMetadata.citations[0]',
    'dropped candidates[0].content.parts[1].codeExecutionResult',
    'dropped candidates[0].finishMessage',
    'dropped candidates[0].groundingMetadata.searchEntryPoint',
    'dropped candidates[0].groundingMetadata.webSearchQueries',
    'dropped candidates[0].logprobsResult',
    'dropped candidates[0].urlContextMetadata',
    'dropped candidates[1]',
  ]);
});

it.each<[object, string]>([
  [{}, 'candidates has none'],
  [{ candidates: [{}] }, 'candidates[0].content is missing'],
  [{ promptFeedback: {} }, 'candidates has none'],
  [candidate([{ text: 7 }]), 'candidates[0].content.parts[0].text must be a text'],
  [candidate([{ functionCall: { args: {} } }]), 'candidates[0].content.parts[0].functionCall.name is required'],
  // Vertex, where streamFunctionCallArguments asked for it.
  [candidate([{ functionCall: { name: 'f', willContinue: true } }]), 'functionCall.partialArgs cannot be said in another API'],
])('%#: what is no answer is none', (answer, message) => {
  expect(() => decoded(answer)).toThrow(UnacceptableAnswer);
  expect(() => decoded(answer)).toThrow(message);
});

describe('signatures come back as they went', () => {
  const parts = [
    { text: 'hm', thought: true },
    { text: 'ok', thoughtSignature: 'dA==' },
    { functionCall: { id: 'a', name: 'f', args: {} }, thoughtSignature: 'Yw==' },
    { functionCall: { id: 'b', name: 'f', args: {} } },
  ];
  const [, ...kept] = parts;
  const answer = () => decoded(candidate(parts));
  const user = { role: 'user', content: 'hi' };

  it('over chat completions, where Google’s own endpoint has them', () => {
    const { body, losses } = chat.encodeAnswer(answer(), ASKED);
    expect(losses).toEqual([]);
    const { message } = (written(body)['choices'] as { message: Record<string, unknown> }[])[0]!;
    expect(message).toMatchObject({
      extra_content: { google: { thought_signature: 'dA==' } },
      tool_calls: [{ id: 'a', extra_content: { google: { thought_signature: 'Yw==' } } }, { id: 'b' }],
    });
    const request = chat.decodeRequest(scan({ model: 'gemini-3-flash', messages: [user, message] }));
    const back = gemini.encodeRequest(request);
    expect(written(back.body)).toMatchObject({ contents: [{}, { parts: kept }] });
    expect(lossesOf(back)).toEqual(['dropped messages[1].reasoning_content']);
    // A gateway of the same API writes them again, and no other provider is told them.
    expect(written(chat.encodeRequest(request).body)['messages']).toMatchObject([
      user,
      { extra_content: message['extra_content'], tool_calls: message['tool_calls'] },
    ]);
    expect(lossesOf(messages.encodeRequest(request)).filter((each) => each.includes('thought_signature'))).toEqual([
      'dropped messages[1].content.thought_signature',
      'dropped messages[1].tool_calls[0].thought_signature',
    ]);
  });

  it('over messages, as empty thoughts', () => {
    const { body, losses } = messages.encodeAnswer(answer());
    expect(losses).toEqual([]);
    const { content } = written(body);
    expect(content).toMatchObject([
      { type: 'thinking', thinking: 'hm', signature: '' },
      { type: 'text', text: 'ok' },
      { type: 'thinking', thinking: '', signature: 'gemini-text:dA==' },
      { type: 'thinking', thinking: '', signature: 'gemini-call:Yw==' },
      { type: 'tool_use', id: 'a' },
      { type: 'tool_use', id: 'b' },
    ]);
    const request = messages.decodeRequest(
      scan({ model: 'gemini-3-flash', max_tokens: 1, messages: [user, { role: 'assistant', content }] }),
    );
    const back = gemini.encodeRequest(request);
    expect(written(back.body)).toMatchObject({ contents: [{}, { parts: kept }] });
    expect(lossesOf(back)).toEqual(['dropped messages[1].content[0]']);
  });

  it('and are no thoughts of Anthropic’s', () => {
    const thought = { type: 'thinking', thinking: '', signature: 'gemini-call:Yw==' };
    const content = [thought, { type: 'tool_use', id: 'a', name: 'f', input: {} }, thought];
    const request = messages.decodeRequest(scan({ model: 'c', max_tokens: 1, messages: [{ role: 'assistant', content }] }));
    const { body, losses } = messages.encodeRequest(request);
    expect(written(body)['messages']).toEqual([{ role: 'assistant', content: [content[1]] }]);
    expect(lossesOf({ losses })).toEqual(['dropped messages[0].content[1].thought_signature', 'dropped messages[0].content[2]']);
  });

  it('a text that is there for its signature alone', () => {
    const bare = decoded(
      candidate([
        { text: 'hm', thought: true },
        { text: '', thoughtSignature: 'dA==' },
      ]),
    );
    const { message } = (written(chat.encodeAnswer(bare, ASKED).body)['choices'] as { message: object }[])[0]!;
    const viaChat = gemini.encodeRequest(chat.decodeRequest(scan({ model: 'm', messages: [user, message] })));
    const { content } = written(messages.encodeAnswer(bare).body);
    const viaMessages = gemini.encodeRequest(
      messages.decodeRequest(scan({ model: 'm', messages: [user, { role: 'assistant', content }] })),
    );
    for (const { body } of [viaChat, viaMessages])
      expect(written(body)).toMatchObject({ contents: [{}, { parts: [{ text: '', thoughtSignature: 'dA==' }] }] });
  });

  it('and thoughts of Anthropic’s models over Gemini', () => {
    const content = [
      { type: 'thinking', thinking: 'hm', signature: 'c2ln' },
      { type: 'redacted_thinking', data: 'c2VhbGVk' },
      { type: 'text', text: 'a' },
    ];
    const answer = messages.decodeAnswer(scan({ id: 'm', model: 'c', content, stop_reason: 'end_turn' }));
    const { candidates } = written(gemini.encodeAnswer(answer).body) as {
      candidates: { content: { parts: { thoughtSignature?: string }[] } }[];
    };
    const told = candidates[0]!.content;
    // Clients take them for base64.
    for (const { thoughtSignature = '' } of told.parts)
      expect(Buffer.from(thoughtSignature, 'base64').toString('base64')).toBe(thoughtSignature);
    const request = gemini.decodeRequest(scan({ contents: [{ parts: [{ text: 'hi' }] }, told] }), { model: 'c', stream: false });
    expect(written(messages.encodeRequest(request).body)).toMatchObject({ messages: [{}, { content }] });
    expect(lossesOf(gemini.encodeRequest(request))).toEqual(['dropped contents[1].parts[1]']);
  });
});

it('what of an answer Gemini cannot say', () => {
  const usage = { ...NO_DETAILS, input: 9, output: 5, total: 14, reasoning: 2, cacheCreation: 3, inputAudio: 1 };
  const blocks = [{ type: 'tool_call', id: 'a', name: 'f', arguments: '{"x":' }] as const;
  const { body, losses } = gemini.encodeAnswer({ id: 'i', model: 'm', blocks, finish: 'pause', stopSequence: 'END', usage, losses: [] });
  expect(lossesOf({ losses })).toEqual([
    'approximated stop_reason',
    'approximated tool_call',
    'dropped stop_sequence',
    'dropped usage.cache_creation_input_tokens',
  ]);
  expect(written(body)).toEqual({
    candidates: [
      {
        content: { role: 'model', parts: [{ functionCall: { id: 'a', name: 'f', args: { arguments: '{"x":' } } }] },
        finishReason: 'STOP',
        index: 0,
      },
    ],
    usageMetadata: {
      promptTokenCount: 9,
      candidatesTokenCount: 3,
      thoughtsTokenCount: 2,
      totalTokenCount: 14,
      promptTokensDetails: [{ modality: 'AUDIO', tokenCount: 1 }],
    },
    modelVersion: 'm',
    responseId: 'i',
  });
});
