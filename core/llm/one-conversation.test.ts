// One conversation, written by hand as each API has it: system, an image, a thought, two calls at once and their results.
import { describe, expect, test } from 'vitest';

import { TRANSLATED, type TranslatedDialect } from './codecs.ts';
import { across, SAID } from './one-conversation.fixture.ts';

type Names = readonly [from: TranslatedDialect, to: TranslatedDialect];

/** What the second cannot say of it as the first does; all else must come through, and nothing else may be told. */
function lost([from, to]: Names): readonly string[] {
  const signed = from === 'openai-chat' ? 'messages[2].thinking_blocks[0]' : 'messages[1].content[0]';
  // Thoughts are signed by Claude here: Responses and Gemini have others, and a chat of theirs has none.
  const hasThought = from === 'openai-chat' || from === 'anthropic-messages' || from === 'bedrock-converse';
  const takesThought = to === 'anthropic-messages' || to === 'bedrock-converse' || from === to;
  const hasBudget = from !== 'openai-chat' && from !== 'openai-responses';
  const takesBudget = to !== 'openai-chat' && to !== 'openai-responses';
  return [
    ...(hasThought && !takesThought ? [`${signed} dropped`] : []),
    ...(hasBudget && !takesBudget ? ['thinking.budget_tokens approximated'] : []),
  ];
}

const PAIRS = TRANSLATED.flatMap((from) => TRANSLATED.map((to): Names => [from, to]));

const isThought = (part: unknown) => ['thinking', 'reasoningContent'].some((key) => key in Object(part) || Object(part).type === key);

/** What a backend of the API is asked where the thought cannot come along. */
function withoutThought(body: unknown): unknown {
  return JSON.parse(JSON.stringify(body), (key, value: unknown) => {
    if (key === 'thinking_blocks') return undefined;
    return key === 'content' && Array.isArray(value) ? value.filter((part) => !isThought(part)) : value;
  });
}

describe.each(PAIRS)('%s at %s', (...pair) => {
  const [from, to] = pair;
  const { body, lost: told } = across(from, to);

  test('loses what the other cannot say, and tells it', () => {
    expect(told.toSorted()).toEqual(lost(pair).toSorted());
  });

  test('is said as the other has it', () => {
    const hasThought = from !== 'openai-responses' && from !== 'gemini';
    const takesThought = to === 'anthropic-messages' || to === 'bedrock-converse' || from === to;
    expect(body).toEqual(hasThought && takesThought ? SAID[to] : withoutThought(SAID[to]));
  });
});
