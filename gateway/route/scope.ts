import type { Backend, BackendDefinition } from '#core/attempt/backend';
import type { Connections } from '#core/http/client';
import type { Kept } from '#core/kept';
import type { Resource } from '#core/resources/kind';
import type { References } from '#core/resources/references';
import type { ResourceSet } from '#core/resources/set';

/** What compiling the resources of one load works with. */
export interface Scope {
  readonly set: ResourceSet;
  readonly references: References;
  /** Labels of the namespaces whose Namespace resource was loaded. */
  readonly namespaceLabels: ReadonlyMap<string, Readonly<Record<string, string>>>;
  readonly connections: Connections;
  /** Backends outlive a reload with what is known of their health. */
  backend(definition: BackendDefinition, key: string): Backend;
  report(resource: Resource, path: string, message: string): void;
  /** Something that is served, and that its author may not expect. */
  notice(message: string): void;
}

/** Backends by their definition. */
export type KeptBackends = Kept<Backend>;
