import { describe, expect, it } from 'vitest';

import { validate } from '../validate.ts';
import { Backend } from './backend.ts';

function problemsOfSpec(spec: object): string[] {
  const found: string[] = [];
  validate(Backend, { spec }, (path, message) => found.push(`${path}: ${message}`));
  return found;
}

/** Validates a copy: defaults are filled in place, and the fixtures are shared. */
const problems = (spec: object) => problemsOfSpec(JSON.parse(JSON.stringify(spec)) as object);

const fqdn = { fqdn: { hostname: 'api.example.com', port: 443 } };
const ip = (address: string) => ({ ip: { address, port: 8000 } });
const withTls = (tls: object) => ({ endpoints: [fqdn], tls });
const ca = { group: '', kind: 'ConfigMap', name: 'ca' };

describe('Backend', () => {
  it.each([
    ['a name', { endpoints: [fqdn] }],
    [
      'names with zone and hostname',
      { type: 'Endpoints', fallback: true, endpoints: [{ ...fqdn, hostname: 'a.example', zone: 'a' }, fqdn] },
    ],
    ['addresses of both families', { endpoints: ['10.0.0.1', '2001:db8::1', 'fd00:1:2:3:4:5:6:7', '::1', '::ffff:10.0.0.1'].map(ip) }],
    ['system authorities', withTls({ wellKnownCACertificates: 'System', sni: 'api.example.com' })],
    [
      'own authorities and a client certificate',
      withTls({ caCertificateRefs: [ca], clientCertificateRef: { name: 'client', namespace: 'b' } }),
    ],
    ['no list of authorities beside the system', withTls({ wellKnownCACertificates: 'System', caCertificateRefs: [] })],
    ['no verification', withTls({ insecureSkipVerify: true, caCertificateRefs: [] })],
    ['256 endpoints', { endpoints: Array.from({ length: 256 }, () => fqdn) }],
  ])('takes %s', (_name, spec) => {
    expect(problems(spec)).toEqual([]);
  });

  it('fills in the defaults of the CRD', () => {
    const spec = withTls({ clientCertificateRef: { name: 'client' } });
    expect(problemsOfSpec(spec)).toEqual([]);
    expect(spec).toEqual({
      type: 'Endpoints',
      endpoints: [fqdn],
      tls: { insecureSkipVerify: false, clientCertificateRef: { group: '', kind: 'Secret', name: 'client' } },
    });
  });

  it.each([
    ['no endpoints', {}, ['spec.endpoints: is required']],
    ['an empty list', { endpoints: [] }, ['spec.endpoints: must NOT have fewer than 1 items, not []']],
    [
      'too many',
      { endpoints: Array.from({ length: 257 }, () => ip('::1')) },
      [expect.stringMatching(/^spec\.endpoints: must NOT have more than 256/)],
    ],
    ['an endpoint without address', { endpoints: [{ hostname: 'a' }] }, ['spec.endpoints[0]: one of fqdn and ip is required']],
    ['an endpoint with two', { endpoints: [{ ...fqdn, ...ip('::1') }] }, ['spec.endpoints[0].ip: cannot be used together with fqdn']],
    ['names and addresses', { endpoints: [fqdn, ip('::1')] }, ['spec.endpoints: cannot mix fqdn and ip; use two Backends']],
    ['no port', { endpoints: [{ fqdn: { hostname: 'a' } }] }, ['spec.endpoints[0].fqdn.port: is required']],
    ['port 0', { endpoints: [{ fqdn: { hostname: 'a', port: 0 } }] }, ['spec.endpoints[0].fqdn.port: must be >= 1, not 0']],
    [
      'port 65536',
      { endpoints: [{ fqdn: { hostname: 'a', port: 65_536 } }] },
      ['spec.endpoints[0].fqdn.port: must be <= 65535, not 65536'],
    ],
    ['a name with a wildcard', { endpoints: [{ fqdn: { hostname: '*.a', port: 1 } }] }, [expect.stringContaining('hostname: "*.a" is no')]],
    ['no real address', { endpoints: [ip('10.0.0.256')] }, ['spec.endpoints[0].ip.address: "10.0.0.256" is no IPv4 or IPv6 address']],
    [
      'an address with a zone',
      { endpoints: [ip('fe80::1%eth0')] },
      ['spec.endpoints[0].ip.address: "fe80::1%eth0" is no IPv4 or IPv6 address'],
    ],
    [
      'system and own authorities',
      withTls({ wellKnownCACertificates: 'System', caCertificateRefs: [ca] }),
      ['spec.tls.wellKnownCACertificates: cannot be used together with caCertificateRefs'],
    ],
    [
      'authorities that would not be asked',
      withTls({ insecureSkipVerify: true, caCertificateRefs: [ca] }),
      ['spec.tls.caCertificateRefs: cannot be used when insecureSkipVerify is on'],
    ],
    [
      'system authorities that would not be asked',
      withTls({ insecureSkipVerify: true, wellKnownCACertificates: 'System' }),
      ['spec.tls.wellKnownCACertificates: cannot be used when insecureSkipVerify is on'],
    ],
    [
      'authorities of an unknown kind',
      withTls({ caCertificateRefs: [{ group: 'x.io', kind: 'Secrets', name: 'ca' }] }),
      [
        'spec.tls.caCertificateRefs[0].group: "x.io" is no group of this kind: the core group is written ""',
        'spec.tls.caCertificateRefs[0].kind: must be one of ConfigMap, Secret, not "Secrets"; did you mean "Secret"?',
      ],
    ],
    [
      'nine authorities',
      withTls({ caCertificateRefs: Array.from({ length: 9 }, () => ca) }),
      [expect.stringContaining('more than 8 items')],
    ],
    ['a misspelt field', { endpoints: [fqdn], fallbak: true }, ['spec.fallbak: unknown field; did you mean "fallback"?']],
  ])('reports %s', (_name, spec, expected) => {
    expect(problems(spec)).toEqual(expected);
  });

  it.each([
    ['type', { type: 'DynamicResolver', endpoints: [fqdn] }, 'spec.type: "DynamicResolver" is not supported: a request does not choose'],
    ['unix', { endpoints: [{ unix: { path: '/run/s' } }] }, 'spec.endpoints[0].unix: is not supported: backends are reached over TCP'],
    ['appProtocols', { endpoints: [fqdn], appProtocols: ['gateway.envoyproxy.io/h2c'] }, 'spec.appProtocols: is not supported: backends'],
    ['ciphers', withTls({ ciphers: ['x'] }), 'spec.tls.ciphers: is not supported: the ciphers are'],
    ['minVersion', withTls({ minVersion: '1.3' }), 'spec.tls.minVersion: is not supported: TLS 1.2 and 1.3'],
  ])('refuses %s by name', (_name, spec, expected) => {
    expect(problems(spec)).toEqual([expect.stringContaining(expected)]);
  });
});
