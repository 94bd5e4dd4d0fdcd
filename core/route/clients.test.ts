import { describe, expect, it } from 'vitest';

import { selfSigned } from '../http/self-signed.ts';
import { aiBackendYaml, aiRouteYaml, gatewayYaml, httpRouteYaml, model, routesOf } from './route.fixture.ts';

const own = selfSigned(['a.example.com']);
const text = (pem: string) => JSON.stringify(pem);
const SECRET = `
---
apiVersion: v1
kind: Secret
metadata: {name: cert}
stringData: {tls.crt: ${text(own.cert)}, tls.key: ${text(own.key)}}
`;
const CA = `
---
apiVersion: v1
kind: ConfigMap
metadata: {name: ca}
data: {ca.crt: ${text(own.cert)}}
`;
const withTls = (yaml: string, tls: string) => yaml.replace('listeners: [', `tls: {${tls}}, listeners: [`);
const HTTPS = '{name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}}';
const FRONTEND = 'frontend: {default: {validation: {caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]}}}';

describe('clients of a port', () => {
  it('are asked for a certificate of the authorities that the Gateway names', () => {
    const lenient = FRONTEND.replace('caCert', 'mode: AllowInsecureFallback, caCert');
    for (const [tls, optional] of [
      [FRONTEND, false],
      [lenient, true],
    ] as const) {
      const { problems, compiled } = routesOf(withTls(gatewayYaml(HTTPS), tls) + SECRET + CA);
      expect(problems).toEqual([]);
      expect(compiled.ports[0]!.certificate(undefined)!.clients).toEqual({ ca: own.cert, optional });
    }
  });

  it('are asked for nothing elsewhere', () => {
    const perPort = `frontend: {default: {}, perPort: [{port: 8443, tls: ${FRONTEND.slice('frontend: {default: '.length, -1)}}]}`;
    const { compiled } = routesOf(withTls(gatewayYaml(HTTPS, HTTPS.replace('https,', 'b,').replace('443', '8443')), perPort) + SECRET + CA);
    expect(compiled.ports.map(({ port, ...table }) => [port, table.listeners[0]!.certificates[0]!.clients?.optional])).toEqual([
      [443, undefined],
      [8443, false],
    ]);
  });

  it('find nothing that listens where nobody could verify them', () => {
    const options = { inCluster: true, listenOn: () => 10_000 };
    const yaml = withTls(gatewayYaml(HTTPS, '{name: http, port: 80, protocol: HTTP}'), FRONTEND) + SECRET;
    expect(routesOf(yaml, undefined, options).compiled.ports.map(({ port }) => port)).toEqual([80]);
    expect(routesOf(yaml + CA, undefined, options).compiled.ports.map(({ port }) => port)).toEqual([80, 443]);
  });

  it('of two Gateways cannot be checked in two ways', () => {
    const other = withTls(gatewayYaml(HTTPS.replace('https,', 'https, hostname: b.test,')), FRONTEND)
      .split('---')[0]!
      .replace('name: gw', 'name: gx');
    expect(routesOf(`${gatewayYaml(HTTPS)}\n---\n${other}${SECRET}${CA}`).problems).toEqual([
      'Gateway default/gx: spec.tls.frontend: Gateway default/gw has port 443 too and checks clients otherwise; all Gateways of a process share its address',
    ]);
    expect(routesOf(`${withTls(gatewayYaml(HTTPS), FRONTEND)}\n---\n${other}${SECRET}${CA}`).problems).toEqual([]);
  });
});

const to = (name: string) => `backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: ${name}}]`;

describe('backends with TLS', () => {
  const BACKEND = 'tls: {backend: {clientCertificateRef: {name: cert}}}, listeners: [';
  const backends = [
    'tls: {wellKnownCACertificates: System}',
    'endpoints: []',
    'tls: {clientCertificateRef: {name: other}, wellKnownCACertificates: System}',
  ]
    .map(
      (tls, index) => `
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: b${index}}
spec: {endpoints: [{ip: {address: 10.0.0.${index}, port: 443}}]${index === 1 ? '' : `, ${tls}`}}
`,
    )
    .join('');
  const other = selfSigned(['other']);
  const yaml =
    gatewayYaml().replace('listeners: [', BACKEND) +
    SECRET +
    SECRET.replace('name: cert', 'name: other').replaceAll(text(own.cert), text(other.cert)).replaceAll(text(own.key), text(other.key)) +
    backends;

  it.each([
    ['the certificate of the Gateway', 'b0', own.cert],
    ['none without TLS', 'b1', undefined],
    ['the one that the Backend names', 'b2', other.cert],
  ])('are shown %s', (_name, backend, expected) => {
    const routes = routesOf(yaml + httpRouteYaml('r', `rules: [{${to(backend)}}]`));
    expect(routes.problems).toEqual([]);
    const { origin } = routes.ordinary('/').plan.targets[0]!.backend.endpoints[0]!;
    expect(origin.tls?.certificate).toBe(expected);
  });

  it('are shown the certificate of the Gateway by which a model is called', () => {
    const second = gatewayYaml('{name: http, port: 81, protocol: HTTP}').split('---')[0]!.replace('name: gw', 'name: gx');
    const parents =
      'parentRefs: [{name: gw, kind: Gateway, group: gateway.networking.k8s.io}, {name: gx, kind: Gateway, group: gateway.networking.k8s.io}]';
    const ai =
      aiBackendYaml('m').replace('name: b}', 'name: b0}') +
      aiRouteYaml('r', `{matches: [${model('x')}], backendRefs: [{name: m}]}`, parents);
    const routes = routesOf(`${yaml}${ai}\n---\n${second}`);
    expect(routes.problems).toEqual([]);
    const shown = [80, 81].map((port) => routes.ai('x', { port }).plan.targets[0]!.backend.endpoints[0]!.origin.tls?.certificate);
    expect(shown).toEqual([own.cert, undefined]);
  });
});
