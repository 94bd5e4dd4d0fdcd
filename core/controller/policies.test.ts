import { describe, expect, it } from 'vitest';

import { selfSigned } from '../http/self-signed.ts';
import {
  briefEntries,
  CLASS,
  CONTROLLER,
  gateway,
  httpRoute,
  messageOf,
  resource,
  SERVICE,
  TestCluster,
  TO_WEB,
} from './cluster.fixture.ts';

const EG = 'gateway.envoyproxy.io/v1alpha1';
const GATEWAY = '{group: gateway.networking.k8s.io, kind: Gateway, name: gw';
const ROUTE = '{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r';
const CORS = 'cors: {allowOrigins: ["https://a.example.com"]}';
const BASE =
  CLASS +
  SERVICE +
  gateway('gw') +
  gateway('theirs', undefined, '', 'theirs') +
  httpRoute('r', `parentRefs: [{name: gw, sectionName: http}], rules: [{${TO_WEB}}]`);

const security = (targets: string, spec = CORS, name = 'p') => resource(EG, 'SecurityPolicy', name, `targetRefs: [${targets}], ${spec}`);
const ancestors = (yaml: string, kind = 'SecurityPolicy', name = 'p') => new TestCluster(BASE + yaml).status(kind, name)['ancestors'];
const messageOfFirst = (list: unknown) => messageOf((list as { conditions: unknown }[])[0]!.conditions, 'Accepted');

describe('a policy of Envoy Gateway', () => {
  it('has the Gateway as its ancestor, directly and by its routes', () => {
    expect(ancestors(security(`${GATEWAY}, sectionName: http}`))).toEqual([
      {
        ancestorRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace: 'default', name: 'gw', sectionName: 'http' },
        controllerName: CONTROLLER,
        conditions: [expect.objectContaining({ type: 'Accepted', status: 'True', reason: 'Accepted', observedGeneration: 3 })],
      },
    ]);
    expect(briefEntries(ancestors(security(`${ROUTE}}, ${GATEWAY}}`)))).toEqual([
      'default/gw/http: Accepted=True Accepted',
      'default/gw: Accepted=True Accepted',
    ]);
  });

  it.each([
    ['a target that is not there', `${GATEWAY}s}`, CORS, 'default/gws: Accepted=False TargetNotFound', /there is no Gateway default\/gws/],
    [
      'a listener that is not there',
      `${GATEWAY}, sectionName: htp}`,
      CORS,
      'default/gw/htp: Accepted=False TargetNotFound',
      /no listener "htp"/,
    ],
    ['a rule that is not there', `${ROUTE}, sectionName: one}`, CORS, 'default/gw/http: Accepted=False TargetNotFound', /no rule "one"/],
    ['a field that is not known', `${ROUTE}}`, 'sanitise: true', 'default/gw/http: Accepted=False Invalid', /spec\.sanitise/],
  ])('with %s says so', (_name, target, spec, expected, message) => {
    const list = ancestors(security(target, spec));
    expect(briefEntries(list)).toEqual([expected]);
    expect(messageOfFirst(list)).toMatch(message);
  });

  it('that another one goes before is in conflict', () => {
    const yaml = security(`${GATEWAY}}`, CORS, 'a') + security(`${GATEWAY}}`);
    expect(briefEntries(ancestors(yaml, 'SecurityPolicy', 'a'))).toEqual(['default/gw: Accepted=True Accepted']);
    expect(briefEntries(ancestors(yaml))).toEqual(['default/gw: Accepted=False Conflicted']);
  });

  it("of another controller's Gateway is left alone, and what it says of ours stays right", () => {
    const theirs = GATEWAY.replace('name: gw', 'name: theirs');
    expect(new TestCluster(BASE + security(`${theirs}}`)).desired().map(({ name }) => name)).not.toContain('p');
    expect(briefEntries(ancestors(security(`${theirs}}, ${GATEWAY}}`)))).toEqual(['default/gw: Accepted=True Accepted']);
  });

  it("of another controller's route is left alone", () => {
    const far = httpRoute('far', `parentRefs: [{name: theirs}], rules: [{${TO_WEB}}]`);
    const policy = security(ROUTE.replace('name: r', 'name: far}'));
    expect(new TestCluster(BASE + far + policy).desired().map(({ name }) => name)).not.toContain('p');
    expect(briefEntries(ancestors(policy))).toEqual(['default/far: Accepted=False TargetNotFound']);
  });

  it('loses our entries with its last target of ours', () => {
    const cluster = new TestCluster(BASE + security(`${GATEWAY}}`));
    cluster.write();
    cluster.edit('SecurityPolicy', 'p', (object) => ({
      ...object,
      spec: { targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'theirs' }] },
    }));
    expect(cluster.status('SecurityPolicy', 'p')['ancestors']).toEqual([]);
  });

  it.each([
    ['BackendTrafficPolicy', 'rateLimit: {type: Globe}', 'Invalid'],
    ['ClientTrafficPolicy', 'timeout: {http: {requestReceivedTimeout: 1s}}', undefined],
  ])('may be a %s', (kind, spec, reason) => {
    const list = ancestors(resource(EG, kind, 'p', `targetRef: ${GATEWAY}}, ${spec}`), kind);
    expect(briefEntries(list)).toEqual([`default/gw: Accepted=${reason === undefined ? 'True Accepted' : `False ${reason}`}`]);
  });
});

