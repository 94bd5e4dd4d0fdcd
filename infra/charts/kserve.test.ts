import { describe, expect, it } from 'vitest';

import { EXAMPLES } from '../../kserve/charts/examples.fixture.ts';
import { faultsOf, WITHOUT_CRDS } from '../../observability/crds.fixture.ts';

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
