// For tests: platforms of every size and topology, and one with everything that can be switched on.
import type { ModelInput, SettingsInput } from '../settings/schema.ts';
import { readSettings, type Settings } from '../settings.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;
const IMAGE = { name: 'registry.example.com/tierkit', tag: '0.1.0' };

const SIMULATED: ModelInput = {
  namespace: 'models-demo',
  name: 'demo-small',
  runtime: 'simulator',
  loras: ['demo-small-sql'],
  speed: 10,
};

export const DEV: SettingsInput = { image: IMAGE, models: [SIMULATED] };

export const SMALL: SettingsInput = {
  size: 'small',
  image: IMAGE,
  tierOne: { clients: [{ name: 'app' }] },
  models: [
    SIMULATED,
    {
      namespace: 'models-demo',
      name: 'demo-large',
      runtime: 'simulator',
      picker: 'epp',
      release: { version: 'v2', weight: 10, replicas: 1 },
    },
  ],
};

export const PRODUCTION: SettingsInput = {
  size: 'production',
  image: { name: 'registry.example.com/tierkit', digest: DIGEST, pullSecrets: ['registry'] },
  tierOne: {
    clients: [{ name: 'web' }, { name: 'batch', key: { config: 'batchKey' } }],
    autoscaling: { inFlight: { target: 50 } },
    exposure: { tls: { hostname: 'ai.example.com', issuer: { name: 'letsencrypt' } } },
  },
  providers: [
    { name: 'openai', api: 'OpenAI', key: { config: 'openaiKey' }, models: [{ name: 'gpt-5' }, { name: 'llama-4', as: 'chat' }] },
    {
      name: 'anthropic',
      api: 'Anthropic',
      key: { external: { store: 'vault', key: 'ai/anthropic' } },
      models: [{ name: 'claude-opus-5' }],
    },
    {
      name: 'azure',
      api: 'AzureOpenAI',
      hostname: 'example.openai.azure.com',
      version: '2025-01-01-preview',
      key: { existing: 'azure-key' },
      models: [{ name: 'gpt-5' }],
    },
    { name: 'cohere', api: 'Cohere', key: { file: '/run/secrets/cohere' }, models: [{ name: 'rerank-4' }] },
  ],
  models: [
    {
      namespace: 'team-a',
      name: 'llama',
      runtime: 'vllm',
      source: 'meta-llama/Llama-4',
      model: 'llama-4',
      routes: ['chat', 'llama-4'],
      gpus: 2,
      tokenSecret: 'hf',
    },
    { namespace: 'team-b', name: 'qwen', runtime: 'kserve', source: 'hf://Qwen/Qwen4-8B', model: 'qwen-4' },
  ],
  observability: { operator: { enabled: true, labels: { release: 'prometheus' } }, runbooks: 'https://runbooks.example.com' },
  objectives: true,
  priorityClass: 'platform',
  storageClass: 'fast',
};

export const TWO_CLUSTERS = {
  topology: 'two-clusters',
  clusters: { gateway: { context: 'gateway' }, model: { context: 'models' } },
} satisfies Partial<SettingsInput>;

/** What no preset switches on. */
export const OTHER: SettingsInput = {
  ...PRODUCTION,
  tierOne: { open: true, autoscaling: { by: 'keda', inFlight: { target: 50 } }, readsSecrets: ['team-key'], accessLog: false },
  tierTwo: {
    autoscaling: { by: 'none' },
    exposure: { type: 'NodePort', tls: { hostname: 'models.example.com', caConfigMap: 'models-ca' } },
    address: 'models.example.com',
  },
  models: [
    {
      namespace: 'team-b',
      name: 'qwen',
      runtime: 'kserve',
      source: 'hf://Qwen/Qwen4-8B',
      picker: 'epp',
      gpus: 2,
      version: 'v2',
      release: { version: 'v3', source: 'hf://Qwen/Qwen5-8B' },
    },
  ],
  redis: { url: { existing: 'redis' } },
  observability: {
    ...PRODUCTION.observability,
    prometheus: { endpoint: 'https://prometheus.example.com' },
    jaeger: { endpoint: 'https://otlp.example.com' },
    phoenix: { mode: 'off' },
  },
  ...TWO_CLUSTERS,
};

/** Everything that can be said of a model of KServe. */
export const KSERVE: SettingsInput = {
  image: IMAGE,
  networkPolicies: { enabled: true },
  models: [
    {
      namespace: 'team-large',
      name: 'deepseek',
      model: 'deepseek-v4',
      runtime: 'kserve',
      source: 'hf://deepseek-ai/DeepSeek-V4',
      tokenSecret: 'hf',
      picker: 'epp',
      resources: { cpu: '32', memory: '512Gi' },
      kserve: {
        scaling: {
          by: 'keda',
          min: 2,
          max: 4,
          variantCost: 40,
          pollingSeconds: 5,
          idleReplicas: 1,
          fallback: { failures: 3, replicas: 2 },
        },
        parallelism: { data: 16, dataLocal: 8, expert: true },
        workers: { resources: { cpu: '16' } },
        nodeSelector: { 'nvidia.com/gpu.product': 'NVIDIA-H200' },
        tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' }],
        lora: {
          adapters: [
            { name: 'deepseek-sql', uri: 'hf://example/deepseek-sql' },
            { name: 'deepseek-law', uri: 's3://adapters/law' },
          ],
          maxRank: 32,
        },
        prefill: {
          scaling: { by: 'keda', max: 6, cooldownSeconds: 600 },
          parallelism: { tensor: 4, pipeline: 2 },
          resources: { memory: '256Gi' },
          nodeSelector: { 'nvidia.com/gpu.product': 'NVIDIA-L40S' },
        },
        cache: { size: '700Gi', nodeGroups: ['h200', 'l40s'] },
      },
    },
    {
      namespace: 'team-large',
      name: 'qwen',
      runtime: 'kserve',
      source: 'hf://Qwen/Qwen4-8B',
      kserve: { scaling: { by: 'hpa', max: 3, scaleDownSeconds: 600 } },
    },
    // At rest: tier two lets its requests wait.
    { namespace: 'team-large', name: 'rarely', runtime: 'kserve', source: 'pvc://weights/rarely', replicas: 0, gpus: 2 },
  ],
};

export const BARE: SettingsInput = {
  image: IMAGE,
  redis: { mode: 'none' },
  observability: { prometheus: { mode: 'off' }, jaeger: { mode: 'off' }, dashboards: false, alerts: false },
  networkPolicies: { enabled: false },
};

export const FLAVOURS: Readonly<Record<string, Settings>> = {
  dev: readSettings(DEV),
  'dev-two-clusters': readSettings({ ...DEV, ...TWO_CLUSTERS }),
  small: readSettings(SMALL),
  'small-two-clusters': readSettings({ ...SMALL, ...TWO_CLUSTERS }),
  production: readSettings(PRODUCTION),
  'production-two-clusters': readSettings({ ...PRODUCTION, ...TWO_CLUSTERS }),
  other: readSettings(OTHER),
  kserve: readSettings(KSERVE),
  bare: readSettings(BARE),
};
