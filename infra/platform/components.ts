import * as pulumi from '@pulumi/pulumi';

import type { AddressOf, Part } from '../charts/part.ts';
import type { ClusterName } from '../settings.ts';
import { KubernetesResource, type ObjectArgs, pathOfObject } from './kubernetes-resource.ts';
import { ManifestSet } from './manifest-set.ts';

/**
 * Types of the components. A resource is known by its name and the types above it, so a change here, of a part's name or of an object's
 * kind, namespace or name would delete it and make it anew. Whoever changes one gives the old one as `aliases` (`{ type }`, `{ name }`) to
 * the resource for one minor version, and changes `program.urns.txt`, which a test compares.
 */
export type ComponentKind = 'Controller' | 'ModelNamespace' | 'Observability' | 'Redis' | 'TierOne' | 'TierTwo';

/** What parts are made with. */
export interface Making {
  /** The Secrets of a part. */
  readonly secretsOf: (part: Part) => readonly ObjectArgs[];
  /** Parts by name; each one that is made is added. */
  readonly made: Map<string, ManifestSet>;
  readonly providers: Readonly<Record<ClusterName, pulumi.ProviderResource>>;
  /** What goes before all parts, such as CRDs. */
  readonly dependsOn: readonly pulumi.Resource[];
}

/** Parts of the platform under one name. */
export class PlatformComponent extends pulumi.ComponentResource {
  readonly #making: Making;

  constructor(kind: ComponentKind, name: string, making: Making, opts?: pulumi.ComponentResourceOptions) {
    super(`tierkit:index:${kind}`, name, {}, opts);
    this.#making = making;
    this.registerOutputs();
  }

  /** @throws Error when a part that it needs is not made yet */
  add(part: Part): ManifestSet {
    const { secretsOf, made, providers, dependsOn } = this.#making;
    const needs = part.needs.map((need) => neededBy(part, need, made));
    const set = new ManifestSet(
      part.name,
      { objects: [...part.manifests, ...secretsOf(part)], awaited: part.awaited },
      { parent: this, provider: providers[part.cluster], dependsOn: [...dependsOn, ...needs] },
    );
    made.set(part.name, set);
    return set;
  }

  /**
   * Makes the objects of a part with addresses of others in them.
   * @param find the address, unknown in the preview that makes what has it
   */
  addLate({ name, late, cluster }: Part, find: (address: AddressOf) => pulumi.Output<string>): void {
    const { made, providers, dependsOn } = this.#making;
    for (const { address, manifest } of late) {
      const object = lateObject(manifest, find(address));
      // Not all of the part: its pods may be waiting for what is made here.
      const home = namespacesCalled(object.metadata.namespace, made);
      const opts = { parent: made.get(name)!, provider: providers[cluster], dependsOn: [...dependsOn, ...home] };
      void new KubernetesResource(`${name}:${pathOfObject(object)}`, object, opts);
    }
  }
}

/** The component that a part belongs to, by its name. */
export function componentOf({ name }: Part): { readonly kind: ComponentKind; readonly name: string } {
  const found = COMPONENTS.find(([pattern]) => pattern.test(name));
  return found === undefined ? { kind: 'ModelNamespace', name } : { kind: found[1], name: found[2] };
}

const COMPONENTS: readonly (readonly [RegExp, ComponentKind, string])[] = [
  [/^tier-one(-|$)/, 'TierOne', 'tier-one'],
  [/^tier-two(-|$)/, 'TierTwo', 'tier-two'],
  [/^controller(-|$)/, 'Controller', 'controller'],
  [/^redis$/, 'Redis', 'redis'],
  [/^(observability|prometheus|jaeger|phoenix|dashboards|alerts)(-|$)/, 'Observability', 'observability'],
];

function neededBy(part: Part, need: string, made: ReadonlyMap<string, ManifestSet>): ManifestSet {
  const found = made.get(need);
  if (found === undefined)
    throw new Error(`part "${part.name}" needs "${need}", which is not made before it: ${[...made.keys()].join(', ')}`);
  return found;
}

/** Of either cluster: which one does not matter, as no namespace waits for a late object. */
function namespacesCalled(name: string | undefined, made: ReadonlyMap<string, ManifestSet>): KubernetesResource[] {
  return [...made.values()].flatMap(({ resources }) => resources.get(`Namespace/${name}`) ?? []);
}

/** Which object it is does not depend on the address; what is in it does. */
function lateObject(manifest: (host: string) => ObjectArgs, host: pulumi.Output<string>): ObjectArgs {
  const { apiVersion, kind, metadata, ...content } = manifest('192.0.2.1');
  const late = Object.keys(content).map((field) => [field, host.apply((known) => manifest(known)[field])] as const);
  return { apiVersion, kind, metadata, ...Object.fromEntries(late) };
}
