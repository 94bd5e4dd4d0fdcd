import { hash } from 'node:crypto';

import { apiKeyCredential } from '../providers/credentials/api-key.ts';
import { awsCredential } from '../providers/credentials/aws/aws-credential.ts';
import { defaultKeys } from '../providers/credentials/aws/default-chain.ts';
import { profileKeys } from '../providers/credentials/aws/shared-files.ts';
import { assumeRole } from '../providers/credentials/aws/sts.ts';
import { azureToken } from '../providers/credentials/azure.ts';
import { bearerCredential } from '../providers/credentials/bearer.ts';
import type { Credential } from '../providers/credentials/credential.ts';
import { type GcpFile, readGcpFile } from '../providers/credentials/gcp/credentials-file.ts';
import { defaultToken } from '../providers/credentials/gcp/default-credentials.ts';
import { federatedToken } from '../providers/credentials/gcp/federation.ts';
import { tokenOfFile } from '../providers/credentials/gcp/token.ts';
import { type OidcSource, oidcToken } from '../providers/credentials/oidc.ts';
import type { Override } from '../providers/credentials/override.ts';
import { type Fetch, Refreshed, type Source } from '../providers/credentials/refreshed.ts';
import { type BackendSecurityPolicy, overrideHeaders } from '../resources/ai-gateway/backend-security-policy.ts';
import type { OidcExchangeToken } from '../resources/ai-gateway/oidc-exchange.ts';
import { nameOf } from '../resources/kind.ts';

import { secretOf } from './origins.ts';
import type { Scope } from './scope.ts';
import { secretEntry } from './secret-entry.ts';

type Spec = BackendSecurityPolicy['body']['spec'];

interface Compiling {
  readonly policy: BackendSecurityPolicy;
  readonly scope: Scope;
  readonly override: Override;
}

/** The credential that a policy asks for. Nothing is fetched yet. @returns undefined after a report */
export function compileCredential(policy: BackendSecurityPolicy, scope: Scope): Credential | undefined {
  const { spec } = policy.body;
  const fallback = spec.credentialOverride?.fromRequestHeaders?.fallbackToConfigured ?? true;
  const compiling: Compiling = { policy, scope, override: { headers: overrideHeaders(spec), fallback } };
  switch (spec.type) {
    case 'AWSCredentials':
      return ofAws(spec.awsCredentials!, compiling);
    case 'AzureCredentials':
      return ofAzure(spec.azureCredentials!, compiling);
    case 'GCPCredentials':
      return ofGcp(spec.gcpCredentials!, compiling);
    case 'APIKey':
      return ofApiKey(spec.type, 'apiKey', compiling);
    case 'AnthropicAPIKey':
      return ofApiKey(spec.type, 'anthropicAPIKey', compiling);
    case 'AzureAPIKey':
      return ofApiKey(spec.type, 'azureAPIKey', compiling);
  }
}

function ofApiKey(
  type: 'APIKey' | 'AnthropicAPIKey' | 'AzureAPIKey',
  field: 'apiKey' | 'anthropicAPIKey' | 'azureAPIKey',
  { policy, scope, override }: Compiling,
): Credential | undefined {
  const ref = policy.body.spec[field]!.secretRef;
  const path = `spec.${field}.secretRef`;
  const data = secretOf(ref, policy, path, scope);
  if (data === undefined) return undefined;
  const credential = apiKeyCredential(type, data.get('apiKey')?.toString(), override);
  if (typeof credential !== 'string') return credential;
  scope.report(policy, path, `Secret ${ref.name} ${credential}`);
  return undefined;
}

function ofAws(aws: NonNullable<Spec['awsCredentials']>, compiling: Compiling): Credential | undefined {
  const { policy, scope, override } = compiling;
  const { region, credentialsFile, oidcExchangeToken } = aws;
  if (credentialsFile !== undefined) {
    const path = 'spec.awsCredentials.credentialsFile.secretRef';
    const file = secretEntry(credentialsFile.secretRef, 'credentials', policy, path, scope);
    if (file === undefined) return undefined;
    const keys = profileKeys(file, credentialsFile.profile ?? 'default');
    if (typeof keys !== 'string') return awsCredential(region, keys, override);
    scope.report(policy, path, `Secret ${credentialsFile.secretRef.name} ${keys}`);
    return undefined;
  }
  const { namespace, name } = policy.metadata;
  const sessionName = `tierkit-${namespace}-${name}`;
  const env = process.env;
  if (oidcExchangeToken === undefined) {
    noticeOwnIdentity(compiling);
    const keys = refreshed(['aws', region], [], compiling, (signal) => defaultKeys({ region, sessionName, env }, signal));
    return awsCredential(region, keys, override);
  }
  const oidc = oidcOf(oidcExchangeToken, 'spec.awsCredentials.oidcExchangeToken', compiling);
  if (oidc === undefined) return undefined;
  const roleArn = oidcExchangeToken.awsRoleArn;
  const keys = refreshed(['aws oidc', region, roleArn, publicOf(oidc)], [oidc.clientSecret], compiling, async (signal) => {
    const { value: token } = await oidcToken(oidc, signal);
    return assumeRole({ region, roleArn, sessionName, token }, env, signal);
  });
  return awsCredential(region, keys, override, [oidc.clientSecret]);
}

