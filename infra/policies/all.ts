import type { Part } from '../charts/part.ts';
import type { ClusterName } from '../settings.ts';
import { bindingsLead, leastAccess, tokensWhereUsed } from './access.ts';
import { labelled, noSecretValues, placed, wholeText } from './content.ts';
import { defaultDeny, podsCovered, podSecurity, policiesMeanPods } from './namespaces.ts';
import { disruptionBudgets, drains, pinnedImages, plainSelectors, probesSet, resourcesSet, restrictedPods } from './pods.ts';
import { pathOf, type Policy, type World } from './policy.ts';
import { gatewayReferences, podReferences, servicesSelect } from './references.ts';

/** Rules of every platform, by name. */
export const POLICIES = {
  restrictedPods,
  pinnedImages,
  resourcesSet,
  probesSet,
  drains,
  disruptionBudgets,
  plainSelectors,
  servicesSelect,
  podReferences,
  gatewayReferences,
  leastAccess,
  tokensWhereUsed,
  bindingsLead,
  noSecretValues,
  wholeText,
  placed,
  labelled,
  podSecurity,
} as const satisfies Record<string, Policy>;

/** Those of a platform with network policies. */
export const NETWORK_POLICIES = { defaultDeny, podsCovered, policiesMeanPods } as const satisfies Record<string, Policy>;

/** What goes to one cluster, with what comes late. @param both whether the two names mean one cluster */
export function worldOf(parts: readonly Part[], cluster: ClusterName, both: boolean): World {
  const here = parts.filter((part) => both || part.cluster === cluster);
  return {
    manifests: here.flatMap(({ manifests }) => manifests),
    secrets: here.flatMap(({ secrets }) => secrets),
    elsewhere: [
      ...here.flatMap(({ late }) => late.map(({ manifest }) => pathOf(manifest('late.example.com')))),
      // KServe makes the pool of its own picker.
      ...here.flatMap(({ manifests }) =>
        manifests
          .filter(({ kind }) => kind === 'LLMInferenceService')
          .map(({ metadata }) => `InferencePool/${metadata.namespace}/${metadata.name}-inference-pool`),
      ),
    ],
  };
}

/** `policy: Kind/namespace/name: what is wrong`, of all objects. */
export function violations(world: World, policies: Readonly<Record<string, Policy>>): string[] {
  return world.manifests.flatMap((manifest) =>
    Object.entries(policies).flatMap(([name, policy]) =>
      policy(manifest, world).map((message) => `${name}: ${pathOf(manifest)}: ${message}`),
    ),
  );
}
