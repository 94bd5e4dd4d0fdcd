import type { Model, Settings } from '../settings.ts';
import { imageReference } from './image.ts';
import { WORKLOAD_LABELS } from './kserve.ts';
import { type PodLabels, podLabels } from './labels.ts';
import { MODEL_PORT } from './names.ts';
import type { Sheet } from './sheet.ts';
import { addWorkload, type WorkloadOptions } from './workload.ts';

/** Labels of the pods of a model: the selector of its pool. */
export function modelLabels(settings: Settings, model: Model): Readonly<Record<string, string>> {
  return model.runtime === 'kserve' ? { 'app.kubernetes.io/name': model.name, ...WORKLOAD_LABELS } : ownLabels(settings, model);
}

function ownLabels(settings: Settings, { name }: Model): PodLabels {
  return podLabels(settings, name, 'model-server');
}

/** Pods of the simulator or of vLLM. */
export function addModelServer(sheet: Sheet, settings: Settings, model: Model): void {
  const how = model.runtime === 'vllm' ? vllm(settings, model) : simulator(settings, model);
  addWorkload(sheet, settings, {
    name: model.name,
    labels: ownLabels(settings, model),
    // By it Prometheus knows the pool of a pod.
    moreLabels: { 'tierkit.dev/pool': model.name },
    ports: { http: MODEL_PORT },
    resources: { ...model.resources, gpus: model.gpus },
    replicas: model.replicas,
    live: { path: '/health', port: MODEL_PORT },
    ready: { path: '/health', port: MODEL_PORT },
    drainSeconds: settings.tierTwo.drainSeconds,
    leaves: 'by waiting',
    priorityClass: undefined,
    ...how,
  });
}

type Runtime = Pick<WorkloadOptions, 'image' | 'args' | 'env' | 'mounts' | 'startTries'>;

function simulator(settings: Settings, { model, image = imageReference(settings.image), speed, loras, args }: Model): Runtime {
  return {
    image,
    args: [
      'sim',
      '--host=0.0.0.0',
      `--port=${MODEL_PORT}`,
      `--model=${model}`,
      `--speed=${speed}`,
      ...loras.map((name) => `--lora=${name}`),
      ...args,
    ],
  };
}

/** Weights are loaded, and kernels compiled, before it answers: half an hour of two-second tries. */
const VLLM_TRIES = 900;
const CACHE = '/cache';

/** Adapters are named by the settings and loaded by `args` (`--lora-modules`): only their owner knows where they are. */
function vllm({ images }: Settings, { model, source = model, image = images.vllm, gpus, loras, args, tokenSecret }: Model): Runtime {
  return {
    image,
    args: [
      `--model=${source}`,
      `--served-model-name=${model}`,
      `--port=${MODEL_PORT}`,
      ...(gpus > 1 ? [`--tensor-parallel-size=${gpus}`] : []),
      ...(loras.length > 0 ? ['--enable-lora'] : []),
      ...args,
    ],
    env: {
      HOME: CACHE,
      HF_HOME: `${CACHE}/huggingface`,
      VLLM_CACHE_ROOT: `${CACHE}/vllm`,
      TRITON_CACHE_DIR: `${CACHE}/triton`,
      TORCHINDUCTOR_CACHE_DIR: `${CACHE}/torch`,
      ...(tokenSecret === undefined ? {} : { HF_TOKEN: { secret: tokenSecret, key: 'token' } }),
    },
    mounts: [
      { path: CACHE, empty: '512Gi' },
      // Where the processes of a tensor-parallel model meet.
      { path: '/dev/shm', empty: '8Gi', memory: true },
    ],
    startTries: VLLM_TRIES,
  };
}
