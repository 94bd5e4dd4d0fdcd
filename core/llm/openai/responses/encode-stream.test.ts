// https://platform.openai.com/docs/api-reference/responses-streaming
import { array, assert, constantFrom, oneof, property, record, string, tuple, type Arbitrary } from 'fast-check';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';

import { CODECS } from '../../codecs.ts';
import type { Answer, AnswerEvent, Block } from '../../conversation.ts';
import { scan } from './requests.fixture.ts';
import { event, gathered, heard, REASONING, type Event } from './streams.fixture.ts';

const { 'openai-responses': responses, 'anthropic-messages': messages } = CODECS;
const ASKED = { created: 17, usage: true };

const words = string({ minLength: 1, maxLength: 9 });
const block: Arbitrary<Block> = oneof(
  record({ type: constantFrom('text' as const, 'refusal' as const), text: words }),
  record({ type: constantFrom('tool_call' as const), id: words, name: words, arguments: string() }),
  record({ text: words, signature: constantFrom(undefined, 'sig') }).map((of) => ({ ...REASONING, ...of, type: 'reasoning' as const })),
  words.map((sealed) => ({ ...REASONING, type: 'reasoning' as const, text: '', sealed })),
);
const answers: Arbitrary<Answer> = tuple(array(block, { maxLength: 6 }), constantFrom('stop' as const, 'length' as const)).map(
  ([blocks, finish]) => ({ id: 'a', model: 'm', blocks, finish, stopSequence: undefined, usage: undefined, losses: [] }),
);

/** Blocks as whole ones, as an answer that was not streamed has them. */
function streamed({ id, model, blocks, finish, stopSequence, usage }: Answer): readonly Event[] {
  const encoder = responses.encodeStream(ASKED);
  const inside = blocks.flatMap((each, index): AnswerEvent[] => [
    { type: 'block_start', index, block: each },
    { type: 'block_stop', index },
  ]);
  const events: AnswerEvent[] = [
    { type: 'answer_start', id, model, usage },
    ...inside,
    { type: 'answer_stop', finish, stopSequence, usage },
  ];
  const text = events.map((each) => encoder.push(each)).join('') + encoder.end();
  return text.split('\n').flatMap((line) => (line.startsWith('data: ') ? [JSON.parse(line.slice(6)) as Event] : []));
}

describe('the stream that it writes', () => {
  it('ends with the whole answer, is numbered, and says the same on the way', () => {
    assert(
      property(answers, (answer) => {
        const stream = streamed(answer);
        expect(stream.map((each) => each['sequence_number'])).toEqual(stream.map((_, index) => index));
        const whole = JSON.parse(JSON.stringify(responses.encodeAnswer(answer, ASKED).body)) as object;
        expect(stream.at(-1)!['response']).toEqual(whole);
        const { blocks, finish } = responses.decodeAnswer(scan(whole));
        expect(gathered(heard(...stream).events)).toEqual({ blocks: blocks.map((each) => ({ ...each, at: undefined })), finish });
      }),
      { numRuns: 300 },
    );
  });

  it('has the events in the order of the API', () => {
    const blocks: Block[] = [
      { ...REASONING, type: 'reasoning', text: 'hm' },
      { ...REASONING, type: 'reasoning', text: '', sealed: 'gA' },
      { type: 'text', text: 'a' },
      { type: 'refusal', text: 'no' },
      { type: 'tool_call', id: 'c', name: 'f', arguments: '{}' },
    ];
    const stream = streamed({ id: 'a', model: 'm', blocks, finish: 'length', stopSequence: undefined, usage: undefined, losses: [] });
    expect(
      stream.map(({ type, output_index: item = '', content_index: part = '' }) => `${type} ${String(item)} ${String(part)}`.trim()),
    ).toEqual(
      [
        'created',
        'in_progress',
        'output_item.added 0',
        'reasoning_summary_part.added 0',
        'reasoning_summary_text.delta 0',
        'reasoning_summary_text.done 0',
        'reasoning_summary_part.done 0',
        'output_item.done 0',
        'output_item.added 1',
        'content_part.added 1 0',
        'output_text.delta 1 0',
        'output_text.done 1 0',
        'content_part.done 1 0',
        'content_part.added 1 1',
        'refusal.delta 1 1',
        'refusal.done 1 1',
        'content_part.done 1 1',
        'output_item.done 1',
        'output_item.added 2',
        'function_call_arguments.delta 2',
        'function_call_arguments.done 2',
        'output_item.done 2',
        'incomplete',
      ].map((type) => `response.${type}`),
    );
    expect(stream.find(({ type }) => type === 'response.output_item.done')!['item']).toMatchObject({
      summary: [{ type: 'summary_text', text: 'hm' }],
      encrypted_content: 'gA',
    });
  });

  it('the client of OpenAI gathers from it what a message of Anthropic said', async () => {
    const decoder = messages.decodeStream();
    const encoder = responses.encodeStream(ASKED);
    const told: Event[] = [
      { type: 'message_start', message: { id: 'msg_1', model: 'claude', usage: { input_tokens: 3, output_tokens: 1 } } },
      { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '', signature: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'hm' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: 'sig' } },
      { type: 'content_block_stop', index: 0 },
      { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'hel' } },
      { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'lo' } },
      { type: 'content_block_stop', index: 1 },
      { type: 'content_block_start', index: 2, content_block: { type: 'tool_use', id: 't', name: 'f', input: {} } },
      { type: 'content_block_delta', index: 2, delta: { type: 'input_json_delta', partial_json: '{"in":"Rome"}' } },
      { type: 'content_block_stop', index: 2 },
      { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 9 } },
      { type: 'message_stop' },
    ];
    const body =
      told
        .flatMap((each) => decoder.push(event(each)))
        .map((each) => encoder.push(each))
        .join('') + encoder.end();
    const headers = { 'content-type': 'text/event-stream' };
    const client = new OpenAI({ apiKey: 'x', fetch: async () => new Response(body, { headers }) });
    const read = await client.responses.stream({ model: 'claude', input: 'hi' }).finalResponse();
    expect(read).toMatchObject({
      id: 'msg_1',
      status: 'completed',
      output_text: 'hello',
      output: [
        { type: 'reasoning', summary: [{ text: 'hm' }], encrypted_content: 'tierkit:thinking:sig' },
        { type: 'message', content: [{ type: 'output_text', text: 'hello' }] },
        { type: 'function_call', call_id: 't', name: 'f', arguments: '{"in":"Rome"}' },
      ],
      usage: { input_tokens: 3, output_tokens: 9 },
    });
  });
});
