// Streams as https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html#API_runtime_ConverseStream_ResponseSyntax has them.
import { describe, expect, it } from 'vitest';

import { UnacceptableAnswer } from '../../../attempt/failure.ts';
import { awsEvents } from '../../../providers/transports/aws-events.ts';
import { eventMessage } from '../../../providers/transports/event-stream.fixture.ts';
import { scanObject } from '../../../json/scan.ts';
import { saidIn } from '../../answers.fixture.ts';
import { CODECS } from '../../codecs.ts';
import type { AnswerEvent } from '../../conversation.ts';
import { gathered } from '../../gathered.fixture.ts';

type Event = readonly [type: string, data: object];

const { 'bedrock-converse': bedrock } = CODECS;

function read(...all: readonly Event[]) {
  const decoder = bedrock.decodeStream();
  const events = all.flatMap(([type, data]) => decoder.push({ type, data: Buffer.from(JSON.stringify(data)) }));
  return { events: [...events, ...decoder.end()], losses: decoder.losses.list().map(({ path }) => path) };
}

const START: Event = ['messageStart', { role: 'assistant', p: 'abc' }];
const delta = (contentBlockIndex: number, of: object): Event => ['contentBlockDelta', { delta: of, contentBlockIndex, p: 'abcd' }];
const stop = (contentBlockIndex: number): Event => ['contentBlockStop', { contentBlockIndex }];
const call = (contentBlockIndex: number, id: string, more: object = {}): Event => [
  'contentBlockStart',
  { start: { toolUse: { toolUseId: id, name: 'f', ...more } }, contentBlockIndex },
];
const end = (stopReason = 'end_turn', more: object = {}): Event => ['messageStop', { stopReason, ...more }];
const USAGE = { inputTokens: 5, outputTokens: 2, totalTokens: 7 };
const METADATA: Event = [
  'metadata',
  { usage: USAGE, metrics: { latencyMs: 9 }, trace: {}, performanceConfig: {}, serviceTier: {}, p: 'a' },
];

const TOLD: readonly Event[] = [
  START,
  delta(0, { reasoningContent: { text: 'h' } }),
  delta(0, { reasoningContent: { text: 'm' } }),
  delta(0, { reasoningContent: { signature: 's' } }),
  stop(0),
  delta(1, { reasoningContent: { redactedContent: 'eA==' } }),
  stop(1),
  delta(2, { text: '' }),
  delta(2, { text: 'hel' }),
  delta(2, { text: 'lo' }),
  stop(2),
  call(3, 't'),
  delta(3, { toolUse: { input: '' } }),
  delta(3, { toolUse: { input: '{"a"' } }),
  delta(3, { toolUse: { input: ':1}' } }),
  stop(3),
  // Without arguments.
  call(4, 'u'),
  stop(4),
  end('tool_use'),
  METADATA,
];
const WHOLE = {
  output: {
    message: {
      role: 'assistant',
      content: [
        { reasoningContent: { reasoningText: { text: 'hm', signature: 's' } } },
        { reasoningContent: { redactedContent: 'eA==' } },
        { text: 'hello' },
        { toolUse: { toolUseId: 't', name: 'f', input: { a: 1 } } },
        { toolUse: { toolUseId: 'u', name: 'f', input: {} } },
      ],
    },
  },
  stopReason: 'tool_use',
  usage: USAGE,
};

it('says what the whole answer says', () => {
  const { events, losses } = read(...TOLD);
  const whole = bedrock.decodeAnswer(scanObject(Buffer.from(JSON.stringify(WHOLE))));
  expect(JSON.parse(JSON.stringify({ ...gathered(events), losses }))).toEqual(saidIn(whole));
});

