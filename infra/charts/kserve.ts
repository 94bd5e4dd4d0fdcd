import { createHash } from 'node:crypto';

import { llmInferenceService as build, type LLMInferenceServiceOptions } from '../../kserve/charts/llm-inference-service.ts';
import { localModelCache, type LocalModelCacheOptions } from '../../kserve/charts/local-model-cache.ts';
import type { Pod } from '../../kserve/charts/pod.ts';
import type { Scaling } from '../../kserve/charts/scaling.ts';
import type { Workload } from '../../kserve/charts/workload.ts';
import type { KServe, KServePlacement, KServePods, KServePrefill, KServeScaling, Model } from '../settings.ts';
import type { Way } from './network.ts';
import type { Manifest } from './part.ts';

/** Labels that KServe gives to all pods of LLMInferenceServices, besides its name. */
const PART_OF = { 'app.kubernetes.io/part-of': 'llminferenceservice' } as const;
/** To its model servers: of several nodes the first, that of prefill too. */
export const WORKLOAD_LABELS = { ...PART_OF, 'kserve.io/component': 'workload' } as const;
export const SCHEDULER_LABELS = { 'app.kubernetes.io/component': 'llminferenceservice-router-scheduler' } as const;
/** Component of workers; behind it `-prefill` for those of prefill. */
const WORKERS = 'llminferenceservice-workload-worker';

/** A model that KServe runs. Requests come by tier two: it makes no route. */
export function llmInferenceService(settings: Model): Manifest {
  return build(serviceOptions(settings));
}

export function serviceOptions(settings: Model): LLMInferenceServiceOptions {
  const { name, namespace, model, source = '', picker, tokenSecret, image } = settings;
  const kserve = kserveOf(settings);
  const { lora, prefill } = kserve;
  return {
    name,
    namespace,
    model: { uri: source, name: model, ...(tokenSecret === undefined ? {} : { tokenSecret }), ...(lora === undefined ? {} : { lora }) },
    ...workloadOf({ ...settings, ...kserve }, image),
    ...(picker === 'epp' ? { router: { scheduler: 'kserve' } } : {}),
    ...(prefill === undefined ? {} : { prefill: workloadOf(prefill, image) }),
    security: 'preset',
  };
}

/** Of a model that KServe runs. */
export function kserveOf({ name, kserve }: Model): KServe {
  if (kserve === undefined) throw new Error(`${name} is not for KServe`);
  return kserve;
}

function workloadOf(of: KServePrefill, image: string | undefined): Workload {
  const { replicas, scaling, parallelism, workers } = of;
  const pod = (pods: KServePods) => podOf(pods, of, image);
  return {
    ...(scaling === undefined ? { replicas } : { scaling: scalingOf(scaling) }),
    ...(Object.keys(parallelism).length === 0 ? {} : { parallelism }),
    pod: pod(of),
    ...(workers === undefined ? {} : { worker: pod(workers) }),
  };
}

function podOf({ resources, gpus }: KServePods, { nodeSelector, tolerations }: KServePlacement, image: string | undefined): Pod {
  return {
    resources,
    gpus,
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
    tolerations,
    ...(image === undefined ? {} : { image }),
  };
}

function scalingOf({ min, max, variantCost, ...actuator }: KServeScaling): Scaling {
  const { by, ...how } = actuator;
  return { minReplicas: min, maxReplicas: max, ...(variantCost === undefined ? {} : { variantCost }), [by]: how };
}

/** Caches of what a model is made of, and of what a release of it is. */
export function cacheManifests(model: Model): Manifest[] {
  return cacheOptions(model).map(localModelCache);
}

/** The name comes of the source, as a cache cannot be given another one: through a release, and after it, what nodes have stays. */
export function cacheOptions({ namespace, name, source, release, kserve }: Model): LocalModelCacheOptions[] {
  const { cache } = kserve ?? {};
  if (cache === undefined) return [];
  const sources = new Set([source, release?.source].filter((each) => each !== undefined));
  const digest = (uri: string) => createHash('sha256').update(`${namespace} ${uri}`).digest('hex').slice(0, 8);
  return [...sources].map((uri) => ({ name: `${name}-${digest(uri)}`, uri, ...cache }));
}

/** Pods of a policy of their own. */
export interface PolicyPods {
  /** Of the policy: with a dot, as no model has one in its name. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** All nodes of replicas but the first. They are in no pool. */
export function workerPods({ name, kserve }: Model): PolicyPods[] {
  const labels = (component: string) => ({ 'app.kubernetes.io/name': name, ...PART_OF, 'app.kubernetes.io/component': component });
  return [
    ...(kserve?.workers === undefined ? [] : [{ name: `${name}.workers`, labels: labels(WORKERS) }]),
    ...(kserve?.prefill?.workers === undefined ? [] : [{ name: `${name}.prefill-workers`, labels: labels(`${WORKERS}-prefill`) }]),
  ];
}

/** Those with the sidecar that asks prefill pods, and the API for which pods those are. */
export function decodePods({ name, kserve }: Model): PolicyPods[] {
  if (kserve?.prefill === undefined) return [];
  return [{ name: `${name}.decode`, labels: { 'app.kubernetes.io/name': name, ...WORKLOAD_LABELS, 'llm-d.ai/role': 'decode' } }];
}

/**
 * Between the pods of one service, where there are several kinds: KV caches go from prefill to decode, and workers meet at their leader,
 * on ports that NIXL, NCCL and vLLM choose.
 */
export function waysBetween({ namespace, name, kserve }: Model): Way[] {
  if (kserve?.workers === undefined && kserve?.prefill === undefined) return [];
  const labels = { 'app.kubernetes.io/name': name, ...PART_OF };
  return [{ peers: [{ namespace, labels }], ports: [{ from: 1, to: 65_535 }] }];
}
