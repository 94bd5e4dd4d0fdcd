import { describe, expect, it } from 'vitest';

import { EXAMPLES } from '../../kserve/charts/examples.fixture.ts';
import { faultsOf, WITHOUT_CRDS } from '../../observability/crds.fixture.ts';
import { at, listAt, selects } from '../policies/policy.ts';
import type { Model } from '../settings.ts';
import { FLAVOURS } from './flavours.fixture.ts';
import { cacheOptions, SCHEDULER_LABELS, WORKLOAD_LABELS } from './kserve.ts';
import { modelParts } from './models.ts';
import type { Manifest } from './part.ts';
import { platform } from './platform.ts';

// The CRD of LocalModelCache is not among those that are here; that it has these fields was read in KServe's repository.
const SEEN = Object.entries(EXAMPLES).filter(([, { kind }]) => kind !== 'LocalModelCache');

describe.skipIf(WITHOUT_CRDS)('the real CRD of LLMInferenceService', { timeout: 60_000 }, () => {
  it.each(SEEN)('takes %s', (_, object) => {
    expect(faultsOf(object)).toEqual([]);
  });

  it.each([
    ['triggers of KEDA', { scaling: { maxReplicas: 2, keda: { triggers: [] } } }],
    ['zero replicas at least', { scaling: { minReplicas: 0, maxReplicas: 2, wva: {} } }],
    ['an idle count of zero', { scaling: { maxReplicas: 2, wva: { keda: { idleReplicaCount: 0 } } } }],
    ['a field of a pod that is none', { template: { containers: [{ name: 'main', gpus: 1 }] } }],
  ])('has no %s', (_, spec) => {
    const object = EXAMPLES['minimal']!;
    expect(faultsOf({ ...object, spec: { ...object.spec, ...spec } })).toHaveLength(1);
  });
});

describe('network policies of a service with workers and prefill', () => {
  const policies = modelParts(FLAVOURS['kserve']!).flatMap(({ manifests }) => manifests.filter(({ kind }) => kind === 'NetworkPolicy'));

  const PODS = {
    decode: pod('workload-leader', 'decode'),
    workers: pod('workload-worker'),
    prefill: pod('workload-leader-prefill', 'prefill'),
    prefillWorkers: pod('workload-worker-prefill'),
  };
  const KINDS = Object.entries(PODS);
  const OTHERS = { ...WORKLOAD_LABELS, 'app.kubernetes.io/name': 'qwen', 'llm-d.ai/role': 'both' };

  it.each(KINDS.flatMap(([from, one]) => KINDS.map(([to, other]) => [from, to, one, other] as const)))(
    'let %s reach %s',
    (_, __, one, other) => {
      for (const port of [5600, 8000, 40_000]) expect(reaches(one, other, port)).toBe(true);
    },
  );

  it('let nobody of another service in, nor the picker to more than it asks', () => {
    const picker = { ...pod('router-scheduler'), ...SCHEDULER_LABELS };
    for (const [, labels] of KINDS) {
      expect(reaches(OTHERS, labels, 8000)).toBe(false);
      expect(reaches(labels, OTHERS, 8000)).toBe(false);
      expect(reaches(picker, labels, 5600)).toBe(false);
    }
    expect(reaches(picker, PODS.prefill, 8000)).toBe(true);
  });

  it('let every pod fetch weights, and only those that decode ask the API', () => {
    for (const [, labels] of KINDS) expect(ports(labels)).toContain(443);
    expect(KINDS.filter(([, labels]) => ports(labels).includes(6443)).map(([kind]) => kind)).toEqual(['decode']);
  });

  it('are as before for a service of one kind of pods', () => {
    const own = policies.filter((policy) => selects(at(policy, 'spec', 'podSelector', 'matchLabels'), OTHERS));
    expect(own.map(({ metadata }) => metadata.name)).toEqual(['qwen']);
    expect(reaches(OTHERS, OTHERS, 5600)).toBe(false);
  });

  const about = (labels: object): Manifest[] =>
    policies.filter((policy) => selects(at(policy, 'spec', 'podSelector', 'matchLabels'), labels));
  /** To addresses. */
  const ports = (labels: object) =>
    about(labels)
      .flatMap((policy) => listAt(policy, 'spec', 'egress'))
      .filter((rule) => listAt(rule, 'to').some((peer) => 'ipBlock' in peer))
      .flatMap((rule) => listAt(rule, 'ports').map(({ port }) => port));

  function reaches(from: object, to: object, port: number): boolean {
    const out = about(from).flatMap((policy) => listAt(policy, 'spec', 'egress'));
    const into = about(to).flatMap((policy) => listAt(policy, 'spec', 'ingress'));
    return out.some((rule) => passes(rule, 'to', to, port)) && into.some((rule) => passes(rule, 'from', from, port));
  }
});

describe('the cache of a model', () => {
  const model = FLAVOURS['kserve']!.models[0]!;
  const names = (changes: Partial<Model>) => cacheOptions({ ...model, ...changes }).map(({ name }) => name);
  const [own] = names({});

  it('keeps its name through a release and after it, and is another one for other weights', () => {
    const [, next] = names({ release: { version: 'v2', weight: 0, source: 'hf://deepseek-ai/DeepSeek-V5' } });
    expect(names({ release: { version: 'v2', weight: 0 } })).toEqual([own]);
    expect(names({ version: 'v2', source: 'hf://deepseek-ai/DeepSeek-V5' })).toEqual([next]);
    expect(next).not.toBe(own);
  });

  it('is not that of another namespace', () => {
    expect(names({ namespace: 'team-other' })).not.toEqual([own]);
  });

  it('has no namespace', () => {
    const [cache] = modelParts(FLAVOURS['kserve']!).flatMap(({ manifests }) => manifests.filter(({ kind }) => kind === 'LocalModelCache'));
    expect(cache?.metadata).toMatchObject({ name: own });
    expect(cache?.metadata).not.toHaveProperty('namespace');
  });
});

it('names of adapters are routed at both tiers', () => {
  const parts = modelParts(FLAVOURS['kserve']!).concat(platform(FLAVOURS['kserve']!).filter(({ name }) => name === 'tier-one-routes'));
  for (const { manifests } of parts) {
    const routes = manifests.filter(({ kind }) => kind === 'AIGatewayRoute');
    expect(JSON.stringify(routes)).toContain('"deepseek-sql"');
  }
});

// As KServe v0.20 labels its pods (workload_single_node.go, workload_multi_node.go): workers are in no pool.
function pod(component: string, role?: 'decode' | 'prefill'): Readonly<Record<string, string>> {
  return {
    'app.kubernetes.io/name': 'deepseek',
    'app.kubernetes.io/part-of': 'llminferenceservice',
    'app.kubernetes.io/component': `llminferenceservice-${component}`,
    ...(role === undefined ? {} : { 'kserve.io/component': 'workload', 'llm-d.ai/role': role }),
  };
}

function passes(rule: object, side: 'from' | 'to', labels: object, port: number): boolean {
  return (
    listAt(rule, side).some((peer) => selects(at(peer, 'podSelector', 'matchLabels'), labels)) &&
    listAt(rule, 'ports').some((each) => port >= Number(each['port']) && port <= Number(each['endPort'] ?? each['port']))
  );
}
