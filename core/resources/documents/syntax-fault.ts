import type { YAMLException } from 'js-yaml';

import { lineAt } from './line.ts';
import type { Fault, Variables } from './variables.ts';

export const TOO_DEEP = 'is nested too deeply';

/** Reasons of the parser that do not say what to mend, by how they begin. A reason that is not here is kept. */
const REASONS: readonly (readonly [string, string])[] = [
  ['nesting exceeded maxDepth', TOO_DEEP],
  ['deficient indentation', 'a quote or bracket before this line is not closed, or this line is not indented enough to be inside'],
  [
    'end of the stream or a document separator is expected',
    'does not belong to what is before it; check the indentation, and that each field has a colon and a space after its name',
  ],
  ['can not read a block mapping entry', 'the lines up to here are no field; a field has a colon and a space after its name'],
  ["expected ':' after a mapping key", 'the line is no field; a field has a colon and a space after its name'],
];
const BAD_INDENTATION = 'bad indentation of a mapping entry';

/** What the parser has found wrong, for the author of the document. */
export function faultOf({ reason, mark }: YAMLException, variables: Variables): Fault {
  const { text } = variables;
  const offset = mark?.position ?? 0;
  const line = lineAt(text, offset);
  const before = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
  // The parser says so too of what follows a value on its line, as in `a: b: c`, `a: @b` and `a: 'it's'`.
  if (reason === BAD_INDENTATION && before.trim() !== '') {
    const rest = variables.asWritten(text.slice(offset).split('\n', 1)[0]!).trim().slice(0, 20);
    return { line, message: `${JSON.stringify(rest)} cannot stand here; put the value in quotes if it is part of it` };
  }
  return { line, message: REASONS.find(([start]) => reason.startsWith(start))?.[1] ?? variables.asWritten(reason) };
}
