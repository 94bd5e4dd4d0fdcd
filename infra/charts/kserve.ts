import { llmInferenceService as build } from '../../kserve/charts/llm-inference-service.ts';
import type { Model } from '../settings.ts';
import type { Manifest } from './part.ts';

/** Labels that KServe gives to the model servers of an LLMInferenceService, besides its name. */
export const WORKLOAD_LABELS = { 'app.kubernetes.io/part-of': 'llminferenceservice', 'kserve.io/component': 'workload' } as const;
export const SCHEDULER_LABELS = { 'app.kubernetes.io/component': 'llminferenceservice-router-scheduler' } as const;

/** A model that KServe runs. Requests come by tier two: it makes no route. */
export function llmInferenceService(settings: Model): Manifest {
  const { name, namespace, model, source = '', replicas, resources, gpus, picker, tokenSecret, image } = settings;
  return build({
    name,
    namespace,
    model: { uri: source, name: model, ...(tokenSecret === undefined ? {} : { tokenSecret }) },
    replicas,
    ...(gpus > 1 ? { parallelism: { tensor: gpus } } : {}),
    ...(picker === 'epp' ? { router: { scheduler: 'kserve' } } : {}),
    pod: { resources, gpus, ...(image === undefined ? {} : { image }) },
    security: 'preset',
  });
}
