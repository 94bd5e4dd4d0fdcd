import { gpusOf, nodesOf, type Parallelism } from '../../kserve/charts/parallelism.ts';
import type { KServeInput, KServePodsInput, KServePrefillInput, KServeScalingInput } from './schema.ts';
import type { KServe, KServePods, KServePrefill, KServeScaling, Model } from './settings.ts';

/** What a model says of its own pods. */
type Pods = Pick<Model, 'resources' | 'gpus'>;

/** @param replicas of prefill, where it says nothing */
export function fillKServe(given: KServeInput, pods: Pods, replicas: number): KServe {
  const { scaling, parallelism, workers, prefill, lora, nodeSelector, tolerations = [], cache } = given;
  const filled: KServe = {
    ...(scaling === undefined ? {} : { scaling: scalingOf(scaling) }),
    ...nodesOfReplica(parallelism, workers, pods),
    ...(lora === undefined ? {} : { lora }),
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
    tolerations,
    ...(cache === undefined ? {} : { cache }),
  };
  return prefill === undefined ? filled : { ...filled, prefill: prefillOf(prefill, filled, pods, replicas) };
}

function prefillOf(given: KServePrefillInput, { nodeSelector, tolerations }: KServe, pods: Pods, replicas: number): KServePrefill {
  const { scaling, parallelism, workers } = given;
  const own = { resources: { ...pods.resources, ...given.resources }, gpus: given.gpus ?? gpusFor(parallelism, pods.gpus) };
  const selector = given.nodeSelector ?? nodeSelector;
  return {
    replicas: given.replicas ?? replicas,
    ...(scaling === undefined ? {} : { scaling: scalingOf(scaling) }),
    ...own,
    ...nodesOfReplica(parallelism, workers, own),
    ...(selector === undefined ? {} : { nodeSelector: selector }),
    tolerations: given.tolerations ?? tolerations,
  };
}

/** As many GPUs as parallelism takes of a pod, where it says so. @param otherwise 0: pods that run on CPUs, whatever shares a layer */
export function gpusFor(parallelism: Parallelism = {}, otherwise = 1): number {
  const says = parallelism.tensor !== undefined || parallelism.dataLocal !== undefined;
  return says && otherwise > 0 ? gpusOf(parallelism) : otherwise;
}

function nodesOfReplica(
  given: Parallelism = {},
  workers: KServePodsInput | undefined,
  pods: Pods,
): Pick<KServe, 'parallelism' | 'workers'> {
  const tensor = pods.gpus / (given.dataLocal ?? 1);
  const parallelism = given.tensor !== undefined || tensor <= 1 || !Number.isInteger(tensor) ? given : { ...given, tensor };
  if (workers === undefined && nodesOf(parallelism) <= 1) return { parallelism };
  return { parallelism, workers: workersOf(workers, pods) };
}

function workersOf(given: KServePodsInput | undefined, { resources, gpus }: Pods): KServePods {
  return { resources: { ...resources, ...given?.resources }, gpus: given?.gpus ?? gpus };
}

/** What is of the other of both is left out, and told of by the rules. */
function scalingOf({ by, min = 1, max, variantCost, ...given }: KServeScalingInput): KServeScaling {
  const { scaleDownSeconds, scaleUpSeconds, ...keda } = given;
  const scale = { min, max, ...(variantCost === undefined ? {} : { variantCost }) };
  if (by === 'keda') return { by, ...scale, ...keda };
  return {
    by,
    ...scale,
    ...(scaleDownSeconds === undefined ? {} : { scaleDownSeconds }),
    ...(scaleUpSeconds === undefined ? {} : { scaleUpSeconds }),
  };
}
