// For tests: answers that every API can say.
import { array, boolean, constantFrom, integer, jsonValue, option, record, string, tuple, type Arbitrary } from 'fast-check';

import type { DialectName } from './codec.ts';
import { charactersIn } from './citations.ts';
import type { Answer, Block, BlockOf, Citation } from './conversation.ts';
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
const citation: Arbitrary<Citation> = record({
  url: constantFrom('https://example.com/a', 'https://example.com/b?c=ü'),
  title: option(words, { nil: undefined }),
  cited: option(words, { nil: undefined }),
  span: option(record({ start: integer({ min: 0, max: 20 }), end: integer({ min: 1, max: 20 }) }), { nil: undefined }),
});
/** Each once, and none of an empty place; what is of all of the text has none. */
function cited(text: string, citations: readonly Citation[]): BlockOf<'text'> {
  const length = charactersIn(text);
  const placed = citations.map(({ span, ...rest }): Citation => {
    const start = (span?.start ?? 0) % length;
    const end = start + 1 + ((span?.end ?? 0) % (length - start));
    return { ...rest, span: span === undefined || end - start === length ? undefined : { start, end } };
  });
  const found = [...new Map(placed.map((each) => [JSON.stringify(each), each])).values()];
  return { type: 'text', text, ...(found.length === 0 ? {} : { citations: found }) };
}
const text: Arbitrary<Block> = tuple(words, boolean(), array(citation, { maxLength: 3 })).map(([said, isCited, citations]) =>
  cited(said, isCited ? citations : []),
);
const answers: Arbitrary<Answer> = tuple(
  record({ id: words, model: words }),
  array(thought, { maxLength: 2 }),
  option(text, { nil: undefined }),
  array(call, { maxLength: 2 }),
  constantFrom('stop' as const, 'length' as const),
  record({ fresh: integer({ min: 0, max: 99 }), cachedInput: integer({ min: 0, max: 9 }), output: integer({ min: 0, max: 99 }) }),
).map(([names, thoughts, said, calls, finish, { fresh, cachedInput, output }]) => ({
  ...names,
  blocks: [...thoughts, ...(said === undefined ? [] : [said]), ...calls],
  finish: calls.length > 0 && finish === 'stop' ? 'tool_calls' : finish,
  stopSequence: undefined,
  usage: { ...NO_DETAILS, input: fresh + cachedInput, cachedInput, output, total: fresh + cachedInput + output },
  losses: [],
}));

/** These say what a source says, and that all of a text rests on it; the others say of which part. */
const BY_BLOCK: readonly DialectName[] = ['anthropic-messages', 'bedrock-converse'];

/** Answers that all of these can say: one of Bedrock has its id in a header, and no model. */
export function answersOf(...names: readonly DialectName[]): Arbitrary<Answer> {
  const hasWords = names.every((name) => BY_BLOCK.includes(name));
  const hasPlaces = !names.some((name) => BY_BLOCK.includes(name));
  const said = (block: Block): Block => {
    if (block.type !== 'text') return block;
    const citations = (block.citations ?? []).map((each) => ({
      ...each,
      cited: hasWords ? each.cited : undefined,
      span: hasPlaces ? each.span : undefined,
    }));
    return cited(block.text, citations);
  };
  return answers.map((answer) => ({
    ...answer,
    ...(names.includes('bedrock-converse') ? { id: '', model: '' } : {}),
    blocks: answer.blocks.map(said),
  }));
}

/** Without where it was. */
export const saidIn = (answer: Answer): unknown =>
  JSON.parse(JSON.stringify(answer, (key, value: unknown) => (key === 'at' ? undefined : value)));
