import { SecretObjectReference } from '../gateway-api/object-reference.ts';
import { defineKind, type Report, type ResourceOf } from '../kind.ts';
import { HeaderName, list, object, oneOf, type Static, Type } from '../schema.ts';
import { AI_GATEWAY_GROUP, AI_GATEWAY_VERSIONS } from './group.ts';
import { AwsOidcExchangeToken, checkOidc, OidcExchangeToken, refusedOfOidc } from './oidc-exchange.ts';
import { checkSecretRef } from './secret-ref.ts';
import { TargetRef } from './target-ref.ts';

const SecretKey = object({ secretRef: SecretObjectReference });
const Name = Type.String({ minLength: 1 });

const AwsCredentials = object({
  region: Name,
  /** The Secret's entry `credentials`, as `~/.aws/credentials`. */
  credentialsFile: Type.Optional(object({ secretRef: SecretObjectReference, profile: Type.Optional(Type.String({ default: 'default' })) })),
  oidcExchangeToken: Type.Optional(AwsOidcExchangeToken),
});

const AzureCredentials = object({
  clientID: Name,
  tenantID: Name,
  /** The Secret's entry `client-secret`. */
  clientSecretRef: Type.Optional(SecretObjectReference),
  oidcExchangeToken: Type.Optional(OidcExchangeToken),
});

const GcpCredentials = object({
  projectName: Name,
  region: Name,
  /** The Secret's entry `service_account.json`. */
  credentialsFile: Type.Optional(SecretKey),
  workloadIdentityFederationConfig: Type.Optional(
    object({
      projectID: Name,
      workloadIdentityPoolName: Name,
      workloadIdentityProviderName: Name,
      oidcExchangeToken: OidcExchangeToken,
      serviceAccountImpersonation: Type.Optional(object({ serviceAccountName: Name })),
    }),
  ),
});

const Spec = object({
  type: oneOf(['APIKey', 'AWSCredentials', 'AzureAPIKey', 'AzureCredentials', 'GCPCredentials', 'AnthropicAPIKey']),
  apiKey: Type.Optional(SecretKey),
  anthropicAPIKey: Type.Optional(SecretKey),
  azureAPIKey: Type.Optional(SecretKey),
  awsCredentials: Type.Optional(AwsCredentials),
  azureCredentials: Type.Optional(AzureCredentials),
  gcpCredentials: Type.Optional(GcpCredentials),
  credentialOverride: Type.Optional(
    Type.Object(
      {
        fromRequestHeaders: Type.Optional(
          object({
            header: Type.Optional(HeaderName),
            fallbackToConfigured: Type.Boolean({ default: true }),
          }),
        ),
      },
      { additionalProperties: false, minProperties: 1, maxProperties: 1 },
    ),
  ),
  targetRefs: Type.Optional(list(TargetRef, 16)),
});
type Spec = Static<typeof Spec>;

/** The field that holds the credential of each type. */
const CREDENTIAL_FIELDS = {
  APIKey: 'apiKey',
  AnthropicAPIKey: 'anthropicAPIKey',
  AzureAPIKey: 'azureAPIKey',
  AWSCredentials: 'awsCredentials',
  AzureCredentials: 'azureCredentials',
  GCPCredentials: 'gcpCredentials',
} as const;

/** Request headers that carry a credential of each type, where `credentialOverride.fromRequestHeaders` names none (as the CRD says). */
const OVERRIDE_HEADERS = {
  APIKey: 'x-aigw-api-key',
  AnthropicAPIKey: 'x-aigw-anthropic-api-key',
  AzureAPIKey: 'x-aigw-azure-api-key',
  AWSCredentials: 'x-aigw-aws-',
  AzureCredentials: 'x-aigw-azure-access-token',
  GCPCredentials: 'x-aigw-gcp-access-token',
} as const;

/** What follows the prefix of the headers that carry AWS credentials. */
export const AWS_OVERRIDE_PARTS = ['access-key-id', 'secret-access-key', 'session-token'] as const;

/** A region becomes a part of host names. */
const REGION = /^[a-z0-9-]{1,63}$/;

