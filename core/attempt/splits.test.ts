import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { MessagesStreamReader } from '../llm/anthropic/messages-stream.ts';
import { ChatStreamReader } from '../llm/openai/chat-stream.ts';
import { ResponsesStreamReader } from '../llm/openai/responses-stream.ts';
import type { StreamReader } from '../llm/stream.ts';
import { play } from './attempt.fixture.ts';

const data = (value: object | string, type?: string) =>
  `${type === undefined ? '' : `event: ${type}\n`}data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`;
const typed = (value: { type: string }) => data(value, value.type);

// As OpenAI, Azure, vLLM and Anthropic send them, shortened.
const chunk = (choices: object[], more: object = {}) =>
  data({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'gpt-4o-2024', choices, usage: null, ...more });
const delta = (content: object, reason: string | null = null, index = 0) => ({
  index,
  delta: content,
  logprobs: null,
  finish_reason: reason,
});
const CHAT = [
  data({ choices: [], created: 0, id: '', model: '', object: '', prompt_filter_results: [{ prompt_index: 0 }] }),
  chunk([delta({ role: 'assistant', content: '' })]),
  ': ping\n\n',
  chunk([delta({ content: 'Grüße 🌍' })]),
  chunk([delta({ content: 'he said "error": \\ "usage": ' })]),
  chunk([delta({ tool_calls: [{ index: 0, id: 'call_1', function: { name: 'f', arguments: '{"a' } }] })]),
  chunk([delta({}, 'stop')]),
  chunk([], { usage: { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13, prompt_tokens_details: { cached_tokens: 3 } } }),
];
const DONE = 'data: [DONE]\n\n';
const TWO_CHOICES = [
  chunk([delta({ role: 'assistant' }, null, 0)]),
  chunk([delta({ content: 'a' }, null, 1)]),
  chunk([delta({ content: 'b' }, null, 0)]),
  chunk([delta({}, 'stop', 1)]),
];
const MESSAGES = [
  typed({
    type: 'message_start',
    message: { id: 'm', model: 'claude-x', usage: { input_tokens: 5, cache_read_input_tokens: 2, output_tokens: 1 } },
  } as never),
  typed({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } } as never),
  typed({ type: 'ping' }),
  typed({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Grüße 🌍' } } as never),
  typed({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'event: error' } } as never),
  typed({ type: 'content_block_stop', index: 0 } as never),
  typed({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 11 } } as never),
];
const STOP = typed({ type: 'message_stop' });
const RESPONSES = [
  typed({ type: 'response.created', response: { id: 'r', status: 'in_progress', model: 'gpt-5' } } as never),
  typed({ type: 'response.output_item.added', output_index: 0, item: { type: 'message' } } as never),
  typed({ type: 'response.output_text.delta', delta: 'Grüße 🌍' } as never),
  typed({ type: 'response.output_text.delta', delta: '"type":"error"' } as never),
  typed({ type: 'response.output_text.done', text: 'x' } as never),
];
const COMPLETED = typed({
  type: 'response.completed',
  response: { model: 'gpt-5', usage: { input_tokens: 3, output_tokens: 2, total_tokens: 5 } },
} as never);

const chat = () => new ChatStreamReader(true);
const chatWithUsage = () => new ChatStreamReader(false);
const messages = () => new MessagesStreamReader();
const responses = () => new ResponsesStreamReader();

interface Recorded {
  readonly name: string;
  readonly reader: () => StreamReader;
  readonly text: string;
  readonly complete: boolean;
  /** Failure's reason. */
  readonly reason?: string;
  readonly usage?: object;
  readonly tokens: number;
  readonly status?: number;
}

const CHAT_USAGE = { input: 9, output: 4, cachedInput: 3, source: 'reported' };

