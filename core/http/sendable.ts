// What undici would refuse as well. It is asked here first: a pool's connection that refused a request so never takes another one
// (seen with undici 7.30).

// RFC 9110, section 5.6.2.
const TOKEN = /^[A-Za-z0-9!#$%&'*+\-.^_`|~]+$/;
// RFC 9110, section 5.5: visible characters, spaces, tabs, and the bytes above ASCII.
const NOT_IN_VALUE = /[^\t\u0020-\u007e\u0080-\u00ff]/;
const NOT_IN_TARGET = /[^\u0021-\u00ff]/;

/** Whether a text can be a method or the name of a header. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** Whether a text can be the value of a header. */
export function isHeaderValue(text: string): boolean {
  return !NOT_IN_VALUE.test(text);
}

/** Whether a text can be path and query of a request: no space, no control. */
export function isRequestTarget(text: string): boolean {
  return !NOT_IN_TARGET.test(text);
}
