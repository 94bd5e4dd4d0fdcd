import { homedir } from 'node:os';
import { join } from 'node:path';

import { ask } from '../ask.ts';
import { type Environment, readOwn, readOwnIfThere, setIn } from '../environment.ts';
import { FetchFailed } from '../fetch-failed.ts';
import type { Fetched } from '../refreshed.ts';
import { instanceKeys } from './instance-metadata.ts';
import { checkedKeys, roleKeys } from './role-keys.ts';
import { profileKeys } from './shared-files.ts';
import type { AwsKeys } from './sigv4.ts';
import { assumeRole } from './sts.ts';

/** Keys in a file have no end, and somebody may replace them. */
const FILE_AGAIN_MS = 300_000;

export interface ChainOptions {
  readonly region: string;
  readonly sessionName: string;
  readonly env: Environment;
}

/**
 * The gateway's own identity, from the first place that has one. A place that is set and does not work ends the search, as with the SDKs.
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
 */
export async function defaultKeys(options: ChainOptions, signal: AbortSignal): Promise<Fetched<AwsKeys>> {
  const { env } = options;
  return (
    ofVariables(env) ??
    (await ofWebIdentity(options, signal)) ??
    (await ofContainer(env, signal)) ??
    (await ofFile(env)) ??
    (await instanceKeys(env, signal))
  );
}

function ofVariables(env: Environment): Fetched<AwsKeys> | undefined {
  const accessKeyId = setIn(env, 'AWS_ACCESS_KEY_ID');
  const secretAccessKey = setIn(env, 'AWS_SECRET_ACCESS_KEY');
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined;
  const sessionToken = setIn(env, 'AWS_SESSION_TOKEN');
  return { value: checkedKeys({ accessKeyId, secretAccessKey, sessionToken }, 'the environment'), expiresAt: undefined };
}

/** IAM roles for service accounts, as EKS mounts them. */
async function ofWebIdentity({ env, region, sessionName }: ChainOptions, signal: AbortSignal): Promise<Fetched<AwsKeys> | undefined> {
  const file = setIn(env, 'AWS_WEB_IDENTITY_TOKEN_FILE');
  const roleArn = setIn(env, 'AWS_ROLE_ARN');
  if (file === undefined || roleArn === undefined) return undefined;
  const token = await readOwn(file, 'AWS_WEB_IDENTITY_TOKEN_FILE');
  return assumeRole({ region, roleArn, sessionName: setIn(env, 'AWS_ROLE_SESSION_NAME') ?? sessionName, token }, env, signal);
}

/** ECS, and EKS Pod Identity. @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html */
async function ofContainer(env: Environment, signal: AbortSignal): Promise<Fetched<AwsKeys> | undefined> {
  const relative = setIn(env, 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI');
  const full = relative === undefined ? setIn(env, 'AWS_CONTAINER_CREDENTIALS_FULL_URI') : `http://169.254.170.2${relative}`;
  if (full === undefined) return undefined;
  const url = URL.parse(full);
  if (url === null || (url.protocol !== 'https:' && !IN_THE_CLEAR.has(url.hostname)))
    throw new FetchFailed('AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor an address of the container itself');
  const file = setIn(env, 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE');
  const authorization =
    file === undefined ? setIn(env, 'AWS_CONTAINER_AUTHORIZATION_TOKEN') : await readOwn(file, 'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE');
  const text = await ask({ url: full, headers: authorization === undefined ? {} : { authorization } }, signal);
  return roleKeys(text, 'the answer of the container’s credential service');
}

const IN_THE_CLEAR: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]', '169.254.170.2', '169.254.170.23', '[fd00:ec2::23]']);

async function ofFile(env: Environment): Promise<Fetched<AwsKeys> | undefined> {
  const named = setIn(env, 'AWS_SHARED_CREDENTIALS_FILE');
  const path = named ?? join(setIn(env, 'HOME') ?? homedir(), '.aws', 'credentials');
  const profile = setIn(env, 'AWS_PROFILE');
  const text = await readOwnIfThere(path, 'the shared credentials file');
  if (text === undefined) {
    if (named === undefined && profile === undefined) return undefined;
    throw new FetchFailed('the shared credentials file is not there');
  }
  const keys = profileKeys(text, profile ?? 'default');
  if (typeof keys !== 'string') return { value: keys, expiresAt: undefined, againMs: FILE_AGAIN_MS };
  // Without its default profile a file is none that was meant.
  if (profile === undefined && keys.startsWith('has no profile')) return undefined;
  throw new FetchFailed(`the shared credentials file ${keys}`);
}
