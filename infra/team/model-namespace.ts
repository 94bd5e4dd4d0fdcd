import * as pulumi from '@pulumi/pulumi';

import type { Part } from '../charts/part.ts';
import { SETS, type SetName } from '../onboarding/files.ts';
import { keysName, ownerLabels } from '../onboarding/names.ts';
import { onboard } from '../onboarding/onboard.ts';
import type { OnboardingRequest } from '../onboarding/request.ts';
import type { ObjectArgs } from '../platform/kubernetes-resource.ts';
import { ManifestSet } from '../platform/manifest-set.ts';
import type { ClusterName, Settings } from '../settings.ts';

/** What a team's stack makes. */
export interface TeamParts {
  readonly request: OnboardingRequest;
  /** Of the platform that it comes to. */
  readonly settings: Settings;
  /** The platform's people may keep tier one to themselves. @default both */
  readonly sets?: readonly SetName[];
}

export interface ModelNamespaceArgs extends TeamParts {
  /** Keys of the team's apps, by app. For the set `gateway`. */
  readonly keys: Readonly<Record<string, pulumi.Input<string>>>;
  readonly providers: Readonly<Record<ClusterName, pulumi.ProviderResource>>;
}

/** That of the models first: it is made first, and goes last. */
export function teamParts({ request, settings, sets = SETS }: TeamParts): Part[] {
  const onboarding = onboard(request, settings);
  // The Secret of the keys is made as well.
  return SETS.filter((set) => sets.includes(set)).map((set) => ({ ...onboarding[set], secrets: [] }));
}

/**
 * A team's model with all that guards it: namespace, quota, rights, pods and route in the cluster of the models, and behind them key
 * admission, limits, budget and route at tier one. When it goes, the route at tier one goes first and the pods last.
 */
export class ModelNamespace extends pulumi.ComponentResource {
  constructor(name: string, args: ModelNamespaceArgs, opts?: pulumi.ComponentResourceOptions) {
    super('tierkit:index:ModelNamespace', name, {}, opts);
    const { request, settings, keys, providers } = args;
    const made: ManifestSet[] = [];
    for (const { name: part, cluster, manifests, awaited } of teamParts(args)) {
      const objects = cluster === 'gateway' ? [...manifests, keySecret(request, settings, keys)] : manifests;
      made.push(new ManifestSet(part, { objects, awaited }, { parent: this, provider: providers[cluster], dependsOn: [...made] }));
    }
    this.registerOutputs();
  }
}

function keySecret(request: OnboardingRequest, { namespaces }: Settings, keys: ModelNamespaceArgs['keys']): ObjectArgs {
  const data = Object.entries(keys).map(([app, key]) => [app, pulumi.output(key).apply((text) => Buffer.from(text).toString('base64'))]);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: keysName(request.name), namespace: namespaces.tierOne, labels: ownerLabels(request) },
    data: Object.fromEntries(data) as Record<string, pulumi.Output<string>>,
  };
}
