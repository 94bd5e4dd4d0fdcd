import type { Backend, BackendDefinition, Serving } from '../attempt/backend.ts';
import type { EndpointSlice } from '../kubernetes/endpoint-slices.ts';
import type { Connections } from '../http/client.ts';
import type { ForwardProxy } from '../http/forward-proxy.ts';
import type { SharedCredentials } from '../providers/credentials/shared-credentials.ts';
import type { SharedExchanges } from '../providers/credentials/shared-exchanges.ts';
import type { InferencePool } from '../resources/inference/inference-pool.ts';
import type { Resource } from '../resources/kind.ts';
import type { Reason } from '../resources/reason.ts';
import type { References } from '../resources/references.ts';
import type { ResourceSet } from '../resources/set.ts';

/**
 * InferencePools, for a tier that serves them. They outlive a reload with what is known of their endpoints: `begin`, any number of `serve`,
 * then `commit` or `rollback`, as with `Kept`.
 */
export interface Pools {
  /** Nothing but pools is served: Gateways, routes and their policies change nothing, and need not be there. */
  readonly alone: boolean;
  begin(): void;
  /** @returns undefined after a report */
  serve(pool: InferencePool, scope: Scope): Serving | undefined;
  commit(defer: (dispose: () => void) => void): void;
  rollback(): void;
  /** Takes no new requests, and ends what runs in the background. */
  close(): Promise<void>;
}

/** What a Gateway shows the backends that ask for a certificate. */
export interface ClientCertificate {
  /** `namespace/name` of the Gateway. */
  readonly of: string;
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
}

/** What is looked up by name. */
export type Lookup<V> = Pick<ReadonlyMap<string, V>, 'get'>;

/** What compiling the resources of one load works with. */
export interface Scope {
  readonly set: ResourceSet;
  readonly references: References;
  /** Labels of the namespaces whose Namespace resource was loaded. */
  readonly namespaceLabels: Lookup<Readonly<Record<string, string>>>;
  readonly connections: Connections;
  /** What is fetched for the credentials of backends. */
  readonly credentials: Pick<SharedCredentials, 'refreshed'>;
  /** Tokens of callers, exchanged for servers of MCP. */
  readonly exchanges: Pick<SharedExchanges, 'of'>;
  /** InferencePools by `namespace/name`: those that can be served. Undefined in a tier that serves none. */
  readonly pools: Lookup<Serving> | undefined;
  /** Of the Gateway that a route is compiled for. */
  readonly client?: ClientCertificate | undefined;
  /** What calls go out through, of the Gateway that a route is compiled for. */
  readonly proxy?: ForwardProxy | undefined;
  /** In a cluster: the endpoints of a Service without an address, and that somebody asks for them. @param service `namespace/name` */
  slices(service: string): readonly EndpointSlice[];
  /** Backends outlive a reload with what is known of their health. */
  backend(definition: BackendDefinition, key: string): Backend;
  report(resource: Resource, path: string, message: string, reason?: Reason): void;
  /** Whether something of a resource was reported so far. */
  broken(resource: Resource): boolean;
  /** Whether Gateways that are not there are others' business: in a cluster there are other implementations. */
  readonly shared: boolean;
  /** Whether resources of a cluster may name loopback, link-local and unspecified addresses. */
  readonly allowLocalAddresses: boolean;
  /** Something that is served, and that its author may not expect. */
  notice(message: string): void;
}
