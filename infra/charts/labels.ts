import type { Settings } from '../settings.ts';

/** Labels by which selectors find pods: they never change. */
export interface PodLabels {
  readonly 'app.kubernetes.io/name': string;
  readonly 'app.kubernetes.io/component': string;
  readonly 'app.kubernetes.io/instance': string;
  readonly [label: string]: string;
}

export function podLabels({ instance }: Settings, name: string, component: string): PodLabels {
  return { 'app.kubernetes.io/name': name, 'app.kubernetes.io/component': component, 'app.kubernetes.io/instance': instance };
}

/** Labels of all objects of a part. */
export function objectLabels(settings: Settings, name: string, component: string): Readonly<Record<string, string>> {
  const { tag } = settings.image;
  return {
    ...podLabels(settings, name, component),
    'app.kubernetes.io/part-of': 'tierkit',
    'app.kubernetes.io/managed-by': 'tierkit-charts',
    ...(tag === undefined || name !== 'tierkit' ? {} : { 'app.kubernetes.io/version': tag.slice(0, 63).replace(/[^A-Za-z0-9]+$/, '') }),
  };
}

/** On namespaces whose routes tier two takes. */
export const MODELS_LABEL = 'tierkit.dev/models';

/** @param version of Kubernetes whose rules count, so that an upgrade of the cluster refuses no pod by itself */
export function namespaceLabels(version = 'v1.32'): Readonly<Record<string, string>> {
  return Object.fromEntries(
    ['enforce', 'audit', 'warn'].flatMap((mode) => [
      [`pod-security.kubernetes.io/${mode}`, 'restricted'],
      [`pod-security.kubernetes.io/${mode}-version`, version],
    ]),
  );
}
