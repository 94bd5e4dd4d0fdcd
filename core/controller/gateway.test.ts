import { describe, expect, it } from 'vitest';

import { selfSigned } from '../http/self-signed.ts';
import {
  brief,
  CLASS,
  type ClusterOptions,
  gateway,
  httpRoute,
  messageOf,
  resource,
  SERVICE,
  TestCluster,
  TO_WEB,
} from './cluster.fixture.ts';

interface ListenerStatus {
  readonly name: string;
  readonly attachedRoutes: number;
  readonly supportedKinds: readonly { readonly group: string; readonly kind: string }[];
  readonly conditions: unknown;
}

function statusOf(yaml: string, options: ClusterOptions = {}, name = 'gw') {
  const status = new TestCluster(CLASS + yaml, options).status('Gateway', name);
  return {
    conditions: brief(status['conditions']),
    given: status['conditions'],
    addresses: status['addresses'],
    listeners: status['listeners'] as ListenerStatus[],
  };
}
const base64 = (text: string) => Buffer.from(text).toString('base64');
const HTTP = '{name: http, port: 80, protocol: HTTP}';
const HTTPS = (refs: string) => `{name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [${refs}]}}`;
const GOOD = ['Accepted=True Accepted', 'Conflicted=False NoConflicts', 'ResolvedRefs=True ResolvedRefs', 'Programmed=True Programmed'];
const GATEWAY_API = 'gateway.networking.k8s.io/v1';

