import { defineKind, type Report, type ResourceOf } from '../kind.ts';
import { list, object, oneOf, PortNumber, SectionName, type Static, text, Type } from '../schema.ts';
import { isAddress } from './address.ts';
import { ENVOY_GATEWAY_GROUP } from './group.ts';
import { localRef, SecretRef } from './object-ref.ts';

/** A name without wildcard. */
const ExactHostname = SectionName;

const Endpoint = object({
  fqdn: Type.Optional(object({ hostname: ExactHostname, port: PortNumber })),
  ip: Type.Optional(object({ address: text(45, 3), port: PortNumber })),
  hostname: Type.Optional(ExactHostname),
  zone: Type.Optional(Type.String()),
});

const Tls = object({
  wellKnownCACertificates: Type.Optional(oneOf(['System'])),
  caCertificateRefs: Type.Optional(list(localRef(['ConfigMap', 'Secret']), 8)),
  clientCertificateRef: Type.Optional(SecretRef),
  insecureSkipVerify: Type.Boolean({ default: false }),
  sni: Type.Optional(ExactHostname),
});

/** Servers outside the gateway: names or addresses, and how to speak TLS to them. */
export const Backend = defineKind({
  kind: 'Backend',
  group: ENVOY_GATEWAY_GROUP,
  versions: ['v1alpha1'],
  namespaced: true,
  schema: object({
    spec: object({
      type: oneOf(['Endpoints'], { default: 'Endpoints' }),
      endpoints: list(Endpoint, 256, 1),
      /** Used when the backends beside it, which are no fallback, are unhealthy. */
      fallback: Type.Optional(Type.Boolean()),
      tls: Type.Optional(Tls),
    }),
  }),
  refused: {
    'spec.type=DynamicResolver': 'a request does not choose the host it is sent to; list the hosts as endpoints',
    'spec.endpoints[].unix': 'backends are reached over TCP; give fqdn or ip',
    'spec.appProtocols': 'backends are called over HTTP/1.1; HTTP/2 without TLS and WebSocket are not spoken',
    'spec.tls.alpnProtocols': 'HTTP/1.1 is the only protocol that is offered to a backend',
    'spec.tls.ciphers': "the ciphers are those of the runtime's TLS library",
    'spec.tls.ecdhCurves': "the curves are those of the runtime's TLS library",
    'spec.tls.signatureAlgorithms': "the signature algorithms are those of the runtime's TLS library",
    'spec.tls.fingerprints': 'TLS fingerprints are not taken',
    'spec.tls.minVersion': 'TLS 1.2 and 1.3 are spoken, whichever the backend chooses',
    'spec.tls.maxVersion': 'TLS 1.2 and 1.3 are spoken, whichever the backend chooses',
  },
  rules({ spec }, report) {
    for (const [index, endpoint] of spec.endpoints.entries()) checkEndpoint(endpoint, `spec.endpoints[${index}]`, report);
    const named = spec.endpoints.filter((endpoint) => endpoint.fqdn !== undefined).length;
    if (named > 0 && named < spec.endpoints.length) report('spec.endpoints', 'cannot mix fqdn and ip; use two Backends');
    if (spec.tls !== undefined) checkTls(spec.tls, report);
  },
});
export type Backend = ResourceOf<typeof Backend>;

function checkEndpoint({ fqdn, ip }: Static<typeof Endpoint>, path: string, report: Report): void {
  if (fqdn === undefined && ip === undefined) report(path, 'one of fqdn and ip is required');
  if (fqdn !== undefined && ip !== undefined) report(`${path}.ip`, 'cannot be used together with fqdn');
  if (ip !== undefined && !isAddress(ip.address)) report(`${path}.ip.address`, `"${ip.address}" is no IPv4 or IPv6 address`);
}

function checkTls(tls: Static<typeof Tls>, report: Report): void {
  const ownAuthorities = (tls.caCertificateRefs ?? []).length > 0;
  const knownAuthorities = tls.wellKnownCACertificates !== undefined;
  if (ownAuthorities && knownAuthorities) report('spec.tls.wellKnownCACertificates', 'cannot be used together with caCertificateRefs');
  if (!tls.insecureSkipVerify) return;
  if (ownAuthorities) report('spec.tls.caCertificateRefs', 'cannot be used when insecureSkipVerify is on');
  if (knownAuthorities) report('spec.tls.wellKnownCACertificates', 'cannot be used when insecureSkipVerify is on');
}
