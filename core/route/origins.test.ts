import { describe, expect, it } from 'vitest';

import { selfSigned } from '../http/self-signed.ts';
import { gatewayYaml, httpRouteYaml, routesOf } from './route.fixture.ts';

/** As it stands in YAML. */
const PEM = selfSigned(['ca.test']).cert.replaceAll('\n', '\\n');
const GROUP = 'gateway.envoyproxy.io';
const backendYaml = (spec: string, metadata = 'name: x') => `
---
apiVersion: ${GROUP}/v1alpha1
kind: Backend
metadata: {${metadata}}
spec: {${spec}}
`;
const serviceYaml = (spec: string, metadata = 'name: x') => `
---
apiVersion: v1
kind: Service
metadata: {${metadata}}
spec: {${spec}}
`;
const configMapYaml = (name: string, data: string) =>
  `\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {${data}}\n`;
const secretYaml = (name: string, data: string, metadata = '') =>
  `\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: ${name}${metadata}}\nstringData: {${data}}\n`;
const tlsPolicyYaml = (target: string, validation: string, name = 'p') => `
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: ${name}}
spec: {targetRefs: [${target}], validation: {${validation}}}
`;
const TO_BACKEND = `{group: ${GROUP}, kind: Backend, name: x}`;
const SYSTEM = 'hostname: api.example.com, wellKnownCACertificates: System';
const TLS = { serverName: undefined, ca: undefined, certificate: undefined, key: undefined, skipVerify: false };

/** Where a route to `ref` goes: each origin with its Host header. */
function origins(yaml: string, ref = TO_BACKEND) {
  const routes = routesOf(gatewayYaml() + httpRouteYaml('r', `rules: [{backendRefs: [${ref}]}]`) + yaml);
  expect(routes.problems).toEqual([]);
  const [target] = routes.ordinary('/').plan.targets;
  return target!.backend.endpoints.map(({ origin, hostHeader }) => [origin, hostHeader]);
}

function problems(yaml: string, ref = TO_BACKEND): string[] {
  return [...routesOf(gatewayYaml() + httpRouteYaml('r', `rules: [{backendRefs: [${ref}]}]`) + yaml).problems];
}

const withTls = (tls: string) => backendYaml(`endpoints: [{ip: {address: 10.0.0.1, port: 443}}], tls: {${tls}}`);

