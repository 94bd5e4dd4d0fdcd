import { expect, test } from 'vitest';

import { MCPRoute } from './mcp-route.ts';
import { problemsOf, problemsOfSpec } from './problems-of.ts';

const PARENT = 'parentRefs: [{name: gw}]';
const BASE = `${PARENT}\nbackendRefs: [{name: github, port: 443}]`;

test('a route with every field is valid', () => {
  expect(
    problemsOfSpec(
      MCPRoute,
      `
${PARENT}
hostnames: [mcp.example.com]
path: /tools
headers: [{type: RegularExpression, name: x-team, value: a.*}]
backendSelector: {defaultAction: Allow, rules: [{action: Deny, cel: 'false'}]}
backendRefs:
  - group: gateway.envoyproxy.io
    kind: Backend
    name: github
    namespace: tools
    path: /mcp/readonly
    toolSelector: {includeRegex: ['.*issues?.*'], exclude: [delete_issue]}
    securityPolicy: {apiKey: {secretRef: {name: token}, header: X-Key}}
    forwardHeaders: [{name: x-user, backendHeader: x-on-behalf-of}, {name: x-trace}]
  - {name: local, port: 8080, securityPolicy: {apiKey: {inline: abc, queryParam: key}}}
securityPolicy:
  oauth:
    issuer: https://auth.example.com/realms/mcp
    audiences: [mcp]
    claimToHeaders: [{claim: sub, header: x-user}]
    jwks:
      remoteJWKS:
        uri: https://auth.example.com/jwks
        cacheDuration: 10m
        backendRefs: [{name: keycloak, port: 8443, weight: 1, fallback: false}]
    protectedResourceMetadata:
      resource: https://mcp.example.com/tools
      resourceName: Tools
      scopesSupported: [read]
      resourceSigningAlgValuesSupported: [RS256]
      resourceDocumentation: https://docs.example.com
      resourcePolicyUri: https://docs.example.com/policy
  apiKeyAuth:
    credentialRefs: [{name: keys}]
    extractFrom: [{headers: [authorization], params: [key], cookies: [k]}]
    forwardClientIDHeader: x-client
    sanitize: true
  extAuth:
    http:
      backendRefs: [{name: authz, port: 80}]
      path: /check
      headersToBackend: [x-user]
    bodyToExtAuth: {maxRequestBytes: 1024}
    contextExtensions: [{name: a, type: Value, value: b}, {name: c, type: ValueRef, valueRef: {group: '', kind: Secret, name: s, key: k}}]
    failOpen: true
    headersToExtAuth: [x-team]
    includeRouteMetadata: true
    recomputeRoute: false
    statusOnError: 503
    timeout: 1s
  authorization:
    defaultAction: Deny
    rules:
      - action: Allow
        cel: request.method == 'POST'
        source: {jwt: {scopes: [read], claims: [{name: team, valueType: StringArray, values: [a]}]}}
        target: {tools: [{backend: github, tool: list_issues}]}
`,
    ),
  ).toEqual([]);
});

test('the defaults are filled in', () => {
  const body = {
    spec: { parentRefs: [{ name: 'gw' }], backendRefs: [{ name: 'a', port: 1 }], securityPolicy: { authorization: { rules: [{}] } } },
  };
  expect(problemsOf(MCPRoute, body)).toEqual([]);
  expect(body.spec).toMatchObject({
    path: '/mcp',
    backendRefs: [{ name: 'a', port: 1, group: '', kind: 'Service', path: '/mcp' }],
    securityPolicy: { authorization: { defaultAction: 'Deny', rules: [{ action: 'Allow' }] } },
  });
});

test.each([
  [
    `parentRefs: [{name: gw, kind: Service}]\nbackendRefs: [{name: a, port: 1}]`,
    'parentRefs[0].kind: must be Gateway, not Service: no other kind can be the parent of this route',
  ],
  ['parentRefs: []\nbackendRefs: [{name: a, port: 1}]', expect.stringMatching(/^spec\.parentRefs: .*fewer than 1/)],
  [`${PARENT}\nbackendRefs: []`, expect.stringMatching(/^spec\.backendRefs: .*fewer than 1/)],
  [PARENT, 'backendRefs: is required'],
  [`${BASE}\nheaders: [{name: a, value: b}, {name: a, value: c}]`, 'headers[1].name: "a" is also in spec.headers[0]; it may occur once'],
  [`${BASE}\nsecurityPolcy: {}`, 'securityPolcy: unknown field; did you mean "securityPolicy"?'],
])('%s', (yaml, problem) => {
  expect(problemsOfSpec(MCPRoute, yaml)).toEqual([typeof problem === 'string' ? `spec.${problem}` : problem]);
});

