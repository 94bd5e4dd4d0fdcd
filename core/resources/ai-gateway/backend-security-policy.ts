import { SecretObjectReference } from '../gateway-api/object-reference.ts';
import { defineKind, type Report, type ResourceOf } from '../kind.ts';
import { HeaderName, list, object, oneOf, type Static, Type } from '../schema.ts';
import { AI_GATEWAY_GROUP, AI_GATEWAY_VERSIONS } from './group.ts';
import { checkSecretRef } from './secret-ref.ts';
import { TargetRef } from './target-ref.ts';

const SecretKey = object({ secretRef: SecretObjectReference });

const Spec = object({
  type: oneOf(['APIKey', 'AnthropicAPIKey', 'AzureAPIKey']),
  apiKey: Type.Optional(SecretKey),
  anthropicAPIKey: Type.Optional(SecretKey),
  azureAPIKey: Type.Optional(SecretKey),
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
const CREDENTIAL_FIELDS = { APIKey: 'apiKey', AnthropicAPIKey: 'anthropicAPIKey', AzureAPIKey: 'azureAPIKey' } as const;

/** Request headers that carry a credential of each type, where `credentialOverride.fromRequestHeaders` names none (as the CRD says). */
const OVERRIDE_HEADERS = {
  APIKey: 'x-aigw-api-key',
  AnthropicAPIKey: 'x-aigw-anthropic-api-key',
  AzureAPIKey: 'x-aigw-azure-api-key',
} as const;

const CLOUD = 'cloud credentials come with the providers release';

/** The credential that the gateway puts on requests to a backend. */
export const BackendSecurityPolicy = defineKind({
  kind: 'BackendSecurityPolicy',
  group: AI_GATEWAY_GROUP,
  versions: AI_GATEWAY_VERSIONS,
  namespaced: true,
  // The CRD's bound on the number of fields follows from the rules below; v1alpha1 has no credentialOverride.
  schema: object({ spec: Spec }),
  refused: {
    'spec.type=AWSCredentials': CLOUD,
    'spec.type=AzureCredentials': CLOUD,
    'spec.type=GCPCredentials': CLOUD,
    'spec.awsCredentials': CLOUD,
    'spec.azureCredentials': CLOUD,
    'spec.gcpCredentials': CLOUD,
    'spec.credentialOverride.fromDynamicMetadata': 'there are no Envoy filters to set dynamic metadata here; use fromRequestHeaders',
  },
  rules: ({ spec }, report) => {
    checkCredential(spec, report);
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
    if (field !== wanted && spec[field] !== undefined) report(`spec.${field}`, `cannot be set when type is ${spec.type}`);
    checkSecretRef(spec[field]?.secretRef, `spec.${field}.secretRef`, report);
  }
}

/** Name of the request header, in lower case, that replaces the configured credential; undefined when none does. */
export function overrideHeader({ type, credentialOverride }: Spec): string | undefined {
  const source = credentialOverride?.fromRequestHeaders;
  return source && (source.header?.toLowerCase() ?? OVERRIDE_HEADERS[type]);
}