it('is read out of AWS’ own framing', () => {
  const decoder = bedrock.decodeStream();
  const events: AnswerEvent[] = [];
  const scanner = awsEvents((_, event) => void events.push(...decoder.push(event)));
  for (const [type, data] of TOLD)
    scanner.push(eventMessage({ ':message-type': 'event', ':event-type': type }, Buffer.from(JSON.stringify(data))));
  expect(gathered([...events, ...decoder.end()])).toEqual(gathered(read(...TOLD).events));
  const broken = eventMessage(
    { ':message-type': 'exception', ':exception-type': 'throttlingException' },
    Buffer.from('{"message":"slow"}'),
  );
  scanner.push(broken);
  expect(events.at(-1)).toEqual({ type: 'error', message: 'slow' });
});

it('is written as it was read', () => {
  const encoder = bedrock.encodeStream();
  const text =
    read(...TOLD)
      .events.map((event) => encoder.push(event))
      .join('') + encoder.end();
  const events = text
    .split('\n\n')
    .filter((each) => each !== '')
    .map((each) => {
      const [, type, data] = /^event: (\w+)\ndata: (.*)$/.exec(each)!;
      return [type, JSON.parse(data!)] as Event;
    });
  expect(events.slice(0, 3)).toEqual([
    ['messageStart', { role: 'assistant' }],
    ['contentBlockDelta', { delta: { reasoningContent: { text: 'h' } }, contentBlockIndex: 0 }],
    ['contentBlockDelta', { delta: { reasoningContent: { text: 'm' } }, contentBlockIndex: 0 }],
  ]);
  expect(events.filter(([type]) => type === 'contentBlockStart')).toEqual([call(3, 't'), call(4, 'u')]);
  expect(events.slice(-2)).toEqual([end('tool_use'), ['metadata', { usage: USAGE }]]);
  expect(gathered(read(...events).events)).toEqual(gathered(read(...TOLD).events));
});

it('carries signatures of Gemini, each before its call or behind its text, and leaves out what says nothing', () => {
  const encoder = bedrock.encodeStream();
  const text = (
    [
      { type: 'answer_start', id: '', model: '', usage: undefined },
      { type: 'block_start', index: 0, block: { type: 'text', text: '' } },
      { type: 'block_stop', index: 0 },
      { type: 'block_start', index: 1, block: { type: 'text', text: 'a' } },
      { type: 'signature_delta', index: 1, text: 'dA==' },
      { type: 'block_stop', index: 1 },
      { type: 'block_start', index: 2, block: { type: 'tool_call', id: 'c', name: 'f', arguments: '{}', signature: 'Yw==' } },
      { type: 'block_stop', index: 2 },
    ] satisfies AnswerEvent[]
  )
    .map((event) => encoder.push(event))
    .join('');
  const numbers = [...text.matchAll(/event: (\w+)\n.*?(?:"(signature|text|start)":.*)?"contentBlockIndex":(\d)/g)].map(
    ([, type, what = '', number]) => `${type} ${what} ${number}`,
  );
  expect(numbers).toEqual([
    'contentBlockDelta text 0',
    'contentBlockStop  0',
    'contentBlockDelta signature 1',
    'contentBlockStop  1',
    'contentBlockDelta signature 2',
    'contentBlockStop  2',
    'contentBlockStart start 3',
    'contentBlockDelta  3',
    'contentBlockStop  3',
  ]);
});

it('takes no arguments from the beginning of a call, however deep they are', () => {
  const decoder = bedrock.decodeStream();
  decoder.push({ type: 'messageStart', data: Buffer.from('{}') });
  const input = '['.repeat(20_000) + ']'.repeat(20_000);
  const data = Buffer.from(`{"start":{"toolUse":{"toolUseId":"t","name":"f","input":${input}}},"contentBlockIndex":0}`);
  expect(decoder.push({ type: 'contentBlockStart', data })).toMatchObject([{ type: 'block_start', block: { arguments: '' } }]);
  expect(decoder.losses.list()).toEqual([{ path: 'start.toolUse.input', what: 'dropped' }]);
});

