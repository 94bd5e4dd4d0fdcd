import { isKey } from '../sendable-key.ts';
import type { AwsKeys } from './sigv4.ts';

/**
 * The keys of one profile of a credentials file.
 * @returns a text that says what is wrong
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
 */
export function profileKeys(file: string, profile: string): AwsKeys | string {
  const settings = sectionOf(file, profile);
  if (settings === undefined) return `has no profile ${JSON.stringify(profile)}`;
  const values: string[] = [];
  for (const name of ['aws_access_key_id', 'aws_secret_access_key', 'aws_session_token']) {
    const value = settings.get(name) ?? '';
    if (value === '' && name !== 'aws_session_token') return `has no ${name} in profile ${JSON.stringify(profile)}`;
    if (value !== '' && !isKey(value)) return `has characters in ${name} that no key of AWS has`;
    values.push(value);
  }
  const [accessKeyId = '', secretAccessKey = '', sessionToken = ''] = values;
  return { accessKeyId, secretAccessKey, sessionToken: sessionToken === '' ? undefined : sessionToken };
}

/** Of sections of one name the last value of a setting holds. */
function sectionOf(file: string, profile: string): ReadonlyMap<string, string> | undefined {
  let section: string | undefined;
  let settings: Map<string, string> | undefined;
  for (const line of file.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    const heading = /^\s*\[([^\]]*)\]/.exec(line);
    if (heading !== null) {
      section = heading[1]!.trim().replace(/^profile\s+/, '');
      if (section === profile) settings ??= new Map();
      continue;
    }
    // Settings below another one are its own.
    if (section !== profile || /^\s*(?:[#;]|$)/.test(line) || /^\s/.test(line)) continue;
    const equals = line.indexOf('=');
    if (equals === -1) continue;
    // A comment behind a value begins after white space: a key may have the sign.
    const value = line.slice(equals + 1).replace(/\s[#;].*$/, '');
    settings?.set(line.slice(0, equals).trim().toLowerCase(), value.trim());
  }
  return settings;
}
