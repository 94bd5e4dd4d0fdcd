import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { beforeAll, expect, test } from 'vitest';

import { ManifestSet } from './manifest-set.ts';
import { isSecret, open, type Registered, runProgram } from './program.fixture.ts';

const inNamespace = (apiVersion: string, kind: string, name: string, rest = {}) => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'team' },
  ...rest,
});
const OBJECTS = [
  inNamespace('gateway.networking.k8s.io/v1', 'Gateway', 'models', { spec: {} }),
  inNamespace('apps/v1', 'Deployment', 'tier', { spec: { replicas: 2 } }),
  inNamespace('v1', 'Service', 'tier'),
  inNamespace('v1', 'Secret', 'keys', { stringData: { plain: 'sk-1', later: pulumi.output('sk-2') } }),
  inNamespace('gateway.networking.k8s.io/v1', 'HTTPRoute', 'models', { spec: {} }),
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } },
];

let registered: Registered[];
let twice: unknown;
let homeless: unknown;

beforeAll(async () => {
  registered = await runProgram(async () => {
    const provider = new k8s.Provider('one', { context: 'one' });
    const set = new ManifestSet(
      'part',
      { objects: OBJECTS, awaited: [{ kind: 'Gateway', namespace: 'team', name: 'models', condition: 'Programmed' }] },
      { provider },
    );
    const dependsOn = [set];
    void new ManifestSet('after', { objects: [inNamespace('v1', 'ConfigMap', 'after')] }, { provider, dependsOn });
    homeless = caught(() => new ManifestSet('homeless', { objects: OBJECTS }, {}));
    twice = caught(() => new ManifestSet('twice', { objects: [OBJECTS[5]!, OBJECTS[5]!] }, { provider }));
  });
});

const byName = (name: string) => registered.find((each) => each.name === name)!;
const namesBefore = (name: string) =>
  byName(name)
    .dependencies.map((urn) => urn.split('::').at(-1)!)
    .toSorted((a, b) => a.localeCompare(b));

function caught(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return (error as Error).message;
  }
}

test('every object is a resource with the token that its class in @pulumi/kubernetes has', () => {
  const tokens = registered.filter(({ name }) => name.startsWith('part:')).map(({ type, name }) => [name, type]);
  expect(Object.fromEntries(tokens)).toEqual({
    'part:Namespace/team': 'kubernetes:core/v1:Namespace',
    'part:Secret/team/keys': 'kubernetes:core/v1:Secret',
    'part:HTTPRoute/team/models': 'kubernetes:gateway.networking.k8s.io/v1:HTTPRoute',
    'part:Deployment/team/tier': 'kubernetes:apps/v1:Deployment',
    'part:Service/team/tier': 'kubernetes:core/v1:Service',
    'part:Gateway/team/models': 'kubernetes:gateway.networking.k8s.io/v1:Gateway',
  });
  expect(byName('part:Deployment/team/tier').inputs).toEqual(OBJECTS[1]);
  expect(byName('part:Deployment/team/tier').urn).toBe(
    'urn:pulumi:test::tierkit::tierkit:index:ManifestSet$kubernetes:apps/v1:Deployment::part:Deployment/team/tier',
  );
});

test('each phase waits for the one before it, and a set for the whole of another', () => {
  expect(namesBefore('part:Namespace/team')).toEqual([]);
  expect(namesBefore('part:Secret/team/keys')).toEqual(['part:Namespace/team']);
  expect(namesBefore('part:Deployment/team/tier')).toEqual(['part:Secret/team/keys']);
  expect(namesBefore('part:Service/team/tier')).toEqual(['part:Secret/team/keys']);
  expect(namesBefore('part:HTTPRoute/team/models')).toEqual(['part:Secret/team/keys']);
  expect(namesBefore('part:Gateway/team/models')).toEqual([
    'part:Deployment/team/tier',
    'part:HTTPRoute/team/models',
    'part:Service/team/tier',
  ]);
  const ofPart = registered.filter(({ name }) => name.startsWith('part:')).map(({ name }) => name);
  expect(namesBefore('after:ConfigMap/team/after')).toEqual(expect.arrayContaining(ofPart));
});

test('what is awaited says so to the provider, and nothing else does', () => {
  expect(byName('part:Gateway/team/models').inputs['metadata']).toEqual({
    name: 'models',
    namespace: 'team',
    annotations: { 'pulumi.com/waitFor': 'condition=Programmed' },
  });
  expect(JSON.stringify(byName('part:HTTPRoute/team/models').inputs)).not.toContain('pulumi.com');
});

test('contents of a Secret are secret, plain ones as well', () => {
  const { stringData, metadata } = byName('part:Secret/team/keys').inputs;
  expect(isSecret(stringData)).toBe(true);
  expect(open(stringData)).toMatchObject({ plain: 'sk-1' });
  expect(isSecret(metadata)).toBe(false);
});

test('a set without a cluster, or with an object twice, is refused', () => {
  expect(homeless).toBe('ManifestSet "homeless" has no provider: give the cluster as opts.provider; no default cluster is ever used');
  expect(twice).toBe('ManifestSet "twice" has Namespace/team twice');
  expect(registered.filter(({ custom, provider }) => custom && !provider.startsWith('urn:'))).toMatchObject([{ name: 'one' }]);
});
