import { RE2JS } from 're2js';

/** Whether a whole text fits. */
export type Pattern = (text: string) => boolean;

const LITERAL = /^[\w\-/:@ ,~%&=!#<>"']*$/;
/** Texts longer than this are not matched: no header or path that a route looks at is. */
const MAX_TEXT = 16 * 1024;

/**
 * A regular expression of a route, as RE2 reads it: it must fit the whole text, and takes time linear in it. The forms that most
 * routes use (`.*`, a literal, a literal with `.*` behind it) are matched without the engine.
 * @throws Error with RE2's reason when the expression is none
 */
export function compilePattern(source: string): Pattern {
  const body = source.replace(/^\^/, '').replace(/(?<!\\)\$$/, '');
  if (LITERAL.test(body)) return (text) => text === body;
  if (body === '.+') return (text) => text !== '' && isLine(text);
  const behind = body.endsWith('.*') ? body.slice(0, -2) : undefined;
  if (behind !== undefined && LITERAL.test(behind)) return (text) => text.startsWith(behind) && isLine(text);
  const compiled = RE2JS.compile(source);
  return (text) => text.length <= MAX_TEXT && compiled.testExact(text);
}

/** Texts that are longer are no texts to look in. */
export const MAX_SEARCHED = MAX_TEXT;

/**
 * A regular expression that RE2 looks for anywhere in a text of at most {@link MAX_SEARCHED} characters, in time linear in it.
 * @throws Error with RE2's reason when the expression is none
 */
export function compileSearch(source: string): Pattern {
  const compiled = RE2JS.compile(source);
  return (text) => text.length <= MAX_SEARCHED && compiled.test(text);
}

/** What RE2's `.*` takes: a dot is anything but a line feed. */
function isLine(text: string): boolean {
  return text.length <= MAX_TEXT && !text.includes('\n');
}
