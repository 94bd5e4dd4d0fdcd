// For tests: what a client of each API asks, and what it reads in the answer.

import { BOUND } from './compatible.fixture.ts';

/** What a client understands. */
export interface Heard {
  readonly text: string;
  readonly finish: string | undefined;
  /** Whether the API's own end was there. */
  readonly ended: boolean;
}

export interface Client {
  readonly name: 'chat' | 'messages' | 'responses';
  readonly path: string;
  /** What its SDK always sends. */
  readonly headers: Readonly<Record<string, string>>;
  request(model: string, stream: boolean): object;
  whole(body: string): Heard;
  stream(text: string): Heard;
  /** How it says that the model had said all. */
  readonly finish: string;
}

// Loose on purpose: these read what came over the wire.
interface Wire {
  readonly [key: string]: Wire | undefined;
}
type List = readonly Wire[];

const parsed = (text: string) => JSON.parse(text) as Wire;
const list = (value: Wire | undefined) => (value ?? []) as unknown as List;
const text = (value: Wire | undefined) => (typeof value === 'string' ? (value as string) : '');
const streamed = (body: string) =>
  body
    .split('\n\n')
    .map((block) => /^data: (\{.*)$/m.exec(block)?.[1])
    .filter((each) => each !== undefined)
    .map(parsed);

const CHAT: Client = {
  name: 'chat',
  path: '/v1/chat/completions',
  headers: {},
  request: (model, stream) => ({
    model,
    messages: [{ role: 'user', content: 'hi' }],
    max_completion_tokens: BOUND,
    ...(stream ? { stream } : {}),
  }),
  whole(body) {
    const [choice] = list(parsed(body)['choices']);
    const content = choice?.['message']?.['content'];
    return { text: typeof content === 'string' ? content : joined(list(content)), finish: text(choice?.['finish_reason']), ended: true };
  },
  stream(body) {
    const choices = streamed(body).flatMap((chunk) => list(chunk['choices']));
    return {
      text: choices
        .map((choice) => choice['delta']?.['content'])
        .map((content) => (typeof content === 'string' ? (content as string) : joined(list(content ?? undefined))))
        .join(''),
      finish: choices.map((choice) => text(choice['finish_reason'])).find((each) => each !== ''),
      ended: body.endsWith('data: [DONE]\n\n'),
    };
  },
  finish: 'stop',
};

const joined = (parts: List) => parts.map((part) => text(part['text'])).join('');

const MESSAGES: Client = {
  name: 'messages',
  path: '/anthropic/v1/messages',
  headers: { 'anthropic-version': '2023-06-01' },
  request: (model, stream) => ({ model, max_tokens: BOUND, messages: [{ role: 'user', content: 'hi' }], ...(stream ? { stream } : {}) }),
  whole(body) {
    const message = parsed(body);
    return { text: joined(list(message['content'])), finish: text(message['stop_reason']), ended: text(message['type']) === 'message' };
  },
  stream(body) {
    const events = streamed(body);
    return {
      text: events.map((event) => text(event['delta']?.['text'])).join(''),
      finish: text(events.find((event) => text(event['type']) === 'message_delta')?.['delta']?.['stop_reason']),
      ended: text(events.at(-1)?.['type']) === 'message_stop',
    };
  },
  finish: 'end_turn',
};

const RESPONSES: Client = {
  name: 'responses',
  path: '/v1/responses',
  headers: {},
  request: (model, stream) => ({ model, input: 'hi', max_output_tokens: BOUND, ...(stream ? { stream } : {}) }),
  whole(body) {
    const response = parsed(body);
    return {
      text: list(response['output'])
        .map((item) => joined(list(item['content'])))
        .join(''),
      finish: text(response['status']),
      ended: true,
    };
  },
  stream(body) {
    const events = streamed(body);
    const last = events.at(-1);
    return {
      text: events
        .filter((event) => text(event['type']) === 'response.output_text.delta')
        .map((event) => text(event['delta']))
        .join(''),
      finish: text(last?.['response']?.['status']),
      ended: text(last?.['type']) === 'response.completed',
    };
  },
  finish: 'completed',
};

export const CLIENTS = { chat: CHAT, messages: MESSAGES, responses: RESPONSES } as const;
