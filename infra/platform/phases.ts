import type { Awaited } from '../charts/part.ts';
import type { ObjectArgs } from './kubernetes-resource.ts';

type Phase = 0 | 1 | 2 | 3 | 4;

/** The phase of kinds that are not simply there as soon as they are written, and of those that others are made of. */
const PHASES: Readonly<Record<string, Phase>> = {
  Namespace: 0,
  CustomResourceDefinition: 0,
  // The API server looks at the role: who may not give all leave may give what is in that role.
  RoleBinding: 2,
  ClusterRoleBinding: 2,
  // Behind the policies that say who may come by them.
  AIGatewayRoute: 3,
  HTTPRoute: 3,
  // These wait for each other: a Service for its pods, pods for their volumes.
  CronJob: 3,
  DaemonSet: 3,
  Deployment: 3,
  HorizontalPodAutoscaler: 3,
  Job: 3,
  PersistentVolumeClaim: 3,
  Pod: 3,
  ScaledObject: 3,
  Service: 3,
  StatefulSet: 3,
};
const OTHERS: Phase = 1;
const AWAITED: Phase = 4;

/**
 * Objects in the order in which they are made, and backwards deleted: namespaces and CRDs; what pods use, and all else that is there as
 * soon as it is written; bindings of roles; pods and what leads to them, routes included; custom resources that are ready only when pods
 * have seen them.
 */
export function phases<T extends ObjectArgs>(objects: readonly T[], awaited: readonly Awaited[] = []): T[][] {
  const found: T[][] = [[], [], [], [], []];
  for (const object of objects) {
    const phase = waitOf(object, awaited) === undefined ? (PHASES[object.kind] ?? OTHERS) : AWAITED;
    found[phase]!.push(object);
  }
  return found.filter((phase) => phase.length > 0);
}

/** Which condition of an object is waited for, if any. */
export function waitOf({ kind, metadata }: ObjectArgs, awaited: readonly Awaited[]): string | undefined {
  return awaited.find((each) => each.kind === kind && each.namespace === metadata.namespace && each.name === metadata.name)?.condition;
}
