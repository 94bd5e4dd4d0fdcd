import { describe, expect, it } from 'vitest';

import { ClusterLoader, type ClusterObject } from '#core/resources/cluster-load';

import { faultsOf, WITHOUT_CRDS } from '../../observability/crds.fixture.ts';
import { FLAVOURS } from '../charts/flavours.fixture.ts';
import { CONTROLLER_NAMES } from '../charts/names.ts';
import type { Manifest, Part } from '../charts/part.ts';
import { platform } from '../charts/platform.ts';
import { NETWORK_POLICIES, POLICIES, violations, worldOf } from '../policies/all.ts';
import { at, listAt } from '../policies/policy.ts';
import { inNamespace } from './alerts.ts';
import type { Onboarding } from './onboard.ts';
import { ADS, KSERVE, onboardAll, PLATFORMS, SEARCH, VLLM } from './onboarding.fixture.ts';

const BUILT_IN = /^(v1|apps\/v1|policy\/v1|(rbac\.authorization|networking)\.k8s\.io\/v1)$/;
/** Of llm-d, and our own: their CRDs are not among those of others. */
const UNSEEN: ReadonlySet<string> = new Set(['InferenceObjective', 'Budget', 'PriceTable']);

const partsOf = (all: readonly Onboarding[]): Part[] => all.flatMap(({ model, gateway }) => [model, gateway]);
const places = (part: Part): Set<string> => new Set(part.manifests.flatMap(({ metadata }) => metadata.namespace ?? []));
const manifestsOf = (all: readonly Onboarding[]): Manifest[] => partsOf(all).flatMap(({ manifests }) => manifests);

function object({ model, gateway }: Onboarding, kind: string, name?: string): Manifest {
  const found = [...model.manifests, ...gateway.manifests].find(
    (each) => each.kind === kind && (name === undefined || each.metadata.name === name),
  );
  if (found === undefined) throw new Error(`there is no ${kind} ${name ?? ''}`);
  return found;
}

const dev = FLAVOURS['dev']!;
const [search, ads, maps, voice] = onboardAll(FLAVOURS['production']!, [SEARCH, ADS, VLLM, KSERVE]) as [
  Onboarding,
  Onboarding,
  Onboarding,
  Onboarding,
];

describe.each(PLATFORMS)('four teams on %s', (_, settings) => {
  const onboarded = onboardAll(settings);
  const parts = [...platform(settings), ...partsOf(onboarded)];
  const isOne = settings.topology === 'one-cluster';
  const clusters = isOne ? (['gateway'] as const) : (['gateway', 'model'] as const);

  it.skipIf(WITHOUT_CRDS)('pass the real schemas', { timeout: 60_000 }, () => {
    const custom = manifestsOf(onboarded).filter(({ apiVersion, kind }) => !BUILT_IN.test(apiVersion) && !UNSEEN.has(kind));
    expect(custom.length).toBeGreaterThan(12);
    expect(custom.flatMap((manifest) => faultsOf(manifest).map((fault) => `${manifest.kind} ${manifest.metadata.name}: ${fault}`))).toEqual(
      [],
    );
  });

  it.each(clusters)('keep every policy in the cluster %s', (cluster) => {
    const world = worldOf(parts, cluster, isOne);
    const policies = { ...POLICIES, ...(settings.networkPolicies.enabled ? NETWORK_POLICIES : {}) };
    expect(violations(world, policies)).toEqual([]);
  });

  it.each(clusters)('are what the tiers read in the cluster %s', (cluster) => {
    const here = partsOf(onboarded).filter((part) => isOne || part.cluster === cluster);
    const manifests = here.flatMap((part) => part.manifests) as readonly object[] as readonly ClusterObject[];
    for (const controllerName of Object.values(CONTROLLER_NAMES))
      expect(new ClusterLoader(controllerName).load(manifests, '1').problems).toEqual([]);
  });

  it('make each object once, and none that the platform makes', () => {
    const paths = parts.flatMap(({ cluster, manifests, secrets }) => [
      ...manifests.map(({ kind, metadata: { namespace, name } }) => `${cluster} ${kind} ${namespace} ${name}`),
      ...secrets.map(({ namespace, name }) => `${cluster} Secret ${namespace} ${name}`),
    ]);
    expect(paths.filter((path, index) => paths.indexOf(path) !== index)).toEqual([]);
  });

  it('put nothing into the namespace of another team, nor of tier two', () => {
    for (const { model, gateway } of onboarded) {
      const own = model.manifests.find(({ kind }) => kind === 'Namespace')!.metadata.name;
      const alerts = settings.observability.operator === false ? [] : [settings.namespaces.observability];
      const boards = settings.observability.dashboards ? [settings.namespaces.observability] : [];
      expect([...places(model)].sort()).toEqual([own, ...alerts].sort());
      expect([...places(gateway)].sort()).toEqual([settings.namespaces.tierOne, ...boards].sort());
    }
  });

  it('say whose everything is', () => {
    for (const { model, gateway } of onboarded) {
      const labels = [...model.manifests, ...gateway.manifests].map((manifest) => manifest.metadata.labels?.['tierkit.dev/owner']);
      expect(new Set(labels).size).toBe(1);
      expect(labels[0]).toMatch(/^team-/);
    }
  });
});

