import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { expect, onTestFinished, test, vi } from 'vitest';

import { authorized } from '../providers/credentials/credential.fixture.ts';
import { Loader } from '../resources/load.ts';
import { Configuration } from './configuration.ts';
import type { ResourceSource } from './source.ts';

/** A server of tokens that counts who asks, by the secret of the form. */
async function tokens() {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      asked.push(Buffer.from(request.headers.authorization?.slice(6) ?? '', 'base64').toString());
      response.end(JSON.stringify({ access_token: `t${asked.length}`, expires_in: 3600, body: body.length }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const yaml = (url: string, secret: string, more = '') => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: tierkit, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: b}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: 9}}]}
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: {name: b}
spec: {schema: {name: OpenAI}, backendRef: {group: gateway.envoyproxy.io, kind: Backend, name: b}}
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: BackendSecurityPolicy
metadata: {name: p}
spec:
  targetRefs: [{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: b}]
  type: AzureCredentials
  azureCredentials:
    clientID: c
    tenantID: t
    oidcExchangeToken:
      oidc: {provider: {issuer: "${url}", tokenEndpoint: "${url}/token"}, clientID: c, clientSecret: {name: s}}
---
apiVersion: v1
kind: Secret
metadata: {name: s}
stringData: {client-secret: ${secret}}
${more}`;

const PEM = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' });

function googleYaml(url: string, keyId: string): string {
  const file = { type: 'service_account', client_email: 'sa@x', private_key: PEM, private_key_id: keyId, token_uri: `${url}/token` };
  const gcp = 'gcpCredentials: {projectName: p, region: global, credentialsFile: {secretRef: {name: s}}}';
  const [head = ''] = yaml(url, 'x').split('  type: AzureCredentials');
  return `${head}  type: GCPCredentials
  ${gcp}
---
apiVersion: v1
kind: Secret
metadata: {name: s}
stringData: {service_account.json: ${JSON.stringify(JSON.stringify(file))}}
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: {name: r}
spec: {parentRefs: [{name: gw}], rules: [{backendRefs: [{name: b}]}]}
`;
}

function configured(text: { now: string }) {
  const loader = new Loader();
  const source: ResourceSource = {
    compile: {},
    changed: '',
    open: () => Promise.resolve(),
    load: () => loader.load({ paths: [], texts: [{ file: 'a.yaml', text: text.now }], env: {} }),
    complete: () => Promise.resolve(false),
    watch: () => undefined,
    close: () => Promise.resolve(),
  };
  const configuration = new Configuration(source, () => undefined);
  onTestFinished(() => configuration.close());
  return configuration;
}

const statuses = ({ credentials }: Configuration) => credentials.map(({ name, status }) => `${name} ${status}`);
const settled = (check: () => void) => vi.waitFor(check, { interval: 5 });

test('a credential is fetched when its configuration is in service, and again only when what it is fetched with has changed', async () => {
  const { asked, url } = await tokens();
  // Azure's own server is asked with the token of the other one.
  vi.stubEnv('AZURE_AUTHORITY_HOST', 'http://127.0.0.1:9');
  const text = { now: yaml(url, 'one') };
  const configuration = configured(text);
  const candidate = configuration.prepare()!;
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(asked).toEqual([]);
  configuration.take(candidate);
  expect(statuses(configuration)).toEqual(['BackendSecurityPolicy default/p starting']);
  await settled(() => expect(asked).toEqual(['c:one']));
  await settled(() => expect(statuses(configuration)).toEqual(['BackendSecurityPolicy default/p failing']));
  expect(configuration.credentials[0]!.lastError).toBe('127.0.0.1:9: ECONNREFUSED');
  const before = configuration.credentials[0]!.failingSince;

  // Another Gateway: the policy and its Secret are the same.
  text.now = yaml(url, 'one').replace('name: http', 'name: other');
  configuration.load();
  expect(configuration.credentials.map(({ failingSince }) => failingSince)).toEqual([before]);

  // A configuration that is refused asks for nothing, and leaves what is there.
  text.now = yaml(url, 'refused', '---\nkind: Nothing\napiVersion: v1\nmetadata: {name: x}\nspec: {a: 1}\n').replace('port: 80', 'port: 0');
  expect(() => configuration.load()).toThrow('spec.listeners[0].port');
  expect(configuration.credentials.map(({ failingSince }) => failingSince)).toEqual([before]);

  text.now = yaml(url, 'two');
  configuration.load();
  await settled(() => expect(asked).toContain('c:two'));
  expect(asked).not.toContain('c:refused');
  expect(configuration.credentials).toHaveLength(1);
});

test('a new secret costs no request: the token of the old one is used until the new one has one', async () => {
  const { asked, url } = await tokens();
  const text = { now: googleYaml(url, 'one') };
  const configuration = configured(text);
  const shown = (): readonly (string | undefined)[] =>
    configuration.current.ports.flatMap(({ listeners }) =>
      listeners[0]!.hosts
        .entries()
        .flatMap(([, index]) => index.rules())
        .flatMap((rule) => (rule.ai ? rule.plan.targets : []))
        .map(({ credential }) => authorized(credential)?.[1]),
    );
  configuration.load();
  expect(shown).toThrow('the gateway has no credential for the backend now');
  await settled(() => expect(shown()).toEqual(['Bearer t1']));
  text.now = googleYaml(url, 'two');
  configuration.load();
  expect(shown()).toEqual(['Bearer t1']);
  await settled(() => expect(shown()).toEqual(['Bearer t2']));

  // Another account is another identity.
  text.now = googleYaml(url, 'two').replaceAll('sa@', 'other@');
  configuration.load();
  expect(shown).toThrow('the gateway has no credential for the backend now');
  await settled(() => expect(shown()).toEqual(['Bearer t3']));
  expect(asked).toHaveLength(3);
});
