// node core/llm/one-conversation.fixture.ts: shows the conversation of one-conversation.test.ts in every API, and what is lost between each two.
import { scanObject } from '../json/scan.ts';
import { CODECS, TRANSLATED, type TranslatedDialect } from './codecs.ts';
import type { Json } from './given.ts';

/** What all of them could call it: Converse takes thoughts by the name. */
const MODEL = 'us.anthropic.claude-sonnet-4-5-20250929-v1:0';
const PLACE = { type: 'object', properties: { in: { type: 'string' } }, required: ['in'] };
const TOOLS = [
  { name: 'weather', description: 'Weather of a place' },
  { name: 'clock', description: 'Time of a place' },
] as const;
const ASKED = 'Where is this, and how is it there?';
const PNG = 'iVBORw0KGgo=';
const ROME = { in: 'Rome' };
const THOUGHT = 'The Colosseum.';
/** Of Claude. */
const SIGNATURE = 'c2ln';

/** System, an image, a thought, two calls at once and their results: as a client of each API says it. */
export const SAID: Readonly<Record<TranslatedDialect, Json>> = {
  // https://platform.openai.com/docs/api-reference/chat/create
  'openai-chat': {
    model: MODEL,
    messages: [
      { role: 'system', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: ASKED },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } },
        ],
      },
      {
        role: 'assistant',
        content: 'Rome.',
        // As the gateway gave them.
        thinking_blocks: [{ type: 'thinking', thinking: THOUGHT, signature: SIGNATURE }],
        tool_calls: TOOLS.map(({ name }, at) => ({
          id: `call_${at}`,
          type: 'function',
          function: { name, arguments: JSON.stringify(ROME) },
        })),
      },
      { role: 'tool', tool_call_id: 'call_0', content: 'sun' },
      { role: 'tool', tool_call_id: 'call_1', content: 'noon' },
    ],
    tools: TOOLS.map((tool) => ({ type: 'function', function: { ...tool, parameters: PLACE } })),
    tool_choice: 'auto',
    max_completion_tokens: 4000,
    reasoning_effort: 'low',
  },
  // https://platform.openai.com/docs/api-reference/responses/create
  'openai-responses': {
    model: MODEL,
    instructions: 'Be brief.',
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_text', text: ASKED },
          { type: 'input_image', image_url: `data:image/png;base64,${PNG}`, detail: 'auto' },
        ],
      },
      { role: 'assistant', content: 'Rome.' },
      ...TOOLS.map(({ name }, at) => ({ type: 'function_call', call_id: `call_${at}`, name, arguments: JSON.stringify(ROME) })),
      { type: 'function_call_output', call_id: 'call_0', output: 'sun' },
      { type: 'function_call_output', call_id: 'call_1', output: 'noon' },
    ],
    tools: TOOLS.map((tool) => ({ type: 'function', ...tool, strict: false, parameters: PLACE })),
    tool_choice: 'auto',
    max_output_tokens: 4000,
    reasoning: { effort: 'low' },
    store: false,
    include: ['reasoning.encrypted_content'],
  },
  // https://docs.anthropic.com/en/api/messages
  'anthropic-messages': {
    model: MODEL,
    max_tokens: 4000,
    system: [{ type: 'text', text: 'Be brief.' }],
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: ASKED },
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: THOUGHT, signature: SIGNATURE },
          { type: 'text', text: 'Rome.' },
          ...TOOLS.map(({ name }, at) => ({ type: 'tool_use', id: `call_${at}`, name, input: ROME })),
        ],
      },
      {
        role: 'user',
        content: ['sun', 'noon'].map((text, at) => ({ type: 'tool_result', tool_use_id: `call_${at}`, content: [{ type: 'text', text }] })),
      },
    ],
    tools: TOOLS.map((tool) => ({ ...tool, input_schema: PLACE })),
    tool_choice: { type: 'auto' },
    thinking: { type: 'enabled', budget_tokens: 1024 },
  },
  // https://ai.google.dev/api/generate-content
  gemini: {
    systemInstruction: { parts: [{ text: 'Be brief.' }] },
    contents: [
      { role: 'user', parts: [{ text: ASKED }, { inlineData: { mimeType: 'image/png', data: PNG } }] },
      {
        role: 'model',
        parts: [{ text: 'Rome.' }, ...TOOLS.map(({ name }, at) => ({ functionCall: { id: `call_${at}`, name, args: ROME } }))],
      },
      {
        role: 'user',
        parts: ['sun', 'noon'].map((result, at) => ({
          functionResponse: { id: `call_${at}`, name: TOOLS[at]!.name, response: { result } },
        })),
      },
    ],
    tools: [{ functionDeclarations: TOOLS.map((tool) => ({ ...tool, parametersJsonSchema: PLACE })) }],
    toolConfig: { functionCallingConfig: { mode: 'AUTO' } },
    generationConfig: { maxOutputTokens: 4000, thinkingConfig: { thinkingBudget: 1024, includeThoughts: true } },
  },
  // https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
  'bedrock-converse': {
    system: [{ text: 'Be brief.' }],
    messages: [
      { role: 'user', content: [{ text: ASKED }, { image: { format: 'png', source: { bytes: PNG } } }] },
      {
        role: 'assistant',
        content: [
          { reasoningContent: { reasoningText: { text: THOUGHT, signature: SIGNATURE } } },
          { text: 'Rome.' },
          ...TOOLS.map(({ name }, at) => ({ toolUse: { toolUseId: `call_${at}`, name, input: ROME } })),
        ],
      },
      { role: 'user', content: ['sun', 'noon'].map((text, at) => ({ toolResult: { toolUseId: `call_${at}`, content: [{ text }] } })) },
    ],
    inferenceConfig: { maxTokens: 4000 },
    toolConfig: {
      tools: TOOLS.map((tool) => ({ toolSpec: { ...tool, inputSchema: { json: PLACE } } })),
      toolChoice: { auto: {} },
    },
    additionalModelRequestFields: { thinking: { type: 'enabled', budget_tokens: 1024 } },
  },
};

/** What a client of one API says, as a backend of another is asked. */
export function across(from: TranslatedDialect, to: TranslatedDialect): { readonly body: unknown; readonly lost: readonly string[] } {
  const addressed = { model: MODEL, stream: false };
  const conversation = CODECS[from].decodeRequest(scanObject(Buffer.from(JSON.stringify(SAID[from]))), addressed);
  const { body, losses } = CODECS[to].encodeRequest(conversation);
  return { body: JSON.parse(JSON.stringify(body)) as unknown, lost: losses.map(({ path, what }) => `${path} ${what}`) };
}

if (import.meta.main) {
  for (const from of TRANSLATED) {
    console.log(`${from}: ${JSON.stringify(SAID[from])}`);
    for (const to of TRANSLATED) console.log(`  → ${to}: ${across(from, to).lost.join(', ') || 'whole'}`);
  }
}
