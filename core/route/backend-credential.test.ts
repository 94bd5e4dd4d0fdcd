import { describe, expect, it } from 'vitest';

import { authorized } from '../providers/credentials/credential.fixture.ts';
import { newShared } from './compile.ts';
import { aiBackendYaml, aiRouteYaml, gatewayYaml, model, routesOf } from './route.fixture.ts';

const policyYaml = (spec: string, name = 'p') => `
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: BackendSecurityPolicy
metadata: {name: ${name}}
spec: {${spec}, targetRefs: [{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: a}]}
`;
const secretYaml = (data: string) => `\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {${data}}\n`;

const OIDC = 'oidc: {provider: {issuer: "https://idp.example.com"}, clientID: c, clientSecret: {name: s}}';
const POOL = 'projectID: "1", workloadIdentityPoolName: w, workloadIdentityProviderName: x';
const AWS = 'type: AWSCredentials, awsCredentials: {region: us-east-1';
const GCP = 'type: GCPCredentials, gcpCredentials: {projectName: proj, region: us-east5';
const AZURE = 'type: AzureCredentials, azureCredentials: {clientID: c, tenantID: t';
const CLIENT_SECRET = 'client-secret: canary';
const KEYS = `credentials: "[default]\\naws_access_key_id=AKIA\\naws_secret_access_key=canary"`;
const USER = `service_account.json: '{"type":"authorized_user","client_id":"c","client_secret":"canary","refresh_token":"canary"}'`;
const EXTERNAL = `service_account.json: '{"type":"external_account","audience":"a","subject_token_type":"t","token_url":"https://t","credential_source":{"file":"/etc/passwd"}}'`;

const A = gatewayYaml() + aiBackendYaml('a') + aiRouteYaml('r', `{matches: [${model('m')}], backendRefs: [{name: a}]}`);
const compiled = (spec: string, secret = CLIENT_SECRET, options = {}) => {
  const shared = newShared();
  const routes = routesOf(A + policyYaml(spec) + secretYaml(secret), shared, options);
  return { ...routes, shared };
};

