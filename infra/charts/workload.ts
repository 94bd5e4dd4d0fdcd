import { createHash } from 'node:crypto';

import { Duration, Size } from 'cdk8s';

import { kplus } from '../k8s.ts';
import type { Autoscaling, Resources, Settings } from '../settings.ts';
import { autoscale } from './autoscaling.ts';
import type { PodLabels } from './labels.ts';
import { addDisruptionBudget } from './objects.ts';
import type { Sheet } from './sheet.ts';

/** Where the value of an environment variable comes from. */
export type EnvSource =
  | string
  | { readonly field: 'metadata.name' | 'metadata.namespace' }
  | { readonly secret: string; readonly key: string }
  | { readonly configMap: string; readonly key: string };

/** What a container sees at a path. */
export type Mount = { readonly path: string } & (
  | { readonly secret: string }
  | { readonly configMap: string }
  | { readonly claim: string }
  /** Size of an empty folder. */
  | { readonly empty: string; readonly memory?: boolean }
);

export type Probe = { readonly path: string; readonly port: number } | { readonly command: readonly string[] } | { readonly tcp: number };

export interface WorkloadOptions {
  readonly name: string;
  /** Of the pods; the selector. */
  readonly labels: PodLabels;
  /** Of the pods, besides those of the selector. */
  readonly moreLabels?: Readonly<Record<string, string>>;
  readonly image: string;
  /** @default that of the image */
  readonly command?: readonly string[];
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, EnvSource>>;
  readonly ports: Readonly<Record<string, number>>;
  readonly mounts?: readonly Mount[];
  /** Text that it reads when it starts, and not again: a change makes new pods. */
  readonly startsWith?: string;
  readonly resources: Resources & { readonly gpus?: number };
  readonly replicas: number;
  readonly autoscaling?: Autoscaling;
  /** Answers as soon as the process lives. */
  readonly live: Probe;
  readonly ready: Probe;
  /** Until it lives: tries, every two seconds. @default 60 */
  readonly startTries?: number;
  /** Seconds that requests under way have after SIGTERM. */
  readonly drainSeconds: number;
  /**
   * How its pods leave their Service or Gateway before they stop: they do it by themselves within {@link LEAVE_SECONDS} after SIGTERM, or
   * SIGTERM waits for so long. False: they take no traffic.
   */
  readonly leaves: 'by itself' | 'by waiting' | false;
  /** Whether it asks the API of Kubernetes. */
  readonly apiAccess?: boolean;
  /** @default 65532 */
  readonly user?: number;
  /** Volumes of one pod alone: the old pod ends before the new one starts. */
  readonly recreate?: boolean;
  /** @default that of the settings */
  readonly priorityClass?: string | undefined;
}

/** Endpoints are taken out of Services and load balancers while SIGTERM is already under way: a pod that waits loses no request. */
export const LEAVE_SECONDS = 5;
/** For what is still to be written at the end. */
const AFTER_DRAIN_SECONDS = 5;
const CONFIG_HASH = 'tierkit.dev/config-hash';

