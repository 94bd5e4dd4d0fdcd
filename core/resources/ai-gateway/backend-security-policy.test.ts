import { expect, test } from 'vitest';

import { BackendSecurityPolicy, overrideHeaders } from './backend-security-policy.ts';
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

const OIDC = 'oidc: {provider: {issuer: "https://idp.example.com/realm"}, clientID: c, clientSecret: {name: s}}';
const POOL = 'projectID: "1", workloadIdentityPoolName: pool, workloadIdentityProviderName: provider';

test.each([
  'type: AWSCredentials\nawsCredentials: {region: us-east-1}',
  'type: AWSCredentials\nawsCredentials: {region: us-east-1, credentialsFile: {secretRef: {name: s}, profile: p}}',
  `type: AWSCredentials\nawsCredentials: {region: us-east-1, oidcExchangeToken: {${OIDC}, awsRoleArn: "arn:aws:iam::1:role/r", aud: a, grantType: client_credentials}}`,
  'type: AzureCredentials\nazureCredentials: {clientID: c, tenantID: t, clientSecretRef: {name: s, namespace: n}}',
  `type: AzureCredentials\nazureCredentials: {clientID: c, tenantID: t, oidcExchangeToken: {${OIDC.replace('clientID: c', 'clientIDRef: {name: i}')}}}`,
  'type: GCPCredentials\ngcpCredentials: {projectName: p, region: us-central1}',
  'type: GCPCredentials\ngcpCredentials: {projectName: p, region: global, credentialsFile: {secretRef: {name: s}}}',
  `type: GCPCredentials\ngcpCredentials: {projectName: p, region: us-east5, workloadIdentityFederationConfig: {${POOL}, oidcExchangeToken: {${OIDC}}, serviceAccountImpersonation: {serviceAccountName: a}}}`,
  // What the API server fills in, and a provider on the same machine.
  `type: AWSCredentials\nawsCredentials: {region: r, oidcExchangeToken: {awsRoleArn: a, oidc: {provider: {issuer: "http://127.0.0.1:8080", tokenEndpoint: "https://x/t?p=q"}, clientID: c, clientSecret: {name: s}, refreshToken: true, scopes: [a], resources: [b]}}}`,
])('%s is valid', (yaml) => {
  expect(of(yaml)).toEqual([]);
});

const aws = (fields: string) => `type: AWSCredentials\nawsCredentials: {region: us-east-1, ${fields}}`;
const oidcAt = (fields: string) => aws(`oidcExchangeToken: {awsRoleArn: a, oidc: {${fields}}}`);
const OF_OIDC = 'spec.awsCredentials.oidcExchangeToken.oidc';
const SECRET = 'clientSecret: {name: s}';

