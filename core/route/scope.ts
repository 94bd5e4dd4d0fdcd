import type { Backend, BackendDefinition } from '../attempt/backend.ts';
import type { Connections } from '../http/client.ts';
import type { Kept } from '../kept.ts';
import type { Resource } from '../resources/kind.ts';
import type { References } from '../resources/references.ts';
import type { ResourceSet } from '../resources/set.ts';

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
