/** A request target, decided once: every later stage sees this path and no other. */
export interface Target {
  /** Absolute path: dot segments resolved, slashes merged, escapes of letters, digits and `-._~` undone, other escapes kept as they came. */
  readonly path: string;
  /** From `?` on, or empty. */
  readonly query: string;
  /** Authority of an absolute-form target; it replaces the Host header (RFC 9112, section 3.2.2). */
  readonly authority: string | undefined;
}

// One class and no group: a pattern that can be taken apart in several ways would take exponential time on a path that does not fit.
const PLAIN = /^[\w\-~!$&'()*+,;=:@./]+$/;
// Without user, which RFC 9110, section 4.2.4 tells recipients to treat as an error.
const ABSOLUTE = /^https?:\/\/((?:[\w\-.~%!$&'()*+,;=]+|\[[\da-fA-F:.]+\])(?::\d*)?)(?=[/?]|$)(.*)$/is;
// A fragment never reaches a server; a control, a space or a byte beyond ASCII never leaves a client that follows RFC 9112.
const FORBIDDEN = /[^\u0021-\u007e]|[\\#]|%(?![0-9a-fA-F]{2})|%(?:2f|5c|00)/i;
// RFC 3986, section 2.3: with and without its escape such a character is the same path.
const UNRESERVED_ESCAPE = /%(?:2[de]|3\d|4[1-9a-f]|5[\daf]|6[1-9a-f]|7[\dae])/gi;

/**
 * Reads the target of a request line. Paths that two readers could understand in two ways are refused: `%2f`, `%5c`, `\`, NUL,
 * a bad escape, bytes beyond ASCII. `//` merges, dot segments resolve (RFC 3986, section 5.2.4), an escaped letter is that letter (section
 * 6.2.2.2: a route for `/private` is not passed by as `/%70rivate`), case counts, `;` is an ordinary character.
 * @returns undefined for a target that is refused.
 */
export function readTarget(target: string): Target | undefined {
  let rest = target;
  let authority: string | undefined;
  if (rest.charCodeAt(0) !== 47) {
    const absolute = ABSOLUTE.exec(rest);
    if (absolute === null) return undefined;
    authority = absolute[1]!;
    rest = absolute[2]!;
    if (rest.charCodeAt(0) !== 47) rest = `/${rest}`;
  }
  const mark = rest.indexOf('?');
  const path = mark === -1 ? rest : rest.slice(0, mark);
  const query = mark === -1 ? '' : rest.slice(mark);
  if (query.includes('#')) return undefined;
  if (PLAIN.test(path) && !path.includes('/.') && !path.includes('//')) return { path, query, authority };
  if (FORBIDDEN.test(path)) return undefined;
  const segments: string[] = [];
  const parts = path.replaceAll(UNRESERVED_ESCAPE, (escape) => String.fromCharCode(Number.parseInt(escape.slice(1), 16))).split('/');
  for (const [index, part] of parts.entries()) {
    const last = index === parts.length - 1;
    if (part === '..') segments.pop();
    if (part === '.' || part === '..' || part === '') {
      if (last) segments.push('');
      continue;
    }
    segments.push(part);
  }
  return { path: `/${segments.join('/')}`, query, authority };
}
