import type { Random } from '../../kserve/simulator/engine/random.ts';
import type { SimulatedPod } from '../../kserve/simulator/pod.ts';
import type { Failure } from '../../kserve/simulator/failures.ts';
import type { ScrapeFault } from './gateway.ts';
import type { Stage } from './traffic.ts';

export interface WorkloadSize {
  /** Instead of the workload's own number. */
  readonly podCount?: number;
  /** `shared-prefix` in all steps of the published ladder. @default four of them */
  readonly isFull?: boolean;
  /** Pods that compute prompts in no time, and have room for all: only where the workload {@link Workload.hasCeiling}. */
  readonly idealPods?: boolean;
}

/** Pods, what is sent to them, and what goes wrong. */
export interface Workload {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  readonly model: string;
  /** Whether input tokens a second say more than output tokens. */
  readonly isInputBound?: boolean;
  /** Gateways that do not know of each other; sessions take them in turn. @default 1 */
  readonly gateways?: number;
  /** Whether its pods can be had as ideal ones: what no choice of a pod can pass. */
  readonly hasCeiling?: boolean;
  pods(size: WorkloadSize, seed: number): readonly SimulatedPod[];
  stages(size: WorkloadSize, random: Random): readonly Stage[];
  /** Requests that the load generator has under way at most. @default no limit */
  maxConcurrency?(size: WorkloadSize): number;
  /** Sessions under way at most: others begin when one has ended. @default no limit */
  maxSessions?(size: WorkloadSize): number;
  /** What goes wrong with pods, by their number; times count from the start of the first stage that counts. */
  readonly failures?: ReadonlyMap<number, readonly Failure[]>;
  /** The same for scrapes. */
  readonly scrapeFault?: ScrapeFault;
}