/** A Deployment by the house rules, with its service account, disruption budget and autoscaler. */
export function addWorkload(sheet: Sheet, settings: Settings, options: WorkloadOptions): void {
  const { name, labels, autoscaling = { by: 'none' }, replicas, leaves, drainSeconds, recreate = false } = options;
  const { chart } = sheet;
  void new kplus.ServiceAccount(chart, `account-${name}`, { metadata: { name }, automountToken: false });
  const preStopSeconds = leaves === 'by waiting' ? LEAVE_SECONDS : 0;
  const deployment = new kplus.Deployment(chart, `deployment-${name}`, {
    metadata: { name },
    ...(autoscaling.by === 'none' ? { replicas } : {}),
    select: false,
    podMetadata: {
      labels: { ...labels, ...options.moreLabels },
      ...(options.startsWith === undefined ? {} : { annotations: { [CONFIG_HASH]: hashOf(options.startsWith) } }),
    },
    serviceAccount: kplus.ServiceAccount.fromServiceAccountName(chart, `account-of-${name}`, name),
    automountServiceAccountToken: options.apiAccess ?? false,
    terminationGracePeriod: Duration.seconds((leaves === false ? 0 : LEAVE_SECONDS) + drainSeconds + AFTER_DRAIN_SECONDS),
    securityContext: securityOf(options),
    strategy: recreate
      ? kplus.DeploymentStrategy.recreate()
      : kplus.DeploymentStrategy.rollingUpdate({
          maxSurge: kplus.PercentOrAbsolute.absolute(1),
          maxUnavailable: kplus.PercentOrAbsolute.absolute(0),
        }),
    progressDeadline: Duration.minutes(10),
    containers: [containerOf(sheet, settings, options)],
  });
  deployment.select(kplus.LabelSelector.of({ labels: { ...labels } }));
  const scaled = autoscaling.by !== 'none';
  if (scaled) autoscale(sheet, deployment, name, autoscaling);
  if (scaled ? autoscaling.min > 1 : replicas > 1) addDisruptionBudget(sheet, name, labels);
  sheet.finish('Deployment', name, {
    resources: options.resources,
    selector: labels,
    scaled,
    preStopSeconds,
    pullSecrets: settings.image.pullSecrets,
    priorityClass: 'priorityClass' in options ? options.priorityClass : settings.priorityClass,
  });
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function securityOf({ user = 65_532, mounts = [] }: WorkloadOptions): kplus.PodSecurityContextProps {
  const writes = mounts.some((mount) => 'claim' in mount || 'secret' in mount);
  return {
    ensureNonRoot: true,
    user,
    group: user,
    // Files of a volume, and Secrets that only their group may read, are to be its own.
    ...(writes ? { fsGroup: user, fsGroupChangePolicy: kplus.FsGroupChangePolicy.ON_ROOT_MISMATCH } : {}),
  };
}

function containerOf(sheet: Sheet, settings: Settings, options: WorkloadOptions): kplus.ContainerProps {
  const { name, image, args, env = {}, ports, mounts = [] } = options;
  return {
    name,
    image,
    ...(options.command === undefined ? {} : { command: [...options.command] }),
    args: [...args],
    imagePullPolicy: PULL_POLICIES[settings.image.pullPolicy],
    envVariables: Object.fromEntries(Object.entries(env).map(([key, source]) => [key, envOf(sheet, `${name}-${key}`, source)])),
    ports: Object.entries(ports).map(([port, number]) => ({ name: port, number })),
    startup: probeOf(options.live, {
      failureThreshold: options.startTries ?? 60,
      periodSeconds: Duration.seconds(2),
      timeoutSeconds: Duration.seconds(5),
    }),
    liveness: probeOf(options.live, { failureThreshold: 3, periodSeconds: Duration.seconds(10), timeoutSeconds: Duration.seconds(5) }),
    readiness: probeOf(options.ready, { failureThreshold: 2, periodSeconds: Duration.seconds(2), timeoutSeconds: Duration.seconds(2) }),
    // Nothing: without it there would be limits that nobody wrote. finish() has the resources.
    resources: {},
    securityContext: {
      allowPrivilegeEscalation: false,
      privileged: false,
      ensureNonRoot: true,
      readOnlyRootFilesystem: true,
      capabilities: { drop: [kplus.Capability.ALL] },
    },
    volumeMounts: [{ path: '/tmp', empty: '64Mi' } as const, ...mounts].map((mount) => ({
      path: mount.path,
      volume: volumeOf(sheet, name, mount),
      readOnly: !('empty' in mount || 'claim' in mount),
    })),
  };
}

const PULL_POLICIES = {
  Always: kplus.ImagePullPolicy.ALWAYS,
  IfNotPresent: kplus.ImagePullPolicy.IF_NOT_PRESENT,
  Never: kplus.ImagePullPolicy.NEVER,
} as const;

function envOf({ chart }: Sheet, id: string, source: EnvSource): kplus.EnvValue {
  if (typeof source === 'string') return kplus.EnvValue.fromValue(source);
  if ('field' in source)
    return kplus.EnvValue.fromFieldRef(source.field === 'metadata.name' ? kplus.EnvFieldPaths.POD_NAME : kplus.EnvFieldPaths.POD_NAMESPACE);
  if ('secret' in source)
    return kplus.EnvValue.fromSecretValue({ secret: kplus.Secret.fromSecretName(chart, `env-${id}`, source.secret), key: source.key });
  return kplus.EnvValue.fromConfigMap(kplus.ConfigMap.fromConfigMapName(chart, `env-${id}`, source.configMap), source.key);
}

function probeOf(probe: Probe, options: kplus.ProbeOptions): kplus.Probe {
  if ('path' in probe) return kplus.Probe.fromHttpGet(probe.path, { ...options, port: probe.port });
  if ('tcp' in probe) return kplus.Probe.fromTcpSocket({ ...options, port: probe.tcp });
  return kplus.Probe.fromCommand([...probe.command], options);
}

function volumeOf({ chart }: Sheet, workload: string, mount: Mount): kplus.Volume {
  const name = mount.path.slice(1).replaceAll(/[^a-z0-9]+/g, '-');
  const id = `volume-${workload}-${name}`;
  if ('secret' in mount)
    return kplus.Volume.fromSecret(chart, id, kplus.Secret.fromSecretName(chart, `${id}-source`, mount.secret), {
      name,
      defaultMode: 0o440,
    });
  if ('configMap' in mount)
    return kplus.Volume.fromConfigMap(chart, id, kplus.ConfigMap.fromConfigMapName(chart, `${id}-source`, mount.configMap), { name });
  if ('claim' in mount)
    return kplus.Volume.fromPersistentVolumeClaim(
      chart,
      id,
      kplus.PersistentVolumeClaim.fromClaimName(chart, `${id}-source`, mount.claim),
      { name },
    );
  const mebibytes = /^(\d+)(Mi|Gi)$/.exec(mount.empty);
  return kplus.Volume.fromEmptyDir(chart, id, name, {
    ...(mount.memory === true ? { medium: kplus.EmptyDirMedium.MEMORY } : {}),
    sizeLimit: Size.mebibytes(Number(mebibytes?.[1] ?? 64) * (mebibytes?.[2] === 'Gi' ? 1024 : 1)),
  });
}
