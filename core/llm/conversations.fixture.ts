// For tests: conversations that every API can say.
import {
  array,
  boolean,
  constant,
  constantFrom,
  double,
  integer,
  jsonValue,
  oneof,
  option,
  record,
  string,
  tuple,
  type Arbitrary,
} from 'fast-check';

import type { Block, CacheHint, Conversation, Tool, Turn } from './conversation.ts';

const maybe = <T>(arbitrary: Arbitrary<T>): Arbitrary<T | undefined> => option(arbitrary, { nil: undefined });
const words = string({ minLength: 1, maxLength: 20, unit: 'grapheme' });
const name = constantFrom('search', 'get_weather', 'a-b', 'x1');
const id = constantFrom('call_1', 'toolu_2', 'c-3');

const text: Arbitrary<Block> = words.map((each) => ({ type: 'text', text: each }));
const image: Arbitrary<Block> = oneof(
  constantFrom('image/png', 'image/jpeg').map((mediaType) => ({ base64: 'aGVsbG8=', mediaType })),
  // With an extension, as Gemini has to be told what an address leads to.
  constantFrom('https://example.com/a.png', 'https://example.com/b.jpg?c=d').map((url) => ({ url, mediaType: undefined })),
).map((media) => ({ type: 'image', media, detail: undefined }));
// The Gemini API refuses a name of it.
const file: Arbitrary<Block> = constant({ type: 'file', media: { base64: 'JVBERi0=', mediaType: 'application/pdf' }, name: undefined });
const call: Arbitrary<Block> = tuple(id, name, record({ a: jsonValue({ maxDepth: 2 }), b: integer() })).map(([callId, called, given]) => ({
  type: 'tool_call',
  id: callId,
  name: called,
  arguments: JSON.stringify(given),
}));
const result: Arbitrary<Block> = tuple(id, array(text, { minLength: 1, maxLength: 2 })).map(([callId, blocks]) => ({
  type: 'tool_result',
  id: callId,
  blocks,
  isError: false,
}));

/** Bedrock takes no address of an image but one in S3, and no document without a text beside it. */
function forBedrock({ role, blocks }: Turn): Turn {
  const said = blocks.filter((block) => block.type !== 'image' || !('url' in block.media));
  const needsText = !said.some(({ type }) => type === 'text') && (said.length === 0 || said.some(({ type }) => type === 'file'));
  return { role, blocks: needsText ? [...said, { type: 'text', text: 'look' }] : said };
}

const user: Arbitrary<Turn> = tuple(array(result, { maxLength: 2 }), array(oneof(text, image, file), { minLength: 1, maxLength: 3 })).map(
  ([results, blocks]) => ({ role: 'user', blocks: [...results, ...blocks] }),
);
const assistant: Arbitrary<Turn> = tuple(array(text, { minLength: 1, maxLength: 2 }), array(call, { maxLength: 2 })).map(
  ([texts, calls]) => ({
    role: 'assistant',
    blocks: [...texts, ...calls],
  }),
);
const turns: Arbitrary<readonly Turn[]> = tuple(user, array(tuple(assistant, user), { maxLength: 3 })).map(([first, rest]) => [
  first,
  ...rest.flat(),
]);

const tool: Arbitrary<Tool> = record({
  name,
  description: maybe(words),
  parameters: constant({ type: 'object', properties: { q: { type: 'string' } } }),
  // Gemini has it for all tools or for none.
  strict: constant(undefined),
});

const decided = (of: Arbitrary<Tool>): Arbitrary<Tool> => of.map((each) => ({ ...each, strict: each.strict ?? false }));

/**
 * @param source as which API it came
 * @param target as which it goes on
 */
export function conversations(source: Conversation['source'], target = source): Arbitrary<Conversation> {
  const isForResponses = target === 'openai-responses';
  const isTurnedIntoIt = isForResponses && source !== target;
  return record({
    source: constant(source),
    model: words,
    system: array(text, { maxLength: 2 }),
    turns: target === 'bedrock-converse' ? turns.map((all) => all.map(forBedrock)) : turns,
    // Responses is strict where nothing is said, and no other API is: it has to be told.
    tools: array(isTurnedIntoIt ? decided(tool) : tool, { minLength: 1, maxLength: 2 }),
    toolChoice: maybe(
      oneof(
        constantFrom('auto', 'required').map((type) => ({ type })),
        name.map((each) => ({ type: 'tool' as const, name: each })),
      ),
    ),
    parallelTools: constant(undefined),
    search: constant(undefined),
    sampling: record({
      // Responses takes no fewer.
      maxTokens: integer({ min: isTurnedIntoIt ? 16 : 1, max: 9999 }),
      temperature: maybe(double({ min: 0, max: 1, noNaN: true })),
      topP: maybe(double({ min: 0, max: 1, noNaN: true })),
      topK: constant(undefined),
      // Responses cannot say where to stop.
      stop: isForResponses ? constant([]) : array(words, { maxLength: 3 }),
      seed: constant(undefined),
      presencePenalty: constant(undefined),
      frequencyPenalty: constant(undefined),
    }),
    format: constant(undefined),
    reasoning: constant(undefined),
    stream: boolean(),
    choices: constant(1),
    logprobs: constant(undefined),
    // Gemini knows of no user, and says no tier where it is the usual one.
    user: constant(undefined),
    serviceTier: constant(undefined),
    extras: constant(new Map()),
    losses: constant([]),
  });
}

/** With what Gemini cannot say. */
export function detailed(of: Arbitrary<Conversation>): Arbitrary<Conversation> {
  const details = record({ user: maybe(words), serviceTier: maybe(constant('auto')) });
  return tuple(of, details, words, maybe(boolean())).map(([conversation, more, fileName, strict]) => ({
    ...conversation,
    ...more,
    turns: conversation.turns.map(({ role, blocks }) => ({
      role,
      blocks: blocks.map((block) => (block.type === 'file' ? { ...block, name: fileName } : block)),
    })),
    tools: conversation.tools.map((each) => ({ ...each, strict })),
  }));
}

/** With hints for the cache, which not every API takes: Gemini has none. */
export function hinted(of: Arbitrary<Conversation>): Arbitrary<Conversation> {
  const cache: Arbitrary<CacheHint> = constantFrom({ ttl: undefined }, { ttl: 300 }, { ttl: 3600 });
  return tuple(of, cache).map(([conversation, hint]) =>
    conversation.source === 'gemini'
      ? conversation
      : {
          ...conversation,
          system: conversation.system.map((block) => ({ ...block, cache: hint })),
          tools: conversation.tools.map((each) => ({ ...each, cache: hint })),
        },
  );
}

/** What is said, however it was divided: without where it was, from what, with neighbours of one role as one, and tools strict or not. */
export function said(conversation: Conversation): object {
  const merged: Turn[] = [];
  for (const { role, blocks } of conversation.turns) {
    const last = merged.at(-1);
    if (last?.role === role) merged[merged.length - 1] = { role, blocks: [...last.blocks, ...blocks] };
    else merged.push({ role, blocks });
  }
  return JSON.parse(
    JSON.stringify(
      { ...conversation, source: undefined, losses: undefined, turns: merged, extras: [...conversation.extras] },
      (key, value: unknown) => (key === 'at' || (key === 'strict' && value === false) ? undefined : value),
    ),
  ) as object;
}