describe('a Gateway', () => {
  it('that is served says so, with its address and listeners', () => {
    const { conditions, addresses, listeners } = statusOf(gateway('gw'));
    expect(conditions).toEqual(['Accepted=True Accepted', 'Programmed=True Programmed', 'ResolvedRefs=True ResolvedRefs']);
    expect(addresses).toEqual([{ type: 'IPAddress', value: '198.18.0.1' }]);
    expect(listeners).toMatchObject([
      { name: 'http', attachedRoutes: 0, supportedKinds: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute' }] },
    ]);
    expect(brief(listeners[0]!.conditions)).toEqual(GOOD);
  });

  it("of another controller's class is left alone", () => {
    const cluster = new TestCluster(CLASS + gateway('gw', [HTTP], '', 'theirs') + gateway('lost', [HTTP], '', 'none'));
    expect(cluster.desired().map(({ name }) => name)).toEqual(['ours']);
  });

  it.each([
    ['no Service', { places: {} }, 'Pending'],
    ['a Service without an address', { places: { 'default/gw': { addresses: [] } } }, 'AddressNotAssigned'],
    ['a port that nothing leads to', { unreached: [80] }, 'Pending'],
  ])('with %s is not programmed yet', (_name, options, reason) => {
    const { conditions } = statusOf(gateway('gw'), options);
    expect(conditions.slice(0, 2)).toEqual(['Accepted=True Accepted', `Programmed=False ${reason}`]);
  });

  it('is programmed with one of its ports, and each listener tells of its own', () => {
    const { conditions, listeners } = statusOf(gateway('gw', [HTTP, '{name: other, port: 81, protocol: HTTP}']), { unreached: [81] });
    expect(conditions[1]).toBe('Programmed=True Programmed');
    expect(listeners.map((each) => brief(each.conditions)[3])).toEqual(['Programmed=True Programmed', 'Programmed=False Pending']);
  });

  it.each([
    ['any address', '[{type: IPAddress}]', ['Accepted=True Accepted', 'Programmed=True Programmed']],
    ['the address that its Service has', '[{value: 198.18.0.1}]', ['Accepted=True Accepted', 'Programmed=True Programmed']],
    ['another address', '[{value: 198.18.0.1}, {value: 192.0.2.9}]', ['Accepted=True Accepted', 'Programmed=False AddressNotUsable']],
    [
      'a type of address that is not known',
      '[{type: test/fake, value: x}]',
      ['Accepted=False UnsupportedAddress', 'Programmed=False Invalid'],
    ],
  ])('that asks for %s', (_name, addresses, expected) => {
    expect(statusOf(gateway('gw', [HTTP], `, addresses: ${addresses}`)).conditions.slice(0, 2)).toEqual(expected);
  });

  it('with parameters is refused', () => {
    const parameters = ', infrastructure: {parametersRef: {group: invalid.io, kind: InvalidParameters, name: invalid}}';
    const { conditions, given } = statusOf(gateway('gw', [HTTP], parameters));
    expect(conditions.slice(0, 2)).toEqual(['Accepted=False InvalidParameters', 'Programmed=False Invalid']);
    expect(messageOf(given, 'Accepted')).toMatch(/^spec\.infrastructure\.parametersRef: /);
  });

  it('that is wrong by itself says what is wrong and where', () => {
    const { conditions, given, listeners } = statusOf(gateway('gw', [HTTP], ', adresses: []'));
    expect(conditions.slice(0, 2)).toEqual(['Accepted=False Invalid', 'Programmed=False Invalid']);
    expect(messageOf(given, 'Accepted')).toMatch(/^spec\.adresses: .*addresses/);
    expect(brief(listeners[0]!.conditions)[0]).toBe('Accepted=False Invalid');
  });

  it('that names a GatewayConfig which is not there says so', () => {
    const yaml = gateway('gw').replace('{name: gw}', '{name: gw, annotations: {aigateway.envoyproxy.io/gateway-config: nothing}}');
    const { conditions, given } = statusOf(yaml);
    expect(conditions[2]).toBe('ResolvedRefs=False InvalidParameters');
    expect(messageOf(given, 'ResolvedRefs')).toMatch(/there is no GatewayConfig default\/nothing/);
  });

  it('keeps conditions that others wrote, on itself and on its listeners', () => {
    const cluster = new TestCluster(CLASS + gateway('gw'));
    cluster.write();
    const foreign = {
      type: 'example.com/Foreign',
      status: 'True',
      reason: 'Seeded',
      message: '',
      lastTransitionTime: '2020-01-01T00:00:00Z',
      observedGeneration: 3,
    };
    cluster.edit('Gateway', 'gw', (object) => {
      const status = structuredClone(object['status']) as { conditions: object[]; listeners: { conditions: object[] }[] };
      status.conditions.push(foreign);
      status.listeners[0]!.conditions.push(foreign);
      return { ...object, metadata: { ...object.metadata, generation: 4 }, status };
    });
    expect(cluster.write()).toHaveLength(1);
    const status = cluster.status('Gateway', 'gw');
    for (const conditions of [status['conditions'], (status['listeners'] as ListenerStatus[])[0]!.conditions] as object[][]) {
      expect(conditions).toContainEqual(foreign);
      expect(conditions).toContainEqual(expect.objectContaining({ type: 'Accepted', observedGeneration: 4 }));
    }
  });

  it('has no address any more when its Service has none', () => {
    const cluster = new TestCluster(CLASS + gateway('gw'));
    cluster.write();
    const later = new TestCluster('', { places: {} });
    later.objects = cluster.objects;
    expect(later.status('Gateway', 'gw')['addresses']).toEqual([]);
  });
});

describe('a listener', () => {
  it.each([
    ['of a protocol that is not spoken', '{name: bad, port: 1111, protocol: INVALID}', 'UnsupportedProtocol', /HTTP/],
    ['with a field that is not known', '{name: bad, port: 81, protocol: HTTP, hostnam: a.b}', 'UnsupportedValue', /hostnam.*hostname/],
  ])('%s is refused', (_name, listener, reason, message) => {
    const { conditions, listeners } = statusOf(gateway('gw', [listener]));
    expect(conditions.slice(0, 2)).toEqual(['Accepted=False ListenersNotValid', 'Programmed=False Invalid']);
    expect(brief(listeners[0]!.conditions)).toEqual(expect.arrayContaining([`Accepted=False ${reason}`, 'Programmed=False Invalid']));
    expect(messageOf(listeners[0]!.conditions, 'Accepted')).toMatch(message);
    expect(listeners[0]!.supportedKinds).toHaveLength(reason === 'UnsupportedProtocol' ? 0 : 1);
  });

  it('that is wrong leaves the others, where these are served', () => {
    const written = ['{name: bad, port: 1111, protocol: INVALID}', HTTPS('{name: nothing}'), HTTP];
    const served: ClusterOptions['served'] = (object) =>
      object.kind === 'Gateway' ? { ...object, spec: new TestCluster(gateway('gw', written.slice(1))).objects[0]!['spec'] } : object;
    const { conditions, given, listeners } = statusOf(gateway('gw', written), { served });
    expect(conditions.slice(0, 2)).toEqual(['Accepted=True ListenersNotValid', 'Programmed=True Programmed']);
    expect(messageOf(given, 'Accepted')).toMatch(/^spec\.listeners\[0\]\.protocol: /);
    expect(listeners.map(({ name, conditions: each }) => [name, brief(each)[0], brief(each)[2]])).toEqual([
      ['bad', 'Accepted=False UnsupportedProtocol', 'ResolvedRefs=True ResolvedRefs'],
      ['https', 'Accepted=True Accepted', 'ResolvedRefs=False InvalidCertificateRef'],
      ['http', 'Accepted=True Accepted', 'ResolvedRefs=True ResolvedRefs'],
    ]);
  });

  it.each([
    ['no kind that is served', '[{kind: InvalidRoute}]', [], 'ResolvedRefs=False InvalidRouteKinds'],
    [
      'one that is served beside one that is not',
      '[{kind: InvalidRoute}, {kind: HTTPRoute}]',
      ['HTTPRoute'],
      'ResolvedRefs=False InvalidRouteKinds',
    ],
    ['a kind of another group', '[{group: example.com, kind: HTTPRoute}]', [], 'ResolvedRefs=False InvalidRouteKinds'],
    ['AIGatewayRoutes', '[{group: aigateway.envoyproxy.io, kind: AIGatewayRoute}]', ['AIGatewayRoute'], 'ResolvedRefs=True ResolvedRefs'],
  ])('that takes %s', (_name, kinds, supported, resolved) => {
    const { listeners } = statusOf(gateway('gw', [`{name: http, port: 80, protocol: HTTP, allowedRoutes: {kinds: ${kinds}}}`]));
    expect(listeners[0]!.supportedKinds.map(({ kind }) => kind)).toEqual(supported);
    expect(brief(listeners[0]!.conditions)).toContain(resolved);
    expect(brief(listeners[0]!.conditions)).toContain('Accepted=True Accepted');
  });

  it('that takes no kind is programmed later, if nothing leads to it', () => {
    const yaml = gateway('gw', ['{name: http, port: 80, protocol: HTTP, allowedRoutes: {kinds: [{kind: InvalidRoute}]}}']);
    expect(brief(statusOf(yaml, { unreached: [80] }).listeners[0]!.conditions)[3]).toBe('Programmed=False Pending');
    expect(brief(statusOf(yaml).listeners[0]!.conditions)[3]).toBe('Programmed=True Programmed');
  });

  const { cert, key } = selfSigned(['a.example.com']);
  const secret = (name: string, crt: string, namespace = 'default') =>
    `
---
apiVersion: v1
kind: Secret
metadata: {name: ${name}, namespace: ${namespace}}
type: kubernetes.io/tls
data: {tls.crt: ${base64(crt)}, tls.key: ${base64(key)}}
`;

  it.each([
    ['that is not there', '{name: nothing}', 'InvalidCertificateRef'],
    ['of another group', '{group: wrong.company.io, kind: Secret, name: good}', 'InvalidCertificateRef'],
    ['of another kind', '{kind: WrongKind, name: good}', 'InvalidCertificateRef'],
    ['that is none', '{name: malformed}', 'InvalidCertificateRef'],
    ['of another namespace without a grant', '{name: good, namespace: elsewhere}', 'RefNotPermitted'],
    ['of another namespace that is not there', '{name: nothing, namespace: elsewhere}', 'RefNotPermitted'],
  ])('with a certificate %s is not programmed', (_name, ref, reason) => {
    const { conditions, listeners } = statusOf(
      gateway('gw', [HTTPS(ref)]) + secret('good', cert) + secret('malformed', 'Hello world') + secret('good', cert, 'elsewhere'),
    );
    expect(conditions.slice(0, 2)).toEqual(['Accepted=True Accepted', 'Programmed=False Invalid']);
    expect(brief(listeners[0]!.conditions)).toEqual([
      'Accepted=True Accepted',
      'Conflicted=False NoConflicts',
      `ResolvedRefs=False ${reason}`,
      'Programmed=False Invalid',
    ]);
  });

  it('with a certificate is programmed, and its neighbour too', () => {
    const { conditions, listeners } = statusOf(gateway('gw', [HTTP, HTTPS('{name: good}')]) + secret('good', cert));
    expect(conditions).toContain('Programmed=True Programmed');
    expect(listeners.map((each) => brief(each.conditions))).toEqual([GOOD, GOOD]);
  });

  it('that shares its port with another protocol is in conflict', () => {
    const yaml = gateway('gw', ['{name: a, port: 443, protocol: HTTP}', HTTPS('{name: good}')]) + secret('good', cert);
    const { conditions, listeners } = statusOf(yaml);
    expect(conditions[0]).toBe('Accepted=False ListenersNotValid');
    expect(brief(listeners[1]!.conditions)).toEqual(
      expect.arrayContaining(['Accepted=False Invalid', 'Conflicted=True ProtocolConflict', 'Programmed=False Invalid']),
    );
  });
});

const count = (yaml: string, listeners?: string[]) =>
  statusOf(gateway('gw', listeners) + SERVICE + yaml).listeners.map(({ attachedRoutes }) => attachedRoutes);

describe('attached routes', () => {
  const parents = 'parentRefs: [{name: gw}]';

  it('are those that are accepted, whatever becomes of their references and of the listener', () => {
    expect(
      count(
        httpRoute('a', `${parents}, rules: [{${TO_WEB}}]`) +
          httpRoute('b', `${parents}, rules: [{backendRefs: [{name: nothing, port: 80}]}]`) +
          httpRoute('c', `${parents}, hostnames: [other.test], rules: [{${TO_WEB}}]`) +
          httpRoute('d', `${parents}, rules: [{matches: [{path: {type: RegularExpression, value: "/("}}], ${TO_WEB}}]`) +
          httpRoute('e', `parentRefs: [{name: gw, sectionName: nothing}], rules: [{${TO_WEB}}]`) +
          httpRoute('g', `${parents}, rules: [{${TO_WEB}}]`).replace('{name: g}', '{name: g, annotations: {tierkit.dev/odd: x}}') +
          resource('aigateway.envoyproxy.io/v1beta1', 'AIGatewayRoute', 'f', `${parents}, rules: []`),
        ['{name: http, port: 80, protocol: HTTP, hostname: a.test}'],
      ),
    ).toEqual([3]);
    expect(count(httpRoute('a', `${parents}, rules: [{${TO_WEB}}]`), [HTTPS('{name: nothing}')])).toEqual([1]);
  });

  it('are counted once for each listener', () => {
    const both = [HTTP, '{name: other, port: 81, protocol: HTTP}'];
    expect(count(httpRoute('a', `${parents}, rules: [{${TO_WEB}}]`), both)).toEqual([1, 1]);
    expect(
      count(httpRoute('a', `parentRefs: [{name: gw, sectionName: http}, {name: gw, sectionName: other}], rules: [{${TO_WEB}}]`), both),
    ).toEqual([1, 1]);
    const twice = 'parentRefs: [{name: gw, sectionName: http}, {name: gw, namespace: default, sectionName: http}]';
    expect(count(httpRoute('a', `${twice}, rules: [{${TO_WEB}}]`), both)).toEqual([1, 0]);
    expect(count(httpRoute('a', `parentRefs: [{name: gw, port: 81}], rules: [{${TO_WEB}}]`), both)).toEqual([0, 1]);
  });
});

it('reads a Gateway of an older version', () => {
  expect(statusOf(gateway('gw').replace(GATEWAY_API, 'gateway.networking.k8s.io/v1beta1')).conditions[0]).toBe('Accepted=True Accepted');
});
