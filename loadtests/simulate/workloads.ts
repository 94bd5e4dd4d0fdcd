import { codeGeneration, multiTurn, noReuse, reasoning } from './conversations.ts';
import { sharedPrefix } from './shared-prefix.ts';
import { burst, multiLora } from './special.ts';
import { heterogeneous, podCrash, slowPod, staleMetrics, twoReplicas } from './trouble.ts';
import type { Workload } from './workload.ts';

export const WORKLOADS: readonly Workload[] = [
  sharedPrefix,
  codeGeneration,
  reasoning,
  multiTurn,
  noReuse,
  multiLora,
  burst,
  podCrash,
  slowPod,
  staleMetrics,
  heterogeneous,
  twoReplicas,
];
