import { hash, timingSafeEqual } from 'node:crypto';

import { GatewayError } from '../errors.ts';
import type { Report } from '../resources/kind.ts';

import type { Caller, SecuritySources } from './identity.ts';
import type { BasicAuth } from './policy.ts';
import { policyHeader } from './set-headers.ts';

/** Compiled `basicAuth`. */
export interface BasicAuthentication {
  /** `forwardUsernameHeader` in lower case. */
  readonly userHeader: string | undefined;
  /**
   * The name of the user whose password the request carries (RFC 7617).
   * @throws GatewayError TK_UNAUTHENTICATED
   */
  userOf(caller: Caller): string;
}

const FILE = '.htpasswd';
const CHALLENGE = { 'www-authenticate': 'Basic realm="gateway", charset="UTF-8"' };
/** What the password of an unknown user is compared with. */
const NOBODY = Buffer.alloc(20);

/** Formats of htpasswd lines that Envoy does not read, by how they start. */
const OTHER_FORMATS: readonly (readonly [RegExp, string])[] = [
  [/^\$2[abxy]?\$/, 'bcrypt'],
  [/^\$apr1\$/, 'apr1 (MD5)'],
  [/^\$1\$/, 'MD5-crypt'],
  [/^\$5\$/, 'SHA-256-crypt'],
  [/^\$6\$/, 'SHA-512-crypt'],
  [/^\$y\$/, 'yescrypt'],
  [/^\$argon2/, 'argon2'],
  [/^\{SSHA\}/i, 'SSHA'],
];

/** Compiles `basicAuth` (CRD SecurityPolicy): the Secret's key `.htpasswd` has lines `user:{SHA}base64`, as Envoy reads them. */
export function compileBasicAuth(spec: BasicAuth, sources: SecuritySources, path: string, report: Report): BasicAuthentication {
  const users = readUsers(spec, sources, `${path}.users`, report);
  const userHeader =
    spec.forwardUsernameHeader === undefined
      ? undefined
      : policyHeader(spec.forwardUsernameHeader, `${path}.forwardUsernameHeader`, report);
  return {
    userHeader,
    userOf(caller) {
      const { authorization } = caller.headers;
      if (authorization === undefined) throw denied('no user name and password: send them as header authorization (Basic …)');
      const encoded = /^basic +([A-Za-z0-9+/]*={0,2}) *$/i.exec(authorization)?.[1];
      if (encoded === undefined) throw denied('header authorization is not of the form "Basic …" with base64 text');
      const bytes = Buffer.from(encoded, 'base64');
      const colon = bytes.indexOf(':');
      if (colon === -1) throw denied('header authorization has no colon between user name and password');
      const user = bytes.subarray(0, colon).toString('utf8');
      const expected = users.get(user);
      const given = hash('sha1', bytes.subarray(colon + 1), 'buffer');
      const same = timingSafeEqual(given, expected ?? NOBODY);
      if (expected === undefined || !same) throw denied('unknown user name or wrong password');
      return user;
    },
  };
}

function denied(message: string): GatewayError {
  return new GatewayError('TK_UNAUTHENTICATED', message, { headers: CHALLENGE });
}

function readUsers(spec: BasicAuth, sources: SecuritySources, path: string, report: Report): ReadonlyMap<string, Buffer> {
  const users = new Map<string, Buffer>();
  const secret = sources.secret(spec.users, path);
  if (secret === undefined) return users;
  const file = secret.get(FILE);
  if (file === undefined) {
    report(path, `Secret ${spec.users.name} has no key ${FILE}`);
    return users;
  }
  for (const [index, raw] of file.toString('utf8').split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const problem = addUser(users, line);
    if (problem !== undefined) report(path, `Secret ${spec.users.name}, key ${FILE}, line ${index + 1}: ${problem}`);
  }
  if (users.size === 0) report(path, `Secret ${spec.users.name}, key ${FILE} names no user that could be let in`);
  return users;
}

/** @returns what is wrong with the line, without its password. */
function addUser(users: Map<string, Buffer>, line: string): string | undefined {
  const colon = line.indexOf(':');
  if (colon < 1) return 'is not of the form user:{SHA}hash';
  const user = line.slice(0, colon);
  const stored = line.slice(colon + 1);
  // oxlint-disable-next-line no-control-regex -- a name is also a header's value
  if (/[\u0000-\u001f\u007f]/.test(user)) return 'the user name has control characters';
  if (users.has(user)) return `user ${user} stands in the file twice`;
  if (!stored.startsWith('{SHA}')) {
    const format = OTHER_FORMATS.find(([start]) => start.test(stored))?.[1] ?? 'crypt or plain text';
    return `the password of user ${user} is stored as ${format}; only {SHA} is read, as in Envoy (htpasswd -s)`;
  }
  const digest = Buffer.from(stored.slice(5), 'base64');
  if (digest.length !== 20) return `the {SHA} hash of user ${user} is not the base64 of 20 bytes`;
  users.set(user, digest);
  return undefined;
}