test.each([
  ['{name: a}', 'port: is required when kind is Service'],
  ['{name: a, port: 1, toolSelector: {}}', 'toolSelector: must have one of include, includeRegex, exclude and excludeRegex'],
  ['{name: a, port: 1, toolSelector: {include: [a], includeRegex: [b]}}', 'toolSelector: cannot have both include and includeRegex'],
  ['{name: a, port: 1, toolSelector: {exclude: [a], excludeRegex: [b]}}', 'toolSelector: cannot have both exclude and excludeRegex'],
  ['{name: a, port: 1, securityPolicy: {apiKey: {}}}', 'securityPolicy.apiKey: must have secretRef or inline'],
  [
    '{name: a, port: 1, securityPolicy: {apiKey: {inline: k, secretRef: {name: s}}}}',
    'securityPolicy.apiKey: cannot have both secretRef and inline',
  ],
  [
    '{name: a, port: 1, securityPolicy: {apiKey: {inline: k, header: h, queryParam: q}}}',
    'securityPolicy.apiKey: cannot have both header and queryParam',
  ],
  [
    '{name: a, port: 1, securityPolicy: {apiKey: {secretRef: {name: s, kind: Key}}}}',
    'securityPolicy.apiKey.secretRef.kind: must be Secret, not Key',
  ],
  ['{name: a, port: 70000}', 'port: must be <= 65535, not 70000'],
])('backend %s', (yaml, problem) => {
  expect(problemsOfSpec(MCPRoute, `${PARENT}\nbackendRefs: [${yaml}]`)).toEqual([`spec.backendRefs[0].${problem}`]);
});

test('two backends cannot have one name, wherever they are', () => {
  expect(problemsOfSpec(MCPRoute, `${PARENT}\nbackendRefs: [{name: a, port: 1}, {name: a, port: 2, namespace: n}]`)).toEqual([
    'spec.backendRefs[1].name: "a" is also in spec.backendRefs[0]; it may occur once',
  ]);
});

const META = 'protectedResourceMetadata: {resource: "https://a.example/mcp"}';
const CONNECTION = 'connection settings of this call are not served';

