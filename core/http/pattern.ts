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
  if (body === '.*' || body === '.+') return body === '.*' ? () => true : (text) => text !== '';
  if (LITERAL.test(body)) return (text) => text === body;
  const behind = body.endsWith('.*') ? body.slice(0, -2) : undefined;
  if (behind !== undefined && LITERAL.test(behind)) return (text) => text.startsWith(behind) && !text.includes('\n');
  const compiled = RE2JS.compile(source);
  return (text) => text.length <= MAX_TEXT && compiled.testExact(text);
}