const RECORDED: readonly Recorded[] = [
  { name: 'chat', reader: chat, text: CHAT.join('') + DONE, complete: true, usage: CHAT_USAGE, tokens: 3 },
  { name: 'chat with usage', reader: chatWithUsage, text: CHAT.join('') + DONE, complete: true, usage: CHAT_USAGE, tokens: 3 },
  {
    name: 'chat with CRLF',
    reader: chat,
    text: (CHAT.join('') + DONE).replaceAll('\n', '\r\n'),
    complete: true,
    usage: CHAT_USAGE,
    tokens: 3,
  },
  { name: 'chat with CR', reader: chat, text: (CHAT.join('') + DONE).replaceAll('\n', '\r'), complete: true, usage: CHAT_USAGE, tokens: 3 },
  { name: 'chat without [DONE]', reader: chat, text: CHAT.join(''), complete: true, usage: CHAT_USAGE, tokens: 3 },
  { name: 'chat with half a [DONE]', reader: chat, text: `${CHAT.join('')}data: [DONE]`, complete: true, usage: CHAT_USAGE, tokens: 3 },
  {
    name: 'chat with bytes behind [DONE]',
    reader: chat,
    text: CHAT.join('') + DONE + CHAT[3]!,
    complete: true,
    usage: CHAT_USAGE,
    tokens: 3,
  },
  { name: 'chat, cut', reader: chat, text: CHAT.slice(0, 5).join(''), complete: false, reason: 'truncated', tokens: 2 },
  { name: 'chat, cut in an event', reader: chat, text: CHAT.join('').slice(0, -20), complete: false, reason: 'truncated', tokens: 3 },
  {
    name: 'chat, cut before a token',
    reader: chat,
    text: CHAT.slice(0, 3).join(''),
    complete: false,
    reason: 'truncated',
    tokens: 0,
    status: 502,
  },
  {
    name: 'chat with an error',
    reader: chat,
    text: CHAT.slice(0, 5).join('') + data({ error: { message: 'x' } }) + DONE,
    complete: false,
    reason: 'stream_error',
    tokens: 2,
  },
  {
    name: 'chat with garbage',
    reader: chat,
    text: CHAT.slice(0, 5).join('') + data('<html>') + CHAT[4]!,
    complete: false,
    reason: 'malformed',
    tokens: 2,
  },
  {
    name: 'chat that begins with an error',
    reader: chat,
    text: data({ error: 'x' }),
    complete: false,
    reason: 'stream_error',
    tokens: 0,
    status: 502,
  },
  { name: 'chat with one of two choices', reader: chat, text: TWO_CHOICES.join(''), complete: false, reason: 'truncated', tokens: 2 },
  {
    name: 'messages',
    reader: messages,
    text: MESSAGES.join('') + STOP,
    complete: true,
    usage: { input: 7, output: 11, cachedInput: 2 },
    tokens: 2,
  },
  { name: 'messages, cut', reader: messages, text: MESSAGES.join(''), complete: false, reason: 'truncated', tokens: 2 },
  {
    name: 'messages with an error',
    reader: messages,
    text: MESSAGES.slice(0, 5).join('') + typed({ type: 'error' }),
    complete: false,
    reason: 'stream_error',
    tokens: 2,
  },
  {
    name: 'messages, overloaded',
    reader: messages,
    text: MESSAGES.slice(0, 3).join('') + typed({ type: 'error' }),
    complete: false,
    reason: 'stream_error',
    tokens: 0,
    status: 502,
  },
  { name: 'responses', reader: responses, text: RESPONSES.join('') + COMPLETED, complete: true, usage: { input: 3, output: 2 }, tokens: 2 },
  {
    name: 'responses without event lines',
    reader: responses,
    text: (RESPONSES.join('') + COMPLETED).replaceAll(/event: .*\n/g, ''),
    complete: true,
    usage: { input: 3, output: 2 },
    tokens: 2,
  },
  { name: 'responses, cut', reader: responses, text: RESPONSES.join(''), complete: false, reason: 'truncated', tokens: 2 },
  {
    name: 'responses that failed',
    reader: responses,
    text: RESPONSES.join('') + typed({ type: 'response.failed' }),
    complete: false,
    reason: 'stream_error',
    tokens: 2,
  },
];

/** Everything that a client, a log or a budget could notice. */
function seen(recorded: Recorded, chunks: readonly Buffer[], end: 'end' | 'error' = 'end') {
  const { status, text, outcome } = play(recorded.reader(), chunks, end);
  const { complete, clientGone, failure, facts, tokens, attempts } = outcome;
  return {
    status,
    text,
    complete,
    clientGone,
    reason: failure?.reason,
    message: failure?.message,
    facts,
    tokens,
    attempts: attempts.length,
  };
}

function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...[...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].toSorted((a, b) => a - b), bytes.length];
  // Copies, as they come from sockets: neighbours of one buffer would be joined again.
  return at.slice(1).map((to, index) => Buffer.from(bytes.subarray(at[index], to)));
}

const END_MARK = /\[DONE\]|message_stop|response\.completed/;

/** A part of a stream is complete with its finish reason or end event; else the client has what came, and then an error. */
function isHonest(part: ReturnType<typeof seen>, whole: ReturnType<typeof seen>): boolean {
  if (!part.complete) return part.status !== 200 || (/error/.test(part.text) && !END_MARK.test(part.text));
  if (!whole.complete || !/finish_reason":"stop|message_stop|response\.completed/.test(part.text)) return false;
  // A half [DONE] is written out, with LF.
  return [`${withLf(whole.text)}data: [DONE]\n\n`, withLf(whole.text)].some((text) => text.startsWith(withLf(part.text)));
}

function withLf(text: string): string {
  return text.replaceAll(/\r\n?/g, '\n');
}

describe('a recorded stream', () => {
  for (const recorded of RECORDED) {
    const bytes = Buffer.from(recorded.text);

    it(`${recorded.name}: is read as it should be`, () => {
      const got = seen(recorded, [bytes]);
      expect(got).toMatchObject({
        complete: recorded.complete,
        tokens: recorded.tokens,
        status: recorded.status ?? 200,
        reason: recorded.reason,
      });
      expect({ ...got.facts.usage }).toMatchObject(recorded.usage ?? {});
      expect(got.complete || !END_MARK.test(got.text)).toBe(true);
    });

    it(`${recorded.name}: is the same in any pieces`, () => {
      const whole = seen(recorded, [bytes]);
      expect(seen(recorded, split(bytes, [...bytes.keys()]))).toEqual(whole);
      fc.assert(
        fc.property(fc.array(fc.nat(bytes.length), { maxLength: 30 }), (cuts) => {
          expect(seen(recorded, split(bytes, cuts))).toEqual(whole);
        }),
        { numRuns: 60 },
      );
    });

    it(`${recorded.name}: cut at any byte, it never looks complete before it is`, () => {
      const whole = seen(recorded, [bytes]);
      fc.assert(
        fc.property(fc.nat(bytes.length), fc.constantFrom('end' as const, 'error' as const), (length, end) => {
          const got = seen(recorded, [bytes.subarray(0, length)], end);
          expect(isHonest(got, whole)).toBe(true);
        }),
        { numRuns: 60 },
      );
    });
  }
});
