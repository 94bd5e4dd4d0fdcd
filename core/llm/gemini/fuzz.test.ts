import { array, assert, constantFrom, integer, jsonValue, oneof, property, tuple } from 'fast-check';
import { it } from 'vitest';

import { UnacceptableAnswer } from '../../attempt/failure.ts';
import { GatewayError } from '../../errors.ts';
import { scanObject } from '../../json/scan.ts';
import { CODECS } from '../codecs.ts';
import { mutated, orRefused } from '../fuzz.fixture.ts';

const scan = (value: object) => scanObject(Buffer.from(JSON.stringify(value)));
const { gemini } = CODECS;

const VALID = {
  contents: [
    { role: 'user', parts: [{ text: 'a' }, { fileData: { fileUri: 'gs://a', mimeType: 'image/png' } }] },
    { role: 'model', parts: [{ text: 'h', thought: true, thoughtSignature: 's' }, { functionCall: { name: 'f', args: {} } }] },
    { role: 'user', parts: [{ functionResponse: { name: 'f', response: { result: 'x' }, parts: [] } }] },
  ],
  systemInstruction: { parts: [{ text: 's' }] },
  tools: [
    { functionDeclarations: [{ name: 'f', parameters: { type: 'OBJECT', properties: {}, anyOf: [], nullable: true } }] },
    { googleSearch: { excludeDomains: ['a'], timeRangeFilter: { startTime: 't' } } },
  ],
  toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['f'] } },
  generationConfig: { responseSchema: {}, responseMimeType: 'application/json', stopSequences: [], thinkingConfig: { thinkingBudget: 1 } },
  candidates: [
    {
      content: { parts: [{ text: 'a' }, { functionCall: { name: 'f' } }] },
      finishReason: 'STOP',
      index: 0,
      groundingMetadata: {
        groundingChunks: [{ web: { uri: 'u', title: 't' } }, { retrievedContext: { title: 't', text: 'x' } }],
        groundingSupports: [{ segment: { startIndex: 0, endIndex: 1, text: 'a', partIndex: 0 }, groundingChunkIndices: [0, 1] }],
      },
      citationMetadata: { citations: [{ startIndex: 0, endIndex: 1, uri: 'u' }] },
    },
  ],
  promptFeedback: { blockReason: 'SAFETY' },
  usageMetadata: { promptTokenCount: 1, promptTokensDetails: [{ modality: 'AUDIO', tokenCount: 1 }] },
};

/** As an event of a stream, and on to all other ones. */
function streamed(body: unknown): void {
  const decoder = gemini.decodeStream();
  const events = [...decoder.push({ type: 'message', data: Buffer.from(JSON.stringify(body)) }), ...decoder.end()];
  for (const { encodeStream } of Object.values(CODECS)) {
    const encoder = encodeStream({ created: 1, usage: true });
    for (const event of events) encoder.push(event);
  }
}

it('whatever comes, it is understood or refused', () => {
  const strange = oneof(jsonValue({ maxDepth: 3 }), constantFrom(null, [], {}, [null], '', 'x', -1, { __proto__: null, toString: 1 }));
  const bodies = tuple(array(integer({ min: 0, max: 20 }), { maxLength: 7 }), strange).map(([way, put]) => mutated(VALID, way, put));
  assert(
    property(bodies, (body) => {
      const object = typeof body === 'object' && body !== null && !Array.isArray(body) ? body : { contents: body };
      orRefused(GatewayError, () => {
        const conversation = gemini.decodeRequest(scan(object), { model: 'm', stream: true });
        for (const { encodeRequest } of Object.values(CODECS)) JSON.stringify(encodeRequest(conversation).body);
      });
      orRefused(UnacceptableAnswer, () => {
        const answer = gemini.decodeAnswer(scan(object));
        for (const { encodeAnswer } of Object.values(CODECS)) JSON.stringify(encodeAnswer(answer, { created: 1, usage: true }).body);
      });
      orRefused(UnacceptableAnswer, () => streamed(body));
    }),
    { numRuns: 2000 },
  );
});
