import { describe, expect, it } from 'vitest';

import { accumulatorOf } from './accumulate.ts';
import { ChatAccumulator } from './accumulate/chat.ts';
import { MessagesAccumulator } from './accumulate/messages.ts';

function said(operation: string, events: readonly object[], content = true) {
  const accumulator = accumulatorOf(operation, content)!;
  for (const event of events) accumulator.push(Buffer.from(JSON.stringify(event)), isToken(event));
  return accumulator;
}

/** As the readers of the streams see it. */
function isToken(event: object): boolean {
  const { type, choices } = event as { type?: string; choices?: { delta?: object; text?: string; finish_reason?: string }[] };
  if (type !== undefined) return type.endsWith('delta') && type !== 'message_delta';
  return choices?.some(({ delta, text }) => text !== undefined || Object.keys(delta ?? {}).length > 0) ?? false;
}

const delta = (delta: object, index = 0, finish: string | null = null) => ({
  id: 'c',
  model: 'm',
  choices: [{ index, delta, finish_reason: finish }],
});

describe('a chat', () => {
  it('is the answer that would have come in one piece', () => {
    const accumulator = said('chat', [
      delta({ role: 'assistant', content: '' }),
      delta({ content: 'he' }),
      delta({ content: 'other' }, 1),
      delta({ content: 'llo' }),
      delta({ reasoning_content: 'hm' }),
      delta({ tool_calls: [{ index: 1, id: 'b', function: { name: 'two', arguments: '' } }] }),
      delta({ tool_calls: [{ index: 0, id: 'a', function: { name: 'one', arguments: '{"x"' } }] }),
      delta({ tool_calls: [{ index: 0, function: { arguments: ':1}' } }] }),
      delta({}, 0, 'tool_calls'),
      delta({}, 1, 'stop'),
      { choices: [], usage: {} },
    ]);
    expect(accumulator.value()).toMatchObject({
      id: 'c',
      model: 'm',
      choices: [
        {
          index: 0,
          finish_reason: 'tool_calls',
          message: {
            role: 'assistant',
            content: 'hello',
            reasoning_content: 'hm',
            tool_calls: [
              { id: 'a', function: { name: 'one', arguments: '{"x":1}' } },
              { id: 'b', function: { name: 'two', arguments: '' } },
            ],
          },
        },
        { index: 1, finish_reason: 'stop', message: { content: 'other' } },
      ],
    });
  });

  it('of completions is text', () => {
    const accumulator = said('completion', [
      { choices: [{ index: 0, text: 'a' }] },
      { choices: [{ index: 0, text: 'b', finish_reason: 'stop' }] },
    ]);
    expect(accumulator.value()).toMatchObject({ choices: [{ text: 'ab', finish_reason: 'stop' }] });
  });

  it('without content remembers how it ended, and no word', () => {
    const accumulator = said('chat', [delta({ content: 'canary' }), delta({}, 0, 'length')], false);
    expect(JSON.stringify(accumulator.value())).not.toContain('canary');
    expect(accumulator.value()).toMatchObject({ choices: [{ finish_reason: 'length' }] });
  });

  it('is bounded, whatever a server sends', () => {
    const accumulator = new ChatAccumulator(true, 1000);
    for (let each = 0; each < 5000; each++) {
      accumulator.push(Buffer.from(JSON.stringify(delta({ content: 'x'.repeat(100), tool_calls: [{ index: each }] }, each % 300))), true);
    }
    for (let index = 0; index < 300; index++) accumulator.push(Buffer.from(JSON.stringify(delta({}, index, 'stop'))), false);
    expect(accumulator.size).toBeLessThanOrEqual(1000);
    expect(accumulator.truncated).toBe(true);
    const { choices } = accumulator.value() as { choices: { finish_reason: string }[] };
    expect(choices).toHaveLength(128);
    expect(choices[0]!.finish_reason).toBe('stop');
  });

  it.each(['no JSON', '[1]', 'null', '{"choices":3}', '{"choices":[null,{"delta":"x","index":"y"}]}'])('takes %s', (text) => {
    const accumulator = accumulatorOf('chat', true)!;
    accumulator.push(Buffer.from(text), true);
    expect(() => accumulator.value()).not.toThrow();
  });
});

describe('messages', () => {
  const START = { type: 'message_start', message: { id: 'm1', model: 'claude', role: 'assistant', content: [] } };

  it('are the message that would have come in one piece', () => {
    const accumulator = said('messages', [
      START,
      { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'hm' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: 'sig' } },
      { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'he' } },
      { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'llo' } },
      { type: 'content_block_start', index: 2, content_block: { type: 'tool_use', id: 't', name: 'look', input: {} } },
      { type: 'content_block_delta', index: 2, delta: { type: 'input_json_delta', partial_json: '{"a":' } },
      { type: 'content_block_delta', index: 2, delta: { type: 'input_json_delta', partial_json: '1}' } },
      { type: 'message_delta', delta: { stop_reason: 'tool_use' } },
    ]);
    expect(accumulator.value()).toEqual({
      id: 'm1',
      type: 'message',
      role: 'assistant',
      model: 'claude',
      stop_reason: 'tool_use',
      content: [
        { type: 'thinking', thinking: 'hm', signature: 'sig' },
        { type: 'text', text: 'hello' },
        { type: 'tool_use', id: 't', name: 'look', input: { a: 1 } },
      ],
    });
  });

  it('are bounded', () => {
    const accumulator = new MessagesAccumulator(true, 500);
    accumulator.push(Buffer.from(JSON.stringify(START)), false);
    for (let index = 0; index < 2000; index++)
      accumulator.push(Buffer.from(JSON.stringify({ type: 'content_block_delta', index, delta: { text: 'x'.repeat(50) } })), true);
    expect(accumulator.truncated).toBe(true);
    expect(JSON.stringify(accumulator.value()).length).toBeLessThan(10_000);
  });
});

describe('responses', () => {
  it('are what the last event has', () => {
    const response = { id: 'r', output: [{ type: 'message', content: [{ type: 'output_text', text: 'all of it' }] }] };
    const accumulator = said('responses', [
      { type: 'response.output_text.delta', output_index: 0, delta: 'all' },
      { type: 'response.completed', response },
    ]);
    expect(accumulator.value()).toEqual(response);
  });

  it('that broke off are what was said until then', () => {
    const accumulator = said('responses', [
      { type: 'response.created', response: {} },
      { type: 'response.output_text.delta', output_index: 0, delta: 'un' },
      { type: 'response.output_text.delta', output_index: 0, delta: 'til' },
    ]);
    expect(accumulator.value()).toEqual({
      output: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'until' }] }],
    });
  });
});

it('a transcription is its text', () => {
  const accumulator = said('transcription', [
    { type: 'transcript.text.delta', delta: 'a ' },
    { type: 'transcript.text.delta', delta: 'b' },
  ]);
  expect(accumulator.value()).toEqual({ text: 'a b' });
  expect(accumulatorOf('speech', true)).toBeUndefined();
});
