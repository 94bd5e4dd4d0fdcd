import * as pulumi from '@pulumi/pulumi';

import type { Awaited } from '../charts/part.ts';
import { KubernetesResource, type ObjectArgs, pathOfObject } from './kubernetes-resource.ts';
import { phases, waitOf } from './phases.ts';

export interface ManifestSetArgs {
  readonly objects: readonly ObjectArgs[];
  /** Conditions that are waited for. @default none */
  readonly awaited?: readonly Awaited[];
  /** The objects stay in the cluster when the stack goes. @default false */
  readonly retain?: boolean;
}

/** Tells the official provider what a custom resource is ready by. */
const WAIT_FOR = 'pulumi.com/waitFor';

/**
 * Objects that go to one cluster together, each a resource of its own, so that previews, targets and the state show every one of them.
 * Whoever depends on the set waits for all of it.
 *
 * @example
 * new ManifestSet('redis', { objects: chart.toJson() }, { providers: [cluster] });
 */
export class ManifestSet extends pulumi.ComponentResource {
  /** By `Deployment/NAMESPACE/NAME`. */
  readonly resources: ReadonlyMap<string, KubernetesResource>;

  /** @param opts with a provider for the cluster, of its own or of its parent: there is no default one */
  constructor(name: string, { objects, awaited = [], retain = false }: ManifestSetArgs, opts: pulumi.ComponentResourceOptions) {
    super('tierkit:index:ManifestSet', name, {}, opts);
    if (this.getProvider('kubernetes::') === undefined)
      throw new Error(`ManifestSet "${name}" has no provider: give the cluster as opts.provider; no default cluster is ever used`);
    const resources = new Map<string, KubernetesResource>();
    // What a component depends on is not what its children depend on, unless they are told.
    let dependsOn = opts.dependsOn;
    for (const phase of phases(objects, awaited)) {
      const before = dependsOn === undefined ? {} : { dependsOn };
      dependsOn = phase.map((object) => {
        const path = pathOfObject(object);
        if (resources.has(path)) throw new Error(`ManifestSet "${name}" has ${path} twice`);
        const ownOpts = { parent: this, retainOnDelete: retain, ...before };
        const resource = new KubernetesResource(`${name}:${path}`, annotated(object, awaited), ownOpts);
        resources.set(path, resource);
        return resource;
      });
    }
    this.resources = resources;
    this.registerOutputs();
  }
}

function annotated(object: ObjectArgs, awaited: readonly Awaited[]): ObjectArgs {
  const condition = waitOf(object, awaited);
  if (condition === undefined) return object;
  const { metadata } = object;
  return { ...object, metadata: { ...metadata, annotations: { ...metadata.annotations, [WAIT_FOR]: `condition=${condition}` } } };
}
