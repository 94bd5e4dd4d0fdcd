import { hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

import type { Outbound } from '../../../attempt/call.ts';
import { GatewayError } from '../../../errors.ts';
import { fetched } from '../bearer.ts';
import { type Credential, holds, withHeaders } from '../credential.ts';
import { missing, type Override, valueOf } from '../override.ts';
import type { Refreshed } from '../refreshed.ts';
import { amzDate, authorizationOf, type AwsKeys, rememberedKey, signingKey } from './sigv4.ts';

/** Of all endpoints of Bedrock, whatever their hosts are called. */
const SERVICE = 'bedrock';
/** Put on by us alone; a copy of the client's would be signed. */
const OURS: ReadonlySet<string> = new Set(['authorization', 'x-amz-date', 'x-amz-security-token', 'x-amz-content-sha256']);
/** AWS takes five minutes either way. */
const TOLERATED_SKEW_MS = 240_000;

/** Signs requests to Bedrock. @param source the configured keys, or those that are fetched @param secrets with which they are fetched */
export function awsCredential(
  region: string,
  source: AwsKeys | Refreshed<AwsKeys>,
  override: Override,
  secrets: readonly string[] = [],
): Credential {
  const keyOf = rememberedKey();
  let skewMs = 0;
  const configured = (): AwsKeys => ('secretAccessKey' in source ? source : fetched(source));
  const held = (): readonly AwsKeys[] => ('secretAccessKey' in source ? [source] : source.lately);
  const authorize = (outbound: Outbound, client: IncomingHttpHeaders): Outbound => {
    const own = clientKeys(override, client);
    const date = amzDate(Date.now() + skewMs);
    const signing = { keys: own ?? configured(), region, service: SERVICE, date };
    // What a client brings is not kept.
    return sign(outbound, signing, own === undefined ? keyOf : signingKey);
  };
  return {
    aws: { region },
    authorize,
    isClients: (client) => bringsKeys(override, client),
    expiresAt: undefined,
    leaks: (text) => holds(text, held().flatMap(secretsOf)) || holds(text, secrets),
    ...('secretAccessKey' in source ? {} : { state: () => source.state() }),
    noteDate(date, nowMs) {
      const theirs = date === undefined ? Number.NaN : Date.parse(date);
      if (Number.isNaN(theirs)) return;
      const apart = theirs - nowMs;
      skewMs = Math.abs(apart) > TOLERATED_SKEW_MS ? apart : 0;
    },
  };
}

function sign(outbound: Outbound, signing: Parameters<typeof signingKey>[0], keyOf: typeof signingKey): Outbound {
  const { body, method, path } = outbound;
  if (body !== null && !Buffer.isBuffer(body))
    throw new GatewayError('TK_UNSUPPORTED', 'a backend of AWS takes no body that is sent on while it arrives: it is signed as a whole');
  const bodyHash = hash('sha256', body ?? '');
  const { sessionToken } = signing.keys;
  const added = ['x-amz-date', signing.date, 'x-amz-content-sha256', bodyHash];
  if (sessionToken !== undefined) added.push('x-amz-security-token', sessionToken);
  withHeaders(outbound, added, OURS);
  const authorization = authorizationOf({ method, path, headers: signedOf(outbound.headers), bodyHash }, signing, keyOf);
  outbound.headers.push('authorization', authorization);
  return outbound;
}

/** Others may be changed on the way, by a proxy for one. */
function signedOf(headers: readonly string[]): string[] {
  const signed: string[] = [];
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!.toLowerCase();
    if (name === 'host' || name === 'content-type' || name.startsWith('x-amz-')) signed.push(name, headers[at + 1]!);
  }
  return signed;
}

/** The three parts that a client brings. @throws GatewayError TK_CREDENTIAL_MISSING where it brings only some: nothing else stands in for them */
function clientKeys({ headers, fallback }: Override, client: IncomingHttpHeaders): AwsKeys | undefined {
  const [id, secret, token] = headers;
  if (id === undefined || secret === undefined) return undefined;
  const accessKeyId = valueOf(id, client);
  const secretAccessKey = valueOf(secret, client);
  const sessionToken = token === undefined ? undefined : valueOf(token, client);
  if (accessKeyId !== undefined && secretAccessKey !== undefined) return { accessKeyId, secretAccessKey, sessionToken };
  if (accessKeyId === undefined && secretAccessKey === undefined && sessionToken === undefined && fallback) return undefined;
  throw missing([id, secret]);
}

function bringsKeys({ headers }: Override, client: IncomingHttpHeaders): boolean {
  return headers.some((header) => client[header] !== undefined && client[header] !== '');
}

/** The id is no secret: error messages of AWS name it. */
function secretsOf({ secretAccessKey, sessionToken }: AwsKeys): string[] {
  return sessionToken === undefined ? [secretAccessKey] : [secretAccessKey, sessionToken];
}
