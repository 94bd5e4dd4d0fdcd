import { skipColon, skipSpace, skipString, skipValue } from './skip.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** The text of the string literal between the offsets, quotes included, in JSON that has been checked. */
export function decodeString(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start + 1, end - 1);
  return text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text;
}

/**
 * The value that starts at the offset, in JSON that has been checked; for values in which a member's name is written
 * with an escape. V8 (seen in Node 24.21, reported up to 26) can read such a name wrong: `{"x":1,"\u0061":2}` has a
 * member `\` once `{"x":1,"\\":2}` has been parsed in the process, by whomever.
 *
 * @see https://github.com/nodejs/node/issues/63785
 */
export function parseEscapedNames(bytes: Buffer, start: number): unknown {
  let at = start;
  const afterItem = (): void => {
    at = skipSpace(bytes, at);
    if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
  };
  const parseObject = (): unknown => {
    const object: Record<string, unknown> = {};
    at = skipSpace(bytes, at + 1);
    while (bytes[at] !== CLOSE_OBJECT) {
      const nameEnd = skipString(bytes, at);
      const name = decodeString(bytes, at, nameEnd);
      at = skipColon(bytes, nameEnd);
      const value = parseNext();
      // As JSON.parse does: a member of its own, not the prototype.
      if (name === '__proto__') Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
      else object[name] = value;
      afterItem();
    }
    at++;
    return object;
  };
  const parseArray = (): unknown => {
    const array: unknown[] = [];
    at = skipSpace(bytes, at + 1);
    while (bytes[at] !== CLOSE_ARRAY) {
      array.push(parseNext());
      afterItem();
    }
    at++;
    return array;
  };
  const parseNext = (): unknown => {
    const first = bytes[at];
    if (first === OPEN_OBJECT) return parseObject();
    if (first === OPEN_ARRAY) return parseArray();
    const from = at;
    at = skipValue(bytes, at, 0, 0);
    return first === QUOTE ? decodeString(bytes, from, at) : JSON.parse(bytes.toString('latin1', from, at));
  };
  return parseNext();
}
