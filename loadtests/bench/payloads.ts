import { randomBytes } from 'node:crypto';

/** The answers that the mock upstream knows. */
export type AnswerName = 'chat' | 'chat-4k' | 'embeddings';

const LOREM =
  'Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua. ';

function text(bytes: number): string {
  return LOREM.repeat(Math.ceil(bytes / LOREM.length)).slice(0, bytes);
}

function chatAnswer(contentBytes: number): string {
  return JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1_760_000_000,
    model: 'mock-1',
    choices: [{ index: 0, message: { role: 'assistant', content: text(contentBytes) }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 21, completion_tokens: 30, total_tokens: 51, prompt_tokens_details: { cached_tokens: 7 } },
  });
}

function vector(): number[] {
  return Array.from(randomBytes(1536), (byte, at) => Number(((byte - 128) / (1000 + at)).toFixed(10)));
}

/** 0.3 KB and 4 KB of chat, and 60 KB of embeddings (3 vectors of 1,536 numbers as text). */
export function answerBody(name: AnswerName): string {
  if (name === 'chat') return chatAnswer(60);
  if (name === 'chat-4k') return chatAnswer(3_800);
  return JSON.stringify({
    object: 'list',
    data: [0, 1, 2].map((index) => ({ object: 'embedding', index, embedding: vector() })),
    model: 'mock-1',
    usage: { prompt_tokens: 600, total_tokens: 600 },
  });
}

function event(rest: object): string {
  const chunk = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1_760_000_000, model: 'mock-1', ...rest };
  return `data: ${JSON.stringify(chunk)}\n\n`;
}

function delta(fields: object): string {
  return event({ choices: [{ index: 0, delta: fields, finish_reason: null }], usage: null });
}

/** The events of one stream: the role, the chunks, the end with usage, and `[DONE]`. */
export function streamEvents(chunks: number): string[] {
  return [
    delta({ role: 'assistant', content: '' }),
    ...Array.from({ length: chunks }, (_, at) => delta({ content: `token${at} ` })),
    event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], usage: null }),
    event({ choices: [], usage: { prompt_tokens: 21, completion_tokens: chunks, total_tokens: 21 + chunks } }),
    'data: [DONE]\n\n',
  ];
}

/** A chat request of about so many bytes. */
export function chatRequest(model: string, bytes: number, stream = false): string {
  const build = (content: string) =>
    JSON.stringify({
      model,
      ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content },
      ],
    });
  return build(text(Math.max(1, bytes - build('').length)));
}

/** What {@link chatRequest} says, in the words of Anthropic. */
export function messagesRequest(model: string, bytes: number): string {
  const build = (content: string) => JSON.stringify({ model, max_tokens: 50, system: 'Be brief.', messages: [{ role: 'user', content }] });
  return build(text(Math.max(1, bytes - build('').length)));
}

export function embeddingsRequest(model: string): string {
  return JSON.stringify({ model, input: [text(900), text(900), text(900)] });
}
