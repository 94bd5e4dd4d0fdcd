// For tests: Gemini on Vertex AI.
import { BOUND } from './compatible.fixture.ts';
import { bodyOf, data, type Door, enter, events, type Fake, refusal, type Reply } from './fake.fixture.ts';

const FIELDS = ['contents', 'systemInstruction', 'tools', 'toolConfig', 'safetySettings', 'generationConfig', 'labels', 'cachedContent'];

/** What was thought is beside the candidates. */
const USAGE = {
  promptTokenCount: 5,
  cachedContentTokenCount: 4,
  candidatesTokenCount: 4,
  thoughtsTokenCount: 3,
  totalTokenCount: 12,
  trafficType: 'ON_DEMAND',
  promptTokensDetails: [{ modality: 'TEXT', tokenCount: 5 }],
};
const told = (text: string, more: object = {}, finishReason?: string) => ({
  candidates: [
    { content: { role: 'model', parts: [{ text }] }, ...(finishReason === undefined ? {} : { finishReason, avgLogprobs: -0.1 }) },
  ],
  modelVersion: 'gemini-3.5-flash',
  createTime: '2026-11-27T00:00:00.000000Z',
  responseId: 'r1',
  ...more,
});

/** @see https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference */
export function gemini(door: Door): Fake {
  return (request) => {
    const operation = enter(request, door);
    if (typeof operation !== 'string') return operation;
    const body = bodyOf(request);
    if (operation === 'embeddings') return predict(body);
    const extra = Object.keys(body).find((name) => !FIELDS.includes(name));
    const { maxOutputTokens } = (body['generationConfig'] ?? {}) as { maxOutputTokens?: number };
    if (
      extra !== undefined ||
      maxOutputTokens !== BOUND ||
      JSON.stringify(body['contents']) !== '[{"role":"user","parts":[{"text":"hi"}]}]'
    ) {
      const message = `Invalid JSON payload received. Unknown name "${extra}": ${JSON.stringify(body)}`;
      return { status: 400, body: { error: { code: 400, message, status: 'INVALID_ARGUMENT' } } };
    }
    if (operation === 'whole') return { status: 200, body: told('hello', { usageMetadata: USAGE }, 'STOP') };
    return events(
      data(told('hel', { usageMetadata: { trafficType: 'ON_DEMAND' } })),
      data(told('lo', { usageMetadata: { trafficType: 'ON_DEMAND' } })),
      data(told('', { usageMetadata: USAGE }, 'STOP')),
    );
  };
}

/** @see https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api */
function predict({ instances, parameters, ...more }: Record<string, unknown>): Reply {
  const [instance, ...others] = instances as { content?: string }[];
  if (instance?.content !== 'hi' || others.length > 0 || Object.keys(more).length > 0)
    return refusal(400, `not what was asked: ${JSON.stringify(parameters)}`);
  const embeddings = { statistics: { truncated: false, token_count: 2 }, values: [0.25, -0.5] };
  return { status: 200, body: { predictions: [{ embeddings }], metadata: { billableCharacterCount: 2 } } };
}
