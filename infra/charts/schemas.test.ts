import { describe, expect, it } from 'vitest';

import { ClusterLoader, type ClusterObject } from '#core/resources/cluster-load';

import { faultsOf, WITHOUT_CRDS } from '../../observability/crds.fixture.ts';
import { FLAVOURS } from './flavours.fixture.ts';
import { CONTROLLER_NAMES } from './names.ts';
import type { Manifest } from './part.ts';
import { platform } from './platform.ts';

const BUILT_IN = /^(v1|apps\/v1|policy\/v1|autoscaling\/v2|(rbac\.authorization|networking)\.k8s\.io\/v1)$/;
/** Of operators whose CRDs nobody has here. */
const UNSEEN: ReadonlySet<string> = new Set(['Certificate', 'ExternalSecret', 'LocalModelCache', 'ScaledObject']);

const objects = (flavour: string): Manifest[] =>
  platform(FLAVOURS[flavour]!).flatMap(({ manifests, late }) => [
    ...manifests,
    ...late.flatMap(({ manifest }) => ['192.0.2.1', 'a.example.com'].map(manifest)),
  ]);

describe.skipIf(WITHOUT_CRDS)('the real CRDs', () => {
  it.each(Object.keys(FLAVOURS))('take the custom resources of %s', { timeout: 60_000 }, (flavour) => {
    const custom = objects(flavour).filter(({ apiVersion, kind }) => !BUILT_IN.test(apiVersion) && !UNSEEN.has(kind));
    expect(custom.length).toBeGreaterThan(3);
    expect(custom.flatMap((object) => faultsOf(object).map((fault) => `${object.kind} ${object.metadata.name}: ${fault}`))).toEqual([]);
  });

  it('would refuse what they do not have', () => {
    const [gateway] = objects('dev').filter(({ kind }) => kind === 'Gateway');
    expect(faultsOf({ ...gateway!, spec: { ...(gateway!['spec'] as object), listener: [] } })).toHaveLength(1);
  });
});

describe('Tierkit itself', () => {
  it.each(Object.entries(FLAVOURS))('serves the resources of %s', (flavour, settings) => {
    const isOne = settings.topology === 'one-cluster';
    for (const cluster of isOne ? (['gateway'] as const) : (['gateway', 'model'] as const)) {
      const parts = platform(settings).filter((part) => isOne || part.cluster === cluster);
      const late = parts.flatMap((part) => part.late.map(({ manifest }) => manifest('tier-two.example.com')));
      const secrets = parts.flatMap(({ secrets }) => secrets.map(secretObject));
      const all = [
        ...parts.flatMap(({ manifests }) => manifests.filter(({ kind }) => !UNSEEN.has(kind))),
        ...late,
        ...secrets,
        ...pools(parts.flatMap(({ manifests }) => manifests)),
        ...cas(flavour),
      ];
      for (const controllerName of Object.values(CONTROLLER_NAMES)) {
        const { problems } = new ClusterLoader(controllerName).load(all as readonly object[] as readonly ClusterObject[], '1');
        const told = problems.map(({ resource, path, message }) => `${resource}: ${path}: ${message}`);
        expect(told.filter((line) => !line.includes('gateway-tls'))).toEqual([]);
      }
    }
  });
});

/** Any value will do: what a key is like is not looked at before it is used. */
function secretObject({
  namespace,
  name,
  values,
  type = 'Opaque',
}: {
  namespace: string;
  name: string;
  values: object;
  type?: string;
}): object {
  const data = Object.fromEntries(Object.keys(values).map((key) => [key, Buffer.from('value-'.concat(key)).toString('base64')]));
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, type, data };
}

/** KServe makes the pool of its own picker. */
function pools(manifests: readonly Manifest[]): object[] {
  return manifests
    .filter(({ kind }) => kind === 'LLMInferenceService')
    .map(({ metadata: { name, namespace } }) => ({
      apiVersion: 'inference.networking.k8s.io/v1',
      kind: 'InferencePool',
      metadata: { name: `${name}-inference-pool`, namespace },
      spec: { selector: { matchLabels: { a: 'b' } }, targetPorts: [{ number: 8000 }] },
    }));
}

/** The certificates that tier two of `other` is verified with. */
function cas(flavour: string): object[] {
  if (flavour !== 'other') return [];
  return [
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'models-ca', namespace: 'tierkit-tier-one' }, data: { 'ca.crt': 'PEM' } },
  ];
}
