import { checkWhole, type Refuse } from './refusal.ts';

/**
 * Replicas as many as the Workload Variant Autoscaler asks for; HPA or KEDA, one of both, brings them about. The CRD knows no other
 * autoscaling, and none to zero: a model is put to rest by `replicas: 0`, and woken by hand.
 */
export interface Scaling {
  /** At least 1. @default 1 */
  readonly minReplicas?: number;
  readonly maxReplicas: number;
  /** What a replica costs, compared with other variants of the model: the cheapest one grows first. @default 10 */
  readonly variantCost?: number;
  readonly hpa?: HpaActuator;
  readonly keda?: KedaActuator;
}

export interface HpaActuator {
  /** How long fewer replicas have to do before there are fewer, in seconds. @default 300, of Kubernetes */
  readonly scaleDownSeconds?: number;
  /** The same for more replicas. @default 0, of Kubernetes */
  readonly scaleUpSeconds?: number;
}

/** @see {@link https://keda.sh/docs/2.18/reference/scaledobject-spec/} */
export interface KedaActuator {
  /** @default 30, of KEDA */
  readonly pollingSeconds?: number;
  /** @default 300, of KEDA */
  readonly cooldownSeconds?: number;
  /** @default 0, of KEDA */
  readonly initialCooldownSeconds?: number;
  /** Replicas while nothing triggers: at least 1 by the CRD, fewer than `minReplicas`. KEDA's own pages promise it for 0 alone. */
  readonly idleReplicas?: number;
  /** Replicas when the metric cannot be had. */
  readonly fallback?: KedaFallback;
}

export interface KedaFallback {
  /** Failures in a row. */
  readonly failures: number;
  readonly replicas: number;
  /** @default static */
  readonly behavior?: 'static' | 'currentReplicas' | 'currentReplicasIfHigher' | 'currentReplicasIfLower';
}

/** `spec.scaling`. */
export interface ScalingSpec {
  readonly minReplicas?: number;
  readonly maxReplicas: number;
  readonly wva: { readonly variantCost?: string; readonly hpa?: object; readonly keda?: object };
}

const NO_ZERO = 'this CRD does not autoscale to zero; put a model to rest by replicas: 0';

/** @param path such as `spec.scaling` */
export function scalingSpec(scaling: Scaling, path: string, refuse: Refuse): ScalingSpec {
  checkScaling(scaling, path, refuse);
  const { minReplicas, maxReplicas, variantCost, hpa, keda } = scaling;
  return {
    ...(minReplicas === undefined ? {} : { minReplicas }),
    maxReplicas,
    wva: {
      ...(variantCost === undefined ? {} : { variantCost: String(variantCost) }),
      ...(hpa === undefined ? {} : { hpa: hpaSpec(hpa) }),
      ...(keda === undefined ? {} : { keda: kedaSpec(keda) }),
    },
  };
}

function checkScaling({ minReplicas, maxReplicas, variantCost, hpa, keda }: Scaling, path: string, refuse: Refuse): void {
  if (minReplicas === 0) refuse(`${path}.minReplicas`, NO_ZERO);
  checkWhole(minReplicas, `${path}.minReplicas`, refuse);
  checkWhole(maxReplicas, `${path}.maxReplicas`, refuse);
  if (minReplicas !== undefined && minReplicas > maxReplicas)
    refuse(`${path}.minReplicas`, `${minReplicas} is more than maxReplicas, ${maxReplicas}`);
  const wva = `${path}.wva`;
  if (variantCost !== undefined && !/^\d+(\.\d+)?$/.test(String(variantCost)))
    refuse(`${wva}.variantCost`, `${variantCost} is no decimal number of at least 0`);
  if (hpa === undefined && keda === undefined) refuse(wva, 'hpa or keda has to bring the replicas about, and neither is given');
  if (hpa !== undefined && keda !== undefined) refuse(wva, 'has hpa and keda; two of them would undo what the other does');
  for (const [field, value] of [['scaleDown', hpa?.scaleDownSeconds] as const, ['scaleUp', hpa?.scaleUpSeconds] as const])
    // autoscaling/v2 takes no more than an hour.
    checkWhole(value, `${wva}.hpa.behavior.${field}.stabilizationWindowSeconds`, refuse, 0, 3600);
  if (keda !== undefined) checkKeda(keda, minReplicas, `${wva}.keda`, refuse);
}

function checkKeda(keda: KedaActuator, minReplicas: number | undefined, path: string, refuse: Refuse): void {
  const { idleReplicas, fallback } = keda;
  checkWhole(keda.pollingSeconds, `${path}.pollingInterval`, refuse);
  checkWhole(keda.cooldownSeconds, `${path}.cooldownPeriod`, refuse, 0);
  checkWhole(keda.initialCooldownSeconds, `${path}.initialCooldownPeriod`, refuse, 0);
  checkWhole(fallback?.failures, `${path}.fallback.failureThreshold`, refuse);
  checkWhole(fallback?.replicas, `${path}.fallback.replicas`, refuse, 0);
  if (idleReplicas === undefined) return;
  const idle = `${path}.idleReplicaCount`;
  if (idleReplicas === 0) refuse(idle, NO_ZERO);
  checkWhole(idleReplicas, idle, refuse);
  if (minReplicas === undefined) refuse(idle, 'needs minReplicas, as it has to be less');
  else if (idleReplicas >= minReplicas) refuse(idle, `${idleReplicas} is not less than minReplicas, ${minReplicas}`);
}

function hpaSpec({ scaleDownSeconds, scaleUpSeconds }: HpaActuator): object {
  const behavior = {
    ...(scaleDownSeconds === undefined ? {} : { scaleDown: { stabilizationWindowSeconds: scaleDownSeconds } }),
    ...(scaleUpSeconds === undefined ? {} : { scaleUp: { stabilizationWindowSeconds: scaleUpSeconds } }),
  };
  return Object.keys(behavior).length === 0 ? {} : { behavior };
}

function kedaSpec({ pollingSeconds, cooldownSeconds, initialCooldownSeconds, idleReplicas, fallback }: KedaActuator): object {
  return {
    ...(pollingSeconds === undefined ? {} : { pollingInterval: pollingSeconds }),
    ...(cooldownSeconds === undefined ? {} : { cooldownPeriod: cooldownSeconds }),
    ...(initialCooldownSeconds === undefined ? {} : { initialCooldownPeriod: initialCooldownSeconds }),
    ...(idleReplicas === undefined ? {} : { idleReplicaCount: idleReplicas }),
    ...(fallback === undefined ? {} : { fallback: fallbackSpec(fallback) }),
  };
}

function fallbackSpec({ failures, replicas, behavior }: KedaFallback): object {
  return { failureThreshold: failures, replicas, ...(behavior === undefined ? {} : { behavior }) };
}
