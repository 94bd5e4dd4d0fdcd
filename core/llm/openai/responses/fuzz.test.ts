import { array, assert, constantFrom, integer, jsonValue, oneof, property, tuple, type Arbitrary } from 'fast-check';
import { expect, it } from 'vitest';

import { UnacceptableAnswer } from '../../../attempt/failure.ts';
import { GatewayError } from '../../../errors.ts';
import { CODECS } from '../../codecs.ts';
import type { AnswerEvent, Block } from '../../conversation.ts';
import { scan } from './requests.fixture.ts';
import { REASONING, type Event } from './streams.fixture.ts';

const codec = CODECS['openai-responses'];
const ASKED = { created: 17, usage: true };
const BLOCKS: readonly Block[] = [
  { ...REASONING, type: 'reasoning', text: 'hm' },
  { ...REASONING, type: 'reasoning', text: '', sealed: 'gA' },
  { type: 'text', text: 'a', citations: [{ url: 'u', title: 't', cited: undefined, span: undefined }] },
  { type: 'refusal', text: 'no' },
  { type: 'tool_call', id: 'c', name: 'f', arguments: '{}' },
];
const ANSWER = { id: 'a', model: 'm', blocks: BLOCKS, finish: 'stop', stopSequence: undefined, usage: undefined, losses: [] } as const;
const RESPONSE = codec.encodeAnswer(ANSWER, ASKED).body;
const REQUEST = {
  model: 'm',
  instructions: 'i',
  input: [
    {
      role: 'user',
      content: [
        { type: 'input_text', text: 'hi' },
        { type: 'input_image', image_url: 'data:image/png;base64,aGk=' },
      ],
    },
    {
      role: 'user',
      content: [
        { type: 'input_file', file_data: 'aGk=' },
        { type: 'input_audio', input_audio: { data: 'a', format: 'b' } },
      ],
    },
    ...(RESPONSE['output'] as object[]),
    { type: 'function_call_output', call_id: 'c', output: [{ type: 'input_text', text: 'x' }] },
  ],
  tools: [
    { type: 'function', name: 'f', parameters: {} },
    { type: 'mcp' },
    { type: 'web_search', filters: { allowed_domains: ['a'] }, user_location: { city: 'c' } },
  ],
  tool_choice: { type: 'allowed_tools', mode: 'auto' },
  text: { verbosity: 'low', format: { type: 'json_schema', name: 'n', schema: {} } },
  reasoning: { effort: 'low', summary: 'auto' },
  include: ['reasoning.encrypted_content'],
};
const STREAM: readonly Event[] = streamed();

function streamed(): Event[] {
  const encoder = codec.encodeStream(ASKED);
  const inside = BLOCKS.flatMap((block, index): AnswerEvent[] => [
    { type: 'block_start', index, block },
    ...(block.type === 'text' ? (block.citations ?? []) : []).map((citation) => ({ type: 'citation', index, citation }) as const),
    { type: 'block_stop', index },
  ]);
  const end: AnswerEvent = { type: 'answer_stop', finish: 'stop', stopSequence: undefined, usage: undefined };
  const events: AnswerEvent[] = [{ type: 'answer_start', id: 'a', model: 'm', usage: undefined }, ...inside, end];
  const text = events.map((each) => encoder.push(each)).join('') + encoder.end();
  return [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data!) as Event);
}

/** What could be mistaken for something else: of the API, of JavaScript, or of no type at all. */
const odd: Arbitrary<unknown> = oneof(
  jsonValue({ maxDepth: 2 }),
  constantFrom<unknown>(null, '', -1, 1.5, [], {}, [null], '__proto__', 'constructor', 'message', 'reasoning', 'function_call', 'data:,'),
);
type Change = readonly [steps: readonly number[], value: unknown];
const changes: Arbitrary<readonly Change[]> = array(tuple(array(integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 6 }), odd), {
  minLength: 1,
  maxLength: 3,
});

/** Another value at some place of it. */
function changed(value: unknown, [[step, ...rest], other]: Change): unknown {
  if (step === undefined || typeof value !== 'object' || value === null) return other;
  const keys = Object.keys(value);
  const key = keys[step % keys.length];
  if (key === undefined) return other;
  const within = changed((value as Record<string, unknown>)[key], [rest, other]);
  if (Array.isArray(value)) return value.map((each: unknown, index) => (String(index) === key ? within : each));
  return { ...value, [key]: within };
}

const mutated = (base: object): Arbitrary<object> =>
  changes
    .map((all) => all.reduce<unknown>(changed, base))
    .filter((value): value is object => typeof value === 'object' && value !== null && !Array.isArray(value));

/** @returns what was thrown, unless it is meant to be */
function unfair(act: () => unknown, kind: typeof GatewayError | typeof UnacceptableAnswer): unknown {
  try {
    act();
    return undefined;
  } catch (error) {
    return error instanceof kind ? undefined : error;
  }
}

/** Events of blocks that are not in their order. */
function overlaps(events: readonly AnswerEvent[]): readonly AnswerEvent[] {
  let open = -1;
  let next = 0;
  return events.filter((each) => {
    if (each.type === 'block_start') {
      const isFirst = open === -1 && each.index === next;
      open = each.index;
      next++;
      return !isFirst;
    }
    if (!('index' in each)) return each.type === 'answer_stop' && open !== -1;
    const isOpen = each.index === open;
    if (each.type === 'block_stop') open = -1;
    return !isOpen;
  });
}

it('any request is read or refused, and what is read can be written', () => {
  assert(
    property(mutated(REQUEST), (request) => {
      const thrown = unfair(() => {
        const conversation = codec.decodeRequest(scan(request));
        for (const other of Object.values(CODECS)) JSON.stringify(other.encodeRequest(conversation).body);
      }, GatewayError);
      expect(thrown).toBeUndefined();
    }),
    { numRuns: 3000 },
  );
});

it('any answer is read or unacceptable, and what is read can be written', () => {
  assert(
    property(mutated(RESPONSE), (response) => {
      const thrown = unfair(() => {
        const answer = codec.decodeAnswer(scan(response));
        for (const other of Object.values(CODECS)) JSON.stringify(other.encodeAnswer(answer, ASKED).body);
      }, UnacceptableAnswer);
      expect(thrown).toBeUndefined();
    }),
    { numRuns: 2000 },
  );
});

it('any stream is read or unacceptable, and its blocks never overlap', () => {
  // In another order, with some of it twice or missing, and with strange values.
  const streams = tuple(array(integer({ min: -2, max: 2 }), { maxLength: STREAM.length }), changes).map(([moves, all]) => {
    const order = STREAM.map((_, index) => STREAM[Math.max(0, index + (moves[index] ?? 0))] ?? STREAM[index]!);
    return all.reduce<unknown>(changed, order) as readonly unknown[];
  });
  assert(
    property(streams, (stream) => {
      const thrown = unfair(() => {
        const decoder = codec.decodeStream();
        const all = Array.isArray(stream) ? stream : [stream];
        const events = all.flatMap((each) => decoder.push({ type: 'message', data: Buffer.from(JSON.stringify(each)) }));
        expect(overlaps(events)).toEqual([]);
        decoder.end();
      }, UnacceptableAnswer);
      expect(thrown).toBeUndefined();
    }),
    { numRuns: 3000 },
  );
});
