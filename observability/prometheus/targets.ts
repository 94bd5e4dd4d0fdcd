import type { TierName } from '#core/telemetry/metrics/definition';

/** Labels by which Prometheus finds pods and Services. Charts put them on; {@link labelsOf} says which. */
export const NAME_LABEL = 'app.kubernetes.io/name';
export const COMPONENT_LABEL = 'app.kubernetes.io/component';
/** On pods of model servers: the InferencePool that they belong to, in their namespace. */
export const POOL_LABEL = 'tierkit.dev/pool';
/** On a Service without a selector, whose EndpointSlice names gateways that do not run in this cluster: `"true"`. */
export const OUTSIDE_LABEL = 'tierkit.dev/outside';

export type Role = 'tier-one' | 'tier-two' | 'epp' | 'model-server';

export interface Target {
  /** Value of `job`. Alerts go by jobs that begin with `tierkit`. */
  readonly job: string;
  /** Value of `tier`, as the process itself says in `tierkit_build_info`; model servers are of none. */
  readonly tier?: TierName;
  /** Name of the container's port, and of the Service's. */
  readonly portName: string;
  /** Where it listens unless told otherwise. */
  readonly port: number;
  /**
   * Whether labels of the process stand before those of its pod. The picker's metrics have `pod` and `endpoint`, which are those of
   * the model servers; the operator would have them renamed. Model servers are strangers, who may not say who they are.
   */
  readonly honorLabels: boolean;
}

export const TARGETS: Readonly<Record<Role, Target>> = {
  'tier-one': { job: 'tierkit-tier-one', tier: 'one', portName: 'admin', port: 1064, honorLabels: true },
  'tier-two': { job: 'tierkit-tier-two', tier: 'two', portName: 'admin', port: 1065, honorLabels: true },
  epp: { job: 'tierkit-epp', tier: 'epp', portName: 'admin', port: 1066, honorLabels: true },
  'model-server': { job: 'vllm', portName: 'http', port: 8000, honorLabels: false },
};

export const ROLES = Object.keys(TARGETS) as readonly Role[];

/** Labels that the pods of a role must carry to be found. */
export function labelsOf(role: Role): Readonly<Record<string, string>> {
  // A model server has a name of its own: `vllm`, or that of an LLMInferenceService.
  return role === 'model-server' ? { [COMPONENT_LABEL]: role } : { [NAME_LABEL]: 'tierkit', [COMPONENT_LABEL]: role };
}
