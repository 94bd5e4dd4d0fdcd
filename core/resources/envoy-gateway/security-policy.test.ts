import { describe, expect, it } from 'vitest';

import { validate } from '../validate.ts';
import { SecurityPolicy } from './security-policy.ts';

const targetRef = { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'chat' };

function problemsOfSpec(spec: object): string[] {
  const found: string[] = [];
  validate(SecurityPolicy, { spec }, (path, message) => found.push(`${path}: ${message}`));
  return found;
}

/** Validates a copy: defaults are filled in place, and the fixtures are shared. */
const problems = (fields: object) => problemsOfSpec(JSON.parse(JSON.stringify({ targetRef, ...fields })) as object);

const remote = { name: 'idp', remoteJWKS: { uri: 'https://idp.example.com/keys' } };
const jwtOf = (...providers: object[]) => ({ jwt: { providers } });
const local = (localJWKS: object) => jwtOf({ name: 'idp', localJWKS });
const rule = (principal: object, more: object = {}) => ({ authorization: { rules: [{ action: 'Allow', principal, ...more }] } });
const service = { name: 'authz', port: 9000 };
const extAuth = (http: object) => ({ extAuth: { http } });

describe('SecurityPolicy', () => {
  it.each([
    [
      'API keys',
      {
        apiKeyAuth: {
          credentialRefs: [{ name: 'keys' }, { group: '', kind: 'Secret', name: 'more', namespace: 'team' }],
          extractFrom: [{ headers: ['x-api-key'] }, { params: ['key'], cookies: ['key'] }],
          forwardClientIDHeader: 'x-client-id',
          sanitize: true,
        },
      },
    ],
    ['passwords', { basicAuth: { users: { name: 'users' }, forwardUsernameHeader: 'x-user' } }],
    [
      'tokens',
      {
        jwt: {
          optional: true,
          providers: [
            {
              ...remote,
              issuer: '',
              audiences: ['a'],
              claimToHeaders: [{ claim: 'org.team', header: 'x-team' }],
              extractFrom: { headers: [{ name: 'x-token', valuePrefix: 'Token ' }], cookies: ['t'], params: ['t'] },
              recomputeRoute: false,
            },
            { name: 'inline', localJWKS: { type: 'Inline', inline: '{"keys":[]}' } },
            { name: 'map', localJWKS: { type: 'ValueRef', valueRef: { group: '', kind: 'ConfigMap', name: 'keys' } } },
          ],
        },
      },
    ],
    [
      'rules of every kind',
      {
        ...jwtOf(remote),
        authorization: {
          defaultAction: 'Deny',
          rules: [
            {
              name: 'office',
              action: 'Allow',
              operation: { methods: ['GET', 'POST'] },
              principal: { clientCIDRs: ['10.0.0.0/8', '::1/128'] },
            },
            { action: 'Deny', principal: { headers: [{ name: 'x-team', values: ['a', ''] }] } },
            {
              action: 'Allow',
              principal: { jwt: { provider: 'idp', scopes: ['chat'], claims: [{ name: 'g', valueType: 'StringArray', values: ['x'] }] } },
            },
          ],
        },
      },
    ],
    ['a default action alone', { authorization: { defaultAction: 'Allow' } }],
    [
      'an authorization service',
      {
        extAuth: {
          http: { backendRefs: [service], path: '/check', headersToBackend: ['x-user'] },
          headersToExtAuth: ['cookie'],
          failOpen: true,
          timeout: '2s',
        },
      },
    ],
    [
      'an authorization service that is a Backend',
      extAuth({ backendRefs: [{ group: 'gateway.envoyproxy.io', kind: 'Backend', name: 'authz', weight: 0 }] }),
    ],
    ['one in the older field', extAuth({ backendRef: service })],
    [
      'origins',
      {
        cors: {
          allowOrigins: ['*', 'https://*', 'http://localhost:3000', 'https://*.example.com', 'https://a-b.example.com:8443'],
          allowMethods: ['GET', '*'],
          allowHeaders: ['*'],
          exposeHeaders: ['x-request-id'],
          maxAge: '24h',
          allowCredentials: true,
        },
      },
    ],
  ])('takes %s', (_name, fields) => {
    expect(problems(fields)).toEqual([]);
  });

  it('fills in the defaults of the CRD', () => {
    const spec = {
      targetRef,
      apiKeyAuth: { credentialRefs: [{ name: 'keys' }], extractFrom: [] },
      jwt: { providers: [structuredClone(remote), { name: 'inline', localJWKS: { inline: '{}' } }] },
      authorization: { rules: [{ action: 'Allow', principal: { jwt: { provider: 'idp', claims: [{ name: 'g', values: ['x'] }] } } }] },
      ...extAuth({ backendRefs: [{ ...service }] }),
    };
    expect(problemsOfSpec(spec)).toEqual([]);
    expect(spec).toEqual({
      targetRef,
      apiKeyAuth: { credentialRefs: [{ group: '', kind: 'Secret', name: 'keys' }], extractFrom: [] },
      jwt: {
        providers: [
          { name: 'idp', remoteJWKS: { uri: 'https://idp.example.com/keys', cacheDuration: '300s' } },
          { name: 'inline', localJWKS: { type: 'Inline', inline: '{}' } },
        ],
      },
      authorization: {
        rules: [{ action: 'Allow', principal: { jwt: { provider: 'idp', claims: [{ name: 'g', valueType: 'String', values: ['x'] }] } } }],
      },
      extAuth: { http: { backendRefs: [{ group: '', kind: 'Service', name: 'authz', port: 9000, weight: 1 }] }, failOpen: false },
    });
  });

  it.each([
    ['a target without group', { targetRef: { kind: 'Gateway', name: 'a' } }, ['spec.targetRef.group: is required']],
    ['no target', { targetRef: undefined }, ['spec: one of targetRef and targetRefs is required']],
    [
      'a Secret of another kind',
      { basicAuth: { users: { kind: 'ConfigMap', name: 'users' } } },
      ['spec.basicAuth.users.kind: must be one of Secret, not "ConfigMap"'],
    ],
    ['keys from nowhere', { apiKeyAuth: { credentialRefs: [] } }, ['spec.apiKeyAuth.extractFrom: is required']],
    [
      'a header that is none',
      { basicAuth: { users: { name: 'u' }, forwardUsernameHeader: 'x user' } },
      [expect.stringContaining('"x user" is no')],
    ],
    ['no provider', { jwt: { providers: [] } }, ['spec.jwt.providers: must NOT have fewer than 1 items, not []']],
    [
      '17 providers',
      jwtOf(...Array.from({ length: 17 }, (_, index) => ({ ...remote, name: `p${index}` }))),
      [expect.stringContaining('spec.jwt.providers: must NOT have more than 16 items')],
    ],
    ['two providers of one name', jwtOf(remote, remote), ['spec.jwt.providers[1].name: "idp" is the name of an earlier provider too']],
    ['no keys', jwtOf({ name: 'idp' }), ['spec.jwt.providers[0]: one of remoteJWKS and localJWKS is required']],
    [
      'keys in two places',
      jwtOf({ ...remote, localJWKS: { inline: '{}' } }),
      ['spec.jwt.providers[0].localJWKS: cannot be used together with remoteJWKS'],
    ],
    [
      'keys at no URL',
      jwtOf({ name: 'idp', remoteJWKS: { uri: 'idp.example.com/keys' } }),
      [expect.stringContaining('.uri: "idp.example.com/keys" is no http')],
    ],
    [
      'keys in a file',
      jwtOf({ name: 'idp', remoteJWKS: { uri: 'file:///etc/keys' } }),
      [expect.stringContaining('.uri: "file:///etc/keys" is no http')],
    ],
    ['no inline keys', local({}), ['spec.jwt.providers[0].localJWKS.inline: is required when type is Inline']],
    [
      'a reference of the wrong type',
      local({ inline: '{}', valueRef: { group: '', kind: 'ConfigMap', name: 'k' } }),
      ['spec.jwt.providers[0].localJWKS.valueRef: cannot be used when type is Inline'],
    ],
    [
      'inline keys of the wrong type',
      local({ type: 'ValueRef', inline: '{}' }),
      [
        'spec.jwt.providers[0].localJWKS.valueRef: is required when type is ValueRef',
        'spec.jwt.providers[0].localJWKS.inline: cannot be used when type is ValueRef',
      ],
    ],
    [
      'keys in a Secret',
      local({ type: 'ValueRef', valueRef: { group: '', kind: 'Secret', name: 'k' } }),
      ['spec.jwt.providers[0].localJWKS.valueRef.kind: must be one of ConfigMap, not "Secret"'],
    ],
    ['a rule for nobody', rule({}), ['spec.authorization.rules[0].principal: one of clientCIDRs, jwt and headers is required']],
    [
      'a range that is none',
      rule({ clientCIDRs: ['10.0.0.0'] }),
      ['spec.authorization.rules[0].principal.clientCIDRs[0]: "10.0.0.0" is no address range such as 10.0.0.0/8'],
    ],
    ['an empty list of ranges', rule({ clientCIDRs: [] }), [expect.stringContaining('clientCIDRs: must NOT have fewer than 1 items')]],
    ['no methods', rule({ clientCIDRs: ['::/0'] }, { operation: {} }), ['spec.authorization.rules[0].operation.methods: is required']],
    [
      'an unknown method',
      rule({ clientCIDRs: ['::/0'] }, { operation: { methods: ['get'] } }),
      [expect.stringMatching(/methods\[0\]: must be one of GET, .*, not "get"; did you mean "GET"\?$/)],
    ],
    [
      'claims of tokens that nobody verifies',
      rule({ jwt: { provider: 'idp', scopes: ['a'] } }),
      ['spec.authorization.rules[0].principal.jwt: needs spec.jwt, which says how tokens are verified'],
    ],
    [
      'a provider that is not there',
      { ...jwtOf(remote), ...rule({ jwt: { provider: 'ipd', scopes: ['a'] } }) },
      ['spec.authorization.rules[0].principal.jwt.provider: no provider of spec.jwt is called "ipd"; did you mean "idp"?'],
    ],
    [
      'any token',
      { ...jwtOf(remote), ...rule({ jwt: { provider: 'idp' } }) },
      ['spec.authorization.rules[0].principal.jwt: one of claims and scopes is required'],
    ],
    ['no authorization service', { extAuth: {} }, ['spec.extAuth.http: is required']],
    [
      'an authorization service without backend',
      extAuth({ backendRefs: [] }),
      ['spec.extAuth.http.backendRefs: is required, with one backend or more'],
    ],
    [
      'both fields for it',
      extAuth({ backendRef: service, backendRefs: [service] }),
      ['spec.extAuth.http.backendRef: cannot be used together with backendRefs'],
    ],
    [
      'a Service without port',
      extAuth({ backendRefs: [service, { name: 'b' }] }),
      ['spec.extAuth.http.backendRefs[1].port: is required for a Service'],
    ],
    [
      'a Service without port in the older field',
      extAuth({ backendRef: { name: 'b' } }),
      ['spec.extAuth.http.backendRef.port: is required for a Service'],
    ],
    [
      'a Backend without its group',
      extAuth({ backendRefs: [{ kind: 'Backend', name: 'b' }] }),
      ['spec.extAuth.http.backendRefs[0].group: must be "gateway.envoyproxy.io" for a Backend, not ""'],
    ],
    [
      'a weight of too much',
      extAuth({ backendRefs: [{ ...service, weight: 1_000_001 }] }),
      [expect.stringContaining('weight: must be <= 1000000')],
    ],
    [
      'an origin with a path',
      { cors: { allowOrigins: ['https://a.example/x'] } },
      ['spec.cors.allowOrigins[0]: "https://a.example/x" is no origin such as https://*.example.com'],
    ],
    ['a misspelt field', { apiKeyAuths: {} }, ['spec.apiKeyAuths: unknown field; did you mean "apiKeyAuth"?']],
  ])('reports %s', (_name, fields, expected) => {
    expect(problems(fields)).toEqual(expected);
  });

  it.each([
    ['oidc', { oidc: { clientID: 'a' } }, 'spec.oidc: is not supported: nobody is sent to a login page'],
    [
      'a gRPC service',
      { extAuth: { http: { backendRefs: [service] }, grpc: {} } },
      'spec.extAuth.grpc: is not supported: the authorization service is called over HTTP',
    ],
    [
      'the body',
      { extAuth: { http: { backendRefs: [service] }, bodyToExtAuth: { maxRequestBytes: 1 } } },
      'spec.extAuth.bodyToExtAuth: is not supported: ',
    ],
    [
      'settings of its calls',
      extAuth({ backendRefs: [service], backendSettings: {} }),
      'spec.extAuth.http.backendSettings: is not supported: ',
    ],
    [
      'services of other clusters',
      extAuth({ backendRefs: [{ ...service, kind: 'ServiceImport' }] }),
      'backendRefs[0].kind: "ServiceImport" is not supported: services of other',
    ],
    [
      'a second routing',
      jwtOf({ ...remote, recomputeRoute: true }),
      'spec.jwt.providers[0].recomputeRoute: true is not supported: the route',
    ],
    [
      'backends for keys',
      jwtOf({ name: 'a', remoteJWKS: { uri: 'https://a', backendRefs: [] } }),
      'spec.jwt.providers[0].remoteJWKS.backendRefs: is not supported: ',
    ],
    [
      'places',
      rule({ clientIPGeoLocations: [{ country: 'CH' }] }),
      'spec.authorization.rules[0].principal.clientIPGeoLocations: is not supported: ',
    ],
    ['a merge', { mergeType: 'StrategicMerge' }, 'spec.mergeType: is not supported: policies are not merged'],
  ])('refuses %s by name', (_name, fields, expected) => {
    expect(problems(fields)).toEqual([expect.stringContaining(expected)]);
  });

  it('reads a long origin that is none without backtracking over it', () => {
    expect(problems({ cors: { allowOrigins: [`https://${'a'.repeat(240)}!`] } })).toHaveLength(1);
  });
});
