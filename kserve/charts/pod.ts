import { checkWhole, type Refuse } from './refusal.ts';

/** What is ours of a pod; the rest comes of KServe's preset, which its container `main` is merged with. */
export interface Pod {
  /** @default that of the preset */
  readonly image?: string;
  /** `VLLM_ADDITIONAL_ARGS` is what the presets hand on to vLLM. A shell reads it. */
  readonly env?: Readonly<Record<string, string>>;
  /** Both are requested; memory is a limit as well. @default those of the preset */
  readonly resources?: { readonly cpu: string; readonly memory: string };
  /** @default 0 */
  readonly gpus?: number;
  /** Extended resource that GPUs are counted by. @default nvidia.com/gpu */
  readonly gpuResource?: string;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly tolerations?: readonly Toleration[];
  readonly priorityClass?: string;
  readonly pullSecrets?: readonly string[];
  /** Number of the user. An image whose own user is a name, or root, needs it where root is refused. */
  readonly user?: number;
}

export interface Toleration {
  readonly key?: string;
  /** @default Equal */
  readonly operator?: 'Equal' | 'Exists';
  readonly value?: string;
  /** @default every effect */
  readonly effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
  /** Of NoExecute: for how long. @default forever */
  readonly tolerationSeconds?: number;
}

/**
 * `restricted`: what the restricted Pod Security Standard asks of a pod, said by ourselves. KServe's presets of several nodes add
 * capabilities (for RDMA) that merging does not take away: a namespace that enforces the standard needs presets of its own for those.
 * `preset`: nothing; whatever KServe's presets have.
 */
export type Security = 'restricted' | 'preset';

/** Of every pod of an object. */
export interface PodContext {
  readonly security: Security;
  /** Secret with `token`, of Hugging Face. */
  readonly tokenSecret: string | undefined;
}

// Not of the pod alone: some presets allow root for their container.
const RESTRICTED = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, runAsNonRoot: true } as const;

/** A PodSpec, as far as it is written here. */
export interface PodSpec {
  readonly containers: readonly [Readonly<Record<string, unknown>>];
  readonly [field: string]: unknown;
}

/** @param path such as `spec.template` */
export function podSpec(pod: Pod, { security, tokenSecret }: PodContext, path: string, refuse: Refuse): PodSpec {
  checkPod(pod, security, path, refuse);
  const { image, resources, nodeSelector, tolerations = [], priorityClass, pullSecrets = [] } = pod;
  const env = envOf(pod, tokenSecret);
  const gpu = gpuOf(pod);
  const hasGpu = Object.keys(gpu).length > 0;
  const main = {
    name: 'main',
    ...(image === undefined ? {} : { image }),
    ...(env.length === 0 ? {} : { env }),
    ...(resources === undefined && !hasGpu
      ? {}
      : { resources: { requests: { ...resources, ...gpu }, limits: { ...(resources && { memory: resources.memory }), ...gpu } } }),
    ...(security === 'restricted' ? { securityContext: RESTRICTED } : {}),
  };
  const ofPod = {
    ...(security === 'restricted' ? { runAsNonRoot: true } : {}),
    ...(pod.user === undefined ? {} : { runAsUser: pod.user }),
    ...(security === 'restricted' ? { seccompProfile: { type: 'RuntimeDefault' } } : {}),
  };
  return {
    ...(Object.keys(ofPod).length === 0 ? {} : { securityContext: ofPod }),
    containers: [main],
    ...(nodeSelector === undefined ? {} : { nodeSelector }),
    ...(tolerations.length === 0 ? {} : { tolerations }),
    ...(priorityClass === undefined ? {} : { priorityClassName: priorityClass }),
    ...(pullSecrets.length === 0 ? {} : { imagePullSecrets: pullSecrets.map((name) => ({ name })) }),
  };
}

function checkPod({ gpus, user, env = {}, tolerations = [] }: Pod, security: Security, path: string, refuse: Refuse): void {
  checkWhole(gpus, `${path}: gpus`, refuse, 0);
  checkWhole(user, `${path}.securityContext.runAsUser`, refuse, 0);
  if (user === 0 && security === 'restricted')
    refuse(`${path}.securityContext.runAsUser`, '0 is root, which the restricted Pod Security Standard refuses; give another user');
  if ('HF_TOKEN' in env) refuse(`${path}.containers[0].env`, 'HF_TOKEN would be read by whoever reads the object; use tokenSecret');
  for (const [index, { key, operator = 'Equal', value, effect, tolerationSeconds }] of tolerations.entries()) {
    const at = `${path}.tolerations[${index}]`;
    if (key === undefined && operator !== 'Exists') refuse(`${at}.key`, 'is required, but for operator Exists');
    if (value !== undefined && operator === 'Exists') refuse(`${at}.value`, 'is not looked at by operator Exists');
    if (tolerationSeconds !== undefined && effect !== 'NoExecute') refuse(`${at}.tolerationSeconds`, 'is for effect NoExecute alone');
  }
}

function envOf({ env = {} }: Pod, tokenSecret: string | undefined): object[] {
  return [
    ...(tokenSecret === undefined ? [] : [{ name: 'HF_TOKEN', valueFrom: { secretKeyRef: { name: tokenSecret, key: 'token' } } }]),
    ...Object.entries(env).map(([name, value]) => ({ name, value })),
  ];
}

function gpuOf({ gpus = 0, gpuResource = 'nvidia.com/gpu' }: Pod): Readonly<Record<string, string>> {
  return gpus === 0 ? {} : { [gpuResource]: String(gpus) };
}
