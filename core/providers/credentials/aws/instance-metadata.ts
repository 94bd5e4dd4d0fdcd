import { ask, membersOf } from '../ask.ts';
import { type Environment, setIn } from '../environment.ts';
import { FetchFailed } from '../fetch-failed.ts';
import type { Fetched } from '../refreshed.ts';
import { roleKeys } from './role-keys.ts';
import type { AwsKeys } from './sigv4.ts';

const ROLES = '/latest/meta-data/iam/security-credentials/';
const NOWHERE = 'no credentials in the environment, in the shared credentials file or of a container';

/**
 * Keys of the role of an EC2 instance, only by the second version of its metadata service.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
 */
export async function instanceKeys(env: Environment, signal: AbortSignal): Promise<Fetched<AwsKeys>> {
  if (env['AWS_EC2_METADATA_DISABLED']?.toLowerCase() === 'true') throw new FetchFailed(NOWHERE);
  const base = (setIn(env, 'AWS_EC2_METADATA_SERVICE_ENDPOINT') ?? 'http://169.254.169.254').replace(/\/+$/, '');
  const token = await tokenOf(base, signal);
  const headers = { 'x-aws-ec2-metadata-token': token };
  const [role = ''] = (await ask({ url: `${base}${ROLES}`, headers }, signal)).trim().split('\n');
  if (!/^[\w+=,.@-]{1,128}$/.test(role)) throw new FetchFailed('the instance has no role');
  const text = await ask({ url: `${base}${ROLES}${role}`, headers }, signal);
  const of = 'the answer of the instance’s metadata service';
  const { Code: code } = membersOf(text, of);
  if (code !== undefined && code !== 'Success') throw new FetchFailed(`${of} is no success`);
  return roleKeys(text, of);
}

async function tokenOf(base: string, signal: AbortSignal): Promise<string> {
  const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': '21600' };
  try {
    return (await ask({ url: `${base}/latest/api/token`, method: 'PUT', headers }, signal)).trim();
  } catch (error) {
    const reason = error instanceof FetchFailed ? error.message : 'no answer';
    throw new FetchFailed(`${NOWHERE}, and the instance’s metadata service has none (${reason})`);
  }
}
