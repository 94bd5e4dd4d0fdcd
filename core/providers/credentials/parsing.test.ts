import { array, assert, constantFrom, dictionary, letrec, oneof, property, string } from 'fast-check';
import { expect, test } from 'vitest';

import { membersOf, textIn, timeIn } from './ask.ts';
import { roleKeys } from './aws/role-keys.ts';
import { profileKeys } from './aws/shared-files.ts';
import { FetchFailed } from './fetch-failed.ts';
import { readGcpFile } from './gcp/credentials-file.ts';
import { oauthCode, tokenOf } from './oauth.ts';

const SECRET = 'canary';
const NAMES = [
  'access_token',
  'token_type',
  'expires_in',
  'error',
  'type',
  'private_key',
  'credential_source',
  'url',
  'headers',
  'format',
  'AccessKeyId',
  'SecretAccessKey',
  'Token',
  'Expiration',
  '__proto__',
];
const TYPES = ['service_account', 'authorized_user', 'external_account', 'Bearer', 'json', SECRET];

const { value: anything } = letrec((tie) => ({
  value: oneof(
    { maxDepth: 3 },
    constantFrom(null, true, 0, -1, 1e308, '', SECRET, `a ${SECRET}\n`, ...TYPES),
    array(tie('value'), { maxLength: 3 }),
    dictionary(constantFrom(...NAMES), tie('value'), { maxKeys: 8 }),
  ),
}));

const text = oneof(
  anything.map((value) => JSON.stringify(value)),
  string().map((some) => some + SECRET),
  array(constantFrom('[', ']', '[default]', '=', '\n', '\r\n', ' ', '#', 'aws_access_key_id', SECRET)).map((parts) => parts.join('')),
);

/** What is said of a text. */
function said(read: (text: string) => unknown, given: string): string {
  try {
    const result = read(given);
    return typeof result === 'string' ? result : '';
  } catch (error) {
    if (!(error instanceof FetchFailed)) throw error;
    return error.message;
  }
}

test('whatever a server or a file holds is read or refused, and nothing of it is said', () => {
  const readers: ((text: string) => unknown)[] = [
    readGcpFile,
    (given) => profileKeys(given, 'default'),
    (given) => roleKeys(given, 'it'),
    (given) => tokenOf(given, 'it'),
    oauthCode,
    (given) => {
      const members = membersOf(given, 'it');
      textIn(members, 'type', 'it');
      timeIn(members, 'Expiration', 'it');
    },
  ];
  assert(
    property(constantFrom(...readers), text, (read, given) => {
      expect(said(read, given)).not.toContain(SECRET);
    }),
    { numRuns: 3000 },
  );
});