describe('a cloud credential', () => {
  it.each([
    ['AWS by a file', `${AWS}, credentialsFile: {secretRef: {name: s}}}`, KEYS, { aws: { region: 'us-east-1' } }, 0],
    ['AWS by OIDC', `${AWS}, oidcExchangeToken: {${OIDC}, awsRoleArn: r}}`, CLIENT_SECRET, { aws: { region: 'us-east-1' } }, 1],
    ['AWS by the gateway’s own identity', `${AWS}}`, CLIENT_SECRET, { aws: { region: 'us-east-1' } }, 1],
    ['Azure by a secret', `${AZURE}, clientSecretRef: {name: s}}`, CLIENT_SECRET, {}, 1],
    ['Azure by OIDC', `${AZURE}, oidcExchangeToken: {${OIDC}}}`, CLIENT_SECRET, {}, 1],
    ['Google by a file', `${GCP}, credentialsFile: {secretRef: {name: s}}}`, USER, { gcp: { project: 'proj', region: 'us-east5' } }, 1],
    [
      'Google by federation',
      `${GCP}, workloadIdentityFederationConfig: {${POOL}, oidcExchangeToken: {${OIDC}}}}`,
      CLIENT_SECRET,
      { gcp: { project: 'proj' } },
      1,
    ],
    ['Google by the gateway’s own identity', `${GCP}}`, CLIENT_SECRET, { gcp: { region: 'us-east5' } }, 1],
  ])('of %s is compiled, and nothing is fetched', (_name, spec, secret, expected, fetched) => {
    const { ai, problems, shared } = compiled(spec, secret);
    expect(problems).toEqual([]);
    const { credential } = ai('m').plan.targets[0]!;
    expect(credential).toMatchObject(expected);
    expect(shared.credentials.states().map(({ name, status }) => `${name} ${status}`)).toEqual(
      Array.from({ length: fetched }, () => 'BackendSecurityPolicy default/p starting'),
    );
  });

  it('is not fetched where every request has to bring its own', () => {
    const override = 'credentialOverride: {fromRequestHeaders: {fallbackToConfigured: false}}';
    const { ai, shared } = compiled(`${GCP}}, ${override}`);
    const { credential } = ai('m').plan.targets[0]!;
    expect(shared.credentials.states()).toEqual([]);
    expect(authorized(credential, { 'x-aigw-gcp-access-token': 'theirs' })).toEqual(['authorization', 'Bearer theirs']);
    expect(() => authorized(credential)).toThrow('missing upstream credential: send it in the header x-aigw-gcp-access-token');
  });

  it('has none to give before it is fetched', () => {
    const { credential } = compiled(`${GCP}}`).ai('m').plan.targets[0]!;
    expect(() => authorized(credential)).toThrow('the gateway has no credential for the backend now');
  });

  it.each([
    [
      `${AWS}, credentialsFile: {secretRef: {name: s}}}`,
      CLIENT_SECRET,
      'awsCredentials.credentialsFile.secretRef: Secret s has no entry "credentials"',
    ],
    [
      `${AWS}, credentialsFile: {secretRef: {name: s}, profile: x}}`,
      KEYS,
      'awsCredentials.credentialsFile.secretRef: Secret s has no profile "x"',
    ],
    [
      `${AWS}, credentialsFile: {secretRef: {name: s2}}}`,
      KEYS,
      'awsCredentials.credentialsFile.secretRef.name: there is no Secret default/s2; did you mean "s"?',
    ],
    [
      `${AWS}, oidcExchangeToken: {${OIDC}, awsRoleArn: r}}`,
      'client-secret: " "',
      'awsCredentials.oidcExchangeToken.oidc.clientSecret: Secret s has an empty "client-secret"',
    ],
    [`${AZURE}, clientSecretRef: {name: s}}`, KEYS, 'azureCredentials.clientSecretRef: Secret s has no entry "client-secret"'],
    [
      `${AZURE}, oidcExchangeToken: {${OIDC.replace('clientID: c', 'clientIDRef: {name: s}')}}}`,
      CLIENT_SECRET,
      'azureCredentials.oidcExchangeToken.oidc.clientIDRef: Secret s has no entry "client-id"',
    ],
    [
      `${GCP}, credentialsFile: {secretRef: {name: s}}}`,
      'service_account.json: canary',
      'gcpCredentials.credentialsFile.secretRef: Secret s is no JSON object',
    ],
  ])('has its problems told, and no secret with them: %s', (spec, secret, problem) => {
    expect(compiled(spec, secret).problems).toEqual([`BackendSecurityPolicy default/p: spec.${problem}`]);
  });

  it('in a Secret of a cluster may not have a file of the gateway’s machine sent somewhere', () => {
    const spec = `${GCP}, credentialsFile: {secretRef: {name: s}}}`;
    expect(compiled(spec, EXTERNAL).problems).toEqual([]);
    const inCluster = { inCluster: true, listenOn: () => 10_000 };
    expect(compiled(spec, EXTERNAL, inCluster).problems.join()).toContain('Secret s has a "credential_source" that is a file');
    expect(compiled(spec, EXTERNAL, { ...inCluster, allowLocalAddresses: true }).problems.join()).not.toContain('credential_source');
  });

  it('that is the gateway’s own is noticed in a cluster, where others write policies', () => {
    const notice = 'BackendSecurityPolicy default/p: its backends are called with the identity of the gateway itself';
    expect(compiled(`${AWS}}`, KEYS, { inCluster: true, listenOn: () => 10_000 }).compiled.notices).toContain(notice);
    expect(compiled(`${AWS}}`).compiled.notices).not.toContain(notice);
  });
});

describe('what clients bring for one backend', () => {
  it('goes to no other one: of AWS it is three headers', () => {
    const override = 'credentialOverride: {fromRequestHeaders: {header: X-Mine-}}';
    const b = aiBackendYaml('b');
    const route = aiRouteYaml('q', `{matches: [${model('n')}], backendRefs: [{name: a}, {name: b}]}`);
    const { ai, problems } = routesOf(`${A}\n---\n${b}\n---\n${route}${policyYaml(`${AWS}}, ${override}`)}`);
    expect(problems).toEqual([]);
    const names = ['x-mine-access-key-id', 'x-mine-secret-access-key', 'x-mine-session-token'];
    for (const { stripped } of ai('n').plan.targets) expect([...stripped]).toEqual(expect.arrayContaining(names));
  });
});
