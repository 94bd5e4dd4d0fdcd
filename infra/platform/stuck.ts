import type { ContainerState, Owner, PodObject } from './trouble.ts';

/** Why pods of a Deployment do not get ready. */
export interface Stuck {
  /** The same as long as it is the same trouble of the same ReplicaSet. */
  readonly key: string;
  /** The same for troubles that are mended together. */
  readonly cause: string;
  readonly line: string;
  /** Waiting may do. */
  readonly mayHeal: boolean;
  /** Name of a Secret of the namespace that is not there. */
  readonly secret?: string;
}

export interface ReplicaSetObject {
  readonly metadata: {
    readonly name: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly Owner[];
  };
  readonly spec?: { readonly replicas?: number };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[] };
}

type Cause = 'image' | 'config' | 'start';

/** Reasons of waiting that pods do not leave by themselves. */
const CAUSES: Readonly<Record<string, Cause>> = {
  ErrImagePull: 'image',
  ImagePullBackOff: 'image',
  InvalidImageName: 'image',
  ErrImageNeverPull: 'image',
  CreateContainerConfigError: 'config',
  CreateContainerError: 'start',
  RunContainerError: 'start',
  StartError: 'start',
};
/** A registry, or a node, that has too much to do, or is away for a moment. */
const PASSING =
  /toomanyrequests|[Tt]oo [Mm]any [Rr]equests|timeout|timed out|deadline exceeded|connection re(set|fused)|unexpected EOF|: 50[0-4] [A-Z]|is reserved for/;
/** What an admission controller refuses for what the pod is, not for what the cluster is at. */
const REFUSED =
  /exceeded quota|failed quota|violates PodSecurity|(maximum|minimum) \S+ usage per (Container|Pod) is|limit to request ratio per/;
const REVISION = 'deployment.kubernetes.io/revision';
/** With the back-off of the kubelet, two minutes and a half: what a container waits for may come so late. */
const MOST_RESTARTS = 4;

/**
 * What keeps the pods of a Deployment from getting ready. Only those of its newest ReplicaSet count: older ones are on their way out.
 * @param pods of the namespace
 * @param replicaSets of the namespace
 */
export function stuckIn(
  namespace: string,
  deployment: string,
  pods: readonly PodObject[],
  replicaSets: readonly ReplicaSetObject[],
): Stuck[] {
  const newest = replicaSets
    .filter(({ metadata }) => isOf(metadata.ownerReferences, 'Deployment', deployment))
    .toSorted((a, b) => revisionOf(b) - revisionOf(a))[0];
  if (newest === undefined || newest.spec?.replicas === 0) return [];
  const own = pods.filter(
    ({ metadata }) => metadata.deletionTimestamp === undefined && isOf(metadata.ownerReferences, 'ReplicaSet', newest.metadata.name),
  );
  const key = `${namespace}/${newest.metadata.name}`;
  // A quota is free again when those that go have gone.
  const areGoing = pods.some(({ metadata }) => metadata.deletionTimestamp !== undefined);
  return [...refusedPods(namespace, deployment, newest, areGoing), ...own.flatMap((pod) => stuckPod(namespace, key, pod))];
}

function isOf(owners: readonly Owner[] = [], kind: string, name: string): boolean {
  return owners.some((owner) => owner.kind === kind && owner.name === name);
}

function revisionOf({ metadata }: ReplicaSetObject): number {
  return Number(metadata.annotations?.[REVISION] ?? 0);
}

/** Pods that cannot even be made. */
function refusedPods(namespace: string, deployment: string, { metadata, status }: ReplicaSetObject, areGoing: boolean): Stuck[] {
  const failure = status?.conditions?.find(({ type, status: is }) => type === 'ReplicaFailure' && is === 'True');
  if (failure === undefined) return [];
  const { message = '' } = failure;
  const key = `create ${namespace}/${metadata.name}`;
  const mayHeal = !REFUSED.test(message) || (areGoing && message.includes('exceeded quota'));
  return [{ key, cause: key, line: `deployment ${namespace}/${deployment}: no pod can be made: ${message}`, mayHeal }];
}

function stuckPod(namespace: string, key: string, { metadata, status = {} }: PodObject): Stuck[] {
  const pod = `pod ${namespace}/${metadata.name}`;
  const unscheduled = status.conditions?.find(({ type, status: is }) => type === 'PodScheduled' && is === 'False');
  if (unscheduled !== undefined) {
    const line = `${pod}: is on no node: ${unscheduled.message}`;
    // An autoscaler may bring one.
    return [{ key: `node ${key}`, cause: `node ${key}`, line, mayHeal: true }];
  }
  const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  return containers.flatMap((container) => stuckContainer(namespace, pod, key, container));
}

function stuckContainer(namespace: string, pod: string, of: string, container: ContainerState): Stuck[] {
  const { name, image, state, restartCount = 0, lastState } = container;
  const { reason, message } = reasonOf(container);
  const cause = CAUSES[reason];
  const mayHeal = PASSING.test(message);
  const key = `${cause ?? reason} ${of}/${name}`;
  if (cause === 'image')
    return [{ key, cause: `image ${image}`, line: `${pod}: image ${image} cannot be pulled: ${message || reason}`, mayHeal }];
  if (cause === 'config') {
    const secret = /^secret "([^"]+)" not found/.exec(message)?.[1];
    const line = `${pod}: container ${name} cannot be made: ${message}`;
    return [{ key, cause: `config ${namespace} ${message}`, line, mayHeal, ...(secret === undefined ? {} : { secret }) }];
  }
  if (cause === 'start') return [{ key, cause: key, line: `${pod}: container ${name} cannot be started: ${message || reason}`, mayHeal }];
  if (state?.waiting?.reason !== 'CrashLoopBackOff') return [];
  const { reason: how, exitCode } = lastState?.terminated ?? {};
  const line = `${pod}: container ${name} ends again and again (restarted ${restartCount} times; it ended with ${how}, exit code ${exitCode})`;
  return [{ key, cause: key, line, mayHeal: restartCount < MOST_RESTARTS }];
}

/** Between two tries the kubelet says only that it waits; why is in how the last one ended. */
function reasonOf({ state, lastState }: ContainerState): { readonly reason: string; readonly message: string } {
  const { reason = '', message = '' } = state?.waiting ?? state?.terminated ?? {};
  const last = lastState?.terminated;
  if (reason === 'CrashLoopBackOff' && last?.reason !== undefined && last.reason in CAUSES)
    return { reason: last.reason, message: last.message ?? '' };
  return { reason, message };
}
