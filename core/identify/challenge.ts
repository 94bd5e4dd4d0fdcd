/** RFC 6749, section 3.3: what a scope is made of. */
const SCOPE = /^[!#-[\]-~]+$/;

/**
 * A challenge to come with a bearer token, for `WWW-Authenticate`.
 * @param scopes those that are no scopes by RFC 6749 are left out
 * @see RFC 6750, section 3, RFC 9110, section 11.2, and RFC 9728, section 5.1
 */
export function bearerChallenge(
  error: string | undefined,
  description: string | undefined,
  scopes: readonly string[],
  metadata: string,
): string {
  const sayable = scopes.filter((scope) => SCOPE.test(scope));
  const params = [
    ...(error === undefined ? [] : [param('error', error)]),
    ...(description === undefined ? [] : [param('error_description', description)]),
    ...(sayable.length === 0 ? [] : [param('scope', sayable.join(' '))]),
    param('resource_metadata', metadata),
  ];
  return `Bearer ${params.join(', ')}`;
}

/** RFC 9110, section 5.6.4. What no header can carry is left out. */
function param(name: string, value: string): string {
  const text = value.replaceAll(/[^\t -~]/g, '').replaceAll(/["\\]/g, '\\$&');
  return `${name}="${text}"`;
}