describe('Backend', () => {
  it('is called in plain HTTP where nothing says TLS', () => {
    expect(origins(backendYaml('endpoints: [{ip: {address: 10.0.0.1, port: 80}}, {ip: {address: "::1", port: 8000}}]'))).toEqual([
      [{ host: '10.0.0.1', port: 80, tls: undefined }, '10.0.0.1'],
      [{ host: '::1', port: 8000, tls: undefined }, '[::1]:8000'],
    ]);
    // A port of 443 is no TLS yet.
    expect(origins(backendYaml('endpoints: [{fqdn: {hostname: api.example.com, port: 443}}]'))).toEqual([
      [{ host: 'api.example.com', port: 443, tls: undefined }, 'api.example.com:443'],
    ]);
  });

  it('asks for the certificate of its host, of the endpoint’s own name, or of its SNI', () => {
    const fqdn = (more: string, tls: string) =>
      backendYaml(`endpoints: [{fqdn: {hostname: a.example.com, port: 443}${more}}], tls: {${tls}}`);
    expect(origins(fqdn('', 'wellKnownCACertificates: System'))).toEqual([
      [{ host: 'a.example.com', port: 443, tls: TLS }, 'a.example.com'],
    ]);
    const named = { host: 'a.example.com', port: 443, tls: { ...TLS, serverName: 'b.example.com' } };
    expect(origins(fqdn(', hostname: b.example.com', 'wellKnownCACertificates: System'))).toEqual([[named, 'b.example.com']]);
    expect(origins(fqdn('', 'wellKnownCACertificates: System, sni: b.example.com'))).toEqual([[named, 'b.example.com']]);
    expect(origins(fqdn(', hostname: c.example.com', 'sni: b.example.com, wellKnownCACertificates: System'))).toEqual([
      [named, 'b.example.com'],
    ]);
    // Without TLS a name says nothing.
    expect(origins(backendYaml('endpoints: [{ip: {address: 10.0.0.1, port: 80}, hostname: b.example.com}]'))).toEqual([
      [{ host: '10.0.0.1', port: 80, tls: undefined }, '10.0.0.1'],
    ]);
  });

  it('trusts the certificates that it names, shows its own, or does not look', () => {
    const [[own]] = origins(
      withTls(
        'caCertificateRefs: [{kind: ConfigMap, group: "", name: ca}, {kind: Secret, group: "", name: ca}], clientCertificateRef: {name: client}',
      ) +
        configMapYaml('ca', `ca.crt: "${PEM}"`) +
        secretYaml('ca', `ca.crt: "${PEM}"`) +
        secretYaml('client', 'tls.crt: cert, tls.key: key'),
    ) as [[{ tls: unknown }, string]];
    const pem = PEM.replaceAll('\\n', '\n');
    expect(own.tls).toEqual({ ...TLS, ca: `${pem}\n${pem}`, certificate: 'cert', key: 'key' });
    expect(origins(withTls('insecureSkipVerify: true'))[0]![0]).toMatchObject({ tls: { skipVerify: true } });
  });

  it.each<[string, string, string[]]>([
    ['none', '', ['HTTPRoute default/r: spec.rules[0].backendRefs[0].name: there is no Backend default/x']],
    [
      'one that has problems of its own',
      backendYaml('endpoints: []'),
      [
        'Backend x: spec.endpoints: must NOT have fewer than 1 items, not []',
        'HTTPRoute default/r: spec.rules[0].backendRefs[0].name: Backend default/x has problems of its own',
      ],
    ],
    [
      'certificates that are not there, or none',
      backendYaml(
        'endpoints: [{ip: {address: 10.0.0.1, port: 443}}], tls: {caCertificateRefs: [{kind: ConfigMap, group: "", name: cu}, {kind: ConfigMap, group: "", name: ca}]}',
      ) + configMapYaml('ca', 'ca.crt: hello'),
      [
        'Backend default/x: spec.tls.caCertificateRefs[0].name: there is no ConfigMap default/cu; did you mean "ca"?',
        'Backend default/x: spec.tls.caCertificateRefs[1]: ConfigMap default/ca has no PEM certificate under "ca.crt"',
      ],
    ],
    [
      'a client certificate without its key',
      backendYaml('endpoints: [{ip: {address: 10.0.0.1, port: 443}}], tls: {clientCertificateRef: {name: client}}') +
        secretYaml('client', 'tls.crt: x'),
      ['Backend default/x: spec.tls.clientCertificateRef: Secret client needs the entries tls.crt and tls.key'],
    ],
  ])('%s', (_name, yaml, expected) => {
    expect(problems(yaml)).toEqual(expected);
  });
});

const ref = (port: number, name = 'x') => `{name: ${name}, port: ${port}}`;

describe('Service', () => {
  it('is called by its name in the cluster, or by its external name', () => {
    expect(origins(serviceYaml('ports: [{port: 8080, targetPort: 80}]'), ref(8080))).toEqual([
      [{ host: 'x.default.svc.cluster.local', port: 8080, tls: undefined }, 'x.default.svc.cluster.local:8080'],
    ]);
    expect(origins(serviceYaml('type: ExternalName, externalName: api.example.com'), ref(80))).toEqual([
      [{ host: 'api.example.com', port: 80, tls: undefined }, 'api.example.com'],
    ]);
  });

  it.each<[string, string, string, string[]]>([
    ['none', '', ref(80), ['HTTPRoute default/r: spec.rules[0].backendRefs[0].name: there is no Service default/x']],
    [
      'a port that it does not have',
      serviceYaml('ports: [{port: 80, name: a}, {port: 81, name: b}]'),
      ref(82),
      ['HTTPRoute default/r: spec.rules[0].backendRefs[0].port: Service default/x has no port 82; it has 80, 81'],
    ],
    [
      'a kind that cannot be called',
      '',
      '{group: example.com, kind: Zebra, name: x}',
      [
        'HTTPRoute default/r: spec.rules[0].backendRefs[0].kind: Zebra of example.com cannot be called; name a Service, or a Backend of gateway.envoyproxy.io',
      ],
    ],
  ])('%s', (_name, yaml, to, expected) => {
    expect(problems(yaml, to)).toEqual(expected);
  });
});