describe('what is not as one would think', () => {
  it.each<[string, readonly Event[], object, readonly string[]]>([
    ['no usage', [START, delta(0, { text: 'a' }), stop(0), end()], { blocks: [{ text: 'a' }], finish: 'stop', usage: undefined }, []],
    [
      'usage before the end',
      [START, delta(0, { text: 'a' }), METADATA, stop(0), end()],
      { finish: 'stop', usage: { input: 5, total: 7 } },
      [],
    ],
    [
      'a call that ends with end_turn',
      [START, call(0, 't'), delta(0, { toolUse: { input: '{}' } }), stop(0), end(), METADATA],
      { finish: 'tool_calls', blocks: [{ arguments: '{}' }] },
      [],
    ],
    [
      'blocks without an end',
      [START, delta(0, { reasoningContent: { text: 'hm' } }), delta(1, { text: 'a' }), end('max_tokens'), METADATA],
      { finish: 'length', blocks: [{ text: 'hm' }, { text: 'a' }] },
      [],
    ],
    [
      'a thought and a text in one block',
      [START, delta(0, { reasoningContent: { text: 'hm' } }), delta(0, { text: 'a' }), stop(0), end()],
      { blocks: [{ type: 'reasoning' }, { type: 'text' }] },
      [],
    ],
    [
      'tools of the provider’s own, and citations',
      [
        START,
        call(0, 's', { type: 'server_tool_use' }),
        delta(0, { toolUse: { input: '{}' } }),
        stop(0),
        ['contentBlockStart', { start: { toolResult: { toolUseId: 's' } }, contentBlockIndex: 1 }],
        delta(1, { toolResult: [{ text: 'x' }] }),
        stop(1),
        ['contentBlockStart', { start: {}, contentBlockIndex: 2 }],
        delta(2, { text: 'a' }),
        delta(2, { citation: { title: '' } }),
        stop(2),
        ['newEvent', {}],
        end('stop_sequence', { additionalModelResponseFields: { stop_sequence: 'END' } }),
        ['metadata', { usage: USAGE, newField: 1 }],
      ],
      { blocks: [{ type: 'text', text: 'a' }], stopSequence: 'END' },
      ['start.toolUse', 'content.toolResult', 'content.citation', 'newEvent', 'newField'],
    ],
  ])('%s', (_, all, expected, losses) => {
    const { events, losses: told } = read(...all);
    expect(gathered(events)).toMatchObject(expected);
    expect(told).toEqual(losses);
    expect(events.filter(({ type }) => type === 'answer_stop')).toHaveLength(1);
  });

  it.each<[string, readonly Event[], string]>([
    ['its middle', [stop(0)], 'begins with contentBlockStop'],
    ['two beginnings', [START, START], 'begins twice'],
    ['a call that did not begin', [START, delta(0, { toolUse: { input: '{' } })], 'goes on with a call that did not begin'],
    [
      'blocks that overlap',
      [START, delta(0, { text: 'a' }), delta(1, { text: 'b' }), delta(0, { text: 'c' })],
      'goes on with block 0 after its end',
    ],
    ['what comes behind its end', [START, end(), delta(0, { text: 'a' })], 'goes on with contentBlockDelta after its end'],
    ['a text that is none', [START, delta(0, { text: 7 })], 'delta.text must be a text'],
    ['no end', [START, delta(0, { text: 'a' }), stop(0), METADATA], 'ended before the answer'],
    ['nothing', [], 'ended before the answer'],
  ])('%s is no answer', (_, all, message) => {
    expect(() => read(...all)).toThrow(UnacceptableAnswer);
    expect(() => read(...all)).toThrow(message);
  });

  it.each<[string, object, string]>([
    ['throttlingException', { message: 'slow down' }, 'slow down'],
    ['modelStreamErrorException', { originalStatusCode: 500 }, 'modelStreamErrorException'],
    ['validationException', { Message: 'bad' }, 'bad'],
    ['error', { type: 'error', error: { type: 'x', message: 'oh' } }, 'oh'],
    ['error', { error: null }, 'the backend broke off'],
  ])('%s %j is told', (type, data, message) => {
    const decoder = bedrock.decodeStream();
    expect(decoder.push({ type, data: Buffer.from(JSON.stringify(data)) })).toEqual([{ type: 'error', message }]);
  });
});
