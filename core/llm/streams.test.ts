import { array, assert, integer, property, tuple, type Arbitrary } from 'fast-check';
import { describe, expect, it } from 'vitest';

import { UnacceptableAnswer } from '../attempt/failure.ts';
import { SseScanner } from '../http/sse.ts';
import { answersOf, saidIn } from './answers.fixture.ts';
import { withOwn } from './citations.ts';
import type { StreamDecoder } from './codec.ts';
import { CODECS, TRANSLATED, type TranslatedDialect } from './codecs.ts';
import type { Answer, AnswerEvent, Block, Citation } from './conversation.ts';
import { toldBitByBit } from './told.fixture.ts';

const ASKED = { created: 1, usage: true };
/** The whole of what was told. */
function gathered(events: readonly AnswerEvent[]): Answer {
  const blocks: Block[] = [];
  let head = { id: '', model: '' };
  let open = -1;
  for (const event of events) {
    if (event.type === 'answer_start') head = { id: event.id, model: event.model };
    else if (event.type === 'block_start') {
      if (open !== -1 || event.index !== blocks.length) throw new Error(`block ${event.index} begins in block ${open}`);
      open = event.index;
      blocks.push(event.block);
    } else if (event.type === 'block_stop') {
      if (event.index !== open) throw new Error(`block ${event.index} ends, and ${open} is open`);
      open = -1;
    } else if (event.type === 'answer_stop') {
      const { finish, stopSequence, usage } = event;
      if (open !== -1) throw new Error(`block ${open} has no end`);
      return { ...head, blocks, finish, stopSequence, usage, losses: [] };
    } else if (event.type !== 'error') {
      if (event.index !== open) throw new Error(`block ${event.index} goes on, and ${open} is open`);
      blocks[open] = event.type === 'citation' ? cited(blocks[open]!, event.citation) : longer(blocks[open]!, event.type, event.text);
    }
  }
  throw new Error('the answer has no end');
}

function cited(block: Block, citation: Citation): Block {
  if (block.type !== 'text') throw new Error(`a citation in ${block.type}`);
  return withOwn(block, [citation]);
}

function longer(block: Block, type: string, text: string): Block {
  if (block.type === 'tool_call') return { ...block, arguments: block.arguments + text };
  if (block.type === 'reasoning' && type === 'signature_delta') return { ...block, signature: (block.signature ?? '') + text };
  if (block.type === 'text' || block.type === 'reasoning' || block.type === 'refusal') return { ...block, text: block.text + text };
  throw new Error(`no ${type} in ${block.type}`);
}

function bytesOf(name: TranslatedDialect, events: readonly AnswerEvent[], ended = true): Buffer {
  const encoder = CODECS[name].encodeStream(ASKED);
  return Buffer.from(events.map((event) => encoder.push(event)).join('') + (ended ? encoder.end() : ''));
}

/** @param sizes of the chunks, over and over */
function read(
  name: TranslatedDialect,
  bytes: Buffer,
  sizes: readonly number[] = [bytes.length],
  decoder: StreamDecoder = CODECS[name].decodeStream(),
): AnswerEvent[] {
  const events: AnswerEvent[] = [];
  const scanner = new SseScanner({ onEvent: (_, event) => void events.push(...decoder.push(event)) });
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    scanner.push(bytes.subarray(at, at + size));
    at += size;
  }
  scanner.end();
  return [...events, ...decoder.end()];
}

/** What stands at the end of a stream. */
const ENDS: Readonly<Record<TranslatedDialect, string>> = {
  'openai-chat': '"finish_reason":"stop"',
  'openai-responses': 'event: response.completed',
  'anthropic-messages': 'event: message_stop',
  gemini: '"finishReason":"STOP"',
  'bedrock-converse': 'event: messageStop',
};

const cuts: Arbitrary<number[]> = array(integer({ min: 0, max: 30 }), { maxLength: 4 });
const sizes: Arbitrary<number[]> = array(integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 4 });

