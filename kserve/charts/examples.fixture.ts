// For tests: objects with everything that can be said, by what they are an example of.
import { llmInferenceService, type LLMInferenceService } from './llm-inference-service.ts';
import { localModelCache, type LocalModelCache } from './local-model-cache.ts';

const MODEL = { uri: 'hf://Qwen/Qwen4-8B', name: 'qwen-4' };
const PLACE = { namespace: 'models' };
const GPU_NODES = {
  nodeSelector: { 'nvidia.com/gpu.product': 'NVIDIA-H200' },
  tolerations: [
    { key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' },
    { key: 'team', value: 'ai', effect: 'NoExecute', tolerationSeconds: 60 },
  ],
  priorityClass: 'inference',
  pullSecrets: ['registry'],
} as const;
const LARGE = { resources: { cpu: '32', memory: '256Gi' }, gpus: 8, ...GPU_NODES };

export const EXAMPLES: Readonly<Record<string, LLMInferenceService | LocalModelCache>> = {
  minimal: llmInferenceService({ ...PLACE, name: 'minimal', model: MODEL }),
  'at-rest': llmInferenceService({ ...PLACE, name: 'at-rest', model: MODEL, replicas: 0 }),
  'one-node': llmInferenceService({
    ...PLACE,
    name: 'one-node',
    labels: { team: 'ai' },
    model: { ...MODEL, tokenSecret: 'hf' },
    replicas: 2,
    parallelism: { tensor: 2, expert: true },
    router: { scheduler: 'kserve' },
    pod: {
      image: 'registry.example.com/vllm:1.0.0',
      env: { VLLM_ADDITIONAL_ARGS: '--max-model-len=32768' },
      resources: { cpu: '8', memory: '64Gi' },
      gpus: 2,
      user: 2000,
      ...GPU_NODES,
    },
  }),
  'cpu-of-preset': llmInferenceService({
    ...PLACE,
    name: 'cpu-of-preset',
    model: { uri: 'pvc://weights/qwen', name: 'qwen-4' },
    replicas: 1,
    parallelism: { tensor: 2 },
    pod: { resources: { cpu: '16', memory: '64Gi' } },
    security: 'preset',
  }),
  adapters: llmInferenceService({
    ...PLACE,
    name: 'adapters',
    model: {
      ...MODEL,
      lora: {
        adapters: [
          { name: 'sql', uri: 'hf://example/qwen-4-sql' },
          { name: 'law', uri: 's3://adapters/law' },
        ],
        maxRank: 32,
        maxAdapters: 2,
        maxCpuAdapters: 8,
      },
    },
    replicas: 1,
    pod: { gpus: 1, gpuResource: 'amd.com/gpu' },
  }),
  'own-picker': llmInferenceService({
    ...PLACE,
    name: 'own-picker',
    model: { uri: 's3://weights/qwen', name: 'qwen-4' },
    replicas: 2,
    router: { scheduler: { pool: 'qwen' }, gateways: [{ name: 'tier-two', namespace: 'tierkit-tier-two', listener: 'http' }] },
    pod: { gpus: 1 },
  }),
  'gateway-alone': llmInferenceService({
    ...PLACE,
    name: 'gateway-alone',
    model: MODEL,
    replicas: 1,
    router: { gateways: [{ name: 'shared', namespace: 'gateways' }] },
  }),
  'pipeline-of-nodes': llmInferenceService({
    ...PLACE,
    name: 'pipeline-of-nodes',
    model: { uri: 'oci://registry.example.com/weights:1', name: 'large' },
    replicas: 1,
    parallelism: { tensor: 8, pipeline: 2 },
    pod: LARGE,
    worker: LARGE,
  }),
  'experts-of-nodes': llmInferenceService({
    ...PLACE,
    name: 'experts-of-nodes',
    model: MODEL,
    replicas: 1,
    parallelism: { tensor: 1, data: 32, dataLocal: 8, dataRPCPort: 5600, expert: true },
    router: { scheduler: 'kserve' },
    pod: LARGE,
    worker: LARGE,
  }),
  'prefill-decode': llmInferenceService({
    ...PLACE,
    name: 'prefill-decode',
    model: { ...MODEL, tokenSecret: 'hf' },
    router: { scheduler: 'kserve' },
    parallelism: { tensor: 4 },
    scaling: { minReplicas: 2, maxReplicas: 6, variantCost: 40, hpa: { scaleDownSeconds: 600, scaleUpSeconds: 0 } },
    pod: { gpus: 4 },
    prefill: {
      scaling: { maxReplicas: 4, hpa: {} },
      parallelism: { data: 16, dataLocal: 8 },
      pod: LARGE,
      worker: LARGE,
    },
  }),
  'scaled-by-keda': llmInferenceService({
    ...PLACE,
    name: 'scaled-by-keda',
    model: MODEL,
    scaling: {
      minReplicas: 2,
      maxReplicas: 8,
      variantCost: 2.5,
      keda: {
        pollingSeconds: 5,
        cooldownSeconds: 120,
        initialCooldownSeconds: 60,
        idleReplicas: 1,
        fallback: { failures: 3, replicas: 4, behavior: 'currentReplicasIfHigher' },
      },
    },
    pod: { gpus: 1 },
  }),
  cache: localModelCache({
    name: 'qwen-4-8b',
    uri: 'hf://Qwen/Qwen4-8B',
    size: '18Gi',
    nodeGroups: ['h200', 'l40s'],
    serviceAccount: 'model-reader',
  }),
};
