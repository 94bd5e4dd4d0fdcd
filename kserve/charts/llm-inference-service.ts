import { type Model, type ModelSpec, modelSpec } from './model.ts';
import type { Security } from './pod.ts';
import { checkName, type Problem, problemsOf, type Refuse, refuser } from './refusal.ts';
import { type Router, type RouterSpec, routerSpec } from './router.ts';
import { type Workload, type WorkloadSpec, workloadSpec } from './workload.ts';

/** A model that KServe runs. Its own pods are those that do everything or, beside `prefill`, those that decode. */
export interface LLMInferenceServiceOptions extends Workload {
  readonly name: string;
  readonly namespace: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly model: Model;
  /** @default nothing of KServe: an InferencePool of others selects its pods */
  readonly router?: Router;
  /** Pods that only read prompts. The picker of the pool has to know of them: that of llm-d does. */
  readonly prefill?: Workload;
  /** @default restricted */
  readonly security?: Security;
}

/** `serving.kserve.io/v1alpha2`, as of KServe v0.20. */
// A type and no interface, so that it is also what takes any object of Kubernetes.
export type LLMInferenceService = {
  readonly apiVersion: 'serving.kserve.io/v1alpha2';
  readonly kind: 'LLMInferenceService';
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec: WorkloadSpec & { readonly model: ModelSpec; readonly router?: RouterSpec; readonly prefill?: WorkloadSpec };
};

/**
 * Pure. `spec.template` and `spec.worker` are merged into the preset that KServe picks by parallelism, workers and prefill.
 *
 * @throws ChartError for options that the API server or KServe's webhook would refuse, or that never could run
 * @example
 * llmInferenceService({
 *   namespace: 'models',
 *   name: 'qwen',
 *   model: { uri: 'hf://Qwen/Qwen4-8B', name: 'qwen-4', tokenSecret: 'hf' },
 *   replicas: 2,
 *   parallelism: { tensor: 2 },
 *   pod: { resources: { cpu: '8', memory: '64Gi' }, gpus: 2 },
 * });
 */
export function llmInferenceService(options: LLMInferenceServiceOptions): LLMInferenceService {
  return build(options, refuser(`LLMInferenceService ${options.namespace}/${options.name}`));
}

/** Everything for which {@link llmInferenceService} would refuse options, where that one ends with the first. */
export function llmInferenceServiceProblems(options: LLMInferenceServiceOptions): Problem[] {
  return problemsOf((refuse) => build(options, refuse));
}

function build(options: LLMInferenceServiceOptions, refuse: Refuse): LLMInferenceService {
  const { name, namespace, labels, model, router = {}, prefill, security = 'restricted' } = options;
  checkName(name, 'metadata.name', refuse);
  checkName(namespace, 'metadata.namespace', refuse);
  checkRoles(options, refuse);
  const context = { security, tokenSecret: model.tokenSecret };
  const routed = routerSpec(router, refuse);
  const { replicas, scaling, parallelism, ...pods } = workloadSpec(options, context, 'spec', refuse);
  return {
    apiVersion: 'serving.kserve.io/v1alpha2',
    kind: 'LLMInferenceService',
    metadata: { name, namespace, ...(labels === undefined ? {} : { labels }) },
    spec: {
      model: modelSpec(model, refuse),
      ...(replicas === undefined ? {} : { replicas }),
      ...(scaling === undefined ? {} : { scaling }),
      ...(parallelism === undefined ? {} : { parallelism }),
      ...(routed === undefined ? {} : { router: routed }),
      ...pods,
      ...(prefill === undefined ? {} : { prefill: workloadSpec(prefill, context, 'spec.prefill', refuse) }),
    },
  };
}

function checkRoles({ scaling, prefill, router }: LLMInferenceServiceOptions, refuse: Refuse): void {
  if (prefill === undefined) return;
  if (router?.scheduler === undefined)
    refuse('spec.prefill', 'nobody would send it prompts: give router.scheduler, whose picker names a prefill pod for each request');
  if (scaling === undefined || prefill.scaling === undefined) return;
  const [decodeBy, prefillBy] = [scaling, prefill.scaling].map(({ hpa }) => (hpa === undefined ? 'keda' : 'hpa'));
  if (decodeBy !== prefillBy)
    refuse('spec.prefill.scaling.wva', `decode scales by ${decodeBy} and prefill by ${prefillBy}; KServe takes one for both`);
}
