import { at, containersOf, listAt, type Policy, selects, templateOf, text } from './policy.ts';

/** Pod Security, level restricted. @see https://kubernetes.io/docs/concepts/security/pod-security-standards/ */
export const restrictedPods: Policy = (manifest) => {
  const template = templateOf(manifest);
  if (template === undefined) return [];
  const pod = at(template, 'spec');
  const wrong: string[] = [];
  const ask = (holds: boolean, message: string) => {
    if (!holds) wrong.push(message);
  };
  ask(at(pod, 'securityContext', 'runAsNonRoot') === true, 'the pod has to say runAsNonRoot: true');
  ask(at(pod, 'securityContext', 'seccompProfile', 'type') === 'RuntimeDefault', 'the pod has to have seccompProfile RuntimeDefault');
  for (const field of ['hostNetwork', 'hostPID', 'hostIPC']) ask(at(pod, field) !== true, `${field} opens the node to the pod`);
  for (const volume of listAt(pod, 'volumes')) ask(!('hostPath' in volume), `volume ${text(volume['name'])} is a folder of the node`);
  for (const container of containersOf(manifest)) {
    const name = text(container['name']);
    const context = container['securityContext'];
    ask(at(context, 'allowPrivilegeEscalation') === false, `container ${name} has to say allowPrivilegeEscalation: false`);
    ask(at(context, 'privileged') !== true, `container ${name} is privileged`);
    ask(text(at(context, 'capabilities', 'drop')) === 'ALL', `container ${name} has to drop ALL capabilities`);
    ask(at(context, 'readOnlyRootFilesystem') === true, `container ${name} may write to its own programs: readOnlyRootFilesystem: true`);
    for (const port of listAt(container, 'ports')) ask(!('hostPort' in port), `container ${name} takes a port of the node`);
  }
  return wrong;
};

/** What runs may not change by itself. */
export const pinnedImages: Policy = (manifest) =>
  containersOf(manifest).flatMap(({ name, image }) => {
    const reference = text(image);
    if (/@sha256:[0-9a-f]{64}$/.test(reference)) return [];
    const tag = /:([^:/]+)$/.exec(reference)?.[1];
    return tag === undefined || tag === 'latest' ? [`container ${text(name)} runs ${reference}, which is another image tomorrow`] : [];
  });

/** What a pod may use. A limit of CPU throttles every request of a proxy. */
export const resourcesSet: Policy = (manifest) =>
  containersOf(manifest).flatMap(({ name, resources }) => [
    ...(['cpu', 'memory'] as const)
      .filter((kind) => at(resources, 'requests', kind) === undefined)
      .map((kind) => `container ${text(name)} requests no ${kind}`),
    ...(at(resources, 'limits', 'memory') === undefined ? [`container ${text(name)} may take all memory of its node`] : []),
    ...(at(resources, 'limits', 'cpu') === undefined
      ? []
      : [`container ${text(name)} has a limit of CPU, which makes it slow at its peaks`]),
  ]);

export const probesSet: Policy = (manifest) => {
  if (manifest.kind === 'Job') return [];
  return containersOf(manifest).flatMap((container) =>
    ['startupProbe', 'livenessProbe', 'readinessProbe']
      .filter((probe) => Object.keys(container[probe] ?? {}).length === 0)
      .map((probe) => `container ${text(container['name'])} has no ${probe}`),
  );
};

/** Streams under way end before their pod is killed. */
export const drains: Policy = (manifest) => {
  const grace = Number(at(templateOf(manifest), 'spec', 'terminationGracePeriodSeconds') ?? 30);
  return containersOf(manifest).flatMap((container) => {
    const name = text(container['name']);
    const preStop = Number(at(container, 'lifecycle', 'preStop', 'sleep', 'seconds') ?? 0);
    const args = listAt(container, 'args').map(text);
    const secondsOf = (name: string): number | undefined => {
      const found = args.map((arg) => new RegExp(`^--${name}=(\\d+)s$`).exec(arg)?.[1]).find((seconds) => seconds !== undefined);
      return found === undefined ? undefined : Number(found);
    };
    const drain = secondsOf('drain');
    const before = preStop + (secondsOf('unready') ?? 0);
    const isEmpty = container['lifecycle'] !== undefined && preStop === 0;
    return [
      ...(isEmpty ? [`container ${name} has a lifecycle that says nothing`] : []),
      ...(drain === undefined || grace > before + drain
        ? []
        : [`container ${name} drains for ${drain} s after ${before} s, and is killed after ${grace} s`]),
    ];
  });
};

/** A node that is emptied takes one pod at a time. */
export const disruptionBudgets: Policy = (manifest, { manifests }) => {
  if (manifest.kind !== 'Deployment' && manifest.kind !== 'StatefulSet') return [];
  const scaler = manifests.find(
    (other) =>
      (other.kind === 'HorizontalPodAutoscaler' || other.kind === 'ScaledObject') &&
      other.metadata.namespace === manifest.metadata.namespace &&
      at(other, 'spec', 'scaleTargetRef', 'name') === manifest.metadata.name,
  );
  const least =
    scaler === undefined
      ? Number(at(manifest, 'spec', 'replicas') ?? 1)
      : Number(at(scaler, 'spec', 'minReplicas') ?? at(scaler, 'spec', 'minReplicaCount') ?? 1);
  const labels = at(templateOf(manifest), 'metadata', 'labels');
  const budget = manifests.some(
    (other) =>
      other.kind === 'PodDisruptionBudget' &&
      other.metadata.namespace === manifest.metadata.namespace &&
      selects(at(other, 'spec', 'selector', 'matchLabels'), labels),
  );
  return [
    ...(least > 1 && !budget ? ['has several pods and no PodDisruptionBudget'] : []),
    ...(least <= 1 && budget ? ['has one pod and a PodDisruptionBudget: no node with it could be emptied'] : []),
    ...(scaler !== undefined && at(manifest, 'spec', 'replicas') !== undefined
      ? ['has a number of replicas beside an autoscaler: every apply would undo what that has decided']
      : []),
  ];
};

/** Selectors cannot be changed later, so they may not come of names of constructs. */
export const plainSelectors: Policy = (manifest) => {
  if (manifest.kind !== 'Deployment' && manifest.kind !== 'StatefulSet') return [];
  const selector = at(manifest, 'spec', 'selector', 'matchLabels');
  const labels = at(templateOf(manifest), 'metadata', 'labels');
  return [
    ...(selects(selector, labels) ? [] : ['its selector does not match its own pods']),
    ...(JSON.stringify(manifest).includes('cdk8s.io/metadata.addr') ? ['goes by a label that comes of the path of a construct'] : []),
  ];
};
