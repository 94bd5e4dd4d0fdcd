import { dump } from 'js-yaml';

import { groupOf } from '#core/resources/kind';

import type { Manifest, Part } from '../charts/part.ts';
import { yaml } from '../charts/render.ts';
import { CLUSTER_SCOPED } from '../charts/finish.ts';
import { howToInstall } from '../platform/crd-sources.ts';
import { keysName } from './names.ts';
import type { Onboarding } from './onboard.ts';
import type { OnboardingRequest } from './request.ts';

export const SETS = ['model', 'gateway'] as const;
export type SetName = (typeof SETS)[number];

/** Names of files by the kinds that are in them; all else is in `serving.yaml`. */
const FILES: Readonly<Record<string, string>> = {
  Namespace: 'namespace',
  ResourceQuota: 'quota',
  LimitRange: 'quota',
  Role: 'access',
  RoleBinding: 'access',
  NetworkPolicy: 'network',
  InferenceObjective: 'objectives',
  PrometheusRule: 'alerts',
  SecurityPolicy: 'keys',
  BackendTrafficPolicy: 'limits',
  PriceTable: 'budget',
  Budget: 'budget',
  AIGatewayRoute: 'route',
  HTTPRoute: 'route',
  ConfigMap: 'dashboard',
};

/** The files of one set by their names, in the order in which they are applied; `kustomization.yaml` names them all. */
export function filesOf({ manifests }: Part): Map<string, string> {
  const files = Map.groupBy(manifests, fileOf);
  const texts = [...files].map(([file, objects]): [string, string] => [file, objects.map(yaml).join('---\n')]);
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    // By kind, as it would be without, a route would be there before the policy that guards it.
    sortOptions: { order: 'fifo' },
    resources: [...files.keys()],
  };
  return new Map([...texts, ['kustomization.yaml', dump(kustomization)]]);
}

function fileOf({ kind }: Manifest): string {
  return `${FILES[kind] ?? 'serving'}.yaml`;
}

/** Every file of both sets, by path from the folder of the team. */
export function onboardingFiles(onboarding: Onboarding): Map<string, string> {
  return new Map(SETS.flatMap((set) => [...filesOf(onboarding[set])].map(([file, text]) => [`${set}/${file}`, text] as const)));
}

/** All objects as one stream of YAML; a comment says which set each of them belongs to. */
export function onboardingStream(onboarding: Onboarding, sets: readonly SetName[] = SETS): string {
  return sets
    .flatMap((set) => onboarding[set].manifests.map((manifest) => `# ${set}/${fileOf(manifest)}\n${yaml(manifest)}`))
    .join('---\n');
}

/** Kinds that a platform does without. */
const ELECTIVE = /^(tierkit\.dev|llm-d\.ai|serving\.kserve\.io|monitoring\.coreos\.com)\//;

/** How the clusters come to know the kinds that they may not have yet; empty where there are none. */
export function kindsNote(onboarding: Onboarding): string {
  const lines = SETS.flatMap((set) => {
    const elective = onboarding[set].manifests.filter(({ apiVersion }) => ELECTIVE.test(apiVersion));
    return [...Map.groupBy(elective, ({ apiVersion }) => apiVersion)].map(([apiVersion, some]) => {
      const kinds = [...new Set(some.map(({ kind }) => kind))].join(', ');
      return `  ${set}: ${kinds} (${apiVersion}): ${howToInstall(groupOf(apiVersion))}`;
    });
  });
  return lines.length === 0 ? '' : ['Kinds that their clusters have to know:', ...lines, ''].join('\n');
}

/** What no file can have: the keys of the team's apps. */
export function keysNote({ name }: OnboardingRequest, namespace: string, context: string): string {
  return [
    `The key of the team's apps is in no file. Until Secret ${namespace}/${keysName(name)} has one, every request is refused:`,
    `  kubectl${context} -n ${namespace} create secret generic ${keysName(name)} --from-literal=${name}="$(openssl rand -hex 20)"`,
    'Each entry is an app of the team, and its value the key of that app.',
    '',
  ].join('\n');
}

/** `Kind/name` as kubectl takes it, with its namespace. */
export function objectPath({ apiVersion, kind, metadata: { name, namespace } }: Manifest): string {
  const group = apiVersion.includes('/') ? `.${apiVersion.split('/')[0]}` : '';
  return `${CLUSTER_SCOPED.has(kind) ? '' : `-n ${namespace} `}${kind.toLowerCase()}${group}/${name}`;
}
