import { expect, it } from 'vitest';

import { at } from '../policies/policy.ts';
import { fillModel } from '../settings/fill-models.ts';
import type { KServeInput } from '../settings/schema.ts';
import { quotaManifests } from './quota.ts';

const MODEL = { namespace: 'team', name: 'm', runtime: 'kserve', source: 'hf://a/b', resources: { cpu: '4', memory: '32Gi' } } as const;

function hard(kserve: KServeInput, versions = 1): { pods: number; gpus: number; cpu: number } {
  const model = fillModel({ ...MODEL, kserve }, 2);
  const [quota] = quotaManifests(
    'team',
    Array.from({ length: versions }, () => model),
  );
  const of = (name: string) => Number.parseFloat(String(at(quota, 'spec', 'hard', name)));
  // Without the small pods beside them.
  return { pods: of('pods') - 4, gpus: of('requests.nvidia.com/gpu'), cpu: of('requests.cpu') / 1000 - 0.4 };
}

it.each<[string, KServeInput, ReturnType<typeof hard>]>([
  ['replicas, and one for a roll', {}, { pods: 3, gpus: 3, cpu: 12 }],
  ['GPUs that parallelism takes', { parallelism: { tensor: 4 } }, { pods: 3, gpus: 12, cpu: 12 }],
  ['scaling to its top', { scaling: { by: 'hpa', max: 9 } }, { pods: 10, gpus: 10, cpu: 40 }],
  ['all nodes of each replica', { parallelism: { tensor: 8, pipeline: 3 } }, { pods: 9, gpus: 72, cpu: 36 }],
  [
    'workers of another size',
    { parallelism: { data: 16, dataLocal: 4 }, workers: { resources: { cpu: '1' } } },
    { pods: 12, gpus: 48, cpu: 3 * 4 + 9 },
  ],
  ['one node, with the preset of several', { parallelism: { data: 8, dataLocal: 8 }, workers: {} }, { pods: 3, gpus: 24, cpu: 12 }],
  [
    'prefill beside decode',
    { prefill: { scaling: { by: 'keda', max: 5 }, parallelism: { pipeline: 2 }, gpus: 2 } },
    { pods: 3 + 12, gpus: 3 + 24, cpu: 12 + 48 },
  ],
])('the quota has room for %s', (_, kserve, expected) => {
  expect(hard(kserve)).toEqual({ ...expected, cpu: expect.closeTo(expected.cpu) });
});

it('has room for two versions, and one replica of each kind more', () => {
  expect(hard({ prefill: { replicas: 3 } }, 2)).toMatchObject({ pods: 2 * 2 + 1 + 3 * 2 + 1 });
});

it('lets no container have more than the largest of them', () => {
  const model = fillModel({ ...MODEL, kserve: { prefill: { gpus: 8, resources: { memory: '128Gi' } } } }, 1);
  const [, range] = quotaManifests('team', [model]);
  expect(at(range, 'spec', 'limits', '0', 'max')).toEqual({ memory: '128Gi', 'nvidia.com/gpu': '8' });
});
