import { ask } from '../ask.ts';
import { FetchFailed } from '../fetch-failed.ts';
import type { Fetched } from '../refreshed.ts';
import { isKey } from '../sendable-key.ts';
import { type Environment, setIn } from '../environment.ts';
import type { AwsKeys } from './sigv4.ts';

/** Of AssumeRoleWithWebIdentity. */
const CODES: ReadonlySet<string> = new Set([
  'AccessDenied',
  'ExpiredToken',
  'ExpiredTokenException',
  'IDPCommunicationError',
  'IDPRejectedClaim',
  'InternalFailure',
  'InvalidIdentityToken',
  'RegionDisabledException',
  'ServiceUnavailable',
  'Throttling',
  'ValidationError',
]);

export interface WebIdentity {
  readonly region: string;
  readonly roleArn: string;
  /** Shown in the logs of AWS. */
  readonly sessionName: string;
  readonly token: string;
}

/**
 * Temporary keys for a token of somebody whom AWS trusts.
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
 */
export async function assumeRole(identity: WebIdentity, env: Environment, signal: AbortSignal): Promise<Fetched<AwsKeys>> {
  const { region, roleArn, sessionName, token } = identity;
  const body = new URLSearchParams({
    Action: 'AssumeRoleWithWebIdentity',
    Version: '2011-06-15',
    RoleArn: roleArn,
    RoleSessionName: sessionName.replace(/[^\w+=,.@-]/g, '-').slice(0, 64),
    WebIdentityToken: token,
  }).toString();
  const url = setIn(env, 'AWS_ENDPOINT_URL_STS') ?? `https://sts.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}/`;
  const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/xml' };
  const text = await ask({ url, method: 'POST', headers, body, codeOf, proxy: setIn(env, 'AI_GATEWAY_STS_PROXY_URL') }, signal);
  const credentials = element(text, 'Credentials');
  const keys = {
    accessKeyId: element(credentials, 'AccessKeyId'),
    secretAccessKey: element(credentials, 'SecretAccessKey'),
    sessionToken: element(credentials, 'SessionToken'),
  };
  const expiresAt = Date.parse(element(credentials, 'Expiration'));
  if (Number.isNaN(expiresAt) || !Object.values(keys).every(isKey)) throw new FetchFailed('the answer of STS has no credentials');
  return { value: keys, expiresAt };
}

/** Text of the first element of a name. STS writes flat elements without attributes: no XML reader is needed. @throws FetchFailed */
function element(xml: string, name: string): string {
  const opening = `<${name}>`;
  const from = xml.indexOf(opening);
  const to = xml.indexOf(`</${name}>`, from);
  if (from === -1 || to === -1) throw new FetchFailed(`the answer of STS has no ${name}`);
  return unescaped(xml.slice(from + opening.length, to).trim());
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

function unescaped(text: string): string {
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (_all, name: string) => ENTITIES[name]!);
}

function codeOf(xml: string): string | undefined {
  const code = /<Code>(\w{1,60})<\/Code>/.exec(xml)?.[1];
  return code !== undefined && CODES.has(code) ? code : undefined;
}
