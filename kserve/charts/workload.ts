import { checkGpus, checkParallelism, type Parallelism } from './parallelism.ts';
import { type Pod, type PodContext, type PodSpec, podSpec } from './pod.ts';
import { checkWhole, type Refuse } from './refusal.ts';
import { type Scaling, type ScalingSpec, scalingSpec } from './scaling.ts';

/** Pods of one role: those that do everything, or decode, or prefill. */
export interface Workload {
  /** 0 puts it to rest. Not together with `scaling`. @default that of KServe */
  readonly replicas?: number;
  readonly scaling?: Scaling;
  /** Its size, the nodes of a replica, cannot be changed later. */
  readonly parallelism?: Parallelism;
  /** Of several nodes: the first. */
  readonly pod?: Pod;
  /** The other nodes of a replica. With it KServe makes a LeaderWorkerSet, whose controller has to be there. */
  readonly worker?: Pod;
}

export interface WorkloadSpec {
  readonly replicas?: number;
  readonly scaling?: ScalingSpec;
  readonly parallelism?: Parallelism;
  readonly template: PodSpec;
  readonly worker?: PodSpec;
}

/** @param path `spec` or `spec.prefill` */
export function workloadSpec(workload: Workload, context: PodContext, path: string, refuse: Refuse): WorkloadSpec {
  const { replicas, scaling, parallelism = {}, pod = {}, worker } = workload;
  checkWhole(replicas, `${path}.replicas`, refuse, 0);
  if (replicas !== undefined && scaling !== undefined)
    refuse(`${path}.replicas`, 'scaling decides how many replicas there are; give one of both');
  checkParallelism(workload.parallelism, worker !== undefined, path, refuse);
  checkGpus(parallelism, pod.gpus ?? 0, `${path}.template`, refuse);
  if (worker !== undefined) checkGpus(parallelism, worker.gpus ?? 0, `${path}.worker`, refuse);
  return {
    ...(replicas === undefined ? {} : { replicas }),
    ...(scaling === undefined ? {} : { scaling: scalingSpec(scaling, `${path}.scaling`, refuse) }),
    ...(Object.keys(parallelism).length === 0 ? {} : { parallelism }),
    template: podSpec(pod, context, `${path}.template`, refuse),
    ...(worker === undefined ? {} : { worker: podSpec(worker, context, `${path}.worker`, refuse) }),
  };
}
