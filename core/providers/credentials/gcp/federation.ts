import type { Environment } from '../environment.ts';
import type { Fetched } from '../refreshed.ts';
import { exchanged } from './token.ts';

/** Whom Google takes the tokens of another provider for. */
export interface Federation {
  readonly projectId: string;
  readonly pool: string;
  readonly provider: string;
  /** Service account in whose name requests are made; undefined: in that of the other provider's client. */
  readonly account: string | undefined;
  /** Of the account, where its name does not say it. */
  readonly accountProject: string;
}

const STS = 'https://sts.googleapis.com/v1/token';
const IAM = 'https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts';

/**
 * A token for one of another provider.
 * @param endpoints for tests
 * @see https://cloud.google.com/iam/docs/workload-identity-federation-with-other-providers
 */
export function federatedToken(
  { projectId, pool, provider, account, accountProject }: Federation,
  subjectToken: string,
  env: Environment,
  signal: AbortSignal,
  endpoints = { sts: STS, iam: IAM },
): Promise<Fetched<string>> {
  const email = account === undefined || account.includes('@') ? account : `${account}@${accountProject}.iam.gserviceaccount.com`;
  return exchanged(
    {
      subjectToken,
      subjectTokenType: 'urn:ietf:params:oauth:token-type:jwt',
      audience: `//iam.googleapis.com/projects/${projectId}/locations/global/workloadIdentityPools/${pool}/providers/${provider}`,
      tokenUrl: endpoints.sts,
      impersonationUrl: email === undefined ? undefined : `${endpoints.iam}/${encodeURIComponent(email)}:generateAccessToken`,
    },
    // Its servers are Google's own.
    { env, elsewhere: false },
    signal,
  );
}
