import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { BadExpression, compileExpression } from './cel.ts';
import { CostError, type CostFacts } from './rule.ts';

const FACTS: CostFacts = {
  inputTokens: 200,
  cachedInputTokens: 100,
  cacheCreationInputTokens: 10,
  outputTokens: 30,
  totalTokens: 230,
  reasoningTokens: 5,
  model: 'llama',
  backend: 'a.default',
  routeName: 'r.default',
};

const reason = (text: string): string => {
  try {
    compileExpression(text);
  } catch (error) {
    if (error instanceof BadExpression) return error.message;
    throw error;
  }
  return 'none';
};

/** Undefined for a text that is refused. */
const outcome = (text: string): number | undefined => {
  try {
    return compileExpression(text).of(FACTS);
  } catch (error) {
    if (error instanceof BadExpression || error instanceof CostError) return undefined;
    throw error;
  }
};

describe('an expression', () => {
  it.each<[string, number]>([
    ['input_tokens + output_tokens', 230],
    ['cached_input_tokens', 100],
    ['cache_creation_input_tokens', 10],
    ['total_tokens * 2u', 460],
    ['reasoning_tokens % 3u', 2],
    ['(input_tokens - cached_input_tokens) + uint(double(cached_input_tokens) * 0.1) + output_tokens', 140],
    ["model == 'llama' ? input_tokens : total_tokens", 200],
    ["backend == 'a.other' ? input_tokens : total_tokens", 230],
    ["model in ['gpt', 'llama'] && route_name.startsWith('r.') ? 7 : 8", 7],
    ["model.lowerAscii().contains('LAMA') || !backend.endsWith('t') ? 1u : size(model) > 4 ? 2u : 3u", 2],
    ['1 + 1', 2],
    ['int(input_tokens) / -2 * -1', 100],
    ['0', 0],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ])('%s is %d', (text, expected) => {
    const cost = compileExpression(text);
    expect(cost.text).toBe(text);
    expect(cost.of(FACTS)).toBe(expected);
  });

  it.each([
    ['', 'unexpected token: EOF'],
    ['1 +', 'unexpected token: EOF'],
    ['input_token', 'there is no variable "input_token"; did you mean "input_tokens"?'],
    ['price', 'there is no variable "price"'],
    [
      'input_tokens * 0.5',
      'no such overload: uint * double: numbers of tokens are of type uint, like 2u; for a share of tokens write uint(double(input_tokens) * 0.5)',
    ],
    ['input_tokens * 2', expect.stringMatching(/^no such overload: uint \* int: numbers of tokens are of type uint, like 2u;/)],
    ["model == 'x' ? input_tokens : 1", expect.stringContaining("got 'uint' and 'int': numbers of tokens are of type uint")],
    ['double(input_tokens)', expect.stringMatching(/^its result is of type double, and must be a whole number: int or uint; for a share/)],
    ['model', expect.stringMatching(/^its result is of type string/)],
    ['true', expect.stringMatching(/^its result is of type bool/)],
    ['[1]', expect.stringMatching(/^its result is of type list<int>/)],
    ['-1', 'with no tokens at all, it gives -1, which is less than 0'],
    ['uint(1) - uint(1200)', expect.stringMatching(/^with no tokens at all, it fails: unsigned integer overflow/)],
    ['output_tokens / input_tokens', 'with no tokens at all, it fails: division by zero'],
    ['9007199254740992', expect.stringMatching(/^with no tokens at all, it gives 9007199254740992, which is more than can be counted$/)],
    // Whatever could multiply the work of an evaluation, or go on for ever.
    [
      "model.matches('(a+)+$') ? 1 : 2",
      'matches() is not supported; there are startsWith, endsWith, contains, size, lowerAscii, upperAscii',
    ],
    ['[1, 2].map(x, x * 2).size()', expect.stringMatching(/^map\(\) is not supported/)],
    ['[1, 2].exists(x, x == 2) ? 1 : 2', expect.stringMatching(/^exists\(\) is not supported/)],
    ['cel.bind(a, model + model, size(a))', expect.stringMatching(/^bind\(\) is not supported/)],
    ["size(model.split('a'))", expect.stringMatching(/^split\(\) is not supported/)],
    ['sizes(model)', 'sizes() is not supported; there are uint, int, double, string, size; did you mean "size"?'],
    ["timestamp('2026-01-01T00:00:00Z').getHours()", expect.stringMatching(/^getHours\(\) is not supported/)],
    ['[1][0]', 'an index cannot be used in a cost'],
    ['model.x', 'a field cannot be used in a cost'],
    ['{}', 'a map cannot be used in a cost'],
    ['dyn(1)', expect.stringMatching(/^dyn\(\) is not supported/)],
  ])('%s is refused', (text, expected) => {
    expect(reason(text)).toEqual(expected);
  });

  it.each([
    ['too long a text', `${' '.repeat(4096)}1`, 'it has 4097 characters, and may have 4096'],
    ['too deep a nesting', `${'('.repeat(100)}1${')'.repeat(100)}`, 'exceeded maxDepth (64)'],
    ['too many terms', `${'1 + '.repeat(600)}1`, expect.stringMatching(/^exceeded max(Depth|AstNodes)/)],
    ['too long a list', `1 in [${'1, '.repeat(300)}1] ? 1 : 2`, 'exceeded maxListElements (256)'],
  ])('of %s is refused', (_name, text, expected) => {
    expect(reason(text)).toEqual(expected);
  });

  it('that has no whole number for a usage says so', () => {
    const cost = compileExpression('input_tokens - cached_input_tokens');
    expect(cost.of(FACTS)).toBe(100);
    const odd = { ...FACTS, cachedInputTokens: 201 };
    expect(() => cost.of(odd)).toThrow(CostError);
    expect(() => cost.of(odd)).toThrow(/^the cost "input_tokens - cached_input_tokens" is none: it fails: unsigned integer overflow/);
    expect(() => compileExpression('int(input_tokens) - 201 + 201 * int(size(model) == 0 ? 1 : 0)').of(FACTS)).toThrow(
      'it gives -1, which is less than 0',
    );
    const product = compileExpression('input_tokens * output_tokens');
    expect(() => product.of({ ...FACTS, inputTokens: 2 ** 40, outputTokens: 2 ** 20 })).toThrow('more than can be counted');
    expect(() => product.of({ ...FACTS, inputTokens: 2 ** 40, outputTokens: 2 ** 40 })).toThrow(CostError);
  });

  it('sees no more of a name than it has to', () => {
    expect(compileExpression('size(model)').of({ ...FACTS, model: 'm'.repeat(1_000_000) })).toBe(1024);
  });

  it('never throws anything but its own errors, whatever the text', () => {
    const word = fc.constantFrom(
      'input_tokens',
      'model',
      '1',
      '2u',
      '0.5',
      '+',
      '-',
      '*',
      '/',
      '(',
      ')',
      '?',
      ':',
      '==',
      "'a'",
      '[',
      ']',
      '.',
      'size',
      'uint',
      '!',
      ',',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(word, { maxLength: 12 }).map((words) => words.join(' ')),
        ),
        (text) => {
          const units = outcome(text);
          expect(units === undefined || (Number.isSafeInteger(units) && units >= 0)).toBe(true);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
