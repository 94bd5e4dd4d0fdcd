// For tests: answers that every API can say.
import { array, constantFrom, integer, jsonValue, option, record, string, tuple, type Arbitrary } from 'fast-check';

import type { DialectName } from './codec.ts';
import type { Answer, Block } from './conversation.ts';
import { NO_DETAILS } from './usage.ts';

const words = string({ minLength: 1, maxLength: 20, unit: 'grapheme' });

const thought: Arbitrary<Block> = tuple(words, constantFrom('sig', 'c2ln')).map(([text, signature]) => ({
  type: 'reasoning',
  text,
  signature,
  sealed: undefined,
}));
const call: Arbitrary<Block> = tuple(constantFrom('call_1', 't-2'), words, jsonValue({ maxDepth: 2 })).map(([id, name, value]) => ({
  type: 'tool_call',
  id,
  name,
  arguments: JSON.stringify({ value }),
}));
export const answers: Arbitrary<Answer> = tuple(
  record({ id: words, model: words }),
  array(thought, { maxLength: 2 }),
  option(words, { nil: undefined }),
  array(call, { maxLength: 2 }),
  constantFrom('stop' as const, 'length' as const),
  record({ fresh: integer({ min: 0, max: 99 }), cachedInput: integer({ min: 0, max: 9 }), output: integer({ min: 0, max: 99 }) }),
).map(([names, thoughts, text, calls, finish, { fresh, cachedInput, output }]) => ({
  ...names,
  blocks: [...thoughts, ...(text === undefined ? [] : [{ type: 'text', text } as const]), ...calls],
  finish: calls.length > 0 && finish === 'stop' ? 'tool_calls' : finish,
  stopSequence: undefined,
  usage: { ...NO_DETAILS, input: fresh + cachedInput, cachedInput, output, total: fresh + cachedInput + output },
  losses: [],
}));

/** Answers that all of these can say: one of Bedrock has its id in a header, and no model. */
export function answersOf(...names: readonly DialectName[]): Arbitrary<Answer> {
  return names.includes('bedrock-converse') ? answers.map((answer) => ({ ...answer, id: '', model: '' })) : answers;
}

/** Without where it was. */
export const saidIn = (answer: Answer): unknown =>
  JSON.parse(JSON.stringify(answer, (key, value: unknown) => (key === 'at' ? undefined : value)));
