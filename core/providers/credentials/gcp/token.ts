import { sign } from 'node:crypto';

import { ask, membersOf, textIn, timeIn } from '../ask.ts';
import { type Environment, readOwn, setIn } from '../environment.ts';
import { FetchFailed } from '../fetch-failed.ts';
import { askToken, oauthCode } from '../oauth.ts';
import type { Fetched } from '../refreshed.ts';
import { isKey } from '../sendable-key.ts';
import {
  type AuthorizedUser,
  type ExternalAccount,
  type GcpFile,
  GOOGLE_TOKEN_URL,
  type ServiceAccount,
  type SubjectSource,
} from './credentials-file.ts';

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
const JWT_LIFE_S = 3600;

/** How the servers of Google, and those that a file names, are called. */
export interface GcpCalls {
  readonly env: Environment;
  /** Whether what a file names is not called where it is this machine or one of its neighbours. */
  readonly elsewhere: boolean;
}

export function tokenOfFile(file: GcpFile, calls: GcpCalls, signal: AbortSignal): Promise<Fetched<string>> {
  if (file.type === 'service_account') return ofServiceAccount(file, calls, signal);
  if (file.type === 'authorized_user') return ofUser(file, calls, signal);
  return ofExternal(file, calls, signal);
}

export function gcpProxy(env: Environment): string | undefined {
  return setIn(env, 'AI_GATEWAY_GCP_AUTH_PROXY_URL');
}

/** @see https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests */
function ofServiceAccount(account: ServiceAccount, { env, elsewhere }: GcpCalls, signal: AbortSignal): Promise<Fetched<string>> {
  const form = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: assertionOf(account) };
  return askToken({ url: account.tokenUri, form, elsewhere, proxy: gcpProxy(env) }, signal);
}

function assertionOf({ email, key, keyId, tokenUri }: ServiceAccount): string {
  const now = Math.floor(Date.now() / 1000);
  const header = { alg: 'RS256', typ: 'JWT', ...(keyId === undefined ? {} : { kid: keyId }) };
  const claims = { iss: email, scope: SCOPE, aud: tokenUri, iat: now, exp: now + JWT_LIFE_S };
  const signed = `${base64url(header)}.${base64url(claims)}`;
  return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), key).toString('base64url')}`;
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function ofUser(
  { clientId, clientSecret, refreshToken }: AuthorizedUser,
  { env }: GcpCalls,
  signal: AbortSignal,
): Promise<Fetched<string>> {
  const form = { grant_type: 'refresh_token', client_id: clientId, client_secret: clientSecret, refresh_token: refreshToken };
  return askToken({ url: GOOGLE_TOKEN_URL, form, proxy: gcpProxy(env) }, signal);
}

/** @see https://google.aip.dev/auth/4117 */
async function ofExternal(account: ExternalAccount, calls: GcpCalls, signal: AbortSignal): Promise<Fetched<string>> {
  const { audience, subjectTokenType, tokenUrl, impersonationUrl, source } = account;
  const subjectToken = await subjectOf(source, calls, signal);
  return exchanged({ subjectToken, subjectTokenType, audience, tokenUrl, impersonationUrl }, calls, signal);
}

async function subjectOf({ from, member }: SubjectSource, { elsewhere }: GcpCalls, signal: AbortSignal): Promise<string> {
  const text = 'file' in from ? await readOwn(from.file, 'the file of credential_source') : await ask({ ...from, elsewhere }, signal);
  const of = 'what credential_source leads to';
  const token = member === undefined ? text.trim() : textIn(membersOf(text, of), member, of);
  if (token === '') throw new FetchFailed(`${of} is empty`);
  return token;
}

export interface Exchange {
  readonly subjectToken: string;
  readonly subjectTokenType: string;
  readonly audience: string;
  readonly tokenUrl: string;
  /** Undefined: the token is used as it is. */
  readonly impersonationUrl: string | undefined;
}

/**
 * A token of Google for one of another provider.
 * @see https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token
 */
export async function exchanged(exchange: Exchange, { env, elsewhere }: GcpCalls, signal: AbortSignal): Promise<Fetched<string>> {
  const { subjectToken, subjectTokenType, audience, tokenUrl, impersonationUrl } = exchange;
  const proxy = gcpProxy(env);
  const form = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    audience,
    scope: SCOPE,
    requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    subject_token: subjectToken,
    subject_token_type: subjectTokenType,
  };
  const federated = await askToken({ url: tokenUrl, form, elsewhere, proxy }, signal);
  if (impersonationUrl === undefined) return federated;
  const of = 'the answer to the impersonation';
  const text = await ask(
    {
      url: impersonationUrl,
      method: 'POST',
      headers: { authorization: `Bearer ${federated.value}`, 'content-type': 'application/json' },
      body: JSON.stringify({ scope: [SCOPE], lifetime: `${JWT_LIFE_S}s` }),
      codeOf: oauthCode,
      elsewhere,
      proxy,
    },
    signal,
  );
  const members = membersOf(text, of);
  const value = textIn(members, 'accessToken', of);
  if (!isKey(value)) throw new FetchFailed(`${of} has a token that a header cannot carry`);
  return { value, expiresAt: timeIn(members, 'expireTime', of) };
}
