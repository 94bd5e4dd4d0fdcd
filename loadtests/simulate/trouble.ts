import { MODEL, H100, podsOf } from './pods.ts';
import type { Profile } from '../../kserve/simulator/engine/profile.ts';
import { sharedPrefixStages } from './shared-prefix.ts';
import type { Stage } from './traffic.ts';
import type { Random } from '../../kserve/simulator/engine/random.ts';
import type { Workload, WorkloadSize } from './workload.ts';

/** The prompts of `shared-prefix` at a rate that eight pods carry if most prompts are found in a cache. */
const RATE = 12;

function steady({ podCount = 8 }: WorkloadSize, random: Random, rate = RATE): readonly Stage[] {
  return sharedPrefixStages(
    random,
    [
      { rate: rate * 0.9, durationS: 70, isWarmUp: true },
      { rate, durationS: 90 },
    ],
    podCount,
  );
}

export const podCrash: Workload = {
  name: 'pod-crash',
  summary:
    'one pod runs out of memory under load (its streams are lost) and is back after 30 s with an empty cache; prompts of shared-prefix, 12/s',
  model: MODEL,
  failures: new Map([[1, [{ kind: 'oom', fromMs: 30_000, restartMs: 30_000 }]]]),
  pods: (size, seed) => podsOf(size.podCount ?? 8, seed),
  stages: steady,
};

export const slowPod: Workload = {
  name: 'slow-pod',
  summary: 'one pod becomes four times slower and stays so; prompts of shared-prefix, 12/s',
  model: MODEL,
  failures: new Map([[2, [{ kind: 'slow', factor: 4, fromMs: 15_000 }]]]),
  pods: (size, seed) => podsOf(size.podCount ?? 8, seed),
  stages: steady,
};

export const staleMetrics: Workload = {
  name: 'stale-metrics',
  summary: 'half of the scrapes fail, the others tell what was 30 s ago; prompts of shared-prefix, 12/s',
  model: MODEL,
  scrapeFault: (pod) => (pod % 2 === 0 ? 'fails' : { oldMs: 30_000 }),
  pods: (size, seed) => podsOf(size.podCount ?? 8, seed),
  stages: steady,
};

/** Half as fast as {@link H100}, with three quarters of the cache: an older machine, invented. */
const OLDER: Profile = {
  ...H100,
  name: 'half-as-fast',
  times: {
    baseMs: H100.times.baseMs * 1.6,
    perPrefillTokenMs: H100.times.perPrefillTokenMs * 2.2,
    perDecodeSequenceMs: H100.times.perDecodeSequenceMs * 1.6,
    perContextTokenMs: H100.times.perContextTokenMs * 1.8,
    perPrefillPairMs: H100.times.perPrefillPairMs * 2.2,
  },
  kvTokens: 230_496,
};

export const heterogeneous: Workload = {
  name: 'heterogeneous',
  summary: 'half of the pods have machines that are half as fast, with three quarters of the cache; prompts of shared-prefix, 8/s',
  model: MODEL,
  pods: (size, seed) => podsOf(size.podCount ?? 8, seed, (index) => (index % 2 === 1 ? { profile: OLDER } : {})),
  stages: (size, random) => steady(size, random, 8),
};

export const twoReplicas: Workload = {
  name: 'two-replicas',
  summary: 'two gateways that do not know of each other; prompts of shared-prefix, 12/s',
  model: MODEL,
  gateways: 2,
  pods: (size, seed) => podsOf(size.podCount ?? 8, seed),
  stages: steady,
};