const tls = (validation: string, name = 'tls', target = 'name: web') =>
  resource(
    'gateway.networking.k8s.io/v1',
    'BackendTLSPolicy',
    name,
    `targetRefs: [{group: "", kind: Service, ${target}}], validation: {hostname: web.test, ${validation}}`,
  );
const SYSTEM = 'wellKnownCACertificates: System';
const said = (yaml: string, name = 'tls') => briefEntries(ancestors(yaml, 'BackendTLSPolicy', name));
const map = `\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: malformed}\ndata: {ca.crt: hello}\n`;

describe('a BackendTLSPolicy', () => {
  it('has the Gateways that lead to its Service as ancestors', () => {
    expect(said(tls(SYSTEM))).toEqual(['default/gw: Accepted=True Accepted, ResolvedRefs=True ResolvedRefs']);
    expect(new TestCluster(BASE + tls(SYSTEM, 'tls', 'name: other')).desired().map(({ name }) => name)).not.toContain('tls');
  });

  it.each([
    ['is not there', '{group: "", kind: ConfigMap, name: nothing}', 'InvalidCACertificateRef'],
    ['is none', '{group: "", kind: ConfigMap, name: malformed}', 'InvalidCACertificateRef'],
    ['is of a kind that has none', '{group: wrong.io, kind: Wrong, name: c}', 'InvalidKind'],
  ])('whose certificate %s', (_name, ref, reason) => {
    expect(said(map + tls(`caCertificateRefs: [${ref}]`))).toEqual([
      `default/gw: Accepted=False NoValidCACertificate, ResolvedRefs=False ${reason}`,
    ]);
  });

  it('is accepted with one good certificate, and tells of the others', () => {
    const good = `\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\ndata: {ca.crt: ${JSON.stringify(selfSigned(['ca']).cert)}}\n`;
    const refs = ['good', 'nothing'].map((name) => `{group: "", kind: ConfigMap, name: ${name}}`).join(', ');
    expect(said(good + tls(`caCertificateRefs: [${refs}]`))).toEqual([
      'default/gw: Accepted=True Accepted, ResolvedRefs=False InvalidCACertificateRef',
    ]);
  });

  it('that another one goes before is in conflict', () => {
    const yaml = tls(SYSTEM, 'a') + tls(SYSTEM, 'b');
    expect(said(yaml, 'a')).toEqual(['default/gw: Accepted=True Accepted, ResolvedRefs=True ResolvedRefs']);
    expect(said(yaml, 'b')).toEqual(['default/gw: Accepted=False Conflicted, ResolvedRefs=True ResolvedRefs']);
  });

  it.each([
    [
      'names a port that is not there',
      tls(SYSTEM, 'tls', 'name: web, sectionName: https'),
      'TargetNotFound, ResolvedRefs=True ResolvedRefs',
    ],
    ['has a field that is not known', tls(`${SYSTEM}, sans: []`), 'Invalid, ResolvedRefs=Unknown Pending'],
  ])('that %s says so', (_name, yaml, expected) => {
    expect(said(yaml)).toEqual([`default/gw: Accepted=False ${expected}`]);
  });
});