const service = serviceYaml('ports: [{port: 443, name: https}, {port: 80, name: http}]');
const ofService = (section?: string) => `{group: "", kind: Service, name: x${section === undefined ? '' : `, sectionName: ${section}`}}`;
const names = (policies: string) => [443, 80].map((port) => origins(service + policies, `{name: x, port: ${port}}`)[0]![1]);

const at = 'BackendTLSPolicy default/p: spec.targetRefs[0]';

describe('BackendTLSPolicy', () => {
  it('holds for a Backend, with a CA from a ConfigMap, before what the Backend says itself', () => {
    const yaml =
      backendYaml(
        'endpoints: [{ip: {address: 10.0.0.1, port: 443}}], tls: {insecureSkipVerify: true, sni: other.example.com, clientCertificateRef: {name: client}}',
      ) +
      secretYaml('client', 'tls.crt: cert, tls.key: key') +
      configMapYaml('ca', `ca.crt: "${PEM}"`) +
      tlsPolicyYaml(TO_BACKEND, 'hostname: api.example.com, caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]');
    const ca = PEM.replaceAll('\\n', '\n');
    // The certificate that the gateway shows is no matter of the policy.
    const tls = { serverName: 'api.example.com', ca, certificate: 'cert', key: 'key', skipVerify: false };
    expect(origins(yaml)).toEqual([[{ host: '10.0.0.1', port: 443, tls }, 'api.example.com']]);
  });

  it('asks for one of several names where it has them', () => {
    const sans = ', subjectAltNames: [{type: URI, uri: "spiffe://a/b"}, {type: Hostname, hostname: "*.example.com"}]';
    expect(origins(service + tlsPolicyYaml(ofService(), SYSTEM + sans), '{name: x, port: 443}')[0]![0]).toMatchObject({
      tls: {
        serverName: 'api.example.com',
        subjectAltNames: [
          { type: 'URI', value: 'spiffe://a/b' },
          { type: 'Hostname', value: '*.example.com' },
        ],
      },
    });
  });

  it.each([
    ['one of two', '{group: "", kind: ConfigMap, name: ca}, {group: "", kind: ConfigMap, name: none}', 1],
    ['none', '{group: "", kind: ConfigMap, name: none}, {group: wrong.io, kind: Wrong, name: ca}', 0],
  ])('in a cluster trusts the certificates that are there: %s', (_name, refs, targets) => {
    const yaml =
      service + configMapYaml('ca', `ca.crt: "${PEM}"`) + tlsPolicyYaml(ofService(), `hostname: a.b, caCertificateRefs: [${refs}]`);
    const routes = routesOf(gatewayYaml() + httpRouteYaml('r', 'rules: [{backendRefs: [{name: x, port: 443}]}]') + yaml, undefined, {
      inCluster: true,
      listenOn: () => 10_000,
    });
    const found = routes.ordinary('/').plan.targets;
    expect(found).toHaveLength(targets);
    for (const { backend } of found) expect(backend.endpoints.map(({ origin }) => origin.tls?.ca)).toEqual([PEM.replaceAll('\\n', '\n')]);
  });

  it('holds for a Service, or for one of its ports, which is the more specific one', () => {
    const host = 'x.default.svc.cluster.local';
    expect(names(tlsPolicyYaml(ofService(), SYSTEM))).toEqual(['api.example.com', 'api.example.com:80']);
    expect(names(tlsPolicyYaml(ofService('https'), SYSTEM))).toEqual(['api.example.com', host]);
    const both = tlsPolicyYaml(ofService(), SYSTEM) + tlsPolicyYaml(ofService('https'), SYSTEM.replace('api', 'port'), 'q');
    expect(names(both)).toEqual(['port.example.com', 'api.example.com:80']);
  });

  it.each<[string, string, string[]]>([
    // Unnoticed, the backend would be called in plain HTTP.
    [
      'a target that is not there',
      tlsPolicyYaml(ofService().replace('name: x', 'name: xx'), SYSTEM),
      [`${at}.name: there is no Service default/xx; did you mean "x"?`],
    ],
    [
      'a port that is not there',
      tlsPolicyYaml(ofService('htps'), SYSTEM),
      [`${at}.sectionName: Service default/x has no port called "htps"; did you mean "https"?`],
    ],
    [
      'a section of a Backend',
      backendYaml('endpoints: [{ip: {address: 10.0.0.1, port: 80}}]') + tlsPolicyYaml(TO_BACKEND.replace('}', ', sectionName: a}'), SYSTEM),
      [`${at}.sectionName: Backend default/x has no port called "a"`],
    ],
    [
      'another kind',
      tlsPolicyYaml('{group: apps, kind: Deployment, name: x}', SYSTEM),
      [`${at}.kind: must be a Service, or a Backend of gateway.envoyproxy.io, not Deployment of "apps"`],
    ],
    [
      'two for one target',
      tlsPolicyYaml(ofService(), SYSTEM) + tlsPolicyYaml(ofService(), SYSTEM, 'q'),
      ['BackendTLSPolicy default/q: spec.targetRefs[0]: BackendTLSPolicy default/p (test.yaml) targets it already'],
    ],
    [
      'two for one target, of which the older holds',
      tlsPolicyYaml(ofService(), SYSTEM, 'b, creationTimestamp: "2026-01-02T00:00:00Z"') +
        tlsPolicyYaml(ofService(), SYSTEM, 'c, creationTimestamp: "2026-01-01T00:00:00Z"') +
        tlsPolicyYaml(ofService('https'), SYSTEM, 'a'),
      ['BackendTLSPolicy default/b: spec.targetRefs[0]: BackendTLSPolicy default/c (test.yaml) targets it already'],
    ],
    [
      'certificates of another kind',
      tlsPolicyYaml(ofService(), 'hostname: a.b, caCertificateRefs: [{group: certificates.k8s.io, kind: ClusterTrustBundle, name: ca}]'),
      [
        'BackendTLSPolicy default/p: spec.validation.caCertificateRefs[0]: certificates are read from a ConfigMap or a Secret (group ""), not from ClusterTrustBundle of group "certificates.k8s.io"',
      ],
    ],
    [
      'a certificate that only looks like one',
      tlsPolicyYaml(ofService(), 'hostname: a.b, caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]') +
        configMapYaml('ca', `ca.crt: "${PEM}\\n-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----"`),
      ['BackendTLSPolicy default/p: spec.validation.caCertificateRefs[0]: ConfigMap default/ca has no PEM certificate under "ca.crt"'],
    ],
    [
      'a CA that is not there',
      tlsPolicyYaml(ofService(), 'hostname: a.b, caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]'),
      ['BackendTLSPolicy default/p: spec.validation.caCertificateRefs[0].name: there is no ConfigMap default/ca'],
    ],
  ])('%s', (_name, yaml, expected) => {
    expect(problems(service + yaml, '{name: x, port: 443}')).toEqual(expected);
  });
});