/** The credential that the gateway puts on requests to a backend. */
export const BackendSecurityPolicy = defineKind({
  kind: 'BackendSecurityPolicy',
  group: AI_GATEWAY_GROUP,
  versions: AI_GATEWAY_VERSIONS,
  namespaced: true,
  // The CRD's bound on the number of fields follows from the rules below; v1alpha1 has no credentialOverride.
  schema: object({ spec: Spec }),
  refused: {
    ...refusedOfOidc('spec.awsCredentials.oidcExchangeToken'),
    ...refusedOfOidc('spec.azureCredentials.oidcExchangeToken'),
    ...refusedOfOidc('spec.gcpCredentials.workloadIdentityFederationConfig.oidcExchangeToken'),
    'spec.credentialOverride.fromDynamicMetadata': 'there are no Envoy filters to set dynamic metadata here; use fromRequestHeaders',
  },
  rules: ({ spec }, report) => {
    checkCredential(spec, report);
    checkAws(spec.awsCredentials, report);
    checkAzure(spec.azureCredentials, report);
    checkGcp(spec.gcpCredentials, report);
    for (const [index, { group, kind }] of (spec.targetRefs ?? []).entries()) {
      if (group === AI_GATEWAY_GROUP && kind === 'AIServiceBackend') continue;
      if (group === 'inference.networking.k8s.io' && kind === 'InferencePool') continue;
      const path = `spec.targetRefs[${index}]`;
      report(path, `must be an AIServiceBackend or an InferencePool, not ${kind} of ${JSON.stringify(group)}`);
    }
  },
});
export type BackendSecurityPolicy = ResourceOf<typeof BackendSecurityPolicy>;

function checkCredential(spec: Spec, report: Report): void {
  const wanted = CREDENTIAL_FIELDS[spec.type];
  if (spec[wanted] === undefined) report(`spec.${wanted}`, `is required when type is ${spec.type}`);
  for (const field of Object.values(CREDENTIAL_FIELDS)) {
    const value = spec[field];
    if (value === undefined) continue;
    if (field !== wanted) report(`spec.${field}`, `cannot be set when type is ${spec.type}`);
    if ('secretRef' in value) checkSecretRef(value.secretRef, `spec.${field}.secretRef`, report);
  }
}

function checkAws(aws: Spec['awsCredentials'], report: Report): void {
  if (aws === undefined) return;
  const path = 'spec.awsCredentials';
  checkRegion(aws.region, `${path}.region`, report);
  checkSecretRef(aws.credentialsFile?.secretRef, `${path}.credentialsFile.secretRef`, report);
  checkOidc(aws.oidcExchangeToken, `${path}.oidcExchangeToken`, report);
  // The CRD lets both pass, and only one of them would be used.
  if (aws.credentialsFile !== undefined && aws.oidcExchangeToken !== undefined)
    report(path, 'at most one of credentialsFile and oidcExchangeToken may be set');
}

function checkAzure(azure: Spec['azureCredentials'], report: Report): void {
  if (azure === undefined) return;
  const path = 'spec.azureCredentials';
  checkSecretRef(azure.clientSecretRef, `${path}.clientSecretRef`, report);
  checkOidc(azure.oidcExchangeToken, `${path}.oidcExchangeToken`, report);
  if ((azure.clientSecretRef === undefined) === (azure.oidcExchangeToken === undefined))
    report(path, 'exactly one of clientSecretRef and oidcExchangeToken must be set');
}

function checkGcp(gcp: Spec['gcpCredentials'], report: Report): void {
  if (gcp === undefined) return;
  const path = 'spec.gcpCredentials';
  const federation = gcp.workloadIdentityFederationConfig;
  checkRegion(gcp.region, `${path}.region`, report);
  checkSecretRef(gcp.credentialsFile?.secretRef, `${path}.credentialsFile.secretRef`, report);
  checkOidc(federation?.oidcExchangeToken, `${path}.workloadIdentityFederationConfig.oidcExchangeToken`, report);
  if (gcp.credentialsFile !== undefined && federation !== undefined)
    report(path, 'at most one of credentialsFile and workloadIdentityFederationConfig may be set');
}

function checkRegion(region: string, path: string, report: Report): void {
  if (!REGION.test(region)) report(path, `${JSON.stringify(region)} is no name of a region`);
}

/** Names of the request headers, in lower case, that replace the configured credential; empty where none does. Of AWS it is three. */
export function overrideHeaders({ type, credentialOverride }: Spec): readonly string[] {
  const source = credentialOverride?.fromRequestHeaders;
  if (source === undefined) return [];
  const name = source.header?.toLowerCase() ?? OVERRIDE_HEADERS[type];
  return type === 'AWSCredentials' ? AWS_OVERRIDE_PARTS.map((part) => name + part) : [name];
}
