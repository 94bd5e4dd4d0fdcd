import { expect, test } from 'vitest';

import { BackendSecurityPolicy, overrideHeader } from './backend-security-policy.ts';
import { problemsOf, problemsOfSpec } from './problems-of.ts';

const of = (yaml: string) => problemsOfSpec(BackendSecurityPolicy, yaml);

test.each([
  'type: APIKey\napiKey: {secretRef: {name: s, namespace: n}}',
  'type: AnthropicAPIKey\nanthropicAPIKey: {secretRef: {name: s, kind: Secret, group: ""}}',
  'type: AzureAPIKey\nazureAPIKey: {secretRef: {name: s}}\ntargetRefs: [{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: b}]',
  'type: APIKey\napiKey: {secretRef: {name: s}}\ntargetRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: p}]',
  'type: APIKey\napiKey: {secretRef: {name: s}}\ncredentialOverride: {fromRequestHeaders: {header: X-Key, fallbackToConfigured: false}}',
])('%s is valid', (yaml) => {
  expect(of(yaml)).toEqual([]);
});

const CLOUD = 'is not supported: cloud credentials come with the providers release';

test.each(['AWSCredentials', 'AzureCredentials', 'GCPCredentials'])('the type %s is refused by name', (type) => {
  expect(of(`type: ${type}`)).toEqual([`spec.type: "${type}" ${CLOUD}`]);
});

test.each(['awsCredentials', 'azureCredentials', 'gcpCredentials'])('the field %s is refused by name', (field) => {
  expect(of(`type: APIKey\napiKey: {secretRef: {name: s}}\n${field}: {region: r}`)).toEqual([`spec.${field}: ${CLOUD}`]);
});

test.each([
  ['type: APIKey', ['spec.apiKey: is required when type is APIKey']],
  [
    'type: AzureAPIKey\napiKey: {secretRef: {name: s}}',
    ['spec.azureAPIKey: is required when type is AzureAPIKey', 'spec.apiKey: cannot be set when type is AzureAPIKey'],
  ],
  [
    'type: AnthropicAPIKey\nanthropicAPIKey: {secretRef: {name: s}}\nazureAPIKey: {secretRef: {name: s}}',
    ['spec.azureAPIKey: cannot be set when type is AnthropicAPIKey'],
  ],
  [
    'type: ApiKey\napiKey: {secretRef: {name: s}}',
    ['spec.type: must be one of APIKey, AnthropicAPIKey, AzureAPIKey, not "ApiKey"; did you mean "APIKey"?'],
  ],
  ['type: APIKey\napiKey: {secretRef: {name: s, kind: ConfigMap}}', ['spec.apiKey.secretRef.kind: must be Secret, not ConfigMap']],
  [
    'type: APIKey\napiKey: {secretRef: {name: s, group: example.com}}',
    ['spec.apiKey.secretRef.group: must be empty, which is the group of Secret, not "example.com"'],
  ],
  [
    'type: APIKey\napiKey: {secretRefs: {name: s}}',
    ['spec.apiKey.secretRef: is required', 'spec.apiKey.secretRefs: unknown field; did you mean "secretRef"?'],
  ],
  [
    'type: APIKey\napiKey: {secretRef: {name: s}}\ntargetRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: b}]',
    ['spec.targetRefs[0]: must be an AIServiceBackend or an InferencePool, not Backend of "gateway.envoyproxy.io"'],
  ],
  [
    'type: APIKey\napiKey: {secretRef: {name: s}}\ntargetRefs: [{group: inference.networking.k8s.io, kind: AIServiceBackend, name: b}]',
    ['spec.targetRefs[0]: must be an AIServiceBackend or an InferencePool, not AIServiceBackend of "inference.networking.k8s.io"'],
  ],
  [
    'type: APIKey\napiKey: {secretRef: {name: s}}\ncredentialOverride: {fromDynamicMetadata: {namespace: n}}',
    [
      'spec.credentialOverride.fromDynamicMetadata: is not supported: there are no Envoy filters to set dynamic metadata here; use fromRequestHeaders',
    ],
  ],
  [
    'type: APIKey\napiKey: {secretRef: {name: s}}\ncredentialOverride: {}',
    [expect.stringMatching(/^spec\.credentialOverride: .*fewer than 1/)],
  ],
  [
    'type: APIKey\napiKey: {secretRef: {name: s}}\ncredentialOverride: {fromRequestHeaders: {header: "a b"}}',
    [expect.stringMatching(/^spec\.credentialOverride\.fromRequestHeaders\.header: "a b" is no /)],
  ],
])('%s', (yaml, problems) => {
  expect(of(yaml)).toEqual(problems);
});

test('the defaults are filled in', () => {
  const body = { spec: { type: 'APIKey', apiKey: { secretRef: { name: 's' } }, credentialOverride: { fromRequestHeaders: {} } } };
  expect(problemsOf(BackendSecurityPolicy, body)).toEqual([]);
  expect(body.spec).toEqual({
    type: 'APIKey',
    apiKey: { secretRef: { group: '', kind: 'Secret', name: 's' } },
    credentialOverride: { fromRequestHeaders: { fallbackToConfigured: true } },
  });
});

const header = (fromRequestHeaders: { header?: string }) =>
  overrideHeader({
    type: 'AzureAPIKey',
    credentialOverride: { fromRequestHeaders: { fallbackToConfigured: true, ...fromRequestHeaders } },
  });

test('the header that overrides the credential is the named one, else that of the type', () => {
  expect(header({})).toBe('x-aigw-azure-api-key');
  expect(header({ header: 'X-Key' })).toBe('x-key');
  expect(overrideHeader({ type: 'AzureAPIKey' })).toBeUndefined();
});
