import type { Model } from '../settings.ts';
import type { Manifest } from './part.ts';

/** Labels that KServe gives to the model servers of an LLMInferenceService, besides its name. */
export const WORKLOAD_LABELS = { 'app.kubernetes.io/part-of': 'llminferenceservice', 'kserve.io/component': 'workload' } as const;
export const SCHEDULER_LABELS = { 'app.kubernetes.io/component': 'llminferenceservice-router-scheduler' } as const;

/** A model that KServe runs. Requests come by tier two: it makes no route. */
export function llmInferenceService({
  name,
  namespace,
  model,
  source = '',
  replicas,
  resources,
  gpus,
  picker,
  tokenSecret,
}: Model): Manifest {
  const { cpu, memory } = resources;
  const gpu = gpus === 0 ? {} : { 'nvidia.com/gpu': String(gpus) };
  const token = { name: 'HF_TOKEN', valueFrom: { secretKeyRef: { name: tokenSecret, key: 'token' } } };
  const main = {
    name: 'main',
    ...(tokenSecret === undefined ? {} : { env: [token] }),
    resources: { requests: { cpu, memory, ...gpu }, limits: { memory, ...gpu } },
  };
  return {
    apiVersion: 'serving.kserve.io/v1alpha2',
    kind: 'LLMInferenceService',
    metadata: { name, namespace },
    spec: {
      model: { uri: source, name: model },
      replicas,
      ...(gpus > 1 ? { parallelism: { tensor: gpus } } : {}),
      ...(picker === 'epp' ? { router: { scheduler: {} } } : {}),
      template: { containers: [main] },
    },
  };
}
