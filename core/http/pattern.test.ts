import * as fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, it } from 'vitest';

import { compilePattern, type Pattern } from './pattern.ts';

function engineOf(source: string): Pattern {
  const engine = RE2JS.compile(source);
  return (text) => engine.testExact(text);
}

/** What a pattern says of each text; nothing where it is none. */
function answers(make: () => Pattern, texts: readonly string[]): boolean[] | undefined {
  try {
    return texts.map(make());
  } catch {
    return undefined;
  }
}

describe('compilePattern', () => {
  it.each<[source: string, fits: string[], misses: string[]]>([
    ['gpt-5', ['gpt-5'], ['gpt-5-mini', 'xgpt-5', 'gpt-5\n', 'GPT-5', '']],
    ['gpt.5', ['gpt-5', 'gptx5'], ['gpt\n5', 'gpt5']],
    ['claude.*', ['claude', 'claude-opus'], ['Claude', 'xclaude', 'claude\nx']],
    ['.*', ['', 'a'], ['a\nb', '\n']],
    ['.+', ['a'], ['', '\n']],
    ['', [''], ['a']],
    // An anchor is no licence to fit a part.
    ['^gpt$', ['gpt'], ['gpt-5', 'xgpt']],
    ['gpt$', ['gpt'], ['x-gpt']],
    ['^gpt', ['gpt'], ['gpt-5']],
    // An anchor of one branch must not be taken for that of all.
    ['^a|b$', ['a', 'b'], ['ax', 'xb', 'ab', '']],
    ['^a|.*$', ['a', 'xyz', ''], ['a\nb']],
    ['a|ab', ['a', 'ab'], ['abc']],
    ['(a|ab)(c|bcd)', ['ac', 'abc', 'abcd'], ['abcdx']],
    // An escaped sign is no anchor.
    ['a\\$', ['a$'], ['a', 'a\\']],
    ['a\\\\$', ['a\\'], ['a\\$', 'a']],
    ['\\^a', ['^a'], ['a']],
    ['a\\.*', ['a', 'a..'], ['ax']],
    ['a.*b', ['ab', 'axxb'], ['axx']],
    ['(?i)gpt', ['GPT', 'gpt'], ['gp']],
    ['[a-c]+', ['abc'], ['abd']],
    ['(?s).*', ['a\nb'], []],
    ['/v[12]/(chat|messages)', ['/v1/chat', '/v2/messages'], ['/v3/chat', '/v1/chat/']],
    ['ü.*', ['ü', 'üx'], ['u']],
    ['.', ['😀', 'a'], ['😀😀']],
  ])('%s', (source, fits, misses) => {
    const pattern = compilePattern(source);
    expect(fits.filter((text) => !pattern(text))).toEqual([]);
    expect(misses.filter((text) => pattern(text))).toEqual([]);
  });

  it.each(['(', '[a', 'a**', '(?=a)', '(?<!a)b', '(a)\\1', 'a{2000}'])('refuses %s, which RE2 does not take', (source) => {
    expect(() => compilePattern(source)).toThrow(/error parsing regexp/);
  });

  it('says what the engine says, also where it does not ask it', () => {
    const piece = fc.constantFrom('a', 'b', '-', '.', '.*', '.+', '^', '$', '|', '\\$', '\\\\', '\\.', '\n', '(', ')', '?', '+', '/', ' ');
    const text = fc.array(fc.constantFrom('a', 'b', '-', '$', '\\', '.', '\n', '/', '^', ' ', '😀'), { maxLength: 6 });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), fc.array(text, { minLength: 5, maxLength: 5 }), (pieces, texts) => {
        const source = pieces.join('');
        const all = ['', ...texts.map((each) => each.join(''))];
        expect([source, answers(() => compilePattern(source), all)]).toEqual([source, answers(() => engineOf(source), all)]);
      }),
      { numRuns: 3000 },
    );
  });

  it.each(['(a+)+', '(a|aa)+', '(.*a){12}', '([a-z]+)*x'])('takes time linear in the text: %s', (source) => {
    const pattern = compilePattern(source);
    // A backtracking engine would not come back from this one.
    expect(pattern(`${'a'.repeat(16_000)}!`)).toBe(false);
  });

  it.each(['.*', '.+', 'a.*', 'a+'])('does not look at texts that no header has: %s', (source) => {
    const pattern = compilePattern(source);
    expect([pattern('a'.repeat(16 * 1024)), pattern('a'.repeat(16 * 1024 + 1))]).toEqual([true, false]);
  });
});
