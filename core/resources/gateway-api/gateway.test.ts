import { describe, expect, it } from 'vitest';

import { problemsOf, problemsOfSpec } from '../ai-gateway/problems-of.ts';
import { Gateway } from './gateway.ts';

const ONE = '{name: http, port: 80, protocol: HTTP}';
const PASSED_ON = 'TLS is terminated here: what passes through unread cannot be routed by what HTTP says';

function problemsOfListeners(...listeners: string[]): string[] {
  return problemsOfSpec(Gateway, `{gatewayClassName: tierkit, listeners: [${listeners.join(', ')}]}`);
}

it('fills in from where routes may attach', () => {
  const listener = { name: 'a', port: 80, protocol: 'HTTP' };
  const body = {
    spec: {
      gatewayClassName: 'tierkit',
      listeners: [listener, { ...listener, name: 'b', port: 81, allowedRoutes: { kinds: [{ kind: 'HTTPRoute' }] } }],
    },
  };
  expect(problemsOf(Gateway, body)).toEqual([]);
  expect(body.spec.listeners).toEqual([
    { ...listener, allowedRoutes: { namespaces: { from: 'Same' } } },
    {
      ...listener,
      name: 'b',
      port: 81,
      allowedRoutes: { namespaces: { from: 'Same' }, kinds: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute' }] },
    },
  ]);
});

describe('listeners', () => {
  it.each([
    [
      'doors that differ by port, or by host name',
      [ONE, '{name: a, port: 81, protocol: HTTP}', '{name: b, port: 80, protocol: HTTP, hostname: "*.a.com"}'],
      [],
    ],
    ['none', [], ['spec.listeners: must NOT have fewer than 1 items, not []']],
    ['one name twice', [ONE, '{name: http, port: 81, protocol: HTTP}'], ['spec.listeners[1].name: another listener is called "http" too']],
    [
      'one door twice',
      [ONE, '{name: b, port: 80, protocol: HTTP}'],
      ['spec.listeners[1]: another listener has port 80, protocol HTTP and no hostname too'],
    ],
    [
      'one door with a host name twice',
      ['{name: a, port: 80, protocol: HTTP, hostname: a.b}', '{name: b, port: 80, protocol: HTTP, hostname: a.b}'],
      ['spec.listeners[1]: another listener has port 80, protocol HTTP and hostname a.b too'],
    ],
    ['a port out of range', ['{name: a, port: 65536, protocol: HTTP}'], ['spec.listeners[0].port: must be <= 65535, not 65536']],
    ['a port that is text', ['{name: a, port: "80", protocol: HTTP}'], ['spec.listeners[0].port: must be integer, not "80"']],
    ['upper case', ['{name: Http, port: 80, protocol: HTTP}'], [expect.stringMatching(/^spec\.listeners\[0\]\.name: "Http" is no /)]],
    ['HTTPS', ['{name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: c}]}}'], []],
    [
      'HTTPS without a certificate',
      ['{name: a, port: 443, protocol: HTTPS}', '{name: b, port: 443, protocol: HTTPS, hostname: b.c, tls: {mode: Terminate}}'],
      [
        'spec.listeners[0].tls.certificateRefs: is required for protocol HTTPS',
        'spec.listeners[1].tls.certificateRefs: is required for protocol HTTPS',
      ],
    ],
    [
      'HTTP with one',
      ['{name: a, port: 80, protocol: HTTP, tls: {certificateRefs: [{name: c}]}}'],
      ['spec.listeners[0].tls: is for protocol HTTPS, not for HTTP'],
    ],
    [
      'TLS that passes through',
      ['{name: a, port: 443, protocol: HTTPS, tls: {mode: Passthrough}}'],
      [`spec.listeners[0].tls.mode: "Passthrough" is not supported: ${PASSED_ON}`],
    ],
    ['TLS', ['{name: a, port: 443, protocol: TLS}'], [`spec.listeners[0].protocol: "TLS" is not supported: ${PASSED_ON}`]],
    ['TCP', ['{name: a, port: 1, protocol: TCP}'], [expect.stringMatching(/^spec\.listeners\[0\]\.protocol: "TCP" is not supported: /)]],
    ['UDP', ['{name: a, port: 1, protocol: UDP}'], [expect.stringMatching(/^spec\.listeners\[0\]\.protocol: "UDP" is not supported: /)]],
    [
      'a protocol that is misspelt',
      ['{name: a, port: 1, protocol: Http}'],
      ['spec.listeners[0].protocol: must be one of HTTP, HTTPS, not "Http"; did you mean "HTTP"?'],
    ],
    [
      'a field that is misspelt',
      ['{name: a, port: 1, protocol: HTTP, hostnames: a}'],
      ['spec.listeners[0].hostnames: unknown field; did you mean "hostname"?'],
    ],
    [
      'too many',
      Array.from({ length: 65 }, (_, index) => `{name: l${index}, port: ${index + 1}, protocol: HTTP}`),
      [expect.stringMatching(/^spec\.listeners: must NOT have more than 64/)],
    ],
  ])('%s', (_name, listeners, problems) => {
    expect(problemsOfListeners(...listeners)).toEqual(problems);
  });
});

describe('allowedRoutes', () => {
  const at = 'spec.listeners[0].allowedRoutes.namespaces';
  it.each([
    ['{from: All}', []],
    ['{from: None}', [`${at}.from: must be one of All, Selector, Same, not "None"`]],
    ['{from: Selector, selector: {matchLabels: {team: a}}}', []],
    ['{from: Selector, selector: {matchExpressions: [{key: a, operator: In, values: [b]}, {key: c, operator: Exists}]}}', []],
    ['{from: Selector}', [`${at}.selector: is required when namespaces.from is Selector`]],
    ['{from: Any}', [`${at}.from: must be one of All, Selector, Same, not "Any"`]],
    [
      '{from: Selector, selector: {matchExpressions: [{key: a, operator: In}, {key: a, operator: DoesNotExist, values: [b]}]}}',
      [
        `${at}.selector.matchExpressions[0].values: is required for operator In`,
        `${at}.selector.matchExpressions[1].values: must be empty for operator DoesNotExist`,
      ],
    ],
    [
      '{from: Selector, selector: {matchExpressions: [{key: a, operator: Equals}]}}',
      [`${at}.selector.matchExpressions[0].operator: must be one of In, NotIn, Exists, DoesNotExist, not "Equals"`],
    ],
    ['{from: Selector, selector: {matchLabels: {a: 1}}}', [`${at}.selector.matchLabels.a: must be string, not 1`]],
  ])('%s', (namespaces, problems) => {
    expect(problemsOfListeners(`{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: ${namespaces}}}`)).toEqual(problems);
  });
});

describe('the rest of the spec', () => {
  const long = `${'a'.repeat(253)}/b`;
  it.each([
    [
      'addresses: [{value: 10.0.0.1}, {type: IPAddress, value: "::1"}, {type: Hostname, value: a.b}, {type: Hostname}, {type: tierkit.dev/x, value: "?"}]',
      [],
    ],
    ['addresses: [{value: 10.0.0.256}]', ['spec.addresses[0].value: "10.0.0.256" is no IPv4 or IPv6 address']],
    ['addresses: [{type: Hostname, value: a_b}]', ['spec.addresses[0].value: "a_b" is no host name']],
    ['addresses: [{value: 10.0.0.1}, {value: 10.0.0.1}]', ['spec.addresses[1].value: "10.0.0.1" stands here twice']],
    ['addresses: [{type: Hostname, value: a}, {type: Hostname, value: a}]', ['spec.addresses[1].value: "a" stands here twice']],
    ['infrastructure: {labels: {a.b/c: d, e: ""}, annotations: {a: "any text"}, parametersRef: {group: g.io, kind: K, name: n}}', []],
    [
      'infrastructure: {labels: {-a: b}}',
      ['spec.infrastructure.labels.-a: the key is no [prefix/]name of letters, digits, "-", "_" and "."'],
    ],
    ['infrastructure: {annotations: {a/b/c: d}}', [expect.stringMatching(/^spec\.infrastructure\.annotations\.a\/b\/c: the key is no/)]],
    [
      `infrastructure: {annotations: {${long}: d}}`,
      [`spec.infrastructure.annotations.${long}: the prefix of the key must be shorter than 253 characters`],
    ],
    [
      `infrastructure: {labels: {${long}: d}}`,
      [`spec.infrastructure.labels.${long}: the prefix of the key must be shorter than 253 characters`],
    ],
    ['infrastructure: {labels: {a: "b c"}}', [expect.stringMatching(/^spec\.infrastructure\.labels\.a: "b c" is no /)]],
    [
      `infrastructure: {labels: {${Array.from({ length: 9 }, (_, index) => `l${index}: x`).join(', ')}}}`,
      [expect.stringMatching(/^spec\.infrastructure\.labels: must NOT have more than 8 properties/)],
    ],
    ['tls: {backend: {clientCertificateRef: {name: a}}, frontend: {default: {}}}', []],
    ['tls: {frontend: {perPort: []}}', ['spec.tls.frontend.default: is required']],
    [
      'tls: {frontend: {default: {validation: {caCertificateRefs: [], mode: AllowAll}}}}',
      [
        'spec.tls.frontend.default.validation.caCertificateRefs: must NOT have fewer than 1 items, not []',
        'spec.tls.frontend.default.validation.mode: must be one of AllowValidOnly, AllowInsecureFallback, not "AllowAll"',
      ],
    ],
    [
      'tls: {frontend: {default: {}, perPort: [{port: 443, tls: {}}, {port: 443, tls: {}}]}}',
      ['spec.tls.frontend.perPort[1].port: port 443 has its settings already'],
    ],
    ['allowedListeners: {namespaces: {from: All}}', [expect.stringMatching(/^spec\.allowedListeners: is not supported: /)]],
    ['defaultScope: All', [expect.stringMatching(/^spec\.defaultScope: is not supported: /)]],
    ['adresses: []', ['spec.adresses: unknown field; did you mean "addresses"?']],
  ])('%s', (field, problems) => {
    expect(problemsOfSpec(Gateway, `{gatewayClassName: tierkit, listeners: [${ONE}], ${field}}`)).toEqual(problems);
  });
});
