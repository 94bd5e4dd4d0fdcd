import { membersOf, textIn, timeIn } from '../ask.ts';
import { FetchFailed } from '../fetch-failed.ts';
import type { Fetched } from '../refreshed.ts';
import { isKey } from '../sendable-key.ts';
import type { AwsKeys } from './sigv4.ts';

/** What the services of containers and of instances answer. @throws FetchFailed */
export function roleKeys(text: string, of: string): Fetched<AwsKeys> {
  const members = membersOf(text, of);
  const keys = {
    accessKeyId: textIn(members, 'AccessKeyId', of),
    secretAccessKey: textIn(members, 'SecretAccessKey', of),
    sessionToken: textIn(members, 'Token', of),
  };
  return { value: checkedKeys(keys, of), expiresAt: timeIn(members, 'Expiration', of) };
}

/** @throws FetchFailed */
export function checkedKeys(keys: AwsKeys, of: string): AwsKeys {
  const values = [keys.accessKeyId, keys.secretAccessKey, keys.sessionToken ?? '-'];
  if (values.every(isKey)) return keys;
  throw new FetchFailed(`${of} has characters in its keys that no key of AWS has`);
}