describe('the set of the models', () => {
  it('lets a team take its pods and one more, GPUs included, and no way around tier one', () => {
    expect(at(object(maps, 'ResourceQuota'), 'spec', 'hard')).toEqual({
      pods: '6',
      'requests.cpu': '8400m',
      'requests.memory': `${64 * 1024 + 1024}Mi`,
      'limits.memory': `${64 * 1024 + 1024}Mi`,
      'requests.nvidia.com/gpu': '8',
      'services.loadbalancers': '0',
      'services.nodeports': '0',
    });
    const [limits] = listAt(object(maps, 'LimitRange'), 'spec', 'limits');
    expect(limits).toMatchObject({ default: { 'nvidia.com/gpu': '0' }, max: { 'nvidia.com/gpu': '4', memory: '32Gi' } });
    // A limit of CPU would throttle; where there is a most of it, there would be one.
    expect(at(limits, 'max', 'cpu') ?? at(limits, 'default', 'cpu')).toBeUndefined();
  });

  it('gives the team no Secret, no rights to give, and nothing by which it could take the traffic of others', () => {
    const rules = object(search, 'Role', 'team')['rules'] as readonly { resources: string[]; verbs: string[] }[];
    const may = (resource: string) => rules.filter(({ resources }) => resources.includes(resource)).flatMap(({ verbs }) => verbs);
    for (const resource of ['secrets', 'roles', 'rolebindings', 'configmaps', 'pods/exec', 'pods/portforward', '*'])
      expect(may(resource)).toEqual([]);
    for (const resource of ['aigatewayroutes', 'inferencepools', 'networkpolicies', 'resourcequotas'])
      expect(may(resource)).toEqual(['get', 'list', 'watch']);
    expect(object(search, 'RoleBinding', 'team')['subjects']).toEqual([
      { apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'team-search' },
    ]);
  });

  it('has no reference that crosses namespaces and would need a grant', () => {
    for (const manifest of manifestsOf([search, ads, maps, voice])) {
      const refs = listAt(manifest, 'spec', 'rules').flatMap((rule) => listAt(rule, 'backendRefs'));
      expect(refs.filter((ref) => 'namespace' in ref)).toEqual([]);
    }
  });

  it('has the objectives of the pool, and pods of KServe with an account of their own', () => {
    expect(object(search, 'InferenceObjective', 'batch')['spec']).toMatchObject({ priority: -10, poolRef: { name: 'search' } });
    const service = object(voice, 'LLMInferenceService');
    expect(service['spec']).toMatchObject({
      model: { uri: 'hf://acme/voice-8b', name: 'acme/voice-8b' },
      template: { serviceAccountName: 'voice', automountServiceAccountToken: false },
    });
    expect(at(object(voice, 'InferencePool'), 'spec', 'selector', 'matchLabels', 'app.kubernetes.io/name')).toBe('voice');
  });

  it('has alerts of its own pool alone, with the owner on them', () => {
    const [group] = listAt(object(search, 'PrometheusRule'), 'spec', 'groups');
    const rules = listAt(group, 'rules');
    expect(rules.length).toBeGreaterThan(3);
    for (const rule of rules) {
      const expr = String(rule['expr']);
      const metrics = expr.match(/(llm_d_epp|tierkit)_[a-z_]+/g)!;
      expect(expr.match(/pool_namespace="search"/g)).toHaveLength(metrics.length);
      expect(at(rule, 'labels', 'owner')).toBe('team-search');
    }
    expect(() => object(onboardAll(dev, [SEARCH])[0]!, 'PrometheusRule')).toThrow('there is no PrometheusRule');
  });

  it('keeps the selectors of a query', () => {
    expect(inNamespace('rate(tierkit_a_total{x="y"}[1m]) / tierkit_b', 'n')).toBe(
      'rate(tierkit_a_total{pool_namespace="n",x="y"}[1m]) / tierkit_b{pool_namespace="n"}',
    );
  });
});

describe('the set of tier one', () => {
  it('is about its own route alone', () => {
    for (const kind of ['SecurityPolicy', 'BackendTrafficPolicy', 'Budget'])
      expect(listAt(object(search, kind), 'spec', 'targetRefs').map(({ name }) => name)).toEqual(['team-search']);
    const [rule] = listAt(object(search, 'AIGatewayRoute', 'team-search'), 'spec', 'rules');
    expect(rule).toMatchObject({ backendRefs: [{ name: 'tier-two' }] });
    expect(JSON.stringify(rule!['matches'])).toContain('"search-8b"');
  });

  it('has the route behind its policies', () => {
    const kinds = search.gateway.manifests.map(({ kind }) => kind);
    expect(kinds.indexOf('AIGatewayRoute')).toBeGreaterThan(kinds.indexOf('SecurityPolicy'));
    expect(kinds.indexOf('AIGatewayRoute')).toBeGreaterThan(kinds.indexOf('BackendTrafficPolicy'));
  });

  it('lets the tier and its controller read the keys of the team, and no others', () => {
    expect(object(search, 'Role', 'team-search-keys')['rules']).toEqual([
      { apiGroups: [''], resources: ['secrets'], resourceNames: ['team-search-keys'], verbs: ['get', 'list', 'watch'] },
    ]);
    expect(search.gateway.manifests.filter(({ kind }) => kind === 'Secret')).toEqual([]);
  });

  it('has no limit and no budget that nobody asked for', () => {
    const kinds = maps.gateway.manifests.map(({ kind }) => kind);
    for (const kind of ['BackendTrafficPolicy', 'Budget', 'PriceTable']) expect(kinds).not.toContain(kind);
  });

  it('has a dashboard of the pool alone, whose id Grafana takes', () => {
    const [[file, json] = ['', '']] = Object.entries(object(search, 'ConfigMap')['data'] as Record<string, string>);
    expect(file).toBe('team-search.json');
    expect(json).toContain(String.raw`pool_namespace=\"search\"`);
    expect(json).not.toContain('$pool_namespace');
    const longest = onboardAll(FLAVOURS['production']!, [{ ...ADS, name: 'a'.repeat(35) }])[0]!;
    expect(object(longest, 'ConfigMap').metadata.name.slice('dashboard-'.length).length).toBeLessThanOrEqual(40);
  });
});