function ofAzure(azure: NonNullable<Spec['azureCredentials']>, compiling: Compiling): Credential | undefined {
  const { policy, scope, override } = compiling;
  const { clientID: clientId, tenantID: tenantId, clientSecretRef, oidcExchangeToken } = azure;
  const env = process.env;
  if (oidcExchangeToken === undefined) {
    const secret = secretEntry(clientSecretRef!, 'client-secret', policy, 'spec.azureCredentials.clientSecretRef', scope);
    if (secret === undefined) return undefined;
    const application = { tenantId, clientId, proof: { secret } };
    const token = refreshed(['azure', clientId, tenantId], [secret], compiling, (signal) => azureToken(application, env, signal));
    return bearerCredential(token, override, [secret]);
  }
  const oidc = oidcOf(oidcExchangeToken, 'spec.azureCredentials.oidcExchangeToken', compiling);
  if (oidc === undefined) return undefined;
  const token = refreshed(['azure oidc', clientId, tenantId, publicOf(oidc)], [oidc.clientSecret], compiling, async (signal) => {
    const { value: assertion } = await oidcToken(oidc, signal);
    return azureToken({ tenantId, clientId, proof: { assertion } }, env, signal);
  });
  return bearerCredential(token, override, [oidc.clientSecret]);
}

function ofGcp(gcp: NonNullable<Spec['gcpCredentials']>, compiling: Compiling): Credential | undefined {
  const { override } = compiling;
  const source = gcpSource(gcp, compiling);
  if (source === undefined) return undefined;
  return bearerCredential(source.token, override, source.secrets, { gcp: { project: gcp.projectName, region: gcp.region } });
}

interface TokenSource {
  readonly token: Refreshed<string>;
  readonly secrets: readonly string[];
}

function gcpSource(gcp: NonNullable<Spec['gcpCredentials']>, compiling: Compiling): TokenSource | undefined {
  const { policy, scope } = compiling;
  const env = process.env;
  const calls = { env, elsewhere: !scope.allowLocalAddresses };
  const { projectName, credentialsFile, workloadIdentityFederationConfig: federation } = gcp;
  if (credentialsFile !== undefined) {
    const path = 'spec.gcpCredentials.credentialsFile.secretRef';
    const text = secretEntry(credentialsFile.secretRef, 'service_account.json', policy, path, scope);
    if (text === undefined) return undefined;
    const file = readGcpFile(text);
    const problem = typeof file === 'string' ? file : problemOf(file, scope);
    if (typeof file !== 'string' && problem === undefined) {
      // Whom another file speaks for is in its secrets.
      const who = file.type === 'service_account' ? [file.email, file.tokenUri] : [hash('sha256', text)];
      const token = refreshed(['gcp file', ...who], [text], compiling, (signal) => tokenOfFile(file, calls, signal));
      return { token, secrets: file.secrets };
    }
    scope.report(policy, path, `Secret ${credentialsFile.secretRef.name} ${problem}`);
    return undefined;
  }
  if (federation === undefined) {
    noticeOwnIdentity(compiling);
    return { token: refreshed(['gcp'], [], compiling, (signal) => defaultToken(env, signal)), secrets: [] };
  }
  const path = 'spec.gcpCredentials.workloadIdentityFederationConfig.oidcExchangeToken';
  const oidc = oidcOf(federation.oidcExchangeToken, path, compiling);
  if (oidc === undefined) return undefined;
  const { projectID: projectId, workloadIdentityPoolName: pool, workloadIdentityProviderName: provider } = federation;
  const account = federation.serviceAccountImpersonation?.serviceAccountName;
  const pooled = { projectId, pool, provider, account, accountProject: projectName };
  const token = refreshed(['gcp federation', pooled, publicOf(oidc)], [oidc.clientSecret], compiling, async (signal) => {
    const { value: subject } = await oidcToken(oidc, signal);
    return federatedToken(pooled, subject, env, signal);
  });
  return { token, secrets: [oidc.clientSecret] };
}

/** @param identity whom requests are made in the name of */
function refreshed<T>(
  identity: Source['identity'],
  secrets: readonly string[],
  { policy, scope, override }: Compiling,
  fetch: Fetch<T>,
): Refreshed<T> {
  const name = nameOf(policy);
  const { namespace } = policy.metadata;
  // Every request has to bring its own: nobody would use what is fetched.
  if (override.headers.length > 0 && !override.fallback) return new Refreshed(name, fetch);
  return scope.credentials.refreshed(
    { name, policy: `${namespace}/${policy.metadata.name}`, type: policy.body.spec.type, identity, secrets },
    fetch,
  );
}

function publicOf(oidc: OidcSource): object {
  return { ...oidc, clientSecret: undefined };
}

/** In a cluster others write Secrets as well: none of them may have a file of the gateway's own machine sent somewhere. */
function problemOf(file: GcpFile, scope: Scope): string | undefined {
  if (file.type !== 'external_account' || scope.allowLocalAddresses || !('file' in file.source.from)) return undefined;
  return 'has a "credential_source" that is a file of the gateway’s own machine; in a cluster none is read';
}

function oidcOf({ oidc, aud }: OidcExchangeToken, at: string, { policy, scope }: Compiling): OidcSource | undefined {
  const { clientIDRef, clientSecret, provider, scopes = [], resources = [] } = oidc;
  const path = `${at}.oidc`;
  const clientId = clientIDRef === undefined ? oidc.clientID : secretEntry(clientIDRef, 'client-id', policy, `${path}.clientIDRef`, scope);
  const secret = secretEntry(clientSecret, 'client-secret', policy, `${path}.clientSecret`, scope);
  if (clientId === undefined || secret === undefined) return undefined;
  return {
    issuer: provider.issuer,
    tokenEndpoint: provider.tokenEndpoint,
    clientId,
    clientSecret: secret,
    scopes,
    resources,
    audience: aud === '' ? undefined : aud,
    elsewhere: !scope.allowLocalAddresses,
  };
}

/** In a cluster who writes a policy is not who runs the gateway. */
function noticeOwnIdentity({ policy, scope }: Compiling): void {
  if (scope.shared) scope.notice(`${nameOf(policy)}: its backends are called with the identity of the gateway itself`);
}