test.each([
  ['type: AWSCredentials', ['spec.awsCredentials: is required when type is AWSCredentials']],
  ['type: APIKey\napiKey: {secretRef: {name: s}}\nawsCredentials: {region: r}', ['spec.awsCredentials: cannot be set when type is APIKey']],
  [
    'type: GCPCredentials\nazureCredentials: {clientID: c, tenantID: t}',
    [
      'spec.gcpCredentials: is required when type is GCPCredentials',
      'spec.azureCredentials: cannot be set when type is GCPCredentials',
      'spec.azureCredentials: exactly one of clientSecretRef and oidcExchangeToken must be set',
    ],
  ],
  ['type: AWSCredentials\nawsCredentials: {}', ['spec.awsCredentials.region: is required']],
  [
    'type: AWSCredentials\nawsCredentials: {region: evil.example.com/}',
    ['spec.awsCredentials.region: "evil.example.com/" is no name of a region'],
  ],
  ['type: GCPCredentials\ngcpCredentials: {projectName: p, region: "a b"}', ['spec.gcpCredentials.region: "a b" is no name of a region']],
  [
    aws(`credentialsFile: {secretRef: {name: s}}, oidcExchangeToken: {awsRoleArn: a, ${OIDC}}`),
    ['spec.awsCredentials: at most one of credentialsFile and oidcExchangeToken may be set'],
  ],
  [
    aws('credentialsFile: {secretRef: {name: s, kind: ConfigMap}}'),
    ['spec.awsCredentials.credentialsFile.secretRef.kind: must be Secret, not ConfigMap'],
  ],
  [aws(`oidcExchangeToken: {${OIDC}}`), ['spec.awsCredentials.oidcExchangeToken.awsRoleArn: is required']],
  [
    aws(`oidcExchangeToken: {awsRoleArn: a, grantType: password, ${OIDC}}`),
    ['spec.awsCredentials.oidcExchangeToken.grantType: must be client_credentials, not "password"'],
  ],
  [oidcAt(`provider: {issuer: "https://i"}, ${SECRET}`), [`${OF_OIDC}: exactly one of clientID and clientIDRef must be set`]],
  [
    oidcAt(`provider: {issuer: "http://idp.example.com"}, clientID: c, ${SECRET}`),
    [`${OF_OIDC}.provider.issuer: "http://idp.example.com" is no https URL`],
  ],
  [
    oidcAt(`provider: {issuer: "https://u:p@i"}, clientID: c, ${SECRET}`),
    [`${OF_OIDC}.provider.issuer: must have no user name, password or fragment`],
  ],
  [oidcAt(`provider: {issuer: "https://i/?a"}, clientID: c, ${SECRET}`), [`${OF_OIDC}.provider.issuer: must have no query`]],
  [
    oidcAt(`provider: {issuer: "https://i", tokenEndpoint: t}, clientID: c, ${SECRET}`),
    [`${OF_OIDC}.provider.tokenEndpoint: "t" is no https URL`],
  ],
  [
    oidcAt(`provider: {issuer: "https://i", backendRefs: [{name: b}]}, clientID: c, ${SECRET}, cookieDomain: a.b`),
    [
      `${OF_OIDC}.provider.backendRefs: is not supported: the provider is called at the address of its issuer`,
      `${OF_OIDC}.cookieDomain: is not supported: it is for people who log in with a browser; this token is fetched with client credentials`,
    ],
  ],
  [
    `type: AzureCredentials\nazureCredentials: {clientID: c, tenantID: t, clientSecretRef: {name: s}, oidcExchangeToken: {${OIDC}}}`,
    ['spec.azureCredentials: exactly one of clientSecretRef and oidcExchangeToken must be set'],
  ],
  [
    `type: GCPCredentials\ngcpCredentials: {projectName: p, region: r, credentialsFile: {secretRef: {name: s}}, workloadIdentityFederationConfig: {${POOL}, oidcExchangeToken: {${OIDC}}}}`,
    ['spec.gcpCredentials: at most one of credentialsFile and workloadIdentityFederationConfig may be set'],
  ],
])('%s is refused', (yaml, problems) => {
  expect(of(yaml).sort()).toEqual([...problems].sort());
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
    [
      'spec.type: must be one of APIKey, AWSCredentials, AzureAPIKey, AzureCredentials, GCPCredentials, AnthropicAPIKey, not "ApiKey"; did you mean "APIKey"?',
    ],
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

const headersOf = (type: Parameters<typeof overrideHeaders>[0]['type'], fromRequestHeaders: { header?: string }) =>
  overrideHeaders({ type, credentialOverride: { fromRequestHeaders: { fallbackToConfigured: true, ...fromRequestHeaders } } });

test('the headers that override the credential are the named ones, else those of the type', () => {
  expect(headersOf('AzureAPIKey', {})).toEqual(['x-aigw-azure-api-key']);
  expect(headersOf('AzureAPIKey', { header: 'X-Key' })).toEqual(['x-key']);
  expect(headersOf('AzureCredentials', {})).toEqual(['x-aigw-azure-access-token']);
  expect(headersOf('GCPCredentials', {})).toEqual(['x-aigw-gcp-access-token']);
  expect(headersOf('AWSCredentials', {})).toEqual(['x-aigw-aws-access-key-id', 'x-aigw-aws-secret-access-key', 'x-aigw-aws-session-token']);
  expect(headersOf('AWSCredentials', { header: 'X-Mine-' })).toEqual([
    'x-mine-access-key-id',
    'x-mine-secret-access-key',
    'x-mine-session-token',
  ]);
  expect(overrideHeaders({ type: 'AzureAPIKey' })).toEqual([]);
});
