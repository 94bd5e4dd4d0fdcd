// https://platform.openai.com/docs/api-reference/responses-streaming
import { describe, expect, it } from 'vitest';

import { UnacceptableAnswer } from '../../../attempt/failure.ts';
import { event, gathered, heard, REASONING, type Event } from './streams.fixture.ts';
import { ResponsesStreamDecoder } from './decode-stream.ts';

const START: Event = {
  type: 'response.created',
  sequence_number: 0,
  response: { id: 'resp_1', model: 'gpt', status: 'in_progress', output: [] },
};
const END: Event = { type: 'response.completed', response: { id: 'resp_1', model: 'gpt', status: 'completed', output: [] } };
const added = (output_index: number, item: object): Event => ({ type: 'response.output_item.added', output_index, item });
const done = (output_index: number, item: object): Event => ({ type: 'response.output_item.done', output_index, item });
const delta = (kind: string, output_index: number, text: string, more: object = {}): Event => ({
  type: `response.${kind}.delta`,
  output_index,
  delta: text,
  ...more,
});
const said = (text: string, more: object = {}) => ({ type: 'output_text', text, annotations: [], ...more });
const message = (...content: object[]) => ({ id: 'msg_1', type: 'message', status: 'completed', role: 'assistant', content });
const call = (text: string, status = 'completed') => ({
  id: 'fc',
  type: 'function_call',
  status,
  call_id: 'c',
  name: 'f',
  arguments: text,
});
const thought = (texts: string[], encrypted: string | null = null) => ({
  id: 'rs_1',
  type: 'reasoning',
  summary: texts.map((text) => ({ type: 'summary_text', text })),
  encrypted_content: encrypted,
});

it('a stream as the API gives it', () => {
  const { events, losses } = heard(
    START,
    { type: 'response.in_progress', response: START['response'] },
    added(0, thought([], 'gA')),
    { type: 'response.reasoning_summary_part.added', output_index: 0, summary_index: 0, part: { type: 'summary_text', text: '' } },
    delta('reasoning_summary_text', 0, 'h', { summary_index: 0, obfuscation: 'xy' }),
    delta('reasoning_summary_text', 0, 'm', { summary_index: 0 }),
    { type: 'response.reasoning_summary_text.done', output_index: 0, summary_index: 0, text: 'hm' },
    { type: 'response.reasoning_summary_part.done', output_index: 0, summary_index: 0, part: { type: 'summary_text', text: 'hm' } },
    delta('reasoning_summary_text', 0, 'so', { summary_index: 1 }),
    done(0, thought(['hm', 'so'], 'gAAA')),
    added(1, { id: 'ws', type: 'web_search_call', status: 'in_progress' }),
    { type: 'response.web_search_call.searching', output_index: 1, item_id: 'ws' },
    done(1, { id: 'ws', type: 'web_search_call', status: 'completed' }),
    added(2, message()),
    { type: 'response.content_part.added', output_index: 2, content_index: 0, part: said('') },
    delta('output_text', 2, 'a', { content_index: 0, logprobs: [] }),
    { type: 'response.output_text.annotation.added', output_index: 2, content_index: 0, annotation: {} },
    { type: 'response.output_text.done', output_index: 2, content_index: 0, text: 'a' },
    { type: 'response.content_part.done', output_index: 2, content_index: 0, part: said('a') },
    delta('refusal', 2, 'no', { content_index: 1 }),
    done(2, message(said('a', { annotations: [{}] }), { type: 'refusal', refusal: 'no' })),
    added(3, call('', 'in_progress')),
    delta('function_call_arguments', 3, '{"in":'),
    delta('function_call_arguments', 3, '"Rome"}'),
    { type: 'response.function_call_arguments.done', output_index: 3, name: 'f', arguments: '{"in":"Rome"}' },
    done(3, call('{"in":"Rome"}')),
    { ...END, response: { status: 'completed', usage: { input_tokens: 3, output_tokens: 4, total_tokens: 7 }, moderation: {} } },
  );
  expect(gathered(events)).toEqual({
    blocks: [
      { ...REASONING, text: 'hm\n\nso' },
      { ...REASONING, text: '', sealed: 'gAAA' },
      { type: 'text', text: 'a' },
      { type: 'refusal', text: 'no' },
      { type: 'tool_call', id: 'c', name: 'f', arguments: '{"in":"Rome"}' },
    ],
    finish: 'refusal',
  });
  expect(events[0]).toEqual({ type: 'answer_start', id: 'resp_1', model: 'gpt', usage: undefined });
  expect(events.at(-1)).toMatchObject({ usage: { input: 3, output: 4 } });
  expect(losses).toEqual(['output[1]', 'output[2].content[0].annotations[0]', 'response.moderation']);
});

