import { describe, expect, it } from 'vitest';

import { briefEntries, CLASS, CONTROLLER, gateway, httpRoute, messageOf, SERVICE, TestCluster, TO_WEB } from './cluster.fixture.ts';

const BASE = CLASS + SERVICE + gateway('gw', ['{name: http, port: 80, protocol: HTTP, hostname: "*.example.com"}']);
const OK = 'Accepted=True Accepted, ResolvedRefs=True ResolvedRefs';

function parentsOf(spec: string, more = ''): string[] {
  return briefEntries(new TestCluster(BASE + more + httpRoute('r', spec)).status('HTTPRoute', 'r')['parents']);
}
const PARENT = 'parentRefs: [{name: gw}]';

describe('an HTTPRoute', () => {
  it('repeats its parentRefs with their defaults', () => {
    const route = httpRoute('r', `parentRefs: [{name: gw, sectionName: http, port: 80}], rules: [{${TO_WEB}}]`);
    expect(new TestCluster(BASE + route).status('HTTPRoute', 'r')['parents']).toEqual([
      {
        parentRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'gw', sectionName: 'http', port: 80 },
        controllerName: CONTROLLER,
        conditions: [
          expect.objectContaining({ type: 'Accepted', status: 'True', reason: 'Accepted', observedGeneration: 3 }),
          expect.objectContaining({ type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs', observedGeneration: 3 }),
        ],
      },
    ]);
  });

  it.each([
    ['a listener that is not there', 'parentRefs: [{name: gw, sectionName: htp}]', 'gw/htp: Accepted=False NoMatchingParent'],
    ['a port that is not there', 'parentRefs: [{name: gw, port: 81}]', 'gw: Accepted=False NoMatchingParent'],
    ['other hosts', `${PARENT}, hostnames: [other.test]`, 'gw: Accepted=False NoMatchingListenerHostname'],
  ])('with %s is not accepted, and its references are resolved', (_name, spec, expected) => {
    expect(parentsOf(`${spec}, rules: [{${TO_WEB}}]`)).toEqual([`${expected}, ResolvedRefs=True ResolvedRefs`]);
  });

  it('of a namespace that may not attach is not accepted', () => {
    const route = httpRoute('r', `parentRefs: [{name: gw, namespace: default}], rules: []`).replace(
      '{name: r}',
      '{name: r, namespace: far}',
    );
    const cluster = new TestCluster(
      BASE + route.replace('rules: []', 'rules: [{filters: [{type: RequestRedirect, requestRedirect: {port: 81}}]}]'),
    );
    expect(briefEntries(cluster.status('HTTPRoute', 'r')['parents'])).toEqual([
      'default/gw: Accepted=False NotAllowedByListeners, ResolvedRefs=True ResolvedRefs',
    ]);
  });

  it.each([
    ['a Service that is not there', '{name: nothing, port: 80}', 'BackendNotFound'],
    ['a Service of another namespace', '{name: web, namespace: far, port: 80}', 'RefNotPermitted'],
    ['a kind that is not called', '{group: example.com, kind: Thing, name: web}', 'InvalidKind'],
    ['a pool, in a tier that has none', '{group: inference.networking.k8s.io, kind: InferencePool, name: p}', 'InvalidKind'],
  ])('with %s is accepted, and says so of its references', (_name, ref, reason) => {
    expect(parentsOf(`${PARENT}, rules: [{backendRefs: [${ref}, {name: web, port: 80}]}]`)).toEqual([
      `gw: Accepted=True Accepted, ResolvedRefs=False ${reason}`,
    ]);
  });

  it('says what is impossible in it', () => {
    const spec = `${PARENT}, rules: [{matches: [{path: {type: RegularExpression, value: "/("}}], ${TO_WEB}}]`;
    const { parents } = new TestCluster(BASE + httpRoute('r', spec)).status('HTTPRoute', 'r');
    expect(briefEntries(parents)).toEqual([expect.stringMatching(/^gw: Accepted=False UnsupportedValue, /)]);
    expect(messageOf((parents as { conditions: unknown }[])[0]!.conditions, 'Accepted')).toMatch(
      /^spec\.rules\[0\]\.matches\[0\]\.path\.value: /,
    );
  });

  it('that the compiler refuses says why', () => {
    const route = httpRoute('r', `${PARENT}, rules: [{${TO_WEB}}]`).replace('{name: r}', '{name: r, annotations: {tierkit.dev/odd: x}}');
    const { parents } = new TestCluster(BASE + route).status('HTTPRoute', 'r');
    expect(briefEntries(parents)).toEqual(['gw: Accepted=False UnsupportedValue, ResolvedRefs=True ResolvedRefs']);
    expect(messageOf((parents as { conditions: unknown }[])[0]!.conditions, 'Accepted')).toMatch(
      /^metadata\.annotations\["tierkit\.dev\/odd"\]: /,
    );
  });

  it('of a Service is none of ours, whatever that is called', () => {
    const route = httpRoute('r', `parentRefs: [{group: "", kind: Service, name: gw}], rules: [{${TO_WEB}}]`);
    expect(new TestCluster(BASE + route).desired().map(({ name }) => name)).not.toContain('r');
  });

  it('that is wrong by itself is told so by the parents that it names', () => {
    const spec = `parentRefs: [{name: gw}, {name: elsewhere}, {group: "", kind: Service, name: web}], rules: [{backendRef: []}]`;
    const { parents } = new TestCluster(BASE + httpRoute('r', spec)).status('HTTPRoute', 'r');
    expect(briefEntries(parents)).toEqual(['gw: Accepted=False UnsupportedValue, ResolvedRefs=Unknown Pending']);
    expect(messageOf((parents as { conditions: unknown }[])[0]!.conditions, 'Accepted')).toMatch(
      /spec\.rules\[0\]\.backendRef: .*backendRefs/,
    );
  });

  it('of a Gateway that is wrong by itself is told where to look', () => {
    const bad = gateway('bad', ['{name: tls, port: 443, protocol: TLS}']);
    expect(parentsOf(`parentRefs: [{name: bad}], rules: [{${TO_WEB}}]`, bad)).toEqual([
      'bad: Accepted=False NoMatchingParent, ResolvedRefs=Unknown Pending',
    ]);
    expect(parentsOf(`parentRefs: [{name: bad}, {name: gw}], rules: [{${TO_WEB}}]`, bad)).toEqual([
      'bad: Accepted=False NoMatchingParent, ResolvedRefs=True ResolvedRefs',
      `gw: ${OK}`,
    ]);
  });
});

describe('entries of others', () => {
  const THEIRS = {
    parentRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'theirs' },
    controllerName: 'example.com/other',
    conditions: [
      { type: 'Accepted', status: 'False', reason: 'Whatever', message: '', lastTransitionTime: '2020-01-01T00:00:00Z', odd: [2, 1] },
    ],
  };
  const cluster = (spec: string): TestCluster => {
    const made = new TestCluster(BASE + gateway('theirs', undefined, '', 'theirs') + httpRoute('r', `${spec}, rules: [{${TO_WEB}}]`));
    made.edit('HTTPRoute', 'r', (object) => ({ ...object, status: { parents: [THEIRS] } }));
    return made;
  };

  it('stay as they are, beside ours', () => {
    const { parents } = cluster('parentRefs: [{name: theirs}, {name: gw}]').status('HTTPRoute', 'r');
    expect((parents as unknown[])[0]).toEqual(THEIRS);
    expect(briefEntries(parents)).toEqual([`gw: ${OK}`]);
  });

  it('are all there is for a route that is none of ours', () => {
    expect(
      cluster('parentRefs: [{name: theirs}]')
        .desired()
        .map(({ name }) => name),
    ).not.toContain('r');
  });

  it('stay when ours go', () => {
    const made = cluster('parentRefs: [{name: theirs}, {name: gw}]');
    made.write();
    made.edit('HTTPRoute', 'r', (object) => ({ ...object, spec: { parentRefs: [{ name: 'theirs' }] } }));
    expect(made.status('HTTPRoute', 'r')['parents']).toEqual([THEIRS]);
  });
});

it('goes from the status of a route whose Gateway is gone', () => {
  const cluster = new TestCluster(BASE + httpRoute('r', `${PARENT}, rules: [{${TO_WEB}}]`));
  cluster.write();
  cluster.remove('Gateway', 'gw');
  expect(cluster.status('HTTPRoute', 'r')['parents']).toEqual([]);
});

it('keeps the time of what did not change', () => {
  const cluster = new TestCluster(BASE + httpRoute('r', `${PARENT}, rules: [{${TO_WEB}}]`));
  cluster.write('2026-01-01T00:00:00Z');
  cluster.remove('Service', 'web');
  cluster.write('2026-02-02T00:00:00Z');
  const [parent] = cluster.status('HTTPRoute', 'r')['parents'] as { conditions: { lastTransitionTime: string }[] }[];
  expect(parent!.conditions.map((each) => each.lastTransitionTime)).toEqual(['2026-01-01T00:00:00Z', '2026-02-02T00:00:00Z']);
});
