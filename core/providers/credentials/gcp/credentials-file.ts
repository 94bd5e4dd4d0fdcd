import { createPrivateKey, type KeyObject } from 'node:crypto';

import { isObject } from '../../../is-object.ts';

/** What a credentials file of Google says. */
export type GcpFile = ServiceAccount | AuthorizedUser | ExternalAccount;

export interface ServiceAccount {
  readonly type: 'service_account';
  readonly email: string;
  readonly key: KeyObject;
  readonly keyId: string | undefined;
  readonly tokenUri: string;
  readonly secrets: readonly string[];
}

export interface AuthorizedUser {
  readonly type: 'authorized_user';
  readonly clientId: string;
  readonly clientSecret: string;
  readonly refreshToken: string;
  readonly secrets: readonly string[];
}

/** Where the token of another identity comes from. */
export interface SubjectSource {
  readonly from: { readonly file: string } | { readonly url: string; readonly headers: Readonly<Record<string, string>> };
  /** Member of a JSON text that is the token; undefined: the whole text. */
  readonly member: string | undefined;
}

export interface ExternalAccount {
  readonly type: 'external_account';
  readonly audience: string;
  readonly subjectTokenType: string;
  readonly tokenUrl: string;
  readonly impersonationUrl: string | undefined;
  readonly source: SubjectSource;
  readonly secrets: readonly string[];
}

export const GOOGLE_TOKEN_URL = 'https://oauth2.googleapis.com/token';

type Members = Readonly<Record<string, unknown>>;

/** Thrown here, and told as a text. */
class Unreadable extends Error {}

/**
 * Reads a credentials file. @returns a text that says what is wrong, without any part of it
 * @see https://google.aip.dev/auth/4110
 */
export function readGcpFile(text: string): GcpFile | string {
  try {
    const members: unknown = JSON.parse(text);
    if (!isObject(members)) return 'is no JSON object';
    return fileOf(members);
  } catch (error) {
    return error instanceof Unreadable ? error.message : 'is no JSON object';
  }
}

function fileOf(members: Members): GcpFile {
  const { type } = members;
  if (type === 'service_account') return serviceAccount(members);
  if (type === 'authorized_user') return authorizedUser(members);
  if (type === 'external_account') return externalAccount(members);
  throw new Unreadable('has a "type" that is none of service_account, authorized_user, external_account');
}

function serviceAccount(members: Members): ServiceAccount {
  const pem = textOf(members, 'private_key');
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw new Unreadable('has a "private_key" that cannot be read');
  }
  if (key.asymmetricKeyType !== 'rsa') throw new Unreadable('has a "private_key" that is no RSA key');
  return {
    type: 'service_account',
    email: textOf(members, 'client_email'),
    key,
    keyId: optional(members, 'private_key_id'),
    tokenUri: urlOf(members, 'token_uri', GOOGLE_TOKEN_URL),
    secrets: [pem],
  };
}

function authorizedUser(members: Members): AuthorizedUser {
  const clientSecret = textOf(members, 'client_secret');
  const refreshToken = textOf(members, 'refresh_token');
  return {
    type: 'authorized_user',
    clientId: textOf(members, 'client_id'),
    clientSecret,
    refreshToken,
    secrets: [clientSecret, refreshToken],
  };
}

function externalAccount(members: Members): ExternalAccount {
  const impersonated = members['service_account_impersonation_url'];
  return {
    type: 'external_account',
    audience: textOf(members, 'audience'),
    subjectTokenType: textOf(members, 'subject_token_type'),
    tokenUrl: urlOf(members, 'token_url'),
    impersonationUrl: impersonated === undefined ? undefined : urlOf(members, 'service_account_impersonation_url'),
    source: sourceOf(members['credential_source']),
    secrets: [],
  };
}

function sourceOf(source: unknown): SubjectSource {
  if (!isObject(source)) throw new Unreadable('has no "credential_source"');
  const { file, url, headers, format } = source;
  const member = isObject(format) && format['type'] === 'json' ? textOf(format, 'subject_token_field_name') : undefined;
  if (typeof file === 'string' && file !== '') return { from: { file }, member };
  if ('environment_id' in source || 'executable' in source || typeof url !== 'string')
    throw new Unreadable('has a "credential_source" other than a file or a URL, which is not supported');
  const given = isObject(headers) ? Object.entries(headers).filter((pair): pair is [string, string] => typeof pair[1] === 'string') : [];
  return { from: { url: urlOf(source, 'url', undefined, true), headers: Object.fromEntries(given) }, member };
}

function textOf(members: Members, name: string): string {
  const value = members[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new Unreadable(`has no text "${name}"`);
}

function optional(members: Members, name: string): string | undefined {
  return members[name] === undefined ? undefined : textOf(members, name);
}

/** @param inTheClear where no secret of ours goes there */
function urlOf(members: Members, name: string, otherwise?: string, inTheClear = false): string {
  const text = members[name] === undefined && otherwise !== undefined ? otherwise : textOf(members, name);
  const url = URL.parse(text);
  const isHere = url !== null && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  if (url !== null && (url.protocol === 'https:' || (url.protocol === 'http:' && (isHere || inTheClear)))) return text;
  throw new Unreadable(`has a "${name}" that is no https URL`);
}