const grant = (from: string, to: string) => `
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: g, namespace: shared}
spec: {from: [{${from}, namespace: default}], to: [{${to}}]}
`;
const there = TO_BACKEND.replace('name: x', 'name: x, namespace: shared');

describe('another namespace', () => {
  const backend = backendYaml('endpoints: [{ip: {address: 10.0.0.1, port: 80}}]', 'name: x, namespace: shared');
  const FROM = 'group: gateway.networking.k8s.io, kind: HTTPRoute';

  it('is reached with a grant of that namespace', () => {
    expect(origins(backend + grant(FROM, `group: ${GROUP}, kind: Backend`), there)).toHaveLength(1);
    expect(origins(backend + grant(FROM, `group: ${GROUP}, kind: Backend, name: x`), there)).toHaveLength(1);
  });

  it.each([
    ['none', ''],
    ['another kind', grant(FROM, 'group: "", kind: Service')],
    ['another name', grant(FROM, `group: ${GROUP}, kind: Backend, name: other`)],
    ['another kind of route', grant('group: aigateway.envoyproxy.io, kind: AIGatewayRoute', `group: ${GROUP}, kind: Backend`)],
  ])('is not reached without: %s', (_name, yaml) => {
    expect(problems(backend + yaml, there)).toEqual([
      'HTTPRoute default/r: spec.rules[0].backendRefs[0]: Backend shared/x is in another namespace, and no ReferenceGrant there lets HTTPRoute of default name it',
    ]);
  });

  it('has its Secrets to itself', () => {
    const yaml =
      backendYaml('endpoints: [{ip: {address: 10.0.0.1, port: 443}}], tls: {clientCertificateRef: {name: client, namespace: shared}}') +
      secretYaml('client', 'tls.crt: cert, tls.key: key', ', namespace: shared');
    expect(problems(yaml)).toEqual([
      'Backend default/x: spec.tls.clientCertificateRef: Secret shared/client is in another namespace, and no ReferenceGrant there lets Backend of default name it',
    ]);
    expect(problems(yaml + grant(`group: ${GROUP}, kind: Backend`, 'group: "", kind: Secret, name: client'))).toEqual([]);
  });
});

