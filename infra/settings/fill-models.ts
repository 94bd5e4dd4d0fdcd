import { fillKServe, gpusFor } from './fill-kserve.ts';
import type { ModelInput, ProviderInput, SecretReferenceInput } from './schema.ts';
import type { Model, Provider, ProviderApi, Resources, Runtime, SecretReference } from './settings.ts';

/** Where the API of a provider is. AzureOpenAI has a host for each customer. */
const HOSTNAMES: Readonly<Partial<Record<ProviderApi, string>>> = {
  OpenAI: 'api.openai.com',
  Anthropic: 'api.anthropic.com',
  Cohere: 'api.cohere.com',
};

const MODEL_RESOURCES: Readonly<Record<Runtime, Resources>> = {
  simulator: { cpu: '100m', memory: '256Mi' },
  vllm: { cpu: '4', memory: '32Gi' },
  kserve: { cpu: '4', memory: '32Gi' },
};

export function fillProvider(given: ProviderInput): Provider {
  const tls = given.tls ?? true;
  return {
    name: given.name,
    api: given.api,
    hostname: given.hostname ?? HOSTNAMES[given.api] ?? '',
    port: given.port ?? (tls ? 443 : 80),
    tls,
    ...(given.prefix === undefined ? {} : { prefix: given.prefix }),
    ...(given.version === undefined ? {} : { version: given.version }),
    ...(given.key === undefined ? {} : { key: secretOf(given.key) }),
    models: given.models.map(({ name, as }) => ({ name, as: as ?? name })),
  };
}

/** @param replicas where the model says nothing */
export function fillModel(given: ModelInput, replicas: number): Model {
  const model = given.model ?? given.name;
  const kserve = given.runtime === 'kserve' ? (given.kserve ?? {}) : undefined;
  const pods = {
    resources: { ...MODEL_RESOURCES[given.runtime], ...given.resources },
    gpus: given.gpus ?? (given.runtime === 'simulator' ? 0 : gpusFor(kserve?.parallelism)),
  };
  return {
    namespace: given.namespace,
    name: given.name,
    model,
    routes: given.routes ?? [model],
    runtime: given.runtime,
    replicas: given.replicas ?? replicas,
    picker: given.picker ?? 'built-in',
    loras: kserve?.lora?.adapters.map(({ name }) => name) ?? given.loras ?? [],
    ...pods,
    ...(given.source === undefined ? {} : { source: given.source }),
    ...(given.tokenSecret === undefined ? {} : { tokenSecret: given.tokenSecret }),
    ...(given.image === undefined ? {} : { image: given.image }),
    speed: given.speed ?? 1,
    args: given.args ?? [],
    ...(given.version === undefined ? {} : { version: given.version }),
    // Its pods come first, its requests when they are ready.
    ...(given.release === undefined ? {} : { release: { weight: 0, ...given.release } }),
    ...(kserve === undefined ? {} : { kserve: fillKServe(kserve, pods, replicas) }),
  };
}

/** @param given has one of its fields, which is checked apart */
export function secretOf({ config, file, existing, external }: SecretReferenceInput): SecretReference {
  if (config !== undefined) return { from: 'config', key: config };
  if (file !== undefined) return { from: 'file', path: file };
  if (existing !== undefined) return { from: 'existing', secret: existing };
  if (external !== undefined)
    return { from: 'external', store: external.store, storeKind: external.storeKind ?? 'ClusterSecretStore', key: external.key };
  return { from: 'config', key: '' };
}