describe.each(TRANSLATED)('a stream of %s', (name) => {
  it('says what the whole answer says, wherever its texts and its bytes are split', () => {
    assert(
      property(tuple(answersOf(name), cuts, sizes), ([answer, texts, chunks]) => {
        const events = read(name, bytesOf(name, toldBitByBit(answer, texts)), chunks);
        expect(saidIn(gathered(events))).toEqual(saidIn(answer));
      }),
      { numRuns: 300 },
    );
  });

  it.each(TRANSLATED)('says the same as a stream of %s', (other) => {
    assert(
      property(tuple(answersOf(name, other), cuts), ([answer, texts]) => {
        const events = read(name, bytesOf(name, toldBitByBit(answer, texts)));
        expect(saidIn(gathered(read(other, bytesOf(other, events))))).toEqual(saidIn(answer));
      }),
      { numRuns: 100 },
    );
  });

  it('that breaks off is no answer, wherever it does', () => {
    const [answer] = [toldBitByBit(WHOLE, [2])];
    const bytes = bytesOf(name, answer);
    // Behind the reason for its end, what is missing is the end marker, which some servers leave out.
    const end = bytes.lastIndexOf(ENDS[name]);
    for (let length = 1; length < end; length += 7) expect(() => read(name, bytes.subarray(0, length))).toThrow(UnacceptableAnswer);
  });

  it('tells an error, and does not end', () => {
    const events: AnswerEvent[] = [...toldBitByBit(WHOLE, []).slice(0, -1), { type: 'error', message: 'overloaded' }];
    const bytes = bytesOf(name, events, false);
    expect(bytes.toString()).toContain('overloaded');
    const decoder = CODECS[name].decodeStream();
    const seen: AnswerEvent[] = [];
    new SseScanner({ onEvent: (_, event) => void seen.push(...decoder.push(event)) }).push(bytes);
    expect(seen.at(-1)).toEqual({ type: 'error', message: 'overloaded' });
    expect(() => decoder.end()).toThrow(UnacceptableAnswer);
  });
});

const WHOLE: Answer = {
  id: 'a',
  model: 'm',
  blocks: [
    { type: 'reasoning', text: 'hm', signature: 's', sealed: undefined },
    { type: 'text', text: 'hello' },
  ],
  finish: 'stop',
  stopSequence: undefined,
  usage: undefined,
  losses: [],
};

const sse = (...data: unknown[]) =>
  Buffer.from(data.map((each) => `data: ${typeof each === 'string' ? each : JSON.stringify(each)}\n\n`).join(''));
const typed = (...data: { readonly type: string; readonly [field: string]: unknown }[]) =>
  Buffer.from(data.map((each) => `event: ${each.type}\ndata: ${JSON.stringify(each)}\n\n`).join(''));
const chunk = (delta: object, finish: string | null = null) => ({
  id: 'c',
  model: 'm',
  choices: [{ index: 0, delta, finish_reason: finish }],
});

describe('what is not as the API has it', () => {
  it.each<[string, Buffer, string]>([
    ['no JSON', sse('<html>'), 'an event that is no JSON'],
    ['no object', sse([]), 'must be an object'],
    ['choices that are none', sse({ choices: 7 }), 'choices must be a list'],
    [
      'calls that alternate',
      sse(
        ...[0, 1].map((index) => chunk({ tool_calls: [{ index, id: 'x', function: { name: 'f', arguments: '' } }] })),
        chunk({ tool_calls: [{ index: 0, function: { arguments: '{' } }] }),
      ),
      'goes on with a call after another one began',
    ],
  ])('chat: %s', (_, bytes, message) => {
    expect(() => read('openai-chat', bytes)).toThrow(message);
  });

  it('chat: a call of vLLM whose reason is stop, usage behind the end, no end marker', () => {
    const events = read(
      'openai-chat',
      sse(
        chunk({ role: 'assistant', content: null, tool_calls: [{ index: 0, id: 'x', type: 'function', function: { name: 'f' } }] }),
        chunk({ tool_calls: [{ index: 0, function: { arguments: '{}' } }] }),
        chunk({}, 'stop'),
        { id: 'c', choices: [], usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 } },
      ),
    );
    expect(gathered(events)).toMatchObject({
      blocks: [{ type: 'tool_call', id: 'x', name: 'f', arguments: '{}' }],
      finish: 'tool_calls',
      usage: { input: 1, output: 2 },
    });
  });

  it('messages: what the API’s own tools make is left out, and the others keep their order', () => {
    const decoder = CODECS['anthropic-messages'].decodeStream();
    const events = read(
      'anthropic-messages',
      typed(
        { type: 'message_start', message: { id: 'a', model: 'm', usage: { input_tokens: 3, output_tokens: 1 } } },
        { type: 'content_block_start', index: 0, content_block: { type: 'server_tool_use', id: 's', name: 'web_search', input: {} } },
        { type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json: '{}' } },
        { type: 'content_block_stop', index: 0 },
        { type: 'ping' },
        { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '' } },
        { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'hi' } },
        { type: 'content_block_delta', index: 1, delta: { type: 'citations_delta', citation: {} } },
        { type: 'content_block_stop', index: 1 },
        { type: 'message_delta', delta: { stop_reason: 'stop_sequence', stop_sequence: 'END' }, usage: { output_tokens: 5 } },
        { type: 'message_stop' },
      ),
      undefined,
      decoder,
    );
    expect(gathered(events)).toMatchObject({ blocks: [{ type: 'text', text: 'hi' }], stopSequence: 'END', usage: { input: 3, output: 5 } });
    expect(
      decoder.losses
        .list()
        .map(({ path }) => path)
        .sort(),
    ).toEqual(['content.citations', 'content_block']);
  });

  it('messages: a stream that begins in its middle is none', () => {
    expect(() => read('anthropic-messages', typed({ type: 'content_block_stop', index: 0 }))).toThrow('begins with content_block_stop');
  });
});
