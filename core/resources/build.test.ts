import { describe, expect, it } from 'vitest';

import { Builder } from './build.ts';
import { KINDS } from './kinds.ts';

const source = { file: 'a.yaml', document: 2, line: 7 };
const { build, move } = new Builder(KINDS);

function problemsOf(value: unknown): string[] {
  return build(value, source).problems.map(({ resource, path, message }) => `${resource} | ${path} | ${message}`);
}

const route = (metadata: unknown, spec: object = {}) => ({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata, spec });
const named = { name: 'r' };

describe('which kinds', () => {
  it.each<[string, unknown, string[]]>([
    ['text', 'hello', [' |  | the document is no object with apiVersion, kind and metadata']],
    ['a list', [1], [' |  | the document is no object with apiVersion, kind and metadata']],
    ['nothing', {}, [' | apiVersion | is required', ' | kind | is required']],
    ['no version', { kind: 'Secret', metadata: named }, ['Secret r | apiVersion | is required']],
    [
      'a kind that is misspelt',
      { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRout', metadata: { name: 'r', namespace: 'n' } },
      ['HTTPRout n/r | kind | HTTPRout of gateway.networking.k8s.io is not known; did you mean "HTTPRoute"?'],
    ],
    [
      'a kind like one without effect',
      { apiVersion: 'apps/v1', kind: 'Deploymnt' },
      [expect.stringContaining('did you mean "Deployment"?')],
    ],
    [
      'a kind like no other',
      { apiVersion: 'example.com/v1', kind: 'Zebra', metadata: named },
      ['Zebra r | kind | Zebra of example.com is not known'],
    ],
    [
      'the name of a kind in another group',
      { apiVersion: 'networking.istio.io/v1', kind: 'Gateway', metadata: named },
      ['Gateway r | apiVersion | Gateway of networking.istio.io is not known; did you mean gateway.networking.k8s.io/v1?'],
    ],
    [
      'the name of a core kind in another group',
      { apiVersion: 'serving.knative.dev/v1', kind: 'Service', metadata: named },
      ['Service r | apiVersion | Service of serving.knative.dev is not known; did you mean v1?'],
    ],
    [
      'a name that two groups have, in a third',
      { apiVersion: 'inference.networking.k8s.io/v1', kind: 'InferenceObjective', metadata: named },
      [
        'InferenceObjective r | apiVersion | InferenceObjective of inference.networking.k8s.io is not known; ' +
          'did you mean llm-d.ai/v1alpha2 or inference.networking.x-k8s.io/v1alpha2?',
      ],
    ],
    [
      'a name that two groups have, misspelt',
      { apiVersion: 'llm-d.ai/v1alpha2', kind: 'InferenceObjectives', metadata: named },
      ['InferenceObjectives r | kind | InferenceObjectives of llm-d.ai is not known; did you mean "InferenceObjective"?'],
    ],
    [
      'a kind of one group under the other, which has it not',
      { apiVersion: 'llm-d.ai/v1alpha2', kind: 'InferencePool', metadata: named },
      ['InferencePool r | apiVersion | InferencePool of llm-d.ai is not known; did you mean inference.networking.k8s.io/v1?'],
    ],
    [
      'a version of the one group of two',
      { apiVersion: 'inference.networking.x-k8s.io/v1', kind: 'InferenceObjective', metadata: named },
      ['InferenceObjective r | apiVersion | version v1 of InferenceObjective is not read; inference.networking.x-k8s.io/v1alpha2 is'],
    ],
    [
      'a version that is too new',
      { apiVersion: 'gateway.networking.k8s.io/v7', kind: 'HTTPRoute', metadata: named },
      [
        'HTTPRoute r | apiVersion | version v7 of HTTPRoute is not read; gateway.networking.k8s.io/v1 or gateway.networking.k8s.io/v1beta1 is',
      ],
    ],
    [
      'a core kind with a version that does not exist',
      { apiVersion: 'v2', kind: 'Secret', metadata: named },
      ['Secret r | apiVersion | version v2 of Secret is not read; v1 is'],
    ],
    [
      'a kind that would have an effect elsewhere',
      { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'GRPCRoute', metadata: named },
      ['GRPCRoute r | kind | GRPCRoute is not supported: gRPC is not routed; only HTTPRoute and AIGatewayRoute are'],
    ],
  ])('%s', (_name, value, problems) => {
    expect(problemsOf(value)).toEqual(problems);
    expect(build(value, source).resource).toBeUndefined();
  });

  it.each(['llm-d.ai', 'inference.networking.x-k8s.io'])('reads a kind of two groups by the definition of %s', (group) => {
    const document = { apiVersion: `${group}/v1alpha2`, kind: 'InferenceObjective', metadata: named };
    expect(build({ ...document, spec: { poolRef: { name: 'p' } } }, source).resource).toMatchObject({
      apiVersion: `${group}/v1alpha2`,
      body: { spec: { poolRef: { kind: 'InferencePool', name: 'p' } } },
    });
    expect(build(document, source).invalid).toEqual({ group, kind: 'InferenceObjective', namespace: 'default', name: 'r', targets: [] });
  });

  it('prefers the reason why a kind is refused to another group that has the name', () => {
    const taken = { ...KINDS[0]!, group: 'example.com', kind: 'TCPRoute' };
    const { problems } = new Builder([taken]).build({ apiVersion: 'gateway.networking.k8s.io/v1alpha2', kind: 'TCPRoute' }, source);
    expect(problems.map(({ message }) => message)).toEqual([
      'TCPRoute is not supported: TCP is not routed; only HTTPRoute and AIGatewayRoute are',
    ]);
  });

  it('names what has no effect, and keeps the labels of namespaces', () => {
    const labels = { team: 'a', weight: 3 };
    const built = build({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'n', labels } }, source);
    expect(built).toMatchObject({ ignored: 'Namespace n', namespace: { name: 'n', labels: { team: 'a' } }, problems: [] });
    expect(build({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd', namespace: 'n' } }, source)).toMatchObject({
      ignored: 'Deployment n/d',
      namespace: undefined,
      problems: [],
    });
  });
});

describe('metadata', () => {
  it.each<[string, unknown, string[]]>([
    ['none', undefined, ['HTTPRoute | metadata | is required']],
    ['text', 'r', ['HTTPRoute | metadata | is required']],
    ['no name', { namespace: 'n' }, ['HTTPRoute | metadata.name | is required']],
    ['a name to be made', { generateName: 'r-' }, ['HTTPRoute | metadata.name | is required: generateName makes names in a cluster only']],
    ['a name that is a number', { name: 5 }, ['HTTPRoute | metadata.name | must be text, not 5; put it into quotes']],
    [
      'a name in upper case',
      { name: 'My_Route' },
      ['HTTPRoute My_Route | metadata.name | "My_Route" is no name of a resource (a-z, 0-9, "-" and ".", up to 253)'],
    ],
    ['a name that is too long', { name: 'a'.repeat(254) }, [expect.stringContaining('is no name of a resource')]],
    ['a namespace with a dot', { name: 'r', namespace: 'a.b' }, ['HTTPRoute a.b/r | metadata.namespace | "a.b" is no name of a namespace']],
    ['a namespace that is a number', { name: 'r', namespace: 7 }, ['HTTPRoute r | metadata.namespace | 7 is no name of a namespace']],
    [
      'labels that are no texts',
      { name: 'r', labels: { a: 1 }, annotations: { b: true } },
      [
        'HTTPRoute r | metadata.labels | must be a map of texts; put numbers and booleans into quotes',
        'HTTPRoute r | metadata.annotations | must be a map of texts; put numbers and booleans into quotes',
      ],
    ],
  ])('%s', (_name, metadata, problems) => {
    expect(problemsOf(route(metadata))).toEqual(problems);
  });

  it('reads what a cluster prints, without what only a cluster has', () => {
    const { resource, problems } = build(
      {
        ...route({
          name: 'r',
          namespace: null,
          labels: null,
          creationTimestamp: null,
          uid: 'x',
          managedFields: [{}],
          annotations: { a: 'b' },
        }),
        status: { parents: [] },
      },
      source,
    );
    expect(problems).toEqual([]);
    expect(resource).toMatchObject({
      apiVersion: 'gateway.networking.k8s.io/v1',
      metadata: { name: 'r', namespace: 'default', labels: {}, annotations: { a: 'b' }, creationTimestamp: undefined },
      source,
    });
    expect(resource?.body).toEqual({ spec: { rules: [{ matches: [{ path: { type: 'PathPrefix', value: '/' } }] }] } });
  });

  it('gives a kind outside namespaces none, whatever the document says', () => {
    const { resource } = build(
      {
        apiVersion: 'gateway.networking.k8s.io/v1',
        kind: 'GatewayClass',
        metadata: { name: 'c', namespace: 'n' },
        spec: { controllerName: 'tierkit.dev/gateway' },
      },
      source,
    );
    expect(resource?.metadata.namespace).toBe('');
  });

  it('has no inherited labels or annotations', () => {
    const { resource } = build(route({ name: 'r', annotations: {} }), source);
    expect(resource?.metadata.annotations['constructor']).toBeUndefined();
  });
});

describe('values', () => {
  it('takes a field without a value for an absent one, at every depth, but not in lists', () => {
    const { resource, problems } = build(
      route(named, { hostnames: null, rules: [{ name: null, matches: [{ method: null, path: { value: '/a' } }], timeouts: null }] }),
      source,
    );
    expect(problems).toEqual([]);
    expect(resource?.body).toEqual({ spec: { rules: [{ matches: [{ path: { type: 'PathPrefix', value: '/a' } }] }] } });
    expect(problemsOf(route(named, { rules: [null] }))).toEqual(['HTTPRoute r | spec.rules[0] | must be object, not null']);
  });

  it('reports every problem of a document, and names it as one that is there', () => {
    const built = build(route({ name: 'r', namespace: 'n' }, { hostnams: ['a'], rules: [{ matches: [{ path: { value: 1 } }] }] }), source);
    expect(built.problems.map(({ path }) => path).sort()).toEqual(['spec.hostnams', 'spec.rules[0].matches[0].path.value']);
    expect([built.resource, built.invalid]).toMatchObject([
      undefined,
      { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'n', name: 'r', targets: [] },
    ]);
  });

  it.each([
    ['a version that is not read', { apiVersion: 'gateway.networking.k8s.io/v7', kind: 'HTTPRoute', metadata: named }],
    ['a bad namespace beside it', route({ name: 'r', namespace: 7 })],
  ])('names a document with %s as one that is there', (_name, value) => {
    expect(build(value, source).invalid).toMatchObject({
      group: 'gateway.networking.k8s.io',
      kind: 'HTTPRoute',
      namespace: 'default',
      name: 'r',
      targets: [],
    });
  });
});

it('moves to another place with its problems', () => {
  const there = { file: 'b.yaml', document: 1, line: 1 };
  const good = build(route(named), source);
  const moved = move(good, there);
  expect([moved.resource?.source, good.resource?.source]).toEqual([there, source]);
  expect(moved.resource?.body).toBe(good.resource?.body);
  expect(move(build({}, source), there).problems.map((problem) => problem.source)).toEqual([there, there]);
});