test.each([
  [`oauth: {issuer: not-a-uri, ${META}}`, 'oauth.issuer: "not-a-uri" is no absolute URI such as https://auth.example.com'],
  ['oauth: {issuer: "https://a"}', 'oauth.protectedResourceMetadata: is required'],
  [`oauth: {issuer: "https://a", ${META}, jwks: {}}`, 'oauth.jwks: must have remoteJWKS or localJWKS'],
  [
    `oauth: {issuer: "https://a", ${META}, jwks: {remoteJWKS: {uri: "https://a/k"}, localJWKS: {inline: "{}"}}}`,
    'oauth.jwks: cannot have both remoteJWKS and localJWKS',
  ],
  [`oauth: {issuer: "https://a", ${META}, jwks: {localJWKS: {}}}`, 'oauth.jwks.localJWKS.inline: is required when type is Inline'],
  [
    `oauth: {issuer: "https://a", ${META}, jwks: {localJWKS: {type: ValueRef, inline: a, valueRef: {group: '', kind: ConfigMap, name: c}}}}`,
    'oauth.jwks.localJWKS.inline: cannot be set when type is ValueRef',
  ],
  [
    `oauth: {issuer: "https://a", ${META}, jwks: {remoteJWKS: {uri: "https://a/k", backendRefs: [{name: b}]}}}`,
    'oauth.jwks.remoteJWKS.backendRefs[0].port: is required when kind is Service',
  ],
  [
    `oauth: {issuer: "https://a", ${META}, jwks: {remoteJWKS: {uri: "https://a/k", backendRef: {name: b, port: 1}}}}`,
    'oauth.jwks.remoteJWKS.backendRef: is not supported: the CRD has the field and forbids its use; use backendRefs',
  ],
  [
    `oauth: {issuer: "https://a", ${META}, jwks: {remoteJWKS: {uri: "https://a/k", backendSettings: {retry: {numRetries: 1}}}}}`,
    `oauth.jwks.remoteJWKS.backendSettings: is not supported: keys are fetched with the defaults of Tierkit; ${CONNECTION}`,
  ],
  ['extAuth: {}', 'extAuth: must have grpc or http'],
  ['extAuth: {grpc: {backendRef: {name: a, port: 1}}, http: {backendRef: {name: a, port: 1}}}', 'extAuth: cannot have both grpc and http'],
  ['extAuth: {grpc: {}}', 'extAuth.grpc: must have backendRef or backendRefs'],
  ['extAuth: {http: {backendRefs: []}}', 'extAuth.http: must have backendRef or backendRefs'],
  ['extAuth: {grpc: {backendRef: {name: a}}}', 'extAuth.grpc.backendRef.port: is required when kind is Service'],
  [
    'extAuth: {grpc: {backendRefs: [{name: a, kind: Pod}]}}',
    'extAuth.grpc.backendRefs[0].kind: must be one of Service, ServiceImport, Backend, not Pod',
  ],
  [
    'extAuth: {http: {backendRefs: [{name: a, kind: Backend, group: example.com}]}}',
    'extAuth.http.backendRefs[0].group: must be empty or one of multicluster.x-k8s.io, gateway.envoyproxy.io, not "example.com"',
  ],
  ['extAuth: {http: {backendRef: {name: a, port: 1}, path: /a, pathOverride: /b}}', 'extAuth.http: cannot have both path and pathOverride'],
  [
    'extAuth: {http: {backendRef: {name: a, port: 1}, backendSettings: {timeout: {}}}}',
    `extAuth.http.backendSettings: is not supported: the service is called with the defaults of Tierkit; ${CONNECTION}`,
  ],
  [
    'extAuth: {grpc: {backendRef: {name: a, port: 1}}, contextExtensions: [{name: a, value: b}, {name: a, value: c}]}',
    'extAuth.contextExtensions[1].name: "a" is also in spec.securityPolicy.extAuth.contextExtensions[0]; it may occur once',
  ],
  [
    'extAuth: {grpc: {backendRef: {name: a, port: 1}}, contextExtensions: [{name: a, type: ValueRef}]}',
    'extAuth.contextExtensions[0].valueRef: is required when type is ValueRef',
  ],
  [
    'extAuth: {grpc: {backendRef: {name: a, port: 1}}, contextExtensions: [{name: a, value: b, valueRef: {group: "", kind: Secret, name: s, key: k}}]}',
    'extAuth.contextExtensions[0].valueRef: cannot be set when type is Value',
  ],
  [
    'extAuth: {grpc: {backendRef: {name: a, port: 1}}, contextExtensions: [{name: a, type: ValueRef, valueRef: {group: b, kind: Secret, name: s, key: k}}]}',
    'extAuth.contextExtensions[0].valueRef: must be a ConfigMap or a Secret of the core group, not Secret of "b"',
  ],
  [
    'extAuth: {grpc: {backendRef: {name: a, port: 1}}, statusOnError: 200}',
    expect.stringMatching(/^spec\.securityPolicy\.extAuth\.statusOnError: must be one of 400, /),
  ],
  ['apiKeyAuth: {credentialRefs: [{name: a, kind: Key}], extractFrom: []}', 'apiKeyAuth.credentialRefs[0].kind: must be Secret, not Key'],
  ['apiKeyAuth: {credentialRefs: []}', 'apiKeyAuth.extractFrom: is required'],
  [
    'authorization: {rules: [{source: {jwt: {scopes: [a]}}}]}',
    'authorization.rules[0].source.jwt: needs spec.securityPolicy.oauth, which says whose tokens are good',
  ],
  [
    `oauth: {issuer: "https://a", ${META}}\nauthorization: {rules: [{source: {jwt: {scopes: []}}}]}`,
    'authorization.rules[0].source.jwt: must have scopes or claims',
  ],
  [
    `oauth: {issuer: "https://a", ${META}}\nauthorization: {rules: [{source: {jwt: {claims: [{name: scope, values: [a]}]}}}]}`,
    'authorization.rules[0].source.jwt.claims[0].name: the claim "scope" is reserved; use scopes',
  ],
  [
    'authorization: {rules: [{target: {tools: []}}]}',
    expect.stringMatching(/^spec\.securityPolicy\.authorization\.rules\[0\]\.target\.tools: .*fewer than 1/),
  ],
])('security policy %s', (yaml, problem) => {
  const indented = yaml.replaceAll(/^/gm, '  ');
  expect(problemsOfSpec(MCPRoute, `${BASE}\nsecurityPolicy:\n${indented}`)).toEqual([
    typeof problem === 'string' ? `spec.securityPolicy.${problem}` : problem,
  ]);
});