describe('servers that tell less', () => {
  const text = { type: 'text', text: 'hello' };
  it.each<[string, readonly Event[], readonly object[]]>([
    ['no heads, no ends', [delta('output_text', 0, 'hel'), delta('output_text', 0, 'lo')], [text]],
    ['no deltas', [added(0, message()), done(0, message(said('hello'), said(''), said('x')))], [text, { type: 'text', text: 'x' }]],
    ['the last deltas are missing', [delta('output_text', 0, 'hel'), done(0, message(said('hello')))], [text]],
    ['arguments at the end only', [added(0, call('')), done(0, call('{}'))], [{ type: 'tool_call', id: 'c', name: 'f', arguments: '{}' }]],
    ['a call without its head', [done(0, call('{}'))], [{ type: 'tool_call', id: 'c', name: 'f', arguments: '{}' }]],
    [
      'thoughts of open models',
      [
        added(0, thought([])),
        delta('reasoning_text', 0, 'hm'),
        done(0, { ...thought([]), content: [{ type: 'reasoning_text', text: 'hm' }] }),
      ],
      [{ ...REASONING, text: 'hm' }],
    ],
    ['a seal alone', [added(0, thought([])), done(0, thought([], 'gA'))], [{ ...REASONING, text: '', sealed: 'gA' }]],
    [
      'every index is 0',
      [added(0, thought([])), delta('reasoning_text', 0, 'hm'), added(0, message()), delta('output_text', 0, 'hello')],
      [{ ...REASONING, text: 'hm' }, text],
    ],
  ])('%s', (_, stream, blocks) => {
    expect(gathered(heard(START, ...stream, END).events).blocks).toEqual(blocks);
  });

  it('all of it at the end, and what chat completions end with', () => {
    const decoder = new ResponsesStreamDecoder();
    const last = { ...END, response: { id: 'r', model: 'm', output: [message(said('hello')), call('{}')] } };
    const events = [...decoder.push(event(last)), ...decoder.push({ type: 'message', data: Buffer.from('[DONE]') }), ...decoder.end()];
    expect(gathered(events)).toMatchObject({ blocks: [text, { type: 'tool_call', arguments: '{}' }], finish: 'tool_calls' });
  });

  it('the type is that of the event where the data has none', () => {
    const { type, ...rest } = { ...END, type: 'response.incomplete', response: { id: 'r', model: 'm' } };
    expect(new ResponsesStreamDecoder().push({ type, data: Buffer.from(JSON.stringify(rest)) }).at(-1)).toMatchObject({ finish: 'length' });
  });
});

describe('what is no stream of it', () => {
  it.each<[string, readonly Event[], string]>([
    ['begins in its middle', [delta('output_text', 0, 'a')], 'begins with response.output_text.delta'],
    [
      'items that alternate',
      [START, delta('output_text', 0, 'a'), delta('output_text', 1, 'b'), delta('output_text', 0, 'c')],
      'output[0] goes on',
    ],
    [
      'parts that alternate',
      [START, ...[0, 1, 0].map((content_index) => delta('output_text', 0, 'a', { content_index }))],
      'output[0] goes on with a part',
    ],
    ['an earlier item that had more', [START, added(0, message()), added(1, message()), done(0, message(said('a')))], 'output[0] goes on'],
    ['arguments of no call', [START, added(0, message()), delta('function_call_arguments', 0, '{')], 'output[0] goes on with a call'],
    ['no item', [START, { type: 'response.output_item.added', output_index: 0 }], 'output[0] must be an object'],
    ['a call of nothing', [START, added(0, { type: 'function_call', call_id: 'c' })], 'output[0].name is required'],
    ['an end of nothing', [START, { type: 'response.completed' }], 'response is missing'],
    ['an end that is none', [START, { ...END, response: { status: 'queued' } }], 'status is "queued"'],
    ['no end', [START, delta('output_text', 0, 'a'), done(0, message(said('a')))], 'ended before the answer'],
  ])('%s', (_, stream, expected) => {
    expect(() => heard(...stream)).toThrow(UnacceptableAnswer);
    expect(() => heard(...stream)).toThrow(expected);
  });

  it.each<[Event, string]>([
    [{ type: 'response.failed', response: { status: 'failed', error: { code: 'server_error', message: 'no memory' } } }, 'no memory'],
    [{ type: 'response.failed' }, 'the backend broke off'],
    [{ type: 'error', code: null, message: 'no memory', param: null }, 'no memory'],
    [{ type: 'error', error: { message: 'no memory' } }, 'no memory'],
  ])('%j is an error', (failure, expected) => {
    const decoder = new ResponsesStreamDecoder();
    expect([START, failure].flatMap((each) => decoder.push(event(each))).at(-1)).toEqual({ type: 'error', message: expected });
    expect(() => decoder.end()).toThrow(UnacceptableAnswer);
  });

  it('an event of which nobody knows what it says is listed', () => {
    const unknown = { type: 'response.output_smell.delta', output_index: 0, delta: 'rose' };
    expect(heard(START, { type: 'keepalive' }, { type: 'response.queued' }, unknown, END).losses).toEqual(['response.output_smell.delta']);
  });
});