const routed = (yaml: string, ref: string, allowLocalAddresses?: boolean) =>
  routesOf(gatewayYaml() + httpRouteYaml('r', `rules: [{backendRefs: [${ref}]}]`) + yaml, undefined, {
    inCluster: true,
    listenOn: () => 10_000,
    ...(allowLocalAddresses === undefined ? {} : { allowLocalAddresses }),
  });

const found = (routes: ReturnType<typeof routed>) =>
  routes.ordinary('/').plan.targets.flatMap(({ backend }) => backend.endpoints.map(({ origin }) => origin));

describe('in a cluster', () => {
  it.each([
    ['ip: {address: 127.0.0.1, port: 80}', '"127.0.0.1" is a loopback address'],
    ['ip: {address: 169.254.169.254, port: 80}', '"169.254.169.254" is a link-local address'],
    ['ip: {address: "fd00:ec2::254", port: 80}', '"fd00:ec2::254" is the metadata service of a cloud'],
    ['ip: {address: "::ffff:127.0.0.1", port: 80}', '"::ffff:127.0.0.1" is a loopback address'],
    ['ip: {address: 0.0.0.0, port: 80}', '"0.0.0.0" is an unspecified address'],
    ['fqdn: {hostname: localhost, port: 80}', '"localhost" is this machine'],
    // The resolver reads it as an address.
    ['fqdn: {hostname: 127.0.0.1, port: 80}', '"127.0.0.1" is a loopback address'],
  ])('a Backend does not lead to the gateway’s own machine: %s', (endpoint, message) => {
    const yaml = backendYaml(`endpoints: [{${endpoint}}]`);
    const routes = routed(yaml, TO_BACKEND);
    expect(found(routes)).toEqual([]);
    const path = endpoint.startsWith('ip') ? 'ip.address' : 'fqdn.hostname';
    expect(routes.problems).toEqual([
      `Backend default/x: spec.endpoints[0].${path}: ${message}; in a cluster none is called unless the gateway is told to`,
    ]);
    expect(found(routed(yaml, TO_BACKEND, true))).toHaveLength(1);
    expect(origins(yaml)).toHaveLength(1);
  });

  it('a name is looked at when it is connected to', () => {
    const yaml = backendYaml('endpoints: [{fqdn: {hostname: api.example.com, port: 80}}]');
    expect(found(routed(yaml, TO_BACKEND))).toMatchObject([{ host: 'api.example.com', elsewhere: true }]);
    expect(found(routed(yaml, TO_BACKEND, true))[0]).not.toHaveProperty('elsewhere');
    const named = serviceYaml('type: ExternalName, externalName: api.example.com');
    expect(found(routed(named, ref(80)))).toMatchObject([{ host: 'api.example.com', elsewhere: true }]);
  });

  it('an external name is none of this machine', () => {
    const routes = routed(serviceYaml('type: ExternalName, externalName: localhost'), ref(80));
    expect(found(routes)).toEqual([]);
    expect(routes.problems).toEqual([
      'HTTPRoute default/r: spec.rules[0].backendRefs[0]: Service default/x: "localhost" is this machine; in a cluster none is called unless the gateway is told to',
    ]);
  });
});
